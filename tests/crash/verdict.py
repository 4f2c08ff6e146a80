"""Verdict: what must hold when all processes have ended, wherever the first of them died."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

from medevac.core import layout
from medevac.core.handled import Handled, Outcome
from medevac.core.incident import Incident, IncidentState
from medevac.core.wire import decode
from medevac.sandbox.cloud.model import verdict
from medevac.sandbox.cloud.model.world import World
from medevac.workers import incidents
from medevac.workers.zookeeper import bounded
from tests.crash.stage import DEAD, EVERY_KIND, Stage

INCIDENT = f"host.down:{DEAD}:1"
REASON = f"medevac {INCIDENT}: host.down"
MOVED = EVERY_KIND.moved

Check = Callable[[Stage], Iterator[str]]


def wrong(stage: Stage, checks: tuple[Check, ...], everywhere: tuple[Check, ...] | None = None) -> list[str]:
    """Return a sentence for everything that does not hold; *everywhere* is what holds whatever is played."""
    every = EVERYWHERE if everywhere is None else everywhere
    return [sentence for check in (*every, *checks) for sentence in check(stage)]


def never_two_copies(stage: Stage) -> Iterator[str]:
    """Check what the ledger saw: two copies of a server, an evacuation before the power was off."""
    with stage.cloud.world.settled() as world:
        yield from verdict.violations(world)


def nothing_is_left_behind(stage: Stage) -> Iterator[str]:
    """Check that no event waits, no job, lock or leader's mark stays, and nothing was parked."""
    for folder in (layout.EVENTS, layout.BOARD, layout.LEADER, layout.PARKED):
        for name in stage.children(folder):
            yield f"{folder}/{name} is left"


def one_event_made_one_incident_and_one_job(stage: Stage) -> Iterator[str]:
    """Check that the event was settled once, and that one incident and one logbook came of it."""
    found = stage.children(layout.HANDLED)
    handled = [decode(Handled, bounded(stage.client.get_async(layout.handled(name)))[0]) for name in found]
    if [each.outcome for each in handled] != [Outcome.INCIDENT]:
        yield f"the event was handled as {handled}"
    if stage.children(layout.INCIDENTS) != [INCIDENT]:
        yield f"the incidents are {stage.children(layout.INCIDENTS)}"
    books = stage.children(f"{layout.BOOKS}/books")
    if len(books) != 1:
        yield f"there are {len(books)} logbooks"


def the_journal_can_be_read(stage: Stage) -> Iterator[str]:
    entries = incidents.journal(stage.client, INCIDENT)
    if not entries or entries[0].step != "triage":
        yield f"the journal begins with {entries[:1]}"


def every_server_is_back_as_it_was(stage: Stage) -> Iterator[str]:
    """Check place and state of every server, and that exactly those run that should."""
    with stage.cloud.world.settled() as world:
        yield from verdict.check_all_running(world, _running(stage, world))
        for server in world.servers.values():
            before = stage.before[server.name]
            now = (server.vm_state, server.task_state, server.locked, server.fault, server.broken)
            if now != (before.vm_state, before.task_state, before.locked, None, False):
                yield f"{server.name} was {before.vm_state} and is {now}"
            if (server.host == before.host) is (server.name in stage.cast.moved):
                yield f"{server.name} is on {server.host}"


def each_server_was_evacuated_once(stage: Stage) -> Iterator[str]:
    """Check Nova's records, and the calls it got."""
    if stage.records() != Counter(stage.cast.moved):
        yield f"evacuation records: {dict(stage.records())}"
    with stage.cloud.world.settled() as world:
        calls = world.requests["POST /compute/v2.1/servers/{id}/action"]
        states = {record.status for record in world.migrations.values()}
    if calls != len(stage.cast.moved):
        yield f"{calls} actions were asked for"
    if states != {"done"}:
        yield f"evacuation records ended as {states}"


def the_host_was_switched_off_once(stage: Stage) -> Iterator[str]:
    """Check that the power was ordered off once, and never on: no second power cycle."""
    commands = stage.power_commands()
    if (commands["off"], commands["on"], commands["reboot"]) != (1, 0, 0):
        yield f"the BMC was told {dict(commands)}"


