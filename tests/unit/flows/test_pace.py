"""When to look next: often while news is likely, seldom while it is not."""

from __future__ import annotations

import pytest

from medevac.flows.pace import EARLY, NEAR, SHORTEST, WORTH, Pace


def learnt(seconds: float, longest: float = 100.0) -> Pace:
    pace = Pace(longest, 0.0)
    pace.learn(seconds)
    return pace


def test_while_nobody_knows_how_long_it_takes_each_look_without_news_is_followed_by_a_longer_wait() -> None:
    pace = Pace(1.0, 0.0)
    waits = []
    for _ in range(20):
        pace.looked(0.0, news=False)
        waits.append(pace.rest(0.0, [0.0]))
    assert waits == sorted(waits)
    assert waits[-1] == 1.0


def test_nobody_looks_before_an_arrival_is_likely_and_then_often() -> None:
    pace = learnt(10.0)
    pace.looked(0.0, news=True)
    assert pace.rest(0.0, [0.0], others=False) == pytest.approx(EARLY * 10.0)
    pace.looked(7.0, news=False)
    assert pace.rest(7.0, [0.0], others=False) == pytest.approx(NEAR * 10.0)


def test_of_several_the_next_to_arrive_sets_the_time() -> None:
    pace = learnt(10.0)
    pace.looked(5.0, news=True)
    assert pace.rest(5.0, [5.0, 1.0, 4.0], others=False) == pytest.approx(EARLY * 10.0 - 4.0)


def test_one_that_takes_much_longer_than_others_is_looked_for_less_and_less_often() -> None:
    pace = learnt(10.0)
    pace.looked(30.0, news=False)
    late = pace.rest(30.0, [0.0], others=False)
    pace.looked(90.0, news=False)
    assert NEAR * 10.0 < late < pace.rest(90.0, [0.0], others=False)


def test_other_news_than_arrivals_is_not_waited_for_any_longer() -> None:
    pace = learnt(10.0)
    pace.looked(0.0, news=True)
    assert pace.rest(0.0, [0.0], others=True) < pace.rest(0.0, [0.0], others=False)


def test_no_wait_is_longer_than_allowed_and_what_was_done_meanwhile_counts() -> None:
    pace = learnt(100.0, longest=1.0)
    pace.looked(0.0, news=True)
    assert pace.rest(0.0, [0.0], others=False) == 1.0
    assert pace.rest(0.7, [0.0], others=False) == pytest.approx(0.3)
    assert pace.rest(5.0, [0.0], others=False) == 0.0


def test_a_cloud_that_answers_slowly_is_asked_less_often() -> None:
    pace = learnt(1.0)
    pace.looked(1.0, news=True, cost=0.5)
    assert pace.rest(1.0, [0.0], others=False) == pytest.approx(WORTH * 0.5)
    pace.looked(1.0, news=True)
    assert pace.rest(1.0, [0.0], others=False) == pytest.approx(NEAR)
    assert pace.rest(1.0) >= SHORTEST
