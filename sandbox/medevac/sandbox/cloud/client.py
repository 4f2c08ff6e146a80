"""SiteClient: the side door of a running simulated cloud, for tests, the demo and benchmarks."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from medevac.core.wire import to_plain
from medevac.sandbox.cloud.model.mishaps import ANY
from medevac.sandbox.cloud.model.site import ServerSpec, SiteSpec


class SideDoorError(Exception):
    """The side door refused; the message says why."""


class SiteClient:
    """Talks to the side door of a simulated cloud.  Every method may raise SideDoorError or OSError."""

    def __init__(self, url: str, timeout: float = 10.0) -> None:
        """Use the side door at *url* (http://127.0.0.1:port); *timeout* in seconds."""
        self._address = urlsplit(url).netloc
        self._timeout = timeout

    def build(self, spec: SiteSpec) -> None:
        """Build hosts, servers and what they need."""
        self._call("POST", "/site", to_plain(spec))

    def build_server(self, spec: ServerSpec) -> dict[str, Any]:
        """Build one server."""
        return self._object("POST", "/servers", to_plain(spec))

    def servers(self) -> list[dict[str, Any]]:
        """Return all servers: what Nova believes (host, vm_state, ...) and what is (runs_on)."""
        return self._list("/servers")

    def set_server(self, server_id: str, **fields: object) -> None:
        """Write into a server's row: vm_state, task_state, power_state, launched_at, metadata, tags, pinned_zone."""
        self._call("PATCH", f"/servers/{quote(server_id)}", fields)

    def owner(self, verb: str, server_id: str) -> None:
        """Do what the server's owner may: start, stop, lock, unlock, delete."""
        self._call("POST", f"/servers/{quote(server_id)}/{quote(verb)}")

    def hosts(self) -> list[dict[str, Any]]:
        """Return all hosts: power, network, nova-compute, service flags, guests."""
        return self._list("/hosts")

    def host(self, verb: str, name: str) -> None:
        """Do to a host what `machines` can: power-off, cut-network, kill-compute, stop-libvirt, break-storage ...

        Each has its opposite: power-on, mend-network, start-compute, start-libvirt (also of freeze-libvirt),
        mend-storage.
        """
        self._call("POST", f"/hosts/{quote(name)}/{quote(verb)}")

    def guests(self) -> list[dict[str, Any]]:
        """Return every domain of every hypervisor: state, reason, autostart."""
        return self._list("/guests")

    def guest(self, verb: str, server_id: str) -> None:
        """Let a guest crash, panic, hang, hang-busy, wake, io-error, watchdog, shut-down, autostart, or silence it."""
        self._call("POST", f"/guests/{quote(server_id)}/{quote(verb)}")

    def control(self, verb: str, binary: str) -> None:
        """Take nova-conductor or nova-scheduler down, or up again."""
        self._call("POST", f"/control/{quote(binary)}/{quote(verb)}")

    def cell(self, verb: str, name: str) -> None:
        """Take a cell's database down, or up again."""
        self._call("POST", f"/cells/{quote(name)}/{quote(verb)}")

    def migrations(self) -> list[dict[str, Any]]:
        """Return all records of servers that move or moved."""
        return self._list("/migrations")

    def ledger(self) -> list[dict[str, Any]]:
        """Return every run of every guest: server_id, host, started_at, ended_at, why."""
        return self._list("/ledger")

    def violations(self) -> list[str]:
        """Return a sentence for every rule that was broken."""
        return list(self._object("POST", "/verdict", {})["violations"])

    def not_running(self, expected: Iterable[str] | None = None) -> list[str]:
        """Return a sentence for each expected server (default: all whose owners want it) that runs not just once."""
        body = {} if expected is None else {"expected": list(expected)}
        return list(self._object("POST", "/verdict", body)["not_running"])

    def requests(self) -> dict[str, int]:
        """Return how often each route was called: "GET /compute/v2.1/servers/{id}" to a number."""
        return self._object("GET", "/counters")

    def reset_requests(self) -> None:
        """Count from zero again."""
        self._call("DELETE", "/counters")

    def fault(self, kind: str, **scope: object) -> dict[str, Any]:
        """Order a fault.

        *kind*: latency, status, reset, lost, silent or hang; *scope*: method, path and body (regular expressions),
        count, seconds, status, after, and `for` (how many seconds the order holds; pass it as **{"for": 3}).
        """
        return self._object("POST", "/faults", {"kind": kind, **scope})

    def away(self, seconds: float) -> None:
        """Let the whole API reset every connection for *seconds*."""
        self.fault("reset", **{"for": seconds})

    def clear_faults(self) -> None:
        """Withdraw all orders, those inside Nova too."""
        self._call("DELETE", "/faults")

    def mishap(
        self,
        refuse_claims: Mapping[str, int] | None = None,
        fail_spawns: Mapping[str, int] | None = None,
        lose_evacuations: int = 0,
        **others: Mapping[str, int],
    ) -> None:
        """Let things go wrong inside Nova: host to how many times (-1: always); evacuations that are forgotten.

        *others*: fail_actions and lose_actions (by action), fail_kills and fail_restarts (by host); see Mishaps.
        """
        body = {"refuse_claims": dict(refuse_claims or {}), "fail_spawns": dict(fail_spawns or {})}
        self._call("POST", "/mishaps", {**body, "lose_evacuations": lose_evacuations, **others})

    def bmc(self, host: str, mode: str, count: int = ANY) -> None:
        """Let a BMC obey, refuse, hang, lie or be unreachable, for *count* commands."""
        self._call("POST", f"/bmc/{quote(host)}", {"mode": mode, "count": count})

    def power_commands(self) -> dict[str, dict[str, int]]:
        """Return host to action (on, off, reboot, status) to how often its BMC was asked."""
        return self._object("GET", "/bmc")

    def revoke_tokens(self) -> None:
        """Make every token that was issued invalid."""
        self._call("DELETE", "/tokens")

    def _object(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        answer = self._call(method, path, body)
        return answer if isinstance(answer, dict) else {}

    def _list(self, path: str) -> list[dict[str, Any]]:
        answer = self._call("GET", path)
        return answer if isinstance(answer, list) else []

    def _call(self, method: str, path: str, body: object = None) -> object:
        connection = http.client.HTTPConnection(self._address, timeout=self._timeout)
        try:
            connection.request(method, f"/_sandbox{path}", None if body is None else json.dumps(body))
            response = connection.getresponse()
            answer = json.loads(response.read() or b"null")
            if response.status >= http.client.BAD_REQUEST:
                raise SideDoorError(f"{method} {path}: {answer}")
            return answer
        finally:
            connection.close()
