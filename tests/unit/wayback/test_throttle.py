"""How many evacuations at once: more while that pays, fewer where they get in each other's way."""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from medevac.flows.bulletin import Bulletin
from medevac.flows.crowding import FADED, Level, Levels, best, merged, pooled
from medevac.flows.demand import Demand
from medevac.flows.learnt import Learnt
from medevac.flows.throttle import GROW, START, STUCK, Throttle

MOST = 20
UPTAKE = 0.1
"""The part of its time after which a destination has taken a server up."""
Seconds = Callable[[int], float]


def roomy(_: int) -> float:
    return 2.0


def narrow(beside: int) -> float:
    return 2.0 * math.pow(beside, 1.35)


def middling(beside: int) -> float:
    return 2.0 * math.pow(max(1.0, beside / 4), 1.35)


class Play:
    """A cloud that takes *seconds*(n) for a server that is asked for as the n-th under way, up to *spread* more."""

    def __init__(self, throttle: Throttle, seconds: Seconds, *, spread: float = 0.0, fails: int = MOST) -> None:
        self.throttle = throttle
        self.seconds = seconds
        self.spread = random.Random(1)
        self.most_spread = spread
        self.fails = fails
        self.now = 0.0
        self.under_way = 0
        self.windows: list[int] = []

    def run(self, servers: int, most: int = MOST) -> float:
        """Bring *servers* back; return how long that took."""
        begun, waiting = self.now, [f"s{n}" for n in range(servers)]
        due: list[tuple[float, str, str]] = []
        while waiting or self.under_way:
            while waiting and self.under_way < self.throttle.window(most):
                due += self.ask(waiting.pop(0))
            self.throttle.all_asked()
            self.windows.append(self.under_way)
            due.sort()
            self.now, what, name = due.pop(0)
            getattr(self.throttle, what)(name, self.now)
            self.under_way -= what != "taken"
            waiting += [name] if what == "failed" else []
        return self.now - begun

    def ask(self, name: str) -> list[tuple[float, str, str]]:
        self.throttle.asked(name, self.now)
        beside = self.under_way = self.under_way + 1
        took = self.seconds(beside) * (1 + self.most_spread * self.spread.random())
        taken = (self.now + UPTAKE * took, "taken", name)
        if beside > self.fails:
            return [taken, (self.now + took, "failed", name)]
        return [taken, (self.now + took, "arrived", name)]


def remembered(play: Play) -> tuple[Level, ...]:
    return Learnt(0.0, play.throttle.known).believed(60.0)


def test_the_first_recovery_of_a_small_host_on_a_roomy_cloud_asks_for_all_before_one_has_arrived() -> None:
    play = Play(Throttle(0.0), roomy)
    assert play.run(10) <= 1.3 * 2.0


def test_a_cloud_that_takes_any_number_is_given_all_that_the_policy_allows() -> None:
    play = Play(Throttle(0.0), roomy, spread=0.5)
    assert play.run(100) <= 16.0  # twenty at once from the beginning: 12.5
    assert play.throttle.window(MOST) == MOST


def test_a_cloud_that_works_them_off_one_by_one_is_given_few() -> None:
    play = Play(Throttle(0.0), narrow)
    assert play.run(60) <= 1.15 * 120.0  # one at once: 120
    assert play.throttle.best(MOST) == 1
    assert max(play.windows) <= 2 * GROW


def test_a_cloud_in_which_four_go_well_is_given_about_four() -> None:
    play = Play(Throttle(0.0), middling)
    play.run(100)
    assert 3 <= play.throttle.best(MOST) <= 6


def test_a_cloud_in_which_more_than_eight_find_no_host_is_given_no_more() -> None:
    play = Play(Throttle(0.0), roomy, fails=8)
    play.run(100)
    assert 6 <= play.throttle.best(MOST) <= 8


def test_failures_that_come_however_many_are_under_way_are_none_of_our_doing() -> None:
    throttle = Throttle(0.0)
    for number in range(60):
        throttle.asked(f"s{number}", float(number))
        (throttle.failed if number % 4 == 0 else throttle.arrived)(f"s{number}", number + 0.9)
    assert throttle.best(MOST) > 1


