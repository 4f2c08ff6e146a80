"""Undone: what an aborted recovery leaves behind, as the cloud tells it after everything was reverted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from medevac.core.errors import CloudError
from medevac.core.event import SubjectKind
from medevac.core.evidence import ACKNOWLEDGED
from medevac.core.incident import Incident, IncidentState
from medevac.core.journal import JournalEntry
from medevac.flows.estate import HostService, Migration
from medevac.flows.policy.words import HOST_UP
from medevac.flows.ports import Cloud
from medevac.workers.brakes.orders import ABORTED, Given

NAMED = 5
"""How many servers a reason names before it only counts."""


def ended(incident: Incident, said: Given, cloud: Cloud, now: float) -> Incident:
    """Return *incident* as it ends after *said*, an order to abort: what was undone, and what was not."""
    host = incident.host or incident.subject.name
    try:
        back, left = _service(incident, host, cloud), list(_left(incident, host, cloud))
    except CloudError as error:
        back, left = (), [f"how Nova stands could not be told ({error}): look at {host} yourself"]
    done = [text for is_back, text in back if is_back]
    rest = [text for is_back, text in back if not is_back] + left
    reason = f"{ABORTED}{said}; undone: {'; '.join(done) or 'nothing'}; not undone: {'; '.join(rest) or 'nothing'}"
    return replace(incident, state=IncidentState.PARKED, reason=reason, ended_at=now, held_by="", again_at=0.0)


def line(incident: Incident, now: float) -> JournalEntry:
    """Return the last line of the journal."""
    return JournalEntry(at=now, step="conductor", text=f"{incident.state}: {incident.reason}")


def _service(incident: Incident, host: str, cloud: Cloud) -> tuple[tuple[bool, str], ...]:
    service = cloud.host_service(host)
    if service is None:
        return ()
    if _is_return(incident):
        return ((False, _half_way(service)),)
    ours = service.disabled_reason.startswith(f"medevac {incident.id}:")
    if ours or service.forced_down:
        return ((False, f"nova-compute on {host} is {_state(service)}"),)
    return ((True, f"nova-compute on {host} is as it was before"),)


def _is_return(incident: Incident) -> bool:
    return incident.failure == HOST_UP


def _half_way(service: HostService) -> str:
    """Return how a host stands whose return was stopped: what it had been given back is not taken away again."""
    if service.enabled and not service.forced_down:
        return f"{service.host} is in service again"
    begin = f"its return begins anew with: medevac event post host.member {service.host}"
    return f"nova-compute on {service.host} is still {_state(service)}; {begin}"


def _state(service: HostService) -> str:
    words = (("forced down", service.forced_down), ("disabled", not service.enabled))
    state = " and ".join(word for word, so in words if so)
    return f"{state} ({service.disabled_reason or 'without a reason'})"


def _left(incident: Incident, host: str, cloud: Cloud) -> Iterator[str]:
    if _is_return(incident):
        return  # what had left the host had done so before
    proof = incident.evidence
    if proof is not None and incident.subject.kind is SubjectKind.HOST:
        alone = proof.action == ACKNOWLEDGED
        yield (
            f"{host} was not switched off by medevac ({proof.detail})"
            if alone
            else f"{host} stays off ({proof.detail})"
        )
    moved = [each for each in cloud.evacuations_from(host, incident.opened_at) if each.live or each.succeeded]
    if moved:
        names = [_name(each, cloud) for each in moved[:NAMED]]
        more = f" and {len(moved) - NAMED} more" if len(moved) > NAMED else ""
        yield f"servers that have left {host} or are on their way: {len(moved)} ({', '.join(names)}{more})"


def _name(migration: Migration, cloud: Cloud) -> str:
    server = cloud.server(migration.server_id)
    return server.name if server else migration.server_id
