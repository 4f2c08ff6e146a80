"""Checks: what must hold after the story, each as a sentence with its verdict.  Pure: facts in, verdicts out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations

from medevac.core.handled import Outcome
from medevac.core.incident import IncidentState
from medevac.sandbox.demo.facts import Facts, Run
from medevac.sandbox.demo.observe import ServerSeen

SLACK = 0.001
"""Seconds by which two clock readings of one machine may be rounded apart."""


@dataclass(frozen=True, slots=True)
class Check:
    """One rule, what it rests on, and what broke it."""

    rule: str
    basis: str
    """The figures behind it, for the reader."""
    broken: tuple[str, ...]

    @property
    def held(self) -> bool:
        """Tell whether nothing broke it."""
        return not self.broken


def check(facts: Facts) -> list[Check]:
    """Return the verdict on every rule."""
    return [
        _verdict("no server ever ran twice at once", f"{len(facts.runs)} runs in the ledger", _two_copies(facts)),
        _verdict("nothing was evacuated before the host was off", _fence_basis(facts), _too_early(facts)),
        _verdict("every server that ran runs again, once", _count(facts, running=True), _not_running(facts)),
        _verdict("what its owner had stopped stays stopped", _count(facts, running=False), _started(facts)),
        _verdict("what its owner had locked stays locked", _locked_basis(facts), _unlocked(facts)),
        _verdict("no server was evacuated twice", f"{len(facts.records)} migration records", _evacuated_twice(facts)),
        _verdict("higher policies were ready before lower began", " > ".join(facts.cast.tiers), _out_of_order(facts)),
        _verdict("servers of other hosts were left alone", _others_basis(facts), _touched(facts)),
        *([_verdict("what no policy moves stayed where it was", _left_basis(facts), _moved(facts))] * bool(facts.left)),
        _verdict("one incident, one job, one fencing", _fencing_basis(facts), _more_than_one(facts)),
        _verdict("each event became exactly one thing", _outcomes(facts), _unsettled(facts)),
        _verdict("the host is out of service, in our name", _reason(facts), _in_service(facts)),
        _verdict("nothing is left undone", _end(facts), _undone(facts)),
        _verdict("a killed conductor's work was finished", _takeover_basis(facts), _no_takeover(facts)),
        _verdict("the cloud's own observer objects to nothing", "", _objections(facts)),
    ]


def recovered(facts: Facts) -> list[ServerSeen]:
    """Return the servers of the dead host that are elsewhere what they had been."""
    return [server for server in facts.promised if not _why_not_back(facts, server)]


def _verdict(rule: str, basis: str, broken: Iterable[str]) -> Check:
    return Check(rule, basis, tuple(broken))


def _offset(facts: Facts, at: float) -> str:
    return f"{at - facts.struck_at:+.2f} s"


def _name(facts: Facts, server_id: str) -> str:
    return next((server.name for server in facts.before if server.id == server_id), server_id)


# -- copies, power, owners' wishes


def _two_copies(facts: Facts) -> Iterator[str]:
    for server in facts.before:
        for first, second in combinations(facts.runs_of(server.id), 2):
            if _overlap(first, second):
                yield (
                    f"{server.name} ran on {first.host} and on {second.host} at the same time, "
                    f"from {_offset(facts, second.started_at)} on"
                )


def _overlap(first: Run, second: Run) -> bool:
    return first.ended_at is None or first.ended_at > second.started_at


def _fence_basis(facts: Facts) -> str:
    proof = facts.incidents[0].evidence if facts.incidents else None
    return f"{proof.source}: {proof.detail}" if proof else "no evidence"


def _too_early(facts: Facts) -> Iterator[str]:
    if not facts.records:
        return
    first = min(record.created_at for record in facts.records)
    off_at = facts.fenced_at
    if off_at is None:
        yield f"evacuations began at {_offset(facts, first)}, and guests still run on {facts.cast.victim}"
    elif first < off_at - SLACK:
        yield f"evacuations began at {_offset(facts, first)}, and the host was off at {_offset(facts, off_at)}"
    proof = facts.incidents[0].evidence if facts.incidents else None
    if proof is None:
        yield "no evidence is stored with the incident"
    elif proof.at > first + SLACK:
        yield f"the evidence is of {_offset(facts, proof.at)}, later than the first evacuation"


def _count(facts: Facts, *, running: bool) -> str:
    there = sum(server.should_run is running for server in facts.promised)
    return f"{there} on {facts.cast.victim}"


def _not_running(facts: Facts) -> Iterator[str]:
    return (why for server in _to_run(facts) if server.should_run and (why := _why_not_back(facts, server)))


def _started(facts: Facts) -> Iterator[str]:
    for server in _to_run(facts):
        if server.should_run:
            continue
        if facts.runs_of(server.id):
            yield f"{server.name}, which its owner had stopped, was started"
        elif why := _why_not_back(facts, server):
            yield why


def _to_run(facts: Facts) -> list[ServerSeen]:
    """Return the servers that must be what they had been: all but those that stay on the dead host."""
    return [server for server in facts.before if server not in facts.left]


def _why_not_back(facts: Facts, server: ServerSeen) -> str:
    """Return why *server* is not what it had been, or nothing."""
    now = facts.now(server.id)
    if now is None:
        return f"{server.name} is gone"
    if server.should_run and len(now.runs_on) != 1:
        return f"{server.name} runs {'on ' + ' and '.join(now.runs_on) if now.runs_on else 'nowhere'}"
    if now.vm_state != server.vm_state or now.task_state:
        return f"{server.name} was {server.vm_state} and is {now.vm_state} {now.task_state}".rstrip()
    if facts.cast.victim in (now.host, *now.runs_on):
        return f"{server.name} is still on {now.host}"
    return ""


def _locked(facts: Facts) -> list[ServerSeen]:
    return [server for server in facts.before if server.locked]


def _locked_basis(facts: Facts) -> str:
    return ", ".join(server.name for server in _locked(facts))


def _unlocked(facts: Facts) -> Iterator[str]:
    for server in _locked(facts):
        now = facts.now(server.id)
        if now is None or not now.locked:
            yield f"{server.name} was unlocked"


# -- evacuations


def _evacuated_twice(facts: Facts) -> Iterator[str]:
    for server in facts.before:
        records = facts.records_of(server.id)
        if len(records) > 1:
            yield f"{server.name} was evacuated {len(records)} times"


def _out_of_order(facts: Facts) -> Iterator[str]:
    ready = [(server, facts.back_at(server)) for server in facts.promised]
    ranks = {tier: rank for rank, tier in enumerate(facts.cast.tiers)}
    for server in facts.promised:
        rank = ranks[facts.role(server).tier]
        for record in facts.records_of(server.id)[:1]:
            late = [
                above.name
                for above, at in ready
                if ranks[facts.role(above).tier] < rank and (at is None or at > record.created_at + SLACK)
            ]
            if late:
                yield f"{server.name} was evacuated before {', '.join(late)} came back"


def _others_basis(facts: Facts) -> str:
    return f"{len(facts.before) - len(facts.struck)} servers"


def _touched(facts: Facts) -> Iterator[str]:
    for server in facts.before:
        if server.host == facts.cast.victim:
            continue
        if facts.now(server.id) != server or len(facts.runs_of(server.id)) > 1 or facts.records_of(server.id):
            yield f"{server.name} on {server.host}, a healthy host, was touched"


def _left_basis(facts: Facts) -> str:
    return ", ".join(f"{server.name}: {facts.role(server).left}" for server in facts.left)


def _moved(facts: Facts) -> Iterator[str]:
    for server in facts.left:
        now = facts.now(server.id)
        if facts.records_of(server.id) or now is None or now.host != server.host:
            yield f"{server.name} was moved, although {facts.role(server).left}"


def _objections(facts: Facts) -> Iterator[str]:
    """Yield what the cloud's observer says, with the names of servers in the place of their ids."""
    for sentence in facts.objections:
        words = [_name(facts, word) for word in sentence.split(" ")]
        yield " ".join(words[2:] if words[0] == "at" else words)


