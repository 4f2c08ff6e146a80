"""What Nova remembers of evacuations is kept where recoveries look, at a quiet time and over nobody's record."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from kazoo.client import KazooClient

from medevac.core import layout
from medevac.core.event import Subject, SubjectKind
from medevac.core.incident import Incident, IncidentState
from medevac.flows.crowding import Level
from medevac.flows.learnt import Learnt
from medevac.flows.ports import Migration
from medevac.sandbox import by_hand
from medevac.sandbox.cloud.model.site import HostSpec, ServerSpec, SiteSpec
from medevac.sandbox.fakes import FakeClock, FakeCloud, FakeSite
from medevac.workers import incidents
from medevac.workers.experience import Experience
from medevac.workers.hindsight import AGAIN, REQUESTS, Hindsight
from medevac.workers.zookeeper import commit
from tests.fixtures.waiting import until

HOUR = 3600.0
PAST = {"h1": (10, 1), "h2": (10, 3), "h3": (60, 60)}
"""Hosts that failed, how many servers each had, and how many of them were evacuated at once."""
OTHER = Learnt(1000.0, (Level(1, 1, 2.0, 4.0),), 16)


class Counting(FakeCloud):
    """Counts what it was asked about single servers, and lets something happen meanwhile."""

    asked = 0
    meanwhile: Callable[[], object] = staticmethod(lambda: None)

    def arrived_at(self, record: Migration) -> float | None:
        self.asked += 1
        self.meanwhile()
        return super().arrived_at(record)


class Place:
    """A cloud whose hosts failed before medevac was there, and are back."""

    def __init__(self, zk: KazooClient, *, hosts: int = len(PAST)) -> None:
        names = list(PAST)[:hosts]
        spares = [HostSpec(f"spare-{number}") for number in range(6)]
        servers = [ServerSpec(f"{name}-{n}", name) for name in names for n in range(PAST[name][0])]
        self.site = FakeSite(SiteSpec((*(HostSpec(name) for name in names), *spares), tuple(servers)))
        self.cloud = Counting(self.site.world)
        for name in names:
            by_hand.evacuate(self.site.world, self.cloud, self.site.clock, name, PAST[name][1])
            self.site.clock.wait(HOUR)
            by_hand.bring_back(self.site.world, name)
            self.site.clock.wait(HOUR)
        self.hindsight = Hindsight(zk, self.cloud, self.site.clock)
        self.experience = Experience(zk)


@pytest.fixture
def place(zk: KazooClient) -> Place:
    return Place(zk)


def test_what_nova_remembers_is_kept_for_the_first_recovery_and_no_sooner_than_it_is_certain(place: Place) -> None:
    assert place.hindsight.due()
    assert place.hindsight.look() is None, "of the last host not all are known yet, and those tell nothing"
    assert 2 * place.cloud.asked == REQUESTS
    assert not place.hindsight.due(), "Nova is asked once an hour at most"
    place.site.clock.wait(AGAIN)
    assert place.hindsight.due()
    found = place.hindsight.look()
    assert found is not None
    assert place.experience.recall() == found
    assert found.best == 20, "they are not in each other's way"
    assert found.at < place.site.clock.now() - HOUR, "it is as old as what it comes of"
    assert place.cloud.asked == sum(servers for servers, _ in PAST.values()), "each is asked about once"
    assert not place.hindsight.due(), "there is a record"


def test_too_little_is_asked_for_again_after_an_hour(zk: KazooClient) -> None:
    place = Place(zk, hosts=1)
    assert place.hindsight.due()
    assert place.hindsight.look() is None
    assert place.experience.recall() is None
    assert not place.hindsight.due()
    place.site.clock.wait(AGAIN)
    assert place.hindsight.due()


def test_the_leader_looks_by_itself_and_nobody_else_does(zk: KazooClient) -> None:
    place = Place(zk)
    leads, looked = threading.Event(), threading.Semaphore(0)

    def does_it_lead() -> bool:
        looked.release()
        return leads.is_set()

    hindsight = Hindsight(zk, place.cloud, SlidingClock(place.site), look_every=0.01)
    thread = threading.Thread(target=hindsight.run, args=(does_it_lead,))
    thread.start()
    try:
        assert all(looked.acquire(timeout=30) for _ in range(3))
        assert place.cloud.asked == 0
        leads.set()
        assert until(lambda: place.experience.recall() is not None)
    finally:
        hindsight.stop()
        thread.join()


class SlidingClock(FakeClock):
    """A clock on which half an hour passes with each look at it."""

    def __init__(self, site: FakeSite) -> None:
        super().__init__(site.clock.now())

    def now(self) -> float:
        self.wait(AGAIN / 2)
        return super().now()


def test_what_a_recovery_has_found_out_is_never_written_over(place: Place) -> None:
    place.cloud.meanwhile = lambda: place.experience.begin(OTHER)
    for _ in range(3):
        assert place.hindsight.look() is None
    assert place.experience.recall() == OTHER
    assert not place.hindsight.due()
    assert not place.experience.begin(Learnt(2000.0))


def test_while_something_is_recovered_nova_is_not_asked_and_what_began_before_stops(
    place: Place, zk: KazooClient
) -> None:
    place.cloud.meanwhile = lambda: zk.exists(layout.incident("one")) or recovering(zk, "one")
    assert place.hindsight.look() is None
    assert place.cloud.asked == 1
    place.site.clock.wait(AGAIN)
    assert not place.hindsight.due()
    zk.delete(layout.incident("one"), recursive=True)
    assert place.hindsight.due()


def test_while_somebody_else_evacuates_the_past_waits(zk: KazooClient) -> None:
    place = Place(zk)
    place.site.world.migrations[1].status = "pre-migrating"
    place.site.world.migrations[1].created_at = place.site.clock.now() - 60
    for _ in range(3):
        assert place.hindsight.look() is None
    assert place.cloud.asked == 0


def test_a_site_that_has_no_place_for_it_yet_goes_without(place: Place, zk: KazooClient) -> None:
    zk.delete(layout.LEARNT)
    assert not place.hindsight.due()
    assert not place.experience.begin(OTHER)


def recovering(zk: KazooClient, name: str) -> None:
    subject = Subject(SubjectKind.HOST, "h9")
    transaction = zk.transaction()
    incidents.create(transaction, Incident(name, "host.down", subject, 1, 1.0, IncidentState.RECOVERING, "dead"), [])
    commit(transaction)
