"""What evacuations that are under way at once do to each other in the simulated cloud."""

from __future__ import annotations

import pytest

from medevac.sandbox.cloud.model.settings import Settings
from tests.unit.sandbox.town import Town

ALONE = 10.0


def both(*, shared: bool, power: float, later: float) -> list[float]:
    """Return how long two servers take of which the second is asked for *later* seconds after the first."""
    crowd = Settings(
        evacuate_seconds=ALONE,
        evacuate_spread=0.0,
        conflict_above=1,
        conflict_power=power,
        conflict_shared=shared,
    )
    town = Town(settings=crowd)
    servers = [town.server("h1"), town.server("h1")]
    town.lose("h1")
    records = [town.evacuate(servers[0])]
    town.passes(later)
    records.append(town.evacuate(servers[1]))
    town.passes(10 * ALONE)
    return [record.updated_at - record.created_at for record in records]


def test_in_a_queue_who_comes_later_waits_for_those_before_it_and_not_the_other_way_round() -> None:
    assert both(shared=False, power=1.0, later=5.0) == pytest.approx([ALONE, 2 * ALONE])


def test_those_who_share_something_are_slowed_while_there_are_others_and_no_longer() -> None:
    first, second = both(shared=True, power=1.0, later=5.0)
    assert first == pytest.approx(5.0 + 2 * 5.0, abs=1.0)
    assert second == pytest.approx(2 * 5.0 + 5.0, abs=1.0)


def test_a_power_above_one_makes_two_at_once_slower_than_one_after_the_other() -> None:
    first, second = both(shared=True, power=1.5, later=0.0)
    assert min(first, second) > 2 * ALONE
