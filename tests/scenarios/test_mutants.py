"""Every guard is missed: workers that lack it break a rule in the scenario that is named here, and by some seed.

The same scenarios break nothing with all guards in place: test_scenarios.py.
"""

from __future__ import annotations

import pytest

from medevac.sandbox.scenarios.player import play_folder
from medevac.sandbox.scenarios.seeds import StirredCrew, play_seed
from tests.scenarios import mutants
from tests.scenarios.mutants import MUTANTS
from tests.scenarios.test_scenarios import HERE
from tests.scenarios.test_seeds import SHELF

CAUGHT = [
    (mutants.SkipsTheEvidence, "the-bmc-hangs", "while it runs on compute-1"),
    (mutants.SkipsTheEvidence, "a-host-that-is-cut-off-is-fenced-first", "while it runs on compute-1"),
    (mutants.BelievesRumours, "the-bmc-refuses-for-a-while", "while it runs on compute-1"),
    (mutants.IgnoresTheClaim, "a-frozen-worker-wakes-up", "under claim 1; the job is at"),
    (mutants.AsksWithoutLooking, "nova-forgets-an-evacuation", "is being evacuated twice at the same time"),
    (mutants.LosesEvents, "a-host-dies", "should run, does not, and no incident says so"),
    (mutants.AdoptsTheOperatorsMark, "an-operators-reason-is-kept", "an operator had set disabled_reason"),
    (mutants.StartsWhatWasStopped, "what-was-stopped-arrives-stopped", "which its owner had stopped, runs"),
    (mutants.IgnoresOrders, "held-and-released", "although hold was ordered"),
    (mutants.IgnoresOrders, "aborted-in-the-middle", "although abort was ordered"),
    (mutants.IgnoresDisarm, "disarmed-and-armed-again", "although cloud is disarmed"),
]
"""A crew that lacks a guard, the scenario that shows it, and a part of what the witness says."""
SEEDS = [
    (mutants.SkipsTheEvidence, "6"),
    (mutants.BelievesRumours, "6"),
    (mutants.AsksWithoutLooking, "2"),
    (mutants.LosesEvents, "2"),
    (mutants.StartsWhatWasStopped, "8"),
]
"""Seeds by which the same crews are caught, though nobody wrote a scenario for them."""


@pytest.mark.parametrize(("mutant", "scenario", "said"), CAUGHT, ids=lambda value: getattr(value, "__name__", None))
def test_a_guard_that_is_missing_is_missed_in_a_scenario(mutant: type[StirredCrew], scenario: str, said: str) -> None:
    played = play_folder(HERE / scenario, crew=mutant())

    assert any(said in violation for violation in played.violations), played.violations


@pytest.mark.parametrize(("mutant", "seed"), SEEDS, ids=lambda value: getattr(value, "__name__", None))
def test_a_guard_that_is_missing_is_missed_by_a_seed(mutant: type[StirredCrew], seed: str) -> None:
    assert play_seed(seed, SHELF).violations == ()
    assert play_seed(seed, SHELF, mutant()).violations != ()


def test_every_mutant_is_caught_somewhere() -> None:
    assert {mutant for mutant, _, _ in CAUGHT} == set(MUTANTS)
