"""LibvirtHypervisor: the Hypervisor port on the libvirt of every host, reached by a URI for each."""

from __future__ import annotations

import importlib
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeVar

from medevac.core.errors import HypervisorUnavailableError
from medevac.flows.guests import OFF, PAUSED, Activity, Domain, KillProof
from medevac.workers.guard import ask_guard
from medevac.workers.hypervisor import words
from medevac.workers.hypervisor.timed import Ticket, Timed

T = TypeVar("T")

READ_LIMIT = 15.0
"""Seconds for a question; libvirt answers in milliseconds, and needs 30 to say that another call holds a lock."""
KILL_LIMIT = 60.0
"""Seconds for a kill: a qemu that does not go on TERM gets KILL after 10, and 30 more to go (libvirt 9.0.0)."""
_AGENT = "org.qemu.guest_agent.0"
_PING = '{"execute":"guest-ping"}'
_HOST = "{host}"


class LibvirtHypervisor:
    """Implements Hypervisor.  Every call makes a connection of its own, so that none is ever stale.  Thread-safe."""

    def __init__(self, uri: str, *, read_limit: float = READ_LIMIT, kill_limit: float = KILL_LIMIT) -> None:
        """Reach the hypervisor of a host at *uri*, in which {host} stands for nova's name of it; limits in seconds."""
        self._uri = uri
        self._read_limit = read_limit
        self._kill_limit = kill_limit
        self._timed = Timed()

    def domain(self, host: str, server_id: str) -> Domain | None:
        """Return the guest of the server on *host*."""

        def look(ticket: Ticket, connection: Any) -> Domain | None:  # noqa: ANN401 - libvirt has no types
            del ticket
            found = _find(connection, server_id)
            return None if found is None else _still(partial(_domain, found))

        return self._ask(host, f"look up the guest of server {server_id}", self._read_limit, look)

    def domains(self, host: str) -> Mapping[str, Domain]:
        """Return every guest on *host*; one that goes while they are read is not among them."""

        def look(ticket: Ticket, connection: Any) -> Mapping[str, Domain]:  # noqa: ANN401 - as above
            del ticket
            read = (_still(partial(_domain, each)) for each in connection.listAllDomains())
            return {domain.server_id: domain for domain in read if domain is not None}

        return self._ask(host, "list the guests", self._read_limit, look)

    def activity(self, host: str, server_id: str) -> Activity:
        """Return the guest's counters."""

        def look(ticket: Ticket, connection: Any) -> Activity:  # noqa: ANN401 - as above
            del ticket
            found = _running(connection, host, server_id)
            libvirt = _library()
            kinds = libvirt.VIR_DOMAIN_STATS_CPU_TOTAL | libvirt.VIR_DOMAIN_STATS_BLOCK
            kinds |= libvirt.VIR_DOMAIN_STATS_INTERFACE
            ((_, told),) = connection.domainListGetStats([found], kinds)
            return _activity(told)

        return self._ask(host, f"read the counters of server {server_id}", self._read_limit, look)

    def ping_guest(self, host: str, server_id: str, timeout: float) -> bool | None:
        """Tell whether the guest's agent answers; None when it has none, or none that has opened its channel."""
        seconds = max(1, round(timeout))

        def ping(ticket: Ticket, connection: Any) -> bool | None:  # noqa: ANN401 - as above
            found = _running(connection, host, server_id)
            if not _has_agent(found.XMLDesc()):
                return None
            ticket.check()
            ask_guard()
            return _pong(found, seconds)

        return self._ask(host, f"ping the guest of server {server_id}", self._read_limit + seconds, ping)

    def kill(self, host: str, server_id: str) -> KillProof:
        """End the guest on *host*, keep it from starting by itself, and prove both."""

        def end(ticket: Ticket, connection: Any) -> KillProof:  # noqa: ANN401 - as above
            found = _find(connection, server_id)
            runs = found is not None and bool(found.isActive())
            if found is not None:
                ticket.check()
                ask_guard()
                _still(partial(_end, found, runs=runs))
            return self._proof(connection, host, server_id, "killed" if runs else "already-off")

        return self._ask(host, f"kill server {server_id}", self._kill_limit, end)

    def resume(self, host: str, server_id: str) -> None:
        """Let a paused guest run again."""

        def go_on(ticket: Ticket, connection: Any) -> None:  # noqa: ANN401 - as above
            found = _running(connection, host, server_id)
            if _domain(found).state == PAUSED:
                ticket.check()
                ask_guard()
                found.resume()

        self._ask(host, f"resume server {server_id}", self._read_limit, go_on)

    def _proof(self, connection: Any, host: str, server_id: str, action: str) -> KillProof:  # noqa: ANN401 - as above
        """Read back what became of the guest; raise HypervisorUnavailableError unless that proves it to be off."""
        found = _find(connection, server_id)
        at = time.time()
        if found is None:
            done = "killed" if action == "killed" else "absent"
            return KillProof(host, server_id, at, self._source(host), done, "no domain with this uuid")
        domain = _still(partial(_domain, found))
        if domain is None or domain.state != OFF or domain.autostart:
            message = f"kill server {server_id} on {host}: afterwards it is {domain or 'gone, and was there before'}"
            raise HypervisorUnavailableError(message)
        raw = f"state off ({domain.reason}), autostart off, persistent {domain.persistent}"
        return KillProof(host, server_id, at, self._source(host), action, raw)

    def _source(self, host: str) -> str:
        return f"libvirt {self._uri.replace(_HOST, host)}"

    def _ask(self, host: str, doing: str, limit: float, work: Callable[[Ticket, Any], T]) -> T:
        doing = f"{doing} on {host}"
        libvirt = _library()

        def connected(ticket: Ticket) -> T:
            ask_guard()
            connection = libvirt.open(self._uri.replace(_HOST, host))
            try:
                ticket.check()
                return work(ticket, connection)
            finally:
                connection.close()

        try:
            return self._timed.call(host, limit, doing, connected)
        except libvirt.libvirtError as error:
            message = f"{doing}: {error}"
            raise HypervisorUnavailableError(message) from error


