"""Recoveries on the fakes: TaskFlow's real engine in memory, a simulated world, a clock that only waits move."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from taskflow import engines

from medevac.flows import factory
from medevac.flows.brief import Brief
from medevac.flows.plan import Settings
from medevac.flows.policy.duration import Duration
from medevac.flows.policy.language import Disable, Evacuate, Fence, Flow, Match, OnFailure, Policy, Verify
from medevac.sandbox.cloud.model import machines
from medevac.sandbox.cloud.model.server import Server
from medevac.sandbox.cloud.model.site import HostSpec, ServerSpec, SiteSpec
from medevac.sandbox.fakes import START, FakeSite

DEAD = "dead"
SPARES = ("spare-1", "spare-2")
MARK = "medevac host.down:dead:1"
SITE = Settings(shared_storage=("*",), patience=300.0, fence_timeout=60.0)


def policy(
    name: str = "everyone",
    match: Match | None = None,
    evacuate: Evacuate | None = None,
    verify: Verify | None = None,
) -> Policy:
    """Return a policy that moves the servers that *match* names."""
    steps = (Fence(), Disable(), evacuate or Evacuate(), verify or Verify())
    return Policy(name=name, match=match or Match(), when={"host.down": Flow(steps)})


def trying(retry: int, wait: float = 15, parallel: int = 20, timeout: float = 300) -> Evacuate:
    """Return an evacuate step that tries again *retry* times."""
    on_failure = OnFailure(retry=retry, wait=Duration(wait))
    return Evacuate(parallel=parallel, timeout=Duration(timeout), on_failure=on_failure)


class Recovery:
    """One host that is cut off, and the recovery that follows."""

    def __init__(self, *servers: str, spares: Sequence[str] = SPARES, **states: str) -> None:
        """Build a host with *servers*; the keywords name servers with another vm_state than active."""
        hosts = tuple(HostSpec(name, zone="az1") for name in (DEAD, *spares))
        specs = [ServerSpec(name, DEAD) for name in servers]
        specs += [ServerSpec(name, DEAD, vm_state=state) for name, state in states.items()]
        self.site = FakeSite(SiteSpec(hosts, tuple(specs)))
        self.world = self.site.world
        self.raised: Exception | None = None
        self.order("cut")

    def order(self, what: str) -> None:
        """Cut the host's network, or its power."""
        acts = {"cut": machines.cut_network, "power": machines.power_off}
        with self.world.settled() as world:
            acts[what](world, DEAD)

    def fault(self, kind: str, **scope: object) -> None:
        """Order a fault of the cloud; `until` is in seconds from the beginning."""
        if "until" in scope:
            scope["until"] = START + float(str(scope["until"]))
        self.world.mishaps.order(kind, **scope)

    def after(self, seconds: float, act: Callable[[], object]) -> None:
        """Let somebody act when *seconds* have passed."""
        with self.world.settled() as world:
            world.after(seconds, lambda: (act(), None)[1])

    def run(self, *policies: Policy, settings: Settings = SITE) -> None:
        """Run the flow to its end; what it raised is kept."""
        brief = Brief("host.down:dead:1", "host.down", DEAD, START, settings)
        stored = json.loads(json.dumps(factory.document(brief, policies or (policy(),))))
        with ThreadPoolExecutor(1) as executor:
            flow = factory.recover(stored)
            engine = engines.load(flow, engine="parallel", executor=executor, defer_reverts=True)
            engine.storage.inject({"ports": self.site.ports}, transient=True)
            try:
                engine.run()
            except Exception as error:  # noqa: BLE001 - what the test looks at
                self.raised = error

    def server(self, name: str) -> Server:
        return next(server for server in self.world.servers.values() if server.name == name)

    def rows(self) -> Mapping[str, Mapping[str, Any]]:
        """Return the report's rows by the name of the server."""
        rows: Any = self.site.log.report["servers"]
        return {row["name"]: row for row in rows}

    def results(self) -> Mapping[str, str]:
        return {name: row["result"] for name, row in self.rows().items()}

    def calls(self, verb: str = "POST") -> int:
        """Return how many calls with that method the cloud has had."""
        return sum(number for label, number in self.world.requests.items() if label.startswith(verb))

    def records(self) -> Counter[tuple[str, str]]:
        """Return how many evacuation records there are by server and status."""
        return Counter((self.world.servers[m.server_id].name, m.status) for m in self.world.migrations.values())

    def seconds(self) -> float:
        return self.site.clock.now() - START

    def service(self) -> tuple[bool, bool, str | None]:
        host = self.world.hosts[DEAD]
        return host.forced_down, host.disabled, host.disabled_reason

    def told(self) -> str:
        """Return the journal as one text."""
        return "\n".join(entry.text for entry in self.site.log.entries)