# -- events, incident, job


def _fencing_basis(facts: Facts) -> str:
    offs = facts.power.get(facts.cast.victim, {}).get("off", 0)
    return f"{facts.alerts} alerts; medevac ordered {offs} power-off{'' if offs == 1 else 's'}"


def _more_than_one(facts: Facts) -> Iterator[str]:
    if len(facts.incidents) != 1:
        yield f"{len(facts.incidents)} incidents: {', '.join(each.id for each in facts.incidents) or 'none'}"
    for incident in facts.incidents:
        if incident.attempt != 1:
            yield f"{incident.id} took {incident.attempt} jobs"
    wanted = 1 if facts.medevac_fences else 0
    for host, actions in facts.power.items():
        expected = wanted if host == facts.cast.victim else 0
        found = sum(actions.get(action, 0) for action in ("off", "reboot", "on"))
        if found != expected:
            yield f"the power of {host} was switched {found} times, not {expected}"
    if wanted and facts.cast.victim not in facts.power:
        yield f"the BMC of {facts.cast.victim} was never asked"


def _outcomes(facts: Facts) -> str:
    counts = {outcome: sum(each.outcome is outcome for each in facts.handled) for outcome in Outcome}
    return ", ".join(f"{count} {outcome}" for outcome, count in counts.items() if count)


