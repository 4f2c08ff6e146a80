"""What is too long to be shown loses its middle."""

from __future__ import annotations

import pytest

from medevac.core.shortening import GAP, shortened


@pytest.mark.parametrize("limit", [5, 6, 20, 99])
def test_a_long_text_keeps_its_beginning_and_its_end(limit: int) -> None:
    text = "".join(chr(33 + n % 90) for n in range(100))
    short = shortened(text, limit)
    assert len(short) == limit
    before, after = short.split(GAP)
    assert text.startswith(before)
    assert text.endswith(after)
    assert 0 <= len(before) - len(after) <= 1


def test_a_text_that_fits_is_left_as_it_is() -> None:
    assert shortened("x" * 20, 20) == "x" * 20
