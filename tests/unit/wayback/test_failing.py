"""What failures cost, by how many are under way at once."""

from __future__ import annotations

from itertools import pairwise

import pytest

from medevac.flows.failing import Ends, costs

NUMBERS = (1, 2, 4, 8, 16)


def test_where_nothing_fails_nothing_is_lost() -> None:
    assert costs([Ends(8.0, 50.0, 0.0)], NUMBERS) == [0.0] * len(NUMBERS)


def test_failures_that_come_however_many_are_under_way_are_no_reason_for_fewer() -> None:
    found = costs([Ends(float(number), 9.0, 3.0) for number in NUMBERS], NUMBERS)
    assert max(found) < 0.2


@pytest.mark.parametrize(("slope", "four"), [(0.1, 0.2), (0.3, 1.7)])
def test_the_more_fail_with_each_further_the_more_is_lost(slope: float, four: float) -> None:
    failing = {number: slope * (number - 1) for number in (1.0, 2.0, 3.0, 4.0)}
    found = costs([Ends(number, 20 * (1 - share), 20 * share) for number, share in failing.items()], NUMBERS)
    assert all(one < other for one, other in pairwise(found[:3]))
    assert found[2] == pytest.approx(four, abs=0.1)


def test_a_number_beyond_which_all_fail_is_a_wall() -> None:
    found = costs([Ends(8.0, 40.0, 0.0), Ends(9.0, 0.0, 6.0)], NUMBERS)
    assert found[3] < 0.2
    assert found[4] > 1.0
