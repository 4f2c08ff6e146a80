"""How many evacuations at once: more while that pays, fewer where they get in each other's way."""

from __future__ import annotations

import heapq
from collections.abc import Callable

import pytest

from medevac.flows.throttle import START, Throttle, crowding, is_crowded, knee


def play(throttle: Throttle, servers: int, seconds: Callable[[int], float], fails: Callable[[int], bool]) -> float:
    """Let a cloud take *seconds*(n) for a server that is asked for as the n-th under way; return when all are back."""
    now, waiting = 0.0, [f"s{n}" for n in range(servers)]
    under_way: list[tuple[float, str, bool]] = []
    while waiting or under_way:
        while waiting and len(under_way) < throttle.window:
            name = waiting.pop(0)
            throttle.asked(name, now)
            heapq.heappush(under_way, (now + seconds(len(under_way) + 1), name, fails(len(under_way) + 1)))
        now, name, failed = heapq.heappop(under_way)
        (throttle.failed if failed else throttle.arrived)(name, now)
        if failed:
            waiting.append(name)
    return now


def never(_: int) -> bool:
    return False


def test_a_cloud_that_takes_any_number_is_given_all_that_the_policy_allows() -> None:
    throttle = Throttle(20, 0.0)
    took = play(throttle, 100, lambda _: 2.0, never)
    assert throttle.window == 20
    assert took <= 14.0  # twenty at once from the beginning: 10


def test_a_cloud_that_works_them_off_one_by_one_is_given_few() -> None:
    throttle = Throttle(20, 0.0)
    took = play(throttle, 60, lambda beside: 2.0 * beside**1.35, never)
    assert throttle.window <= 2
    assert took <= 1.25 * 120.0  # one at once: 120


def test_a_cloud_in_which_four_go_well_is_given_about_four() -> None:
    throttle = Throttle(20, 0.0)
    play(throttle, 100, lambda beside: 2.0 * max(1.0, beside / 4) ** 1.35, never)
    assert 3 <= throttle.window <= 8


def test_conflicts_halve_the_bound_and_it_grows_again_step_by_step() -> None:
    throttle = Throttle(20, 0.0)
    play(throttle, 40, lambda _: 2.0, never)
    assert throttle.window == 20
    for number in range(20):
        throttle.asked(f"x{number}", 100.0)
    throttle.failed("x0", 101.0)
    assert throttle.window == 10
    for number in range(1, 10):  # of the same crowd: they say nothing about the new bound
        throttle.failed(f"x{number}", 101.0)
    assert throttle.window == 10


def test_failures_that_come_one_at_a_time_too_are_none_of_our_doing() -> None:
    throttle = Throttle(20, 0.0)
    seen = []

    def fails(_: int) -> bool:
        seen.append(throttle.window)
        return len(seen) < 60

    play(throttle, 10, lambda _: 2.0, fails)
    assert min(seen) >= 1
    assert len(seen) >= 60


@pytest.mark.parametrize("most", [1, 2, 3, START])
def test_the_policys_number_is_never_exceeded(most: int) -> None:
    throttle = Throttle(most, 0.0)
    windows = []

    def seconds(_: int) -> float:
        windows.append(throttle.window)
        return 2.0

    play(throttle, 40, seconds, never)
    assert max(windows) <= most


def test_crowding_is_the_power_with_which_times_grow() -> None:
    assert crowding([(1, 2.0), (2, 4.0), (4, 8.0)]) == pytest.approx(1.0)
    assert crowding([(1, 2.0), (2, 2.0), (4, 2.0)]) == pytest.approx(0.0)
    assert crowding([(3, 2.0), (3, 5.0)]) == 0.0
    assert is_crowded([(1, 2.0), (2, 4.1)])
    assert not is_crowded([(1, 2.0), (2, 3.0)])  # two times differ by themselves
    assert knee([(1, 2.0), (4, 2.5), (5, 9.0)]) == 4
