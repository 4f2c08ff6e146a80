"""Stage: the real decision, the real flow on TaskFlow's real engine, on a site that is played in memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from taskflow.types.failure import Failure

from medevac.core.errors import NoEvidenceError
from medevac.core.event import Subject, SubjectKind
from medevac.core.incident import Incident, IncidentState, incident_id
from medevac.core.journal import JournalEntry
from medevac.core.wire import to_plain
from medevac.flows import factory
from medevac.flows.decision import Decision, decide
from medevac.flows.plan import Settings
from medevac.flows.policy.language import SERVER_FAILURES, PolicySet
from medevac.flows.ports import Ports
from medevac.sandbox import side_by_side
from medevac.sandbox.cloud.model import verdict
from medevac.sandbox.cloud.model.mishaps import ANY
from medevac.sandbox.cloud.model.settings import Settings as CloudSettings
from medevac.sandbox.cloud.model.site import AggregateSpec, FlavorSpec, GroupSpec, HostSpec, ServerSpec, SiteSpec
from medevac.sandbox.expectations import failing
from medevac.sandbox.expectations.language import Expectation, FenceMishap, Given, GivenServer, Outcome, Storage, When
from medevac.sandbox.expectations.readiness import BUILT, Readiness
from medevac.sandbox.expectations.reading import Draft
from medevac.sandbox.fakes import START, FakeSite
from medevac.sandbox.side_by_side import SharedClock

_NOWHERE = "no such zone"
LONG_AGO = 86_400.0
"""Seconds since anybody did something to the servers."""
_MOODS = {FenceMishap.REFUSES: "refuse", FenceMishap.HANGS: "hang", FenceMishap.UNREACHABLE: "unreachable"}


@dataclass(frozen=True, slots=True)
class Played:
    """What came of it."""

    outcome: Outcome
    reason: str
    rows: Mapping[str, Mapping[str, Any]]
    """The report's row of each server, by its name; servers that nothing was done about have none."""
    running_at: Mapping[str, float]
    """Server to seconds after the failure at which its guest started elsewhere, as the machine room saw it."""
    back: Mapping[str, float]
    """Server to seconds after the failure at which it was known to be back."""
    hosts: Mapping[str, str]
    """Server to the host on which Nova has it in the end."""
    killed: frozenset[str]
    """Servers that were killed alone."""
    ran_on: frozenset[str]
    """Servers whose guests have run all the time, and run."""
    fenced: bool
    """Whether the host was."""
    told: frozenset[str]
    """The targets of messages."""
    violations: tuple[str, ...]
    """Rules that were broken, whatever was expected."""
    journal: tuple[JournalEntry, ...]


def play(draft: Draft, policies: PolicySet) -> Played:
    """Let it fail and be recovered, in time that passes only when somebody waits."""
    expectation = draft.expectation
    failure, failed = draft.failure
    site = FakeSite(_spec(expectation), CloudSettings(evacuate_seconds=float(expectation.given.evacuation)))
    _set_tasks(site, expectation.given)
    _disable(site, expectation.given)
    host = _go_wrong(site, expectation.when, failure, failed)
    given = expectation.given
    settings = Settings(
        shared_storage=given.shared_storage,
        allow=given.allow,
        exclude=given.exclude,
        owners=given.owners,
        reserved=given.reserved,
    )
    decision = _decide(site, _incident(site, failure, failed, host), policies, settings)
    clock = SharedClock(site.clock)
    prober = Readiness(site.world, given, failed if failure == "workload.failed" else "")
    ports = replace(site.ports, prober=prober, clock=clock)
    raised = _run(ports, clock, decision) if decision.recover else None
    return _seen(site, decision, raised, host)


def _spec(expectation: Expectation) -> SiteSpec:
    given, lost = expectation.given, set(expectation.when.no_valid_host)
    aggregates: dict[str, list[str]] = {}
    for host in given.hosts:
        for name in host.aggregates:
            aggregates.setdefault(name, []).append(host.name)
    return SiteSpec(
        hosts=tuple(HostSpec(host.name, host.az, host.vcpus, host.ram_mb) for host in given.hosts),
        servers=tuple(_server(server, name, lost) for server in given.servers for name in server.names),
        aggregates=tuple(AggregateSpec(name, tuple(hosts)) for name, hosts in aggregates.items()),
        flavors=(FlavorSpec("m1.small"), *(FlavorSpec(each.name, each.vcpus, each.ram_mb) for each in given.flavors)),
        groups=tuple(GroupSpec(name, policy, _owner(given, name)) for name, policy in given.groups.items()),
        projects=given.projects,
    )


def _owner(given: Given, group: str) -> str:
    return next((server.project for server in given.servers if server.group == group), "demo")


