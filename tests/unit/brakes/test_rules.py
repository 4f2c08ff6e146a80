"""The rules of the storm breaker, of our own blindness and of the caps: one line a situation."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pytest

from medevac.flows.estate import HostService
from medevac.flows.policy.duration import Duration
from medevac.workers.brakes import domains, rules
from medevac.workers.brakes.marks import Place
from medevac.workers.brakes.rules import Domain, Hold, Level, Scene, Start
from medevac.workers.site_brakes import BrakeSettings

NOW = 1_000_000.0
MINUTES = 60.0
WEEKS = 14 * 86_400.0
SETTINGS = BrakeSettings()


def hosts(count: int) -> list[str]:
    return [f"c{number}" for number in range(1, count + 1)]


def level(size: int, failed: Mapping[str, float], *, kind: str = "zone", down: int | None = None) -> Level:
    """Return how a domain of *size* hosts stands; *failed* says how long ago each failed, in minutes."""
    domain = Domain(kind, "az1", frozenset(hosts(size)))
    times = {host: NOW - ago * MINUTES for host, ago in failed.items()}
    away = frozenset(failed) if down is None else frozenset(hosts(down))
    return rules.standing(domain, Scene(NOW, times, away), SETTINGS).level


def lost(count: int, *, every: float = 0.0) -> dict[str, float]:
    """Return *count* hosts that failed one after another, *every* so many minutes, the last just now."""
    return {f"c{number}": (count - number) * every for number in range(1, count + 1)}


@pytest.mark.parametrize(
    ("size", "failed", "expected"),
    [
        pytest.param(100, lost(1), Level.NORMAL, id="one of a hundred"),
        pytest.param(100, lost(29), Level.NORMAL, id="just below the share"),
        pytest.param(100, lost(30), Level.SLOWED, id="the share"),
        pytest.param(10, lost(5), Level.SLOWED, id="five of ten"),
        pytest.param(10, lost(2), Level.NORMAL, id="two of ten: not the least number"),
        pytest.param(4, lost(2), Level.NORMAL, id="half of four: not the least number"),
        pytest.param(10, lost(10), Level.STOPPED, id="all of ten"),
        pytest.param(3, lost(3), Level.STOPPED, id="all of three"),
        pytest.param(2, lost(2), Level.NORMAL, id="both hosts of a small zone"),
        pytest.param(10, lost(3, every=14), Level.SLOWED, id="a slow cascade: one in fourteen minutes"),
        pytest.param(10, lost(3, every=16), Level.NORMAL, id="one in sixteen minutes: no cascade"),
        pytest.param(10, {"c1": 31, "c2": 32, "c3": 33}, Level.SLOWED, id="cools down after a storm"),
        pytest.param(10, {"c1": 36, "c2": 37, "c3": 38}, Level.NORMAL, id="has cooled down"),
        pytest.param(10, {"c1": 0, "c2": 31, "c3": 33, "c4": 34}, Level.SLOWED, id="fails again while it cools down"),
    ],
)
def test_a_zone_stands_as_its_failures_say(size: int, failed: Mapping[str, float], expected: Level) -> None:
    assert level(size, failed) is expected


@pytest.mark.parametrize(
    ("size", "expected"), [pytest.param(1, Level.NORMAL, id="one"), pytest.param(2, Level.STOPPED, id="two")]
)
def test_a_whole_cloud_of_a_few_hosts(size: int, expected: Level) -> None:
    assert level(size, lost(size), kind="cloud") is expected


def test_a_zone_whose_hosts_come_back_is_slowed_and_not_stopped_any_more() -> None:
    assert level(10, lost(10), down=9) is Level.SLOWED


def test_an_aggregate_may_not_lose_more_than_its_own_number() -> None:
    settings = BrakeSettings(max_failures={"gpu": 1})
    domain = Domain("aggregate", "gpu", frozenset(hosts(20)))
    scene = Scene(NOW, {"c1": NOW, "c2": NOW - 60}, frozenset())
    found = rules.standing(domain, scene, settings)
    assert found.level is Level.STOPPED
    assert "2 of the 20 hosts of aggregate gpu have failed within 30m, and no more than 1 may be" in found.reason


def test_an_aggregate_that_lost_its_number_weeks_ago_may_lose_no_more() -> None:
    settings = BrakeSettings(max_failures={"gpu": 1})
    domain = Domain("aggregate", "gpu", frozenset(hosts(20)))
    scene = Scene(NOW, {"c1": NOW, "c2": NOW - WEEKS}, frozenset(), out=frozenset(("c1", "c2")))
    assert rules.standing(domain, scene, settings).level is Level.STOPPED


def standing(size: int, failed: Mapping[str, float], *, taken_over: int = 0) -> rules.Standing:
    """Return how a zone stands whose hosts *failed* so many minutes ago and are out but for the last *taken_over*."""
    times = {host: NOW - ago * MINUTES for host, ago in failed.items()}
    out = frozenset(list(times)[: len(times) - taken_over])
    return rules.standing(Domain("zone", "az1", frozenset(hosts(size))), Scene(NOW, times, out, out), SETTINGS)


@pytest.mark.parametrize(
    ("size", "failed", "expected"),
    [
        pytest.param(10, lost(3, every=60), Level.SLOWED, id="one an hour, three of ten"),
        pytest.param(10, lost(4, every=60), Level.SLOWED, id="one an hour, four of ten"),
        pytest.param(10, lost(5, every=60), Level.STOPPED, id="one an hour, half of them"),
        pytest.param(10, lost(5, every=10), Level.STOPPED, id="one in ten minutes, half of them"),
        pytest.param(10, lost(5, every=2), Level.STOPPED, id="one in two minutes, half of them"),
        pytest.param(10, lost(5, every=0.5), Level.SLOWED, id="half of them within two minutes: a storm"),
        pytest.param(10, lost(9), Level.SLOWED, id="nine of ten at once: a storm"),
        pytest.param(4, lost(2, every=60), Level.NORMAL, id="half of four: not the least number"),
        pytest.param(10, lost(5, every=24 * 60), Level.SLOWED, id="one a day: no cascade, and few are left"),
        pytest.param(100, lost(29, every=60), Level.NORMAL, id="just below the share"),
    ],
)
def test_hosts_that_are_still_out_count_however_long_ago_they_failed(
    size: int, failed: Mapping[str, float], expected: Level
) -> None:
    assert standing(size, failed).level is expected


def test_what_people_have_taken_over_slows_nothing_for_ever() -> None:
    assert standing(10, {"c1": 0, "c2": 9 * 24 * 60, "c3": 9 * 24 * 60, "c4": 9 * 24 * 60}).level is Level.SLOWED
    assert (
        standing(10, {"c1": 0, "c2": 9 * 24 * 60, "c3": 9 * 24 * 60, "c4": 9 * 24 * 60}, taken_over=3).level
        is Level.NORMAL
    )


def test_a_cascade_is_told_with_its_beginning() -> None:
    assert standing(10, lost(5, every=60)).reason == (
        f"5 of the 10 hosts of zone az1 were lost one after another since {rules.clock(NOW - 4 * 3600)}, and none of "
        f"them is back: recovering them does not end it"
    )
    assert standing(10, lost(3, every=60)).reason == (
        "3 of the 10 hosts of zone az1 have failed within 30m, or earlier and are not back (a storm from 3 on)"
    )


def test_one_that_follows_long_after_the_others_waits_a_pause_so_that_people_may_act() -> None:
    zone = Domain("zone", "az1", frozenset(hosts(10)))
    times = {"c1": NOW - 10, "c2": NOW - 3600, "c3": NOW - 7200}
    hold = rules.storm("c1", [zone], Scene(NOW, times, frozenset(times), frozenset(times)), SETTINGS)
    assert hold is not None
    assert (hold.by, hold.again_at) == ("breaker", NOW + 90)


def storm(starts: list[Start], failed: int = 5) -> Hold | None:
    zone = Domain("zone", "az1", frozenset(hosts(10)))
    times = dict.fromkeys(hosts(failed), NOW)
    return rules.storm("c1", [zone], Scene(NOW, times, frozenset(times), starts=starts), SETTINGS)


def test_the_first_host_of_a_slowed_domain_goes_at_once() -> None:
    assert storm([]) is None


def test_the_next_waits_for_the_pause() -> None:
    hold = storm([Start("i", "c2", NOW - 40, fences=True)])
    assert hold is not None
    assert (hold.by, hold.again_at) == ("breaker", NOW + 60)
    assert hold.reason == (
        "5 of the 10 hosts of zone az1 have failed within 30m (a storm from 3 on): recoveries begin one every 1m40s"
    )


def test_a_start_elsewhere_does_not_slow_it() -> None:
    assert storm([Start("i", "elsewhere", NOW - 1, fences=True)]) is None


def test_a_whole_domain_is_stopped_with_the_sentence_why() -> None:
    hold = storm([], failed=10)
    assert hold is not None
    assert hold.reason.startswith("all 10 hosts of zone az1 are down")
    assert hold.again_at > NOW


def starts(*ago: float) -> list[Start]:
    return [Start(f"i{n}", f"h{n}", NOW - each, fences=True) for n, each in enumerate(ago)]


TEN = [NOW - ago for ago in range(100, 200, 10)]


@pytest.mark.parametrize(
    ("scene", "fences", "again"),
    [
        pytest.param(Scene(NOW, {}, frozenset()), True, None, id="nothing else goes on"),
        pytest.param(Scene(NOW, {}, frozenset(), running=frozenset("abcd")), True, None, id="four at once"),
        pytest.param(Scene(NOW, {}, frozenset(), running=frozenset("abcde")), True, 5, id="five at once"),
        pytest.param(Scene(NOW, {}, frozenset(), starts=starts(1, 2, 3, 4, 50)), True, None, id="five in this minute"),
        pytest.param(Scene(NOW, {}, frozenset(), starts=starts(1, 2, 3, 4, 5, 50)), True, 10, id="six in this minute"),
        pytest.param(Scene(NOW, {}, frozenset(), fencings=TEN), True, 410, id="ten fencings"),
        pytest.param(Scene(NOW, {}, frozenset(), fencings=TEN), False, None, id="others fence"),
        pytest.param(Scene(NOW, {}, frozenset(), fencings=TEN[1:]), True, None, id="nine"),
        pytest.param(Scene(NOW, {}, frozenset(), fencings=(*TEN[1:], math.inf)), True, 5, id="a tenth is about to be"),
    ],
)
def test_caps(scene: Scene, fences: bool, again: float | None) -> None:
    hold = rules.capped(scene, SETTINGS, dead=True, fences=fences)
    assert (hold.again_at - NOW if hold else None) == again
    assert hold is None or hold.by == "cap"


def test_a_host_that_lives_waits_for_no_share_and_for_the_rate() -> None:
    busy = Scene(NOW, {}, frozenset(), running=frozenset("abcde"))
    assert rules.capped(busy, SETTINGS, dead=False, fences=False) is None
    fast = Scene(NOW, {}, frozenset(), starts=starts(1, 2, 3, 4, 5, 6))
    assert rules.capped(fast, SETTINGS, dead=False, fences=False) is not None


def service(host: str, state: str = "up", *, enabled: bool = True, forced: bool = False) -> HostService:
    return HostService(host, host, "az1", enabled, state, forced, "", NOW)


UP = {"nova-scheduler": True, "nova-conductor": True}


@pytest.mark.parametrize(
    ("services", "control", "blind"),
    [
        pytest.param([service("c1", "down")], UP, False, id="a cloud of one host"),
        pytest.param([service("c1", "down"), service("c2")], UP, False, id="one of two"),
        pytest.param([service("c1", "down"), service("c2", "down")], UP, True, id="both of two"),
        pytest.param([service("c1"), service("c2", "down")], UP, True, id="both of two, ours not yet noticed"),
        pytest.param(
            [service("c1", "down"), service("c2", "down", forced=True)], UP, False, id="the other was dead before"
        ),
        pytest.param(
            [service("c1", "down"), service("c2", "down", enabled=False)], UP, False, id="the other was taken out"
        ),
        pytest.param(
            [service("c1", "down"), service("c2", "down"), service("c3", enabled=False)],
            UP,
            False,
            id="a disabled one still tells that it lives",
        ),
        pytest.param([service("c1", "down"), *map(service, ("c2", "c3"))], UP, False, id="one of three"),
        pytest.param([service("c1", "down"), service("c2")], {**UP, "nova-scheduler": False}, True, id="no scheduler"),
        pytest.param([service("c1", "down"), service("c2")], {}, False, id="a Nova that shows no control services"),
        pytest.param([service("c1", "down"), service("c2", "unknown")], UP, True, id="the other cell is away"),
    ],
)
def test_who_is_blind(services: list[HostService], control: Mapping[str, bool], blind: bool) -> None:
    assert bool(rules.blindness("c1", services, control)) is blind


PLACES = [Place(f"r{n % 2}-c{n}", "az1", ("az1", "ssd") if n < 4 else ("az1",)) for n in range(6)]


def test_a_host_is_in_its_rack_its_aggregates_its_zone_and_the_cloud() -> None:
    settings = BrakeSettings(racks={"left": ("r0-*",), "rest": ("*",)})
    places = [Place(p.host, p.zone, p.aggregates, domains.rack_of(p.host, settings.racks)) for p in PLACES]
    found = [(str(each), len(each.hosts)) for each in domains.around(places[0], places, settings)]
    assert found == [("rack left", 3), ("aggregate ssd", 4), ("zone az1", 6), ("the cloud", 6)]


def test_only_the_aggregates_that_the_site_names_are_domains_and_those_with_a_number() -> None:
    def kinds(settings: BrakeSettings) -> list[str]:
        return [each.kind for each in domains.around(PLACES[0], PLACES, settings)]

    assert kinds(BrakeSettings(aggregates=("rack-*",))) == ["zone", "cloud"]
    assert kinds(BrakeSettings(aggregates=("rack-*",), max_failures={"ssd": 1})) == ["aggregate", "zone", "cloud"]
    assert kinds(BrakeSettings(aggregates=("rack-*",), max_failures={"az1": 1})) == ["aggregate", "zone", "cloud"]


@pytest.mark.parametrize(
    ("scope", "covered"),
    [
        ("cloud", True),
        ("az1", True),
        ("zone:az1", True),
        ("aggregate:az1", False),
        ("ssd", True),
        ("aggregate:ssd", True),
        ("host:c1", True),
        ("c1", True),
        ("c2", False),
        ("rack:r1", True),
        ("az2", False),
        ("", False),
        ("zone:", False),
    ],
)
def test_what_a_scope_covers(scope: str, covered: bool) -> None:
    assert Place("c1", "az1", ("ssd",), "r1").within(scope) is covered


def test_hosts_that_were_taken_out_long_ago_do_not_count() -> None:
    services = [service("c1", "down"), service("c2", "down", forced=True), service("c3", "down", enabled=False)]
    assert rules.in_service(services, {}) == {"c1"}
    assert rules.in_service(services, {"c2": NOW}) == {"c1", "c2"}


def test_a_longer_window_sees_slower_cascades() -> None:
    domain = Domain("zone", "az1", frozenset(hosts(10)))
    scene = Scene(NOW, {"c1": NOW, "c2": NOW - 1800, "c3": NOW - 3500}, frozenset())
    assert rules.standing(domain, scene, SETTINGS).level is Level.NORMAL
    assert rules.standing(domain, scene, BrakeSettings(window=Duration(3600))).level is Level.SLOWED
