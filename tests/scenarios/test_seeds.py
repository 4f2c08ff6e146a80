"""Plays that nobody has written: faults of hosts, services, devices, Nova, ZooKeeper, workers, and what people do.

MEDEVAC_SEED=live-123 plays that one alone and prints its timeline.  MEDEVAC_SEEDS=5000 plays that many of each kind,
and MEDEVAC_SEEDS=5000-9000 those, however long it takes.
"""

from __future__ import annotations

import gc
import itertools
import os
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from medevac.flows.policy.reader import read_policies
from medevac.sandbox.scenarios.player import Played
from medevac.sandbox.scenarios.seeds import LIVE, Shelf, play_seed

HERE = Path(__file__).parent
DEAD = ""
SHELF: Shelf = {
    DEAD: [read_policies(HERE / "policies" / name) for name in ("everyone", "tiers")],
    LIVE: [
        read_policies(HERE / "policies" / name) for name in ("everyone", "tiers", "services", "services", "ordered")
    ],
}
"""By which policies the plays of each kind may be played; another order, or another number, makes other plays."""
EACH = 1500
"""Seeds of each kind in a run."""
ASKED = os.environ.get("MEDEVAC_SEEDS", "")
ONLY = os.environ.get("MEDEVAC_SEED", "")
PARTS = 4
SECONDS = 120.0
"""Of processor time that all parts may take together where nobody asked for a number; a loaded machine plays fewer."""
OFTEN = 50_000
"""Objects that are made before Python looks for cycles: plays make few, and looking takes a fifth of their time."""


@pytest.fixture
def rare_collections() -> Iterator[None]:
    """Collect garbage seldom."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(OFTEN, *before[1:])
    yield
    gc.set_threshold(*before)
    gc.unfreeze()


def chosen() -> Sequence[str]:
    """Return the seeds of this run, the kinds in turn."""
    if ONLY:
        return [ONLY]
    first, dash, end = ASKED.partition("-")
    numbers = range(int(first), int(end)) if dash else range(int(first or EACH))
    return [f"{kind}{number}" for number, kind in itertools.product(numbers, (DEAD, LIVE))]


def told(seed: str, played: Played) -> str:
    """Return what went wrong, and how it can be seen again."""
    return "\n".join([f"MEDEVAC_SEED={seed} plays it again", *played.violations, *played.timeline])


@pytest.mark.timeout(0 if ASKED else 300)
@pytest.mark.usefixtures("rare_collections")
@pytest.mark.parametrize("part", range(PARTS))
def test_whatever_goes_wrong_no_rule_is_broken(part: int) -> None:
    begun = time.process_time()
    seeds = chosen()[part::PARTS]
    number = 0
    for seed in seeds:
        played = play_seed(seed, SHELF)
        number += 1
        assert not played.violations, told(seed, played)
        if ONLY:
            sys.stdout.write("\n".join([*played.timeline, ""]))
        if not ASKED and time.process_time() - begun > SECONDS / PARTS:
            break
    assert number >= min(len(seeds), 10), "a seed takes far too long"


@pytest.mark.parametrize("seed", ["3", "89", "1021", "live-3", "live-134"])
def test_a_seed_is_played_the_same_way_every_time(seed: str) -> None:
    assert play_seed(seed, SHELF) == play_seed(seed, SHELF)
