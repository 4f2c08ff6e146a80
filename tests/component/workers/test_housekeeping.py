"""Housekeeping on a real ZooKeeper: what is over goes, what is needed stays."""

from __future__ import annotations

import time
from dataclasses import replace

from kazoo.client import KazooClient

from medevac.core import layout
from medevac.core.event import Subject, SubjectKind
from medevac.core.incident import Incident, IncidentState, incident_id
from medevac.core.journal import JournalEntry
from medevac.workers import incarnation, incidents
from medevac.workers.housekeeping import DAY, Retention, tidy
from medevac.workers.incarnation import Incarnation, Newest
from medevac.workers.zookeeper import commit

HOST = Subject(SubjectKind.HOST, "compute-1")


def store(client: KazooClient, generation: int, state: IncidentState, ended_at: float | None) -> str:
    name = incident_id("host.down", HOST, generation)
    incident = Incident(name, "host.down", HOST, generation, 1.0, state, "because", ended_at=ended_at)
    transaction = client.transaction()
    incidents.create(transaction, incident, [JournalEntry(1.0, "triage", "seen")])
    stored = incarnation.read(client, HOST)
    incarnation.write(transaction, HOST, stored, replace(Incarnation(), generation=generation, incident=name))
    commit(transaction)
    return name


def test_an_old_incident_goes_with_its_journal_but_the_newest_of_a_host_stays(zk: KazooClient) -> None:
    now = time.time()
    old = store(zk, 1, IncidentState.RECOVERED, now - 100 * DAY)
    newest = store(zk, 2, IncidentState.RECOVERED, now - 95 * DAY)
    assert tidy(zk, Retention(), now) == 1
    assert zk.exists(layout.incident(old)) is None
    assert zk.exists(layout.incident(newest)) is not None


def test_an_incident_that_is_held_or_ended_lately_stays(zk: KazooClient) -> None:
    now = time.time()
    held = store(zk, 1, IncidentState.HELD, None)
    recent = store(zk, 2, IncidentState.PARKED, now - DAY)
    store(zk, 3, IncidentState.RECOVERED, now)
    tidy(zk, Retention(), now)
    assert zk.exists(layout.incident(held)) is not None
    assert zk.exists(layout.incident(recent)) is not None


def test_records_of_handled_events_go_after_their_time(zk: KazooClient) -> None:
    zk.create(layout.handled("e1"), b"{}")
    later = time.time() + 31 * DAY
    assert tidy(zk, Retention(), time.time()) == 0
    assert tidy(zk, Retention(), later) == 1
    assert zk.exists(layout.handled("e1")) is None


def test_the_record_of_a_server_goes_after_its_last_incident_and_not_before(zk: KazooClient) -> None:
    now = time.time()
    server = Subject(SubjectKind.SERVER, "7c5c")
    name = incident_id("server.crashed", server, 1)
    incident = Incident(
        name, "server.crashed", server, 1, 1.0, IncidentState.RECOVERED, "it runs", ended_at=now + 10 * DAY
    )
    transaction = zk.transaction()
    incidents.create(transaction, incident, [JournalEntry(1.0, "triage", "seen")])
    record = Incarnation().opened("server.crashed", Newest(1, name))
    incarnation.write(transaction, server, incarnation.read(zk, server), record)
    commit(transaction)
    path = layout.subject(server.kind, server.name)
    assert tidy(zk, Retention(), now + 95 * DAY) == 0
    assert tidy(zk, Retention(), now + 105 * DAY) == 2
    assert (zk.exists(path), zk.exists(layout.incident(name))) == (None, None)
