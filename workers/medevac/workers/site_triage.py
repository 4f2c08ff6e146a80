"""What the site file says under `triage`: which events still count, and when a subject fails too often."""

from __future__ import annotations

from dataclasses import dataclass, field

from medevac.flows.policy.duration import Duration
from medevac.flows.policy.words import said


@dataclass(frozen=True, slots=True)
class TriageSettings:
    """Which events still count, and when a server or a host fails too often to be recovered without a human."""

    event_age: Duration = field(
        default=Duration(3600),
        metadata=said("Events that are older open no incident: an alert that is replayed a day later.", least=60),
    )
    heartbeat: Duration = field(
        default=Duration(15),
        metadata=said(
            "How long a heartbeat may contradict that nova-compute is down: Nova's report_interval and more."
        ),
    )
    server_recoveries: int = field(
        default=3, metadata=said("Recoveries of a server within `server_window`; the next waits for a human.", least=1)
    )
    server_window: Duration = field(default=Duration(3600), metadata=said("The time that it is about.", least=1))
    host_recoveries: int = field(
        default=2, metadata=said("Recoveries of one host within `host_window`; the next waits for a human.", least=1)
    )
    host_window: Duration = field(default=Duration(86_400), metadata=said("The time that it is about.", least=1))
