"""Every guard is missed: without it a rule is broken in the scenario named here, or something happens that must not.

The same scenarios break nothing with all guards in place: test_scenarios.py.
"""

from __future__ import annotations

import pytest

from medevac.sandbox.scenarios.player import play_folder
from medevac.sandbox.scenarios.seeds import StirredCrew, play_seed
from tests.scenarios import mutants, mutants_steps, mutants_triage, mutants_ways
from tests.scenarios.test_scenarios import HERE
from tests.scenarios.test_seeds import SHELF

MUTANTS = (*mutants.MUTANTS, *mutants_triage.MUTANTS, *mutants_steps.MUTANTS, *mutants_ways.MUTANTS)
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
    (mutants_triage.IgnoresMaintenance, "a-planned-stop-looks-like-a-crash", "although compute-1 is in maintenance"),
    (mutants_triage.IgnoresBlindness, "we-are-blind", "although no nova-scheduler is up"),
    (mutants_triage.IgnoresStorms, "the-whole-zone-is-gone", "take_out compute-1"),
    (mutants_triage.IgnoresCaps, "one-host-at-a-time", "compute-1 and compute-2 are recovered at once"),
    (
        mutants_triage.IgnoresStorms,
        "a-slow-cascade-is-a-storm-too",
        "compute-3 is begun 0 s after it failed, 3 of the 8",
    ),
    (mutants_triage.IgnoresTheRate, "one-host-a-minute", "have begun within a minute, and the site wants 1 at most"),
    (mutants_triage.CountsBeginningsEarly, "a-storm-finds-its-worker-busy", "s after another, 4 of the 8 hosts"),
    (mutants_triage.IgnoresFencings, "fencings-wait-for-their-turn", "were switched off within 5m"),
    (mutants_triage.CountsFencingsEarly, "a-fencing-counts-from-when-it-was-done", "were switched off within 2m"),
    (mutants_triage.IgnoresParallel, "a-policy-moves-one-at-a-time", "has 2 servers under way, and its policy wants 1"),
    (mutants_triage.IgnoresLosses, "an-aggregate-has-lost-enough", "take_out compute-2"),
    (mutants_triage.ClaimsWithoutALook, "disarmed-before-it-is-claimed", "although cloud is disarmed"),
    (mutants_triage.IgnoresTheCeiling, "no-more-than-a-restart-is-allowed", "evacuate web-1"),
    (mutants_triage.TouchesTheExcluded, "the-excluded-are-not-touched", "evacuate legacy"),
    (mutants_triage.TakesDisksForShared, "a-local-disk-is-not-lost", "evacuate local"),
    (mutants_triage.IgnoresLimits, "a-server-that-keeps-crashing", "server.crashed:web-1:4 is recovering"),
    (mutants_triage.IgnoresAge, "an-alert-of-yesterday", "is recovering"),
    (mutants_triage.AsksNobodyAboutServers, "an-owner-shut-it-down", "is ordered to start"),
    (mutants_triage.AsksNobodyAboutServices, "nova-hears-what-the-cluster-calls-dead", "set_enabled compute-1"),
    (mutants_triage.TakesCopiesForNews, "a-copy-comes-when-the-host-is-back", ":2 is recovering"),
    (mutants_triage.ForgetsEarlierDeaths, "a-host-dies-again", "was never settled"),
    (mutants_triage.IgnoresReturns, "the-cluster-reaches-it-again", "is recovering"),
    (mutants_triage.BelievesAnybodysFencing, "somebody-elses-fencing-failed", "is recovering"),
    (
        mutants_triage.LooksNoMoreAfterTheEnd,
        "an-order-to-a-host-that-stood-still-comes-late",
        "Nova has it in ERROR, and nobody was told",
    ),
    (mutants_steps.SeesNoReturn, "a-host-comes-back-in-the-middle", "+1:40  worker-1  evacuate web-1"),
    (mutants_steps.BelievesPeople, "a-human-speaks-of-the-wrong-host", "while it runs on compute-1"),
    (mutants_steps.BelievesPeople, "a-human-speaks-of-the-wrong-host-while-it-is-fenced", "while it runs on compute-1"),
    (mutants_steps.TrustsOneDevice, "a-device-lies", "while it runs on compute-1"),
    (
        mutants_steps.TriesAgainAtOnce,
        "the-bmc-refuses-for-a-while",
        "+2:55  incident  host.down:compute-1:1 is recovering",
    ),
    (mutants_steps.BelievesTheKill, "nova-compute-and-libvirt-are-dead", "while it runs on compute-1"),
    (mutants_steps.ForgetsIntentions, "held-as-a-server-is-killed", "should run, does not, and no incident says so"),
    (mutants_steps.IgnoresTheCap, "evacuations-wait-for-room", "evacuations are under way, and the site wants 1"),
    (mutants_steps.IgnoresTheCap, "no-more-to-one-host-than-wanted", "2 evacuations are under way to compute-3"),
    (mutants_steps.BooksNothing, "evacuations-wait-for-room", "evacuations are under way, and the site wants 1"),
    (mutants_steps.IgnoresGroups, "two-of-a-group-move-one-after-the-other", "+0:05  worker-1  evacuate db-1"),
    (mutants_steps.IgnoresLocks, "an-owner-locks-while-it-waits", "+0:20  worker-1  evacuate web-3"),
    (mutants_steps.StartsWhatItKilled, "what-was-stopped-stays-stopped-after-a-kill", "which its owner had stopped"),
    (mutants_steps.AdoptsWhatOthersDisabled, "a-host-comes-back-and-an-operator-keeps-it", "an operator had set"),
    (mutants_steps.LooksOnce, "an-operator-disables-it-while-nova-is-away", "an operator had set disabled_reason"),
    (mutants_steps.AdoptsTheForceDown, "an-operators-force-down-outlives-the-way-back", "an operator had set forced"),
    (mutants_steps.ResetsWhatWorks, "a-server-that-works-is-not-reset", "reboot web-1"),
    (mutants_steps.GoesOnWhenSuperseded, "the-host-dies-as-its-servers-are-killed", "+21:30  worker-1  kill compute-1"),
    (mutants_ways.TakesOnTooMuch, "a-worker-recovers-two-hosts-at-once", "and the site wants 2 hosts at once in one"),
    (mutants_ways.IgnoresTheWindow, "servers-go-back-at-night", "at 22:25, and the site wants that 00:15 to 04:00 UTC"),
    (mutants_ways.SendsAllBack, "servers-go-back-at-night", "3 servers are asked to go back in one return"),
    (mutants_ways.SendsBackAtOnce, "somebody-moves-a-server-that-is-to-go-back", "2 servers go back at once"),
    (
        mutants_ways.SendsThemAnywhere,
        "servers-go-back-at-night",
        "web-3 is asked to go to any host, and it is compute-1",
    ),
    (mutants_ways.SendsBackWhoeverLeft, "somebody-moves-a-server-that-is-to-go-back", "on compute-4 where it was put"),
    (mutants_ways.SendsBackWhoeverLeft, "somebody-moves-a-server-that-is-to-go-back", "its owner has locked it"),
]
"""A crew that lacks a guard, the scenario that shows it, and what the witness says, or what must not be done."""
SEEDS = [
    (mutants.SkipsTheEvidence, "6"),
    (mutants.BelievesRumours, "6"),
    (mutants.AsksWithoutLooking, "19"),
    (mutants.LosesEvents, "2"),
    (mutants.StartsWhatWasStopped, "8"),
    (mutants_steps.IgnoresTheCap, "capped-6"),
    (mutants_triage.IgnoresCaps, "capped-3"),
    (mutants_triage.IgnoresFencings, "capped-18"),
    (mutants_steps.BelievesPeople, "said-7"),
    (mutants_triage.IgnoresStorms, "storm-0"),
    (mutants_triage.IgnoresTheRate, "storm-1"),
    (mutants_triage.CountsBeginningsEarly, "storm-47"),
    (mutants_ways.TakesOnTooMuch, "storm-14"),
    (mutants_ways.IgnoresTheWindow, "back-1"),
    (mutants_ways.SendsAllBack, "back-1"),
    (mutants_ways.SendsBackAtOnce, "back-0"),
    (mutants_ways.SendsThemAnywhere, "back-0"),
    (mutants_ways.SendsBackWhoeverLeft, "back-4"),
]
"""Seeds by which crews are caught, though nobody wrote a scenario for them."""


@pytest.mark.parametrize(("mutant", "scenario", "said"), CAUGHT, ids=lambda value: getattr(value, "__name__", None))
def test_a_guard_that_is_missing_is_missed_in_a_scenario(mutant: type[StirredCrew], scenario: str, said: str) -> None:
    usual = (HERE / scenario / "timeline.expect").read_text("utf-8")
    played = play_folder(HERE / scenario, crew=mutant())

    assert said not in usual
    assert any(said in line for line in (*played.violations, *played.timeline)), (played.violations, played.timeline)


@pytest.mark.parametrize(("mutant", "seed"), SEEDS, ids=lambda value: getattr(value, "__name__", None))
def test_a_guard_that_is_missing_is_missed_by_a_seed(mutant: type[StirredCrew], seed: str) -> None:
    assert play_seed(seed, SHELF).violations == ()
    assert play_seed(seed, SHELF, mutant()).violations != ()


def test_every_mutant_is_caught_somewhere() -> None:
    assert {mutant for mutant, _, _ in CAUGHT} == set(MUTANTS)