@pytest.mark.parametrize("most", [1, 2, 3, 5])
@pytest.mark.parametrize("seconds", [roomy, narrow])
def test_the_policys_number_is_never_exceeded(most: int, seconds: Seconds) -> None:
    play = Play(Throttle(0.0), seconds)
    play.run(40, most)
    assert max(play.windows) <= most


def test_what_was_learnt_is_where_the_next_one_begins() -> None:
    first = Play(Throttle(0.0), roomy, spread=0.5)
    first.run(50)
    assert Throttle(0.0, remembered(first)).window(MOST) == MOST
    other = Play(Throttle(0.0), narrow)
    other.run(50)
    second = Play(Throttle(0.0, remembered(other)), narrow)
    assert second.throttle.window(MOST) == 1
    assert second.run(50) <= 1.1 * 100.0


def test_what_nobody_has_met_is_not_begun_with_however_well_the_few_went() -> None:
    few = (Level(2, 2, 4.0, 9.0), Level(3, 3, 4.1, 9.0), Level(4, 4, 4.0, 9.0))
    throttle = Throttle(0.0, few)
    assert throttle.best(MOST) > 2 * 4
    assert throttle.window(MOST) == 2 * 4
    for number in range(8):
        throttle.asked(f"s{number}", 0.0)
    throttle.arrived("s7", 4.0)
    assert throttle.window(MOST) > 2 * 4


def test_as_many_as_a_dead_worker_had_under_way_were_met() -> None:
    few = (Level(2, 2, 4.0, 9.0), Level(3, 3, 4.1, 9.0), Level(4, 4, 4.0, 9.0))
    throttle = Throttle(0.0, few)
    for number in range(11):
        throttle.asked(f"adopted-{number}", 0.0, timed=False)
    assert throttle.window(MOST) == START + 11
    one = Throttle(0.0, (Level(1, 1, 4.0, 9.0),))
    for number in range(2):
        one.asked(f"forgotten-{number}", 0.0, timed=False)
    assert one.window(MOST) > 2, "two that Nova forgot hold up nobody"


@pytest.mark.parametrize("field", ["beside", "average", "seconds", "arrived", "failed"])
@pytest.mark.parametrize("number", [math.inf, math.nan, -1.0])
def test_what_no_recovery_can_have_seen_is_not_believed(field: str, number: float) -> None:
    broken = replace(Level(4, 4, 4.0, 9.0), **{field: number})
    assert Learnt(0.0, (broken,)).believed(0.0) == ()
    assert Throttle(0.0, Learnt(0.0, (broken,)).believed(0.0)).window(MOST) == START


def test_a_cloud_that_has_become_narrow_is_found_out() -> None:
    first = Play(Throttle(0.0), roomy)
    first.run(50)
    second = Play(Throttle(0.0, remembered(first)), narrow)
    second.run(60)
    assert second.throttle.best(MOST) <= 2


def test_a_cloud_that_has_become_roomy_is_found_out_by_trying_a_little_more_now_and_then() -> None:
    first = Play(Throttle(0.0), narrow)
    first.run(50)
    second = Play(Throttle(0.0, remembered(first)), roomy)
    second.run(100)
    assert second.throttle.best(MOST) >= MOST // 2


def test_servers_that_take_longer_by_themselves_do_not_look_crowded() -> None:
    first = Play(Throttle(0.0), roomy)
    first.run(50)
    second = Play(Throttle(0.0, remembered(first)), lambda _: 20.0)
    assert second.run(40) <= 2 * 20.0
    assert second.throttle.window(MOST) == MOST


def test_who_was_asked_for_by_somebody_else_takes_a_place_and_tells_no_time() -> None:
    throttle = Throttle(0.0)
    throttle.asked("adopted", 0.0, timed=False)
    throttle.taken("adopted", 0.1)
    throttle.arrived("adopted", 0.2)
    assert throttle.known == ()
    throttle.arrived("never asked for", 1.0)
    assert throttle.known == ()
    throttle.asked("the next one", 2.0)
    throttle.arrived("the next one", 3.0)
    assert throttle.known == (Level(1.0, 1.0, pytest.approx(1.0), 1.0),), "nobody is beside it any more"


