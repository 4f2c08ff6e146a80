from __future__ import annotations

import pytest

from medevac.workers.openstack.times import to_epoch, to_epoch_or_none, to_nova

AT = 1795359273.0


@pytest.mark.parametrize(
    "text", ["2026-11-22T14:54:33Z", "2026-11-22T14:54:33.000000", "2026-11-22T15:54:33+01:00", "2026-11-22T14:54:33"]
)
def test_novas_times_are_utc_where_they_name_no_zone(text: str) -> None:
    assert to_epoch(text) == AT


def test_a_time_that_is_not_set_is_none() -> None:
    assert to_epoch_or_none(None) is None
    assert to_epoch_or_none("") is None


@pytest.mark.parametrize("at", [AT, AT + 0.001, AT + 0.999])
def test_a_filter_is_rounded_down_to_the_second(at: float) -> None:
    assert to_nova(at) == "2026-11-22T14:54:33Z"
