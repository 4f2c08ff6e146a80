"""Whom the brakes tell of a storm and of hosts in maintenance, and when a page does not go out."""

from __future__ import annotations

import threading
from dataclasses import replace

from kazoo.security import OPEN_ACL_UNSAFE, make_acl

from medevac.core import layout
from medevac.core.event import Subject, SubjectKind
from medevac.core.incident import Incident, IncidentState
from medevac.sandbox.notifier import FakeNotifier
from medevac.workers import incidents
from medevac.workers.brakes import marks, orders
from medevac.workers.telling import SIDE_BY_SIDE, Teller
from medevac.workers.zookeeper import commit
from tests.component.brakes.conftest import MakeYard
from tests.component.brakes.yard import Yard, zone

READ_ONLY = [make_acl("world", "anyone", read=True, admin=True)]
"""Only this may change."""


def test_people_are_told_once_of_a_storm_and_once_of_each_forgotten_host(make_yard: MakeYard) -> None:
    yard = make_yard(page=("oncall",))
    for host in ("az2-c1", "az2-c2"):
        marks.put(yard.client, marks.Maintenance(host, "bob", "memory", yard.now))
        yard.lose(host)
    yard.lose(*zone(6))
    yard.later(30)
    sent = yard.pages()
    assert len(sent) == 3
    assert {each.target for each in sent} == {"oncall"}
    (storm,) = [each for each in sent if "medevac holds host.down:az1-" in each.title]
    held = storm.title.removeprefix("medevac holds ")
    assert f"Set going by: the end of the storm, or: medevac incident release {held} --why ..." in storm.text
    assert all("Set going by: " in each.text for each in sent)
    yard.later(600)
    yard.new_leader()
    yard.later(600)
    assert yard.pages() == sent, "its successor knows what people were told"


def test_who_could_not_be_told_of_a_storm_is_told_later_and_the_others_are_not_told_again(make_yard: MakeYard) -> None:
    yard = make_yard(page=("oncall", "chat"))
    notifier = yard.bench.site.notifier
    notifier.deaf = {"oncall"}
    yard.lose(*zone(6))
    yard.later(1)
    assert [each.target for each in yard.pages()] == ["chat"]
    (told,) = [each for each in yard.held() if "oncall was not told" in yard.bench.journal(f"host.down:{each}:1")]
    yard.later(30)
    notifier.deaf = set()
    yard.later(15)
    assert len(yard.pages()) == 1, "it is tried again after a minute"
    yard.later(15)
    assert [each.target for each in yard.pages()] == ["chat", "oncall"]
    assert "told oncall and chat: " in yard.bench.journal(f"host.down:{told}:1")
    yard.later(300)
    assert len(yard.pages()) == 2


def test_a_storm_is_told_though_the_incident_is_gone_whose_page_did_not_go_out(make_yard: MakeYard) -> None:
    yard = make_yard(page=("oncall",))
    notifier = yard.bench.site.notifier
    notifier.deaf = {"oncall"}
    yard.lose(*zone(6))
    yard.later(1)
    assert yard.pages() == []
    (first,) = [each for each in yard.held() if "was not told" in yard.bench.journal(f"host.down:{each}:1")]
    orders.release(yard.client, f"host.down:{first}:1", yard.said())
    notifier.deaf = set()
    yard.later(30)
    yard.later(30)
    assert len(yard.pages()) == 1


def test_a_storm_of_which_people_know_is_no_news_to_a_leader_that_comes_hours_later(make_yard: MakeYard) -> None:
    yard = make_yard(page=("oncall",))
    yard.lose(*zone(6))
    for _ in range(3):
        yard.later(3600)
        yard.new_leader()
        yard.later(1)
    assert len(yard.held()) > 1
    assert len(yard.pages()) == 1


def test_a_storm_that_begins_after_people_were_told_of_another_is_told_also_by_a_successor(make_yard: MakeYard) -> None:
    yard = make_yard(page=("oncall",))
    yard.lose(*zone(6))
    yard.later(1)
    assert len(yard.pages()) == 1
    yard.later(3600)
    yard.bench.site.notifier.deaf = {"oncall"}
    yard.lose(*zone(6, "az2"))
    yard.later(1)
    assert len(yard.pages()) == 1
    yard.bench.site.notifier.deaf = set()
    yard.new_leader()
    yard.later(1)
    assert len(yard.pages()) == 2


def test_people_who_know_of_hosts_in_maintenance_are_told_of_the_storm_that_is_left_when_it_ends(
    make_yard: MakeYard,
) -> None:
    yard = make_yard(page=("oncall",))
    for host in zone(6):
        marks.put(yard.client, marks.Maintenance(host, "bob", "memory", yard.now, until=yard.now + 3600))
    yard.lose(*zone(6))
    yard.later(1)
    assert len(yard.pages()) == 6
    yard.later(3600)
    assert {yard.incident(host).held_by for host in yard.held()} == {"breaker"}
    yard.later(1)
    assert len(yard.pages()) == 7
    yard.later(600)
    assert len(yard.pages()) == 7


