"""ProgramHypervisor: the Hypervisor port by a program of the site's own, for sites whose workers reach no libvirt.

The program is started for each question and told in JSON on standard input: {"action": "domain" | "domains" |
"activity" | "ping" | "kill" | "resume", "host": ..., "server": ..., "timeout": seconds}.  It answers in JSON on
standard output, with exit code 0: {"domains": [{"server_id": ..., "state": "running" | "paused" | "off", "reason": ...,
"persistent": ..., "autostart": ...}]} for the first two (an empty list: no such domain), {"activity": {"cpu_ns": ...,
"block_requests": ..., "net_packets": ...}}, {"answers": true | false | null} for ping, and {} for the rest.  Any other
exit code or answer is not known, and never evidence.  What a kill answers is not believed: it is read back.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from medevac.core.errors import HypervisorUnavailableError, MalformedDocumentError
from medevac.core.wire import from_plain
from medevac.flows.guests import OFF, PAUSED, RUNNING, Activity, Domain, KillProof
from medevac.workers.fencing.process import run

GRACE = 5.0
"""Seconds beyond a ping's own time-out before the program is given up on."""


@dataclass(frozen=True, slots=True)
class _Told:
    """What the program says of domains."""

    domains: tuple[Domain, ...]


class ProgramHypervisor:
    """Implements Hypervisor.  Thread-safe; a program that hangs is killed with its children."""

    def __init__(self, path: str, *, read_limit: float, kill_limit: float) -> None:
        """Run the program at *path*; limits in seconds."""
        self._path = path
        self._read_limit = read_limit
        self._kill_limit = kill_limit

    def domain(self, host: str, server_id: str) -> Domain | None:
        """Return the guest of the server on *host*."""
        found = self._domains("domain", host, server_id)
        if set(found) - {server_id}:
            message = f"{self._path} tells of another server than {server_id} on {host}"
            raise HypervisorUnavailableError(message)
        return found.get(server_id)

    def domains(self, host: str) -> Mapping[str, Domain]:
        """Return every guest on *host*."""
        return self._domains("domains", host, "")

    def activity(self, host: str, server_id: str) -> Activity:
        """Return the guest's counters."""
        told = self._ask("activity", host, server_id, self._read_limit).get("activity")
        try:
            return from_plain(Activity, told, f"{self._path}: activity")
        except MalformedDocumentError as error:
            raise HypervisorUnavailableError(str(error)) from error

    def ping_guest(self, host: str, server_id: str, timeout: float) -> bool | None:
        """Tell whether the guest's agent answers."""
        told = self._ask("ping", host, server_id, timeout + GRACE, timeout).get("answers")
        return told if isinstance(told, bool) else None

    def kill(self, host: str, server_id: str) -> KillProof:
        """End the guest on *host*, and read back that it is off and stays so."""
        before = self.domain(host, server_id)
        if before is not None:
            self._ask("kill", host, server_id, self._kill_limit)
        after = self.domain(host, server_id)
        at = time.time()
        if after is not None and (after.state != OFF or after.autostart):
            message = f"kill server {server_id} on {host}: afterwards it is {after}"
            raise HypervisorUnavailableError(message)
        action = "absent" if before is None else "already-off" if before.state == OFF else "killed"
        raw = "no such domain" if after is None else f"state off ({after.reason}), autostart off"
        return KillProof(host, server_id, at, f"program:{Path(self._path).name}", action, raw)

    def resume(self, host: str, server_id: str) -> None:
        """Let a paused guest run again."""
        found = self.domain(host, server_id)
        if found is None or found.state == OFF:
            message = f"server {server_id} does not run on {host}"
            raise HypervisorUnavailableError(message)
        if found.state == PAUSED:
            self._ask("resume", host, server_id, self._read_limit)

    def _domains(self, action: str, host: str, server_id: str) -> Mapping[str, Domain]:
        where = f"{self._path}: {action}"
        try:
            found = from_plain(_Told, self._ask(action, host, server_id, self._read_limit), where).domains
        except MalformedDocumentError as error:
            raise HypervisorUnavailableError(str(error)) from error
        unknown = {domain.state for domain in found} - {RUNNING, PAUSED, OFF}
        if unknown:
            message = f"{where}: {', '.join(sorted(unknown))} is no state: {RUNNING}, {PAUSED} or {OFF}"
            raise HypervisorUnavailableError(message)
        return {domain.server_id: domain for domain in found}

    def _ask(
        self, action: str, host: str, server_id: str, limit: float, timeout: float | None = None
    ) -> Mapping[str, object]:
        asked = {"action": action, "host": host, "server": server_id, "timeout": limit if timeout is None else timeout}
        doing = f"{Path(self._path).name}: {action} {server_id} on {host}"
        try:
            ran = run([self._path], json.dumps(asked) + "\n", limit)
        except OSError as error:
            message = f"{self._path} cannot be run: {error.strerror}"
            raise HypervisorUnavailableError(message) from error
        except subprocess.TimeoutExpired as error:
            message = f"{doing}: no answer in {limit:g} s; it was killed, and may have worked"
            raise HypervisorUnavailableError(message) from error
        if ran.code:
            message = f"{doing}: it {ran.ending}: {ran.words() or 'it said nothing'}"
            raise HypervisorUnavailableError(message)
        return _read(ran.output, doing)


def _read(output: bytes, doing: str) -> Mapping[str, object]:
    try:
        answer = json.loads(output)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        message = f"{doing}: it does not answer in JSON"
        raise HypervisorUnavailableError(message)
    return answer
