"""Recoveries of hosts that live, and of single servers, on the fakes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from medevac.core.event import Subject, SubjectKind
from medevac.core.incident import Incident, IncidentState, incident_id
from medevac.core.journal import INTENDS
from medevac.core.wire import to_plain
from medevac.flows import factory
from medevac.flows.decision import Decision, decide
from medevac.flows.plan import Settings
from medevac.flows.policy.language import Flow, Match, Policy, PolicySet, Step
from medevac.flows.policy.words import SERVER_FAILURES
from medevac.flows.ports import Ports
from medevac.sandbox import side_by_side
from medevac.sandbox.cloud.model import guests, machines, verdict
from medevac.sandbox.fakes import START, FakeSite
from tests.unit.flows.recovering import DEAD, SITE, SPARES, Recovery

ILL = DEAD
"""The host that lives, with something wrong."""


class Journalled:
    """Implements History on the lines of the incident's journal, as a worker does on those of all incidents."""

    def __init__(self, site: FakeSite) -> None:
        self._site = site
        self.earlier: list[tuple[str, float, str]] = []

    def deeds(self, server_id: str, since: float) -> list[tuple[float, str]]:
        told = [(e.server, e.at, e.facts[INTENDS]) for e in self._site.log.entries if INTENDS in e.facts]
        return [(at, word) for server, at, word in (*self.earlier, *told) if server == server_id and at >= since]


class Living(Recovery):
    """One host on which something fails, or a server of it."""

    def __init__(self, failure: str, *servers: str, spares: Sequence[str] = SPARES, **states: str) -> None:
        self.failure = failure
        self.facts: dict[str, str] = {}
        super().__init__(*servers, spares=spares, **states)
        self.history = Journalled(self.site)
        self.clock = side_by_side.SharedClock(self.site.clock)
        self.target = next(iter([*servers, *states]), "")

    def order(self, what: str) -> None:
        """Let it fail."""
        if what != "cut":
            super().order(what)
            return
        with self.world.settled() as world:
            if self.failure == "nova-compute.down":
                machines.kill_compute(world, ILL)
            elif self.failure == "libvirt.down":
                machines.stop_libvirt(world, ILL)

    def guest(self, name: str) -> guests.Guest | None:
        return guests.find(self.world, ILL, self.server(name).id)

    @property
    def ports(self) -> Ports:
        return replace(self.site.ports, history=self.history, clock=self.clock)

    def decision(self, *policies: Policy, settings: Settings = SITE) -> Decision:
        subject = Subject(SubjectKind.HOST, ILL)
        if self.failure in SERVER_FAILURES:
            subject = Subject(SubjectKind.SERVER, self.server(self.target).id)
        name = incident_id(self.failure, subject, 1)
        incident = Incident(
            name, self.failure, subject, 1, START, IncidentState.RECOVERING, "", host=ILL, facts=self.facts
        )
        service = self.site.cloud.host_service(ILL)
        assert service is not None
        return decide(incident, service, PolicySet(policies, ""), settings)

    def answer(self, *policies: Policy, settings: Settings = SITE) -> None:
        """Run the flow that is decided to its end; what it raised is kept."""
        decision = self.decision(*policies, settings=settings)
        assert decision.recover, decision.reason
        flow = factory.recover(json.loads(json.dumps(to_plain(decision.document))))
        try:
            side_by_side.play(flow, self.clock, {"ports": self.ports})
        except Exception as error:  # noqa: BLE001 - what the test looks at
            self.raised = error

    def at(self, seconds: float, act: Any) -> None:
        """Let somebody act when so many seconds have passed; he may use the world."""
        self.after(seconds, lambda: act(self.world))

    def hosts(self) -> dict[str, str]:
        return {server.name: server.host or "" for server in self.world.servers.values()}

    def reason(self, name: str) -> str:
        return str(self.rows()[name]["reason"])

    def assert_clean(self) -> None:
        with self.world.settled() as world:
            assert verdict.violations(world) == ()


def on(failure: str, *steps: Step, name: str = "everyone", match: Match | None = None, **others: Any) -> Policy:
    """Return a policy that answers *failure* by *steps*."""
    return Policy(name=name, match=match or Match(), when={failure: Flow(steps)}, **others)