def test_one_that_nova_forgot_holds_nobody_up() -> None:
    throttle = Throttle(0.0)
    throttle.asked("forgotten", 0.0)
    assert throttle.window(MOST) == START
    assert throttle.window(1) == 1
    assert throttle.stuck(1.0) == frozenset()
    assert throttle.stuck(STUCK + 1.0) == {"forgotten"}


def test_whom_a_destination_works_on_takes_a_place_however_long_it_takes_until_times_are_known() -> None:
    throttle = Throttle(0.0)
    throttle.asked("large", 0.0)
    throttle.taken("large", 1.0)
    assert throttle.stuck(STUCK + 1.0) == frozenset()
    throttle.asked("small", 1.0)
    throttle.arrived("small", 2.0)
    assert throttle.stuck(3.0) == frozenset()
    assert throttle.stuck(10 * STUCK) == {"large"}


def test_whom_a_dead_worker_asked_for_does_not_hold_up_the_first_whose_time_is_taken() -> None:
    throttle = Throttle(0.0)
    throttle.asked("adopted", 0.0, timed=False)
    assert throttle.window(MOST) == START + 1


def told(under_way: int = 0, **found: object) -> Bulletin:
    return Bulletin((Demand("elsewhere", under_way),), **found)  # type: ignore[arg-type]  # the test's own names


def test_whoever_is_under_way_elsewhere_is_beside_those_that_are_asked_for_here() -> None:
    throttle = Throttle(0.0)
    throttle.hear([told(3)], 0.0)
    throttle.asked("a", 0.0)
    throttle.hear([told(1)], 5.0)
    throttle.arrived("a", 10.0)
    assert throttle.levels == (Level(4.0, pytest.approx(3.0), pytest.approx(10.0), 1.0),)


def test_what_others_find_out_counts_as_if_it_had_been_seen_here() -> None:
    grown = tuple(level(n, 2.0 * n**1.4) for n in (1, 2, 4, 8))
    flat = tuple(level(n, 2.0) for n in (1, 2, 4, 8, 16))
    for levels, window in ((grown, 1), (flat, 16)):
        throttle = Throttle(0.0)
        throttle.hear([told(4, reached=16, levels=levels)], 0.0)
        assert throttle.window(MOST) == window
        assert throttle.known == levels
    throttle.hear([], 1.0)
    assert throttle.window(MOST) == START
    assert throttle.known == ()


def test_nobody_goes_further_than_anybody_has_seen() -> None:
    throttle = Throttle(0.0)
    taken = tuple(level(n, 0.2) for n in (1, 2))
    throttle.hear([told(2, taken=taken, reached=4)], 0.0)
    assert throttle.window(MOST) == 4
    throttle.hear([told(2, taken=taken)], 0.0)
    assert throttle.window(MOST) == START


def trier(found: Sequence[Bulletin] = ()) -> Throttle:
    """Return what knows that three are best, with many servers left, after one more has arrived."""
    throttle = Throttle(0.0, [level(n, 2.0 * max(1.0, n / 3) ** 1.5, 12.0) for n in (3, 4, 6, 8)])
    throttle.waiting(100)
    throttle.hear(found, 0.0)
    for number in range(40):
        throttle.asked(f"{number}", 2.0 * number)
        throttle.arrived(f"{number}", 2.0 * number + 2.0)
        throttle.window(MOST)
        if throttle.trying:
            break
    return throttle


def test_what_one_tries_all_try_and_nobody_tries_something_else() -> None:
    found = trier().trying
    assert found
    throttle = trier([told(2, trying=found)])
    assert throttle.trying == 0
    assert throttle.window(MOST) == found