def _unsettled(facts: Facts) -> Iterator[str]:
    ids = [each.event.id for each in facts.handled]
    if len(set(ids)) != facts.alerts:
        yield f"{facts.alerts} alerts were sent, and {len(set(ids))} events are settled"
    both = sorted(set(ids) & set(facts.waiting))
    if facts.waiting:
        yield f"{len(facts.waiting)} events still wait" + (f", {len(both)} of them settled as well" if both else "")
    openers = sum(each.outcome is Outcome.INCIDENT for each in facts.handled)
    if openers != 1:
        yield f"{openers} events opened an incident"


def _reason(facts: Facts) -> str:
    return next((host.disabled_reason for host in facts.hosts if host.name == facts.cast.victim), "")


def _in_service(facts: Facts) -> Iterator[str]:
    for host in facts.hosts:
        out = host.forced_down and host.disabled
        if host.name == facts.cast.victim and not out:
            yield f"{host.name}: forced down {host.forced_down}, disabled {host.disabled}"
        elif host.name == facts.cast.victim and not any(each.id in host.disabled_reason for each in facts.incidents):
            yield f"{host.name} is disabled with a reason that does not name the incident: {host.disabled_reason!r}"
        elif host.name != facts.cast.victim and (host.forced_down or host.disabled):
            yield f"{host.name}, a healthy host, was taken out of service"


def _end(facts: Facts) -> str:
    return "; ".join(f"{each.state}: {each.reason}" for each in facts.incidents)


def _undone(facts: Facts) -> Iterator[str]:
    if facts.timed_out:
        yield facts.timed_out
    yield from (f"job {name} is still on the board" for name in facts.on_board)
    if not facts.cast.needing_somebody:
        yield from (f"{name} was parked" for name in facts.parked)
    needs = facts.cast.needing_somebody
    wanted = IncidentState.PARKED if needs else IncidentState.RECOVERED
    for incident in facts.incidents:
        if incident.state is not wanted:
            yield f"{incident.id} is {incident.state}: {incident.reason}"


def claims(facts: Facts) -> list[tuple[float, str]]:
    """Return when the job was claimed and by whom, from the journal."""
    return [
        (entry.at, entry.actor)
        for entry in facts.journal
        if entry.step == "conductor" and entry.text.startswith("claimed")
    ]


def _takeover_basis(facts: Facts) -> str:
    if facts.takeover is None:
        return "none was killed"
    return f"{len(claims(facts))} claims"


def _no_takeover(facts: Facts) -> Iterator[str]:
    if not facts.kill_wanted:
        return
    takeover = facts.takeover
    if takeover is None:
        yield (
            "no conductor was killed: the recovery was over, or never began, before the moment came; "
            "take more servers, or --no-kill"
        )
    elif not any(at > takeover.at and actor != takeover.killed for at, actor in claims(facts)):
        yield f"nobody took over from {takeover.killed}"
