"""Facts of a perfect run on two hosts, to be spoiled by tests."""

from __future__ import annotations

from medevac.core.event import Event, EventKind, Subject, SubjectKind
from medevac.core.evidence import FenceEvidence
from medevac.core.handled import Handled, Outcome
from medevac.core.incident import Incident, IncidentState
from medevac.core.journal import JournalEntry
from medevac.sandbox.cloud.model.site import SiteSpec
from medevac.sandbox.demo.cast import Cast, Role
from medevac.sandbox.demo.facts import Facts, Record, Run, Takeover
from medevac.sandbox.demo.observe import HostSeen, ServerSeen

HOST = Subject(SubjectKind.HOST, "compute-2")
INCIDENT = "host.down:compute-2:1"
ROLES = {
    role.name: role
    for role in (
        Role("pet-01", "pet"),
        Role("pay-01", "payments", locked=True),
        Role("web-01", "everyone"),
        Role("web-02", "everyone", stopped=True),
        Role("web-03", "everyone"),
    )
}


def server(name: str, host: str, *, runs_on: tuple[str, ...] | None = None, locked: bool | None = None) -> ServerSeen:
    role = ROLES[name]
    return ServerSeen(
        id=f"id-{name}",
        name=name,
        host=host,
        vm_state="stopped" if role.stopped else "active",
        task_state="",
        locked=role.locked if locked is None else locked,
        should_run=not role.stopped,
        runs_on=(() if role.stopped else (host,)) if runs_on is None else runs_on,
    )


def run(name: str, host: str, started_at: float, ended_at: float | None = None) -> Run:
    return Run(f"id-{name}", host, started_at, ended_at)


def record(number: int, name: str, created_at: float, changed_at: float) -> Record:
    return Record(number, f"id-{name}", "done", created_at, changed_at, "compute-1")


def host(name: str, *, out: bool) -> HostSeen:
    reason = f"medevac {INCIDENT}: host.down" if out else ""
    return HostSeen(name, powered=not out, reachable=not out, forced_down=out, disabled=out, disabled_reason=reason)


def entry(at: float, step: str, text: str, actor: str = "one") -> JournalEntry:
    return JournalEntry(at=at, step=step, text=text, actor=actor)


def handled(number: int, outcome: Outcome) -> Handled:
    event = Event(f"event-{number}", EventKind.HOST_FENCING_FAILED, HOST, "pacemaker", "here", 100.0)
    return Handled(event, outcome, "because", 100.5, INCIDENT)


def incident(state: IncidentState = IncidentState.RECOVERED, attempt: int = 1) -> Incident:
    return Incident(
        id=INCIDENT,
        failure="host.down",
        subject=HOST,
        generation=1,
        opened_at=100.2,
        state=state,
        reason="4 of 4 servers are back",
        evidence=FenceEvidence("compute-2", 101.5, "agent:fence_sandbox", "off", "Status: OFF"),
        attempt=attempt,
    )


def perfect() -> Facts:
    moved = ["pet-01", "pay-01", "web-01", "web-02"]
    return Facts(
        cast=Cast(SiteSpec(hosts=()), "compute-2", ROLES),
        medevac_fences=True,
        struck_at=100.0,
        alerts=2,
        kill_wanted=True,
        takeover=Takeover("one", 105.0),
        before=[*(server(name, "compute-2") for name in moved), server("web-03", "compute-1")],
        after=[*(server(name, "compute-1") for name in moved), server("web-03", "compute-1")],
        hosts=[host("compute-1", out=False), host("compute-2", out=True)],
        runs=[
            run("pet-01", "compute-2", 0.0, 101.0),
            run("pay-01", "compute-2", 0.0, 101.0),
            run("web-01", "compute-2", 0.0, 101.0),
            run("web-03", "compute-1", 0.0),
            run("pet-01", "compute-1", 103.0),
            run("pay-01", "compute-1", 105.0),
            run("web-01", "compute-1", 112.0),
        ],
        records=[
            record(1, "pet-01", 102.0, 103.2),
            record(2, "pay-01", 104.0, 105.2),
            record(3, "web-01", 110.0, 112.2),
            record(4, "web-02", 110.0, 112.2),
        ],
        objections=[],
        power={"compute-2": {"status": 2, "off": 1}},
        incidents=[incident()],
        journal=[
            entry(100.6, "conductor", "claimed by one"),
            entry(100.7, "fence", "ordering the power of compute-2 off"),
            entry(109.0, "conductor", "claimed by two", "two"),
        ],
        handled=[handled(1, Outcome.INCIDENT), handled(2, Outcome.DUPLICATE)],
        waiting=[],
        on_board=[],
        parked=[],
        http_requests=40,
        zookeeper_requests=80,
    )
