"""Where things live in ZooKeeper, below the site's chroot (docs/zookeeper.md has the picture)."""

from __future__ import annotations

from urllib.parse import quote

EVENTS = "/events"
"""Intake: agents may only create here.  Children: event ids."""
HANDLED = "/handled"
"""What became of each event; its children's names are event ids."""
SUBJECTS = "/subjects"
"""One znode a host, server or service: its current incarnation and incident."""
INCIDENTS = "/incidents"
BOARD = "/board"
"""TaskFlow's job board.  TaskFlow replaces this last component when it makes .trash and .entities."""
BOOKS = "/books"
"""TaskFlow's persistence."""
PARKED = "/parked"
"""What could not stay on the board: malformed postings, failed jobs."""
LEADER = "/leader"
"""kazoo's election of the triage leader."""
WORKERS = "/workers"
"""Ephemeral: one znode a living worker process."""
POLICIES = "/policies"
"""Every policy set that has decided about an incident; its children's names are digests."""

DISARM = "/brakes/disarm"
"""One znode a scope that is disarmed."""
MAINTENANCE = "/brakes/maintenance"
"""One znode a host whose maintenance was announced to medevac."""
STARTS = "/brakes/starts"
"""Which recoveries were let go lately: what the caps count."""
BOOKINGS = "/brakes/bookings"
"""For which servers recoveries are about to ask the cloud, where the site caps what is under way."""
LEVELS = "/brakes/levels"
"""How the leader last saw each failure domain stand, for people."""

FENCING = "/fencing"
"""What the last round found of each host's fence paths; its children's names are hosts."""
LEARNT = "/learnt"
"""How many evacuations at once the cloud takes, as far as recoveries have found out, or Nova remembers it."""
TRAFFIC = "/traffic"
"""Ephemeral: what each worker that recovers something has under way, and has found out of the cloud meanwhile."""
NEWS = "/brakes/news"
"""Written when an operator has said something: triage looks at what it holds."""

ALL = (
    *(EVENTS, HANDLED, SUBJECTS, INCIDENTS, BOARD, BOOKS, PARKED, LEADER, WORKERS, POLICIES),
    *(DISARM, MAINTENANCE, STARTS, BOOKINGS, LEVELS, NEWS, FENCING, LEARNT, TRAFFIC),
)


def event(event_id: str) -> str:
    """Return the path of an event that waits for triage."""
    return f"{EVENTS}/{event_id}"


def handled(event_id: str) -> str:
    """Return the path of the record of what became of an event."""
    return f"{HANDLED}/{event_id}"


def subject(kind: str, name: str) -> str:
    """Return the path of the subject's incarnation record."""
    return f"{SUBJECTS}/{kind}:{name}"


def incident(incident_id: str) -> str:
    """Return the path of an incident."""
    return f"{INCIDENTS}/{incident_id}"


def journal(incident_id: str) -> str:
    """Return the folder of an incident's journal; its children are sequential."""
    return f"{INCIDENTS}/{incident_id}/journal"


def report(incident_id: str) -> str:
    """Return the path of an incident's report."""
    return f"{INCIDENTS}/{incident_id}/report"


def policy_set(digest: str) -> str:
    """Return the path of the policy set with this digest."""
    return f"{POLICIES}/{digest}"


def disarm(scope: str) -> str:
    """Return the path of the record that says that *scope* is disarmed."""
    return f"{DISARM}/{quote(scope, safe='')}"


def maintenance(host: str) -> str:
    """Return the path of the record that says that *host* is in maintenance."""
    return f"{MAINTENANCE}/{quote(host, safe='')}"


def order(incident_id: str, order: str) -> str:
    """Return the path of an operator's order (hold, abort) about an incident."""
    return f"{INCIDENTS}/{incident_id}/{order}"


def fence_path(host: str) -> str:
    """Return the path of what the last round found of a host's fence paths."""
    return f"{FENCING}/{quote(host, safe='')}"


def traffic(worker: str) -> str:
    """Return the path of what *worker* has under way."""
    return f"{TRAFFIC}/{quote(worker, safe='')}"