def test_who_was_told_of_a_storm_is_not_told_with_each_incident_that_another_could_not_be_told_of(
    make_yard: MakeYard,
) -> None:
    yard = make_yard(page=("oncall", "chat"))
    yard.bench.site.notifier.deaf = {"oncall"}
    yard.lose(*zone(6))
    yard.later(1)
    begun: set[str] = set()
    for _ in range(5):
        said = {each for each in yard.held() if "oncall was not told" in yard.bench.journal(f"host.down:{each}:1")}
        begun |= said
        for host in said:
            orders.release(yard.client, f"host.down:{host}:1", yard.said())
        yard.later(61)
    assert len(begun) > 1, "one after the other was the one to tell with"
    assert [each.target for each in yard.pages()] == ["chat"]


def test_people_are_not_told_again_where_only_the_record_of_it_could_not_be_written(make_yard: MakeYard) -> None:
    yard = make_yard(page=("oncall",))
    yard.lose(*zone(6))
    journals = [layout.journal(f"host.down:{host}:1") for host in yard.held()]
    for each in journals:
        yard.client.set_acls(each, READ_ONLY)
    for _ in range(3):
        yard.later(61)
    assert len(yard.pages()) == 1
    for each in journals:
        yard.client.set_acls(each, OPEN_ACL_UNSAFE)
    yard.later(61)
    yard.pages()
    yard.new_leader()
    yard.later(61)
    assert len(yard.pages()) == 1
    assert sum(yard.incident(host).warned_at > 0 for host in zone(6)) == 1


def incident(number: int, held_by: str, yard: Yard) -> Incident:
    """Return an incident that triage holds since now."""
    subject, now = Subject(SubjectKind.HOST, f"host-{number}"), yard.now
    name = f"host.down:{subject.name}:1"
    held = Incident(name, "host.down", subject, 1, now, IncidentState.HELD, "because", held_by=held_by, held_at=now)
    transaction = yard.client.transaction()
    incidents.create(transaction, held, [])
    commit(transaction)
    return held


def test_who_was_told_of_a_storm_is_also_told_of_what_holds_the_incident_afterwards(make_yard: MakeYard) -> None:
    yard = make_yard(page=("page", "chat"))
    notifier = yard.bench.site.notifier
    notifier.deaf = {"chat"}
    teller, held = Teller(yard.bench.desk, notifier), incident(1, "breaker", yard)
    teller.tell([held])
    assert len(yard.pages()) == 1
    yard.bench.pass_time(61)
    teller.tell([replace(held, held_by="limit", reason="too often")])
    assert [(each.target, each.text.partition(". ")[0]) for each in yard.pages()] == [
        ("page", "because"),
        ("page", "too often"),
    ]


def test_an_incident_with_which_nobody_has_to_be_told_any_more_stands_in_no_others_way(make_yard: MakeYard) -> None:
    yard = make_yard(page=("oncall",))
    notifier = yard.bench.site.notifier
    notifier.fails = True
    teller, tried, told = Teller(yard.bench.desk, notifier), *(incident(number, "breaker", yard) for number in (1, 2))
    teller.tell([tried])
    assert yard.pages() == []
    notifier.fails = False
    told = replace(told, warned_at=yard.now, warned_of="breaker")  # by a process that led meanwhile
    teller.tell([tried, told])
    yard.bench.pass_time(3600)
    teller.tell([tried, told, incident(3, "breaker", yard)])
    assert [each.title for each in yard.pages()] == ["medevac holds host.down:host-3:1"], "another storm"


def test_of_a_site_that_fails_as_a_whole_the_storm_is_told_first_and_not_all_hosts_at_once(make_yard: MakeYard) -> None:
    yard = make_yard(page=("oncall",))
    gate = threading.Event()

    class Slow(FakeNotifier):
        def send(self, target: str, title: str, text: str) -> None:
            assert gate.wait(30.0)
            super().send(target, title, text)

    slow = Slow()
    teller = Teller(yard.bench.desk, slow)
    many = [incident(number, "limit", yard) for number in range(SIDE_BY_SIDE + 10)]
    many.append(incident(len(many), "breaker", yard))
    teller.tell(many)
    teller.tell(many)
    assert sum(each.name == "page" for each in threading.enumerate()) == SIDE_BY_SIDE
    gate.set()
    yard.pages()
    assert many[-1].id in {each.title.split()[-1] for each in slow.sent}
    teller.tell([yard.bench.incident(each.id) for each in many])
    yard.pages()
    assert len(slow.sent) == len({each.title for each in slow.sent}) == len(many)
