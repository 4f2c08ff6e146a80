"""Plays that nobody has written: faults of hosts, services, devices, Nova, ZooKeeper, workers, and what people do.

MEDEVAC_SEED=live-123 plays that one alone and prints its timeline.  MEDEVAC_SEEDS=5000 plays that many of each kind,
and MEDEVAC_SEEDS=5000-9000 those, however long it takes.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from medevac.flows.policy.reader import read_policies
from medevac.sandbox.scenarios.player import Played
from medevac.sandbox.scenarios.seeds import BACK, CAPPED, DEAD, LIVE, SAID, STORM, Shelf, play_seed

HERE = Path(__file__).parent
SHELF: Shelf = {
    DEAD: [read_policies(HERE / "policies" / name) for name in ("everyone", "tiers")],
    LIVE: [
        read_policies(HERE / "policies" / name) for name in ("everyone", "tiers", "services", "services", "ordered")
    ],
    CAPPED: [
        read_policies(HERE / "policies" / name) for name in ("everyone", "everyone", "tiers", "slowly", "ordered")
    ],
    SAID: [read_policies(HERE / "policies" / name) for name in ("everyone", "tiers")],
    STORM: [read_policies(HERE / "policies" / name) for name in ("everyone", "tiers")],
    BACK: [read_policies(HERE / "policies" / name) for name in ("everyone", "everyone", "tiers")],
}
"""By which policies the plays of each kind may be played; another order, or another number, makes other plays."""
USUAL = {DEAD: 1400, LIVE: 600, CAPPED: 40, SAID: 100, STORM: 40, BACK: 60}
"""Seeds of each kind in a run; those of the second take twice as long, of the others but SAID three or four times."""
ASKED = os.environ.get("MEDEVAC_SEEDS", "")
ONLY = os.environ.get("MEDEVAC_SEED", "")
PARTS = 4
SECONDS = 110.0
"""Of processor time that all parts may take together where nobody asked for a number; a loaded machine plays fewer."""


def chosen() -> Sequence[str]:
    """Return the seeds of this run, those of each kind spread evenly: whatever is left out is of both."""
    if ONLY:
        return [ONLY]
    first, dash, end = ASKED.partition("-")
    begin = int(first) if dash else 0
    numbers = {kind: int(end or first or usual) - begin for kind, usual in USUAL.items()}
    placed = [(index / number, f"{kind}{begin + index}") for kind, number in numbers.items() for index in range(number)]
    return [seed for _, seed in sorted(placed)]


def told(seed: str, played: Played) -> str:
    """Return what went wrong, and how it can be seen again."""
    return "\n".join([f"MEDEVAC_SEED={seed} plays it again", *played.violations, *played.timeline])


@pytest.mark.timeout(0 if ASKED else 900)  # the time of the processor is what is limited
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


@pytest.mark.parametrize("seed", ["3", "89", "1021", "live-3", "live-134", "capped-13", "said-2", "storm-7", "back-5"])
def test_a_seed_is_played_the_same_way_every_time(seed: str) -> None:
    assert play_seed(seed, SHELF) == play_seed(seed, SHELF)
