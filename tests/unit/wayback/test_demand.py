"""Waves divide what the cloud takes: as many for each as for any other that wants them."""

from __future__ import annotations

import itertools
import random

import pytest

from medevac.core.wire import decode, encode
from medevac.flows.bulletin import Bulletin
from medevac.flows.crowding import Level
from medevac.flows.demand import TURN, Demand, Share, shares


def waves(*wanted: int) -> list[Demand]:
    return [Demand(f"w{number}", 0, each, 20) for number, each in enumerate(wanted)]


@pytest.mark.parametrize(
    ("places", "wanted", "sure", "left"),
    [
        (8, (20, 20), (4, 4), 0),
        (8, (2, 20), (2, 6), 0),
        (8, (1, 2, 20), (1, 2, 5), 0),
        (8, (2, 2), (2, 2), 0),
        (9, (20, 20), (4, 4), 1),
        (1, (20, 20, 20), (0, 0, 0), 1),
        (3, (5, 0), (3, 0), 0),
        (5, (), (), 0),
    ],
)
def test_each_has_as_many_as_any_other_that_wants_them_and_what_is_left_goes_in_turn(
    places: int, wanted: tuple[int, ...], sure: tuple[int, ...], left: int
) -> None:
    given = shares(places, waves(*wanted), 0.0)
    assert tuple(each.sure for each in given.values()) == sure
    assert sum(each.turn for each in given.values()) == left


def test_whatever_is_wanted_no_more_is_given_than_there_is_or_is_wanted_and_nothing_lies_idle() -> None:
    chance = random.Random(1)
    for _ in range(500):
        demands = waves(*(chance.randrange(8) for _ in range(chance.randrange(1, 7))))
        places, now = chance.randrange(1, 30), chance.random() * 1000
        given = shares(places, demands, now)
        assert all(given[each.wave].most <= each.wanted for each in demands)
        assert sum(each.most for each in given.values()) == min(places, sum(each.wanted for each in demands))
        poorest = min((given[each.wave].most for each in demands if given[each.wave].most < each.wanted), default=99)
        assert all(each.most <= poorest + 1 for each in given.values())


def test_all_workers_come_to_the_same_shares_whatever_order_they_hear_in() -> None:
    demands = [Demand("a", 3, 0, 20), Demand("b", 0, 9, 20), Demand("c", 1, 5, 20)]
    found = [shares(7, order, 50.0) for order in itertools.permutations(demands)]
    assert all(each == found[0] for each in found)


def test_everybody_has_a_turn() -> None:
    turns = [shares(2, waves(5, 5, 5), TURN * number) for number in range(3)]
    assert [sum(each[wave].turn for each in turns) for wave in ("w0", "w1", "w2")] == [2, 2, 2]


def test_a_bulletin_outlives_the_wire_and_keeps_nothing_that_no_worker_has_told() -> None:
    sound, broken = Level(2, 1.5, 2.0, 3.0, 1.0), Level(0, 1, 2.0, 1.0)
    told = Bulletin((Demand("a", 2, 3, 20),), 4, (sound,), (sound, broken))
    assert decode(Bulletin, encode(told)) == told
    assert told.sound() == Bulletin(told.demands, 4, (sound,), (sound,))
    assert told.under_way == 2
    assert decode(Bulletin, b'{"new": 1}') == Bulletin()
    assert Share(2, turn=True).most == 3