def test_what_is_tried_is_dropped_when_it_is_no_longer_beside_the_best() -> None:
    throttle = trier()
    assert throttle.trying
    flat = tuple(level(n, 2.0, 12.0) for n in (1, 2, 4, 8, 16))
    throttle.hear([told(20, reached=40, levels=flat)], 100.0)
    assert throttle.window(MOST) > 8
    throttle.asked("one more", 100.0)
    throttle.arrived("one more", 102.0)
    throttle.window(MOST)
    assert throttle.trying == 0


def test_what_two_have_seen_of_one_level_is_what_one_would_have_seen() -> None:
    one, other = Levels(), Levels()
    for levels, times in ((one, (2.0, 2.4)), (other, (2.2, 1.9, 2.1))):
        for seconds in times:
            levels.arrived(4, 3.8, seconds)
    other.failed(4, 3.8)
    other.failed(2, 2.0)
    both = Levels(pooled([one.all, other.all])).all
    assert [(round(each.beside), each.arrived, each.failed) for each in both] == [(2, 0, 1), (4, 5, 1)]
    mean = math.exp(statistics.mean(math.log(seconds) for seconds in (2.0, 2.4, 2.2, 1.9, 2.1)))
    assert both[1].seconds == pytest.approx(mean)


def level(beside: float, seconds: float, arrived: float = 4.0, failed: float = 0.0) -> Level:
    return Level(beside, beside, seconds, arrived, failed)


def test_the_best_number_is_read_off_times() -> None:
    grown = [level(n, 2.0 * n**1.3) for n in (1, 2, 4, 8)]
    flat = [level(n, 2.0) for n in (1, 2, 4, 8)]
    assert best([grown], MOST) == 1
    assert best([flat], MOST) == MOST
    assert best([flat, [level(n, 30.0) for n in (1, 16)]], MOST) == MOST  # two kinds of times, each by itself
    assert best([], 1) == 1


def test_more_than_usual_is_only_asked_for_where_much_is_won_by_it() -> None:
    flat = [level(n, 2.0) for n in (1, 4, 16)]
    assert best([flat], 60, usual=20) == 60
    doubtful = [level(n, 2.0 * max(1.0, n / 4) ** 0.9) for n in (2, 5, 9, 15)]
    assert best([doubtful], 60) == 60
    assert best([doubtful], 60, usual=20) <= 20


def test_places_that_stand_empty_between_two_servers_are_worth_more_at_once_where_times_little_more_than_add_up() -> (
    None
):
    queue = [level(n, 2.0 * max(1.0, n / 4) ** 1.1) for n in (1, 2, 4, 6, 8, 12, 16)]
    assert best([queue], MOST, idle=1.0) > best([queue], MOST)
    narrow = [level(n, 2.0 * n**1.35) for n in (1, 2, 4, 8)]
    assert best([narrow], MOST, idle=0.2) == 1


def test_failures_above_a_number_set_it_as_the_bound_though_times_do_not_grow() -> None:
    failing = [level(4, 2.0, 12.0), level(8, 2.0, 12.0), level(16, 2.0, 6.0, 6.0)]
    assert best([failing], MOST) < 16
    everywhere = [level(n, 2.0, 9.0, 3.0) for n in (1, 4, 8, MOST)]
    assert best([everywhere], MOST) == MOST


def test_times_of_earlier_servers_are_carried_over_by_how_the_later_ones_compare() -> None:
    earlier = (level(1, 2.0), level(4, 4.0))
    assert merged(earlier, ()) == earlier
    assert merged(earlier, [level(1, 20.0)])[1].seconds == pytest.approx(40.0)
    kept = merged(earlier, [level(9, 20.0)])  # nothing to compare by
    assert [each.seconds for each in kept] == [2.0, 4.0, 20.0]
    assert [each.ends for each in kept] == [pytest.approx(FADED * earlier[0].ends)] * 2 + [level(9, 20.0).ends]


def test_what_was_not_seen_for_long_is_forgotten() -> None:
    known = (level(1, 2.0), level(16, 30.0))
    for _ in range(100):
        known = merged(known, [level(1, 2.0)])
    assert known == (level(1, 2.0),)
