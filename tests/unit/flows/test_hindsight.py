"""What past evacuations tell of how many at once are best."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import pytest

from medevac.flows.crowding import Level
from medevac.flows.hindsight import ENOUGH, Past, learnt, levels
from medevac.flows.throttle import Throttle

AT = 1_000_000.0
Seconds = Callable[[int], float]


def queue(beside: int) -> float:
    """Return what a server takes of a cloud that takes one at a time."""
    return 5.0 * math.pow(beside, 1.35)


def roomy(_: int) -> float:
    return 5.0


def script(seconds: Seconds, servers: int, at_once: int, begin: float = AT) -> list[Past]:
    """Return what somebody did who kept *at_once* under way, at times in whole seconds."""
    under_way: list[float] = []
    found, now = [], begin
    for _ in range(servers):
        if len(under_way) == at_once:
            now = min(under_way)
            under_way.remove(now)
        under_way.append(now + seconds(len(under_way) + 1))
        found.append(Past(math.floor(now), math.floor(under_way[-1]), arrived=True))
    return found


def varied(seconds: Seconds) -> list[Past]:
    """Return what is left of three hosts that failed, whose servers were evacuated each time in another way."""
    return [
        each
        for hour, (servers, at_once) in enumerate([(10, 1), (20, 3), (30, 30)])
        for each in script(seconds, servers, at_once, AT + 3600 * hour)
    ]


@pytest.mark.parametrize("seed", range(20))
def test_evacuations_tell_afterwards_what_they_told_whoever_watched_them(seed: int) -> None:
    chance = random.Random(seed)
    accepted = sorted(AT + chance.uniform(0, 60) for _ in range(60))
    past = [Past(at, at + chance.uniform(1, 20), arrived=chance.random() < 0.8) for at in accepted]
    throttle = Throttle(AT)
    for now, ended, name in sorted((at, at == each.ended, f"s{n}") for n, each in enumerate(past) for at in ends(each)):
        if not ended:
            throttle.asked(name, now)
        elif past[int(name[1:])].arrived:
            throttle.arrived(name, now)
        else:
            throttle.failed(name, now)
    assert [numbers(level) for level in levels(past)] == [pytest.approx(numbers(level)) for level in throttle.known]


def ends(past: Past) -> tuple[float, float]:
    return past.accepted, past.ended


def numbers(level: Level) -> tuple[float, ...]:
    return level.beside, level.average, level.seconds, level.arrived, level.failed


def test_whoever_ends_in_the_second_in_which_another_is_accepted_has_made_room_for_it() -> None:
    one_after_the_other = [Past(AT + 5 * n, AT + 5 * (n + 1), arrived=True) for n in range(4)]
    assert [(level.beside, level.average, level.seconds) for level in levels(one_after_the_other)] == [
        (1, 1, pytest.approx(5))
    ]


def test_an_evacuation_that_took_no_whole_second_took_half_of_one() -> None:
    (level,) = levels([Past(AT, AT, arrived=True)])
    assert (level.beside, level.average, level.seconds) == (1, 1, 0.5)


def test_servers_that_were_not_brought_back_count_as_failed_and_have_no_time() -> None:
    (level,) = levels([Past(AT, AT + 100, arrived=False)])
    assert (level.beside, level.arrived, level.failed) == (1, 0, 1)


@pytest.mark.parametrize(("seconds", "best"), [(queue, range(1, 3)), (roomy, range(16, 21))])
def test_those_that_were_done_in_several_ways_tell_how_many_at_once_are_best(seconds: Seconds, best: range) -> None:
    past = varied(seconds)
    found = learnt(past)
    assert found is not None
    assert found.best in best
    assert found.at == max(each.ended for each in past)
    assert Throttle(found.at, found.believed(found.at)).window(20) == found.best


@pytest.mark.parametrize("at_once", [1, 2, 3, 5])
def test_those_that_were_always_done_in_one_way_tell_nothing_of_other_numbers(at_once: int) -> None:
    assert learnt(script(roomy, 40, at_once)) is None


def test_more_at_once_than_was_ever_seen_is_not_believed_to_be_best() -> None:
    slowly = [*script(roomy, 10, 1), *script(roomy, 20, 3, AT + 3600), *script(roomy, 30, 6, AT + 7200)]
    found = learnt(slowly)
    assert found is None or found.best <= 6


def test_too_few_arrivals_tell_nothing() -> None:
    assert learnt([]) is None
    past = varied(queue)
    assert learnt(past[-ENOUGH + 1 :]) is None
    assert learnt([Past(each.accepted, each.ended, arrived=False) for each in past]) is None


def test_where_many_failed_nobody_knows_afterwards_what_it_came_of() -> None:
    past = varied(queue)
    assert learnt([*past, *(Past(AT + 9000 + n, AT + 9003 + n, arrived=False) for n in range(10))]) is None


def test_the_oldest_tell_nothing_where_others_may_have_been_under_way_beside_them() -> None:
    past = varied(queue)
    assert learnt(past, AT - 1000) == learnt(past)
    assert learnt(past, AT + 7200) is None, "all of the last host's began while an older one may have been under way"
    told = levels(past, AT + 7199)
    assert sum(level.arrived for level in told) == pytest.approx(sum(level.arrived for level in levels(past[30:])))