def _server(given: GivenServer, name: str, lost: set[str]) -> ServerSpec:
    return ServerSpec(
        name=name,
        host=given.host,
        project=given.project,
        flavor=given.flavor,
        vm_state=given.state,
        image="debian" if given.boots_from is Storage.IMAGE else "",
        metadata=given.metadata,
        tags=given.tags,
        addresses=(name,),
        locked_reason="its owner wants it so" if given.locked else None,
        group=given.group,
        pinned_zone=_NOWHERE if name in lost else "",
    )


def _set_tasks(site: FakeSite, given: Given) -> None:
    tasks = {name: server.task for server in given.servers for name in server.names if server.task}
    with site.world.settled() as world:
        for server in world.servers.values():
            server.task_state = tasks.get(server.name)


def _disable(site: FakeSite, given: Given) -> None:
    with site.world.settled() as world:
        for host in given.hosts:
            if host.disabled:
                world.hosts[host.name].disabled = True
                world.hosts[host.name].disabled_reason = given.reserved.reason


def _go_wrong(site: FakeSite, when: When, failure: str, failed: str) -> str:
    """Let it go wrong, and return the host on which it does."""
    with site.world.settled() as world:
        host = failing.host_of(world, failure, failed)
        for server in world.servers.values():
            server.updated_at -= LONG_AGO
        failing.fail(world, failure, failed, when)
        for refusing in when.claim_refused:
            world.mishaps.refuse_claims[refusing] = ANY
        if when.cloud_away is not None:
            world.mishaps.order("reset", until=START + float(when.cloud_away))
        if when.fence is not None:
            site.bmc.order(host, _MOODS[when.fence])
    return host


def _incident(site: FakeSite, failure: str, failed: str, host: str) -> Incident:
    subject = Subject(SubjectKind.HOST, host)
    if failure in SERVER_FAILURES:
        subject = Subject(SubjectKind.SERVER, failing.server_id(site.world, failed))
    named = incident_id(failure, subject, 1)
    return Incident(named, failure, subject, 1, START, IncidentState.RECOVERING, "", host=host)


def _decide(site: FakeSite, incident: Incident, policies: PolicySet, settings: Settings) -> Decision:
    with site.world.settled():
        orders, site.world.mishaps.orders = site.world.mishaps.orders, []
        service = site.cloud.host_service(incident.host)  # triage asks again until the cloud answers
        site.world.mishaps.orders = orders
    if service is None:
        return Decision(recover=False, reason=f"Nova knows no compute service on {incident.host}")
    return decide(incident, service, policies, settings)


def _run(ports: Ports, clock: SharedClock, decision: Decision) -> BaseException | None:
    """Run the flow as a conductor does, and return what ended it too early."""
    try:
        side_by_side.play(factory.recover(to_plain(decision.document)), clock, {"ports": ports})
    except Exception as error:  # noqa: BLE001 - whatever ended it is a result, to be judged and shown
        return error
    return None


def _seen(site: FakeSite, decision: Decision, raised: BaseException | None, host: str) -> Played:
    outcome, reason = _outcome(site, decision, raised)
    with site.world.settled() as world:
        names = {server.id: server.name for server in world.servers.values()}
        report: Any = site.log.report
        rows = {row["name"]: row for row in report.get("servers", ())}
        runs = [run for run in world.ledger.runs if run.why_started != BUILT]
        return Played(
            outcome=outcome,
            reason=reason,
            rows=rows,
            running_at={names[run.server_id]: run.started_at - START for run in reversed(runs)},
            back={name: row["down_seconds"] or 0.0 for name, row in rows.items() if row["result"] == "recovered"},
            hosts={server.name: server.host or "" for server in world.servers.values()},
            killed=frozenset(names[server] for what, _, server in site.hypervisor.asked if what == "kill"),
            ran_on=frozenset(
                names[r.server_id] for r in world.ledger.runs if not r.ended_at and r.why_started == BUILT
            ),
            fenced=not world.hosts[host].powered,
            told=frozenset(sent.target for sent in site.notifier.sent),
            violations=verdict.violations(world),
            journal=tuple(site.log.entries),
        )


def _outcome(site: FakeSite, decision: Decision, raised: BaseException | None) -> tuple[Outcome, str]:
    if not decision.recover:
        return Outcome.IGNORED, decision.reason
    if site.log.state is not None:
        return Outcome(site.log.state), site.log.reason
    if raised is not None and _is_want_of_evidence(raised):
        return Outcome.HELD, str(raised)
    return Outcome.PARKED, f"the flow ended without a report: {raised}"


def _is_want_of_evidence(raised: BaseException) -> bool:
    """Tell whether the flow ended for want of evidence, as the conductor tells it."""
    found = [raised] if isinstance(raised, Failure) else getattr(raised, "_failures", ())
    return isinstance(raised, NoEvidenceError) or any(failure.check(NoEvidenceError) for failure in found)
