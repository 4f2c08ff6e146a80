"""Whom the brakes tell of a storm and of hosts in maintenance, and when a page does not go out."""

from __future__ import annotations

from medevac.workers.brakes import marks, orders
from tests.component.brakes.conftest import MakeYard
from tests.component.brakes.yard import zone


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
    assert sum("medevac holds host.down:az1-" in each.title for each in sent) == 1
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