def _library() -> Any:  # noqa: ANN401 - a module without types
    """Return libvirt, which only sites with a hypervisor setting need to have."""
    try:
        libvirt = importlib.import_module("libvirt")
    except ImportError:
        message = "libvirt-python is not installed here: install medevac[libvirt]"
        raise HypervisorUnavailableError(message) from None
    libvirt.registerErrorHandler(_say_nothing, None)
    return libvirt


def _say_nothing(_context: object, _error: object) -> None:
    """Keep libvirt from printing what it raises."""


def _still(read: Callable[[], T]) -> T | None:
    """Return what *read* returns; None when the domain is gone meanwhile."""
    try:
        return read()
    except _library().libvirtError as error:
        if error.get_error_code() == words.NO_DOMAIN:
            return None
        raise


def _find(connection: Any, server_id: str) -> Any:  # noqa: ANN401 - libvirt has no types
    return _still(partial(connection.lookupByUUIDString, server_id))


def _running(connection: Any, host: str, server_id: str) -> Any:  # noqa: ANN401 - as above
    found = _find(connection, server_id)
    if found is None or not found.isActive():
        message = f"server {server_id} does not run on {host}"
        raise HypervisorUnavailableError(message)
    return found


def _domain(found: Any) -> Domain:  # noqa: ANN401 - as above
    state, reason = found.state()
    return Domain(
        server_id=found.UUIDString(),
        state=words.state_word(state),
        reason=words.reason_word(state, reason),
        persistent=bool(found.isPersistent()),
        autostart=bool(found.autostart()),
    )


def _end(found: Any, *, runs: bool) -> None:  # noqa: ANN401 - as above
    """Keep the domain from starting by itself first: there must be no moment at which it is off and may start."""
    if found.isPersistent() and found.autostart():
        found.setAutostart(0)
    if runs:
        found.destroy()


def _activity(told: Mapping[str, int]) -> Activity:
    def total(group: str, counters: tuple[str, ...]) -> int:
        places = range(told.get(f"{group}.count", 0))
        return sum(told.get(f"{group}.{place}.{counter}", 0) for place in places for counter in counters)

    return Activity(
        cpu_ns=told.get("cpu.time", 0),
        block_requests=total("block", ("rd.reqs", "wr.reqs", "fl.reqs")),
        net_packets=total("net", ("rx.pkts", "tx.pkts")),
    )


def _has_agent(xml: str) -> bool:
    """Tell whether a guest agent has the channel open that the domain has for it."""
    targets = ET.fromstring(xml).iterfind("./devices/channel/target")  # noqa: S314 - libvirt wrote it
    return any(each.get("name") == _AGENT and each.get("state") == "connected" for each in targets)


def _pong(found: Any, seconds: int) -> bool | None:  # noqa: ANN401 - libvirt has no types
    try:
        importlib.import_module("libvirt_qemu").qemuAgentCommand(found, _PING, seconds, 0)
    except _library().libvirtError as error:
        if error.get_error_code() == words.AGENT_SILENT:
            return False
        if error.get_error_code() == words.NO_AGENT:
            return None
        raise
    return True