def the_host_is_out_with_our_reason(stage: Stage) -> Iterator[str]:
    yield from _service(stage, (True, True, REASON))


def the_host_is_in_service_as_before(stage: Stage) -> Iterator[str]:
    yield from _service(stage, (False, False, None))


def the_incident_is_recovered_and_names_every_server(stage: Stage) -> Iterator[str]:
    yield from _incident(stage, IncidentState.RECOVERED, evidence=True)
    report = incidents.report(stage.client, INCIDENT) or {}
    rows = {row["name"]: row["result"] for row in report.get("servers", [])}
    wanted = dict.fromkeys(stage.cast.moved, "recovered") | dict.fromkeys(stage.cast.left, "left")
    if rows != wanted or len(report.get("servers", [])) != len(wanted):
        yield f"the report says {rows}"


def the_incident_is_parked(stage: Stage) -> Iterator[str]:
    yield from _incident(stage, IncidentState.PARKED, evidence=True)


def the_incident_is_held(stage: Stage) -> Iterator[str]:
    yield from _incident(stage, IncidentState.HELD, evidence=False)


def nothing_was_evacuated(stage: Stage) -> Iterator[str]:
    if stage.records():
        yield f"evacuation records: {dict(stage.records())}"


def the_service_was_changed_once(stage: Stage) -> Iterator[str]:
    """Check that the host was taken out once, or twice where the answer to the first call was lost with its caller."""
    yield from _service_calls(stage, 2)


def the_service_was_changed_and_changed_back_once(stage: Stage) -> Iterator[str]:
    """Check that only one of the two calls was made again: a flow that was run all over would make four."""
    yield from _service_calls(stage, 3)


def _service_calls(stage: Stage, most: int) -> Iterator[str]:
    with stage.cloud.world.settled() as world:
        calls = world.requests["PUT /compute/v2.1/os-services/{id}"]
    if calls > most:
        yield f"the service was changed {calls} times"


def nova_was_told_nothing(stage: Stage) -> Iterator[str]:
    with stage.cloud.world.settled() as world:
        changes = [route for route in world.requests if route.startswith(("PUT", "POST /compute", "DELETE"))]
    if changes:
        yield f"Nova was told {changes}"


def _service(stage: Stage, wanted: tuple[bool, bool, str | None]) -> Iterator[str]:
    with stage.cloud.world.settled() as world:
        host = world.hosts[DEAD]
        found = (host.forced_down, host.disabled, host.disabled_reason)
    if found != wanted:
        yield f"the service of {DEAD} is {found} and should be {wanted}"


def _incident(stage: Stage, state: IncidentState, *, evidence: bool) -> Iterator[str]:
    incident: Incident = incidents.read(stage.client, INCIDENT).incident
    found = (incident.state, incident.attempt, incident.evidence is not None)
    if found != (state, 1, evidence):
        yield f"the incident is {found}: {incident.reason}"
    if not incident.reason:
        yield "the incident has no reason"
    if incident.state.final is (incident.ended_at is None):
        yield f"the incident is {incident.state} and ended at {incident.ended_at}"


def _running(stage: Stage, world: World) -> list[str]:
    """Return the ids of the servers that have to run: those that did, but for the ones left on the dead host."""
    names = {each.name for each in stage.cast.servers if each.vm_state == "active"} - set(stage.cast.left)
    return [server.id for server in world.servers.values() if server.name in names]


EVERYWHERE: tuple[Check, ...] = (
    never_two_copies,
    nothing_is_left_behind,
    one_event_made_one_incident_and_one_job,
    the_journal_can_be_read,
)
RECOVERED: tuple[Check, ...] = (
    every_server_is_back_as_it_was,
    each_server_was_evacuated_once,
    the_host_was_switched_off_once,
    the_host_is_out_with_our_reason,
    the_service_was_changed_once,
    the_incident_is_recovered_and_names_every_server,
)
UNDONE: tuple[Check, ...] = (
    nothing_was_evacuated,
    the_host_was_switched_off_once,
    the_host_is_in_service_as_before,
    the_service_was_changed_and_changed_back_once,
    the_incident_is_parked,
)
HELD: tuple[Check, ...] = (
    nothing_was_evacuated,
    nova_was_told_nothing,
    the_incident_is_held,
)
