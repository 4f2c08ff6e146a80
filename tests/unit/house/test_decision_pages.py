"""Decisions are pages of one form, so that the price is never left out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.unit.house import tree

PAGES = sorted((tree.ROOT / "docs" / "decisions").glob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_decision_page_has_its_four_headings_in_order(page: Path) -> None:
    headings = re.findall(r"^## (.+)$", page.read_text("utf-8"), re.MULTILINE)
    assert headings == ["Problem", "Choices", "Decision", "Price"]


def test_decision_pages_are_numbered_without_a_gap() -> None:
    assert [page.name[:4] for page in PAGES] == [f"{number:04}" for number in range(1, len(PAGES) + 1)]
