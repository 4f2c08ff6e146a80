"""What cases share: looking up what is known of a host, and events that are too old."""

from __future__ import annotations

from medevac.core.event import Event, EventKind, Subject, SubjectKind
from medevac.core.incident import Incident
from medevac.flows.ports import HostService
from medevac.workers import incarnation, incidents
from medevac.workers.desk import Desk, span
from medevac.workers.incidents import NoSuchIncidentError, Stored


def last(desk: Desk, incident_id: str) -> Stored | None:
    """Return the incident of that id; None for no id, and for one that housekeeping has removed."""
    if not incident_id:
        return None
    try:
        return incidents.read(desk.client, incident_id)
    except NoSuchIncidentError:
        return None


def dying(desk: Desk, host: str) -> Incident | None:
    """Return the open incident of the death of *host*: what else fails there is part of it."""
    record = incarnation.read(desk.client, Subject(SubjectKind.HOST, host)).record
    found = last(desk, record.incident)
    return None if found is None or found.incident.state.final else found.incident


def too_old(desk: Desk, event: Event) -> str:
    """Return why *event* comes too late to open an incident; empty when it does not."""
    age = desk.clock.now() - event.seen_at
    if age <= float(desk.rules.event_age):
        return ""
    again = f"medevac event post {event.kind} {event.subject.name}"
    remedy = f" If it is still so: {again}" if event.kind is not EventKind.HOST_FENCED else ""
    return f"it was seen {span(age)} ago, and events older than {desk.rules.event_age} open no incident.{remedy}"


def no_service(host: str) -> str:
    """Return why nothing is done about a host that Nova does not know."""
    return (
        f"Nova knows no compute service on {host}: not a compute host, "
        f"or its name there is another (host_names in the site file)"
    )


def out_since(service: HostService) -> str:
    """Return why what fails on a host that is forced down is no news; empty when it is in service."""
    if not service.forced_down:
        return ""
    return f"{service.host} has been forced down already: {service.disabled_reason or 'without a reason'}"
