"""A service of the whole cloud is away: no host is judged by what it says, and nothing is opened.

Recoveries under way wait for the cloud by themselves; events about hosts and servers wait until Nova answers.
"""

from __future__ import annotations

from dataclasses import replace

from medevac.core.event import Event, EventKind, Subject, SubjectKind
from medevac.core.handled import Handled
from medevac.workers import incarnation
from medevac.workers.desk import Desk


class ControlPlane:
    """What becomes of control-plane.down and control-plane.up."""

    def __init__(self, desk: Desk) -> None:
        """Work with *desk*."""
        self._desk = desk

    def handle(self, event: Event) -> Handled:
        """Settle *event*, and keep what it says at /subjects/service:NAME."""
        name = event.facts.get("service") or event.subject.name
        subject = Subject(SubjectKind.SERVICE, name)
        life = incarnation.read(self._desk.client, subject)
        if event.kind is EventKind.CONTROL_PLANE_UP:
            record = replace(life.record, seen_up_at=max(event.seen_at, life.record.seen_up_at))
            reason = f"{name} is back; noted"
        else:
            record = life.record.over("up", event.seen_at)
            reason = f"{name} is away: recoveries wait for it by themselves, and no host is judged by what Nova reports"
        return self._desk.ignore(event, reason, lambda t: incarnation.write(t, subject, life, record))
