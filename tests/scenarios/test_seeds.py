"""Plays that nobody has written: faults of hosts, devices, Nova, ZooKeeper and workers, and what people do meanwhile.

MEDEVAC_SEED=123 plays that one alone and prints its timeline; MEDEVAC_SEEDS=5000 plays more of them than usual.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from medevac.flows.policy.reader import read_policies
from medevac.sandbox.scenarios.player import Played
from medevac.sandbox.scenarios.seeds import play_seed

HERE = Path(__file__).parent
POLICIES = [read_policies(HERE / "policies" / name) for name in ("everyone", "tiers")]
SEEDS = int(os.environ.get("MEDEVAC_SEEDS", "2000"))
PARTS = 4
SECONDS = 100.0
"""Of processor time that all parts may take together; what is left then is not played, and said so."""


def told(seed: int, played: Played) -> str:
    """Return what went wrong, and how it can be seen again."""
    return "\n".join([f"MEDEVAC_SEED={seed} plays it again", *played.violations, *played.timeline])


@pytest.mark.timeout(300)
@pytest.mark.parametrize("part", range(PARTS))
def test_whatever_goes_wrong_no_rule_is_broken(part: int) -> None:
    only = os.environ.get("MEDEVAC_SEED")
    seeds = [int(only)] if only else range(part, SEEDS, PARTS)
    begun = time.process_time()
    number = 0
    for seed in seeds:
        played = play_seed(seed, POLICIES)
        number += 1
        assert not played.violations, told(seed, played)
        if only:
            sys.stdout.write("\n".join([*played.timeline, ""]))
        if time.process_time() - begun > SECONDS / PARTS:
            break
    assert number >= min(len(seeds), 10), "a seed takes far too long"


@pytest.mark.parametrize("seed", [3, 89, 1021])
def test_a_seed_is_played_the_same_way_every_time(seed: int) -> None:
    assert play_seed(seed, POLICIES) == play_seed(seed, POLICIES)
