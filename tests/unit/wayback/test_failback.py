"""Failback: servers that were moved away go back to their host, in a window and within bounds, and only if wanted."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from medevac.core.errors import ClaimLostError
from medevac.core.incident import IncidentState
from medevac.core.journal import INTENDS
from medevac.core.wire import from_plain, to_plain
from medevac.flows import wayback
from medevac.flows.brief import Brief
from medevac.flows.failback import Failback, Window, was_moved_by_others
from medevac.flows.plan import Settings
from medevac.flows.policy.duration import DAY, Duration, TimeOfDay
from medevac.flows.policy.wishes import PREFIX, Owners, Wish
from medevac.flows.ports import Clock, Migration
from medevac.flows.returning import Way, WayBack
from medevac.flows.steps.return_failback import ReturnFailback
from medevac.sandbox.cloud.model import actions, live_migration, verdict
from medevac.workers.site import read_site
from tests.unit.flows.recovering import DEAD, SITE
from tests.unit.wayback.returns import OF, QUICK, Return

BACK = replace(QUICK, failback=Failback())
HOUR = 3600.0


def returned(*servers: str, way_back: WayBack = BACK, settings: Settings = SITE) -> Return:
    """Return a host that died with *servers*, and has come back since."""
    host = Return(*servers)
    host.power_on()
    host.run(way_back, settings=settings)
    return host


def bounded(**said: object) -> WayBack:
    return replace(QUICK, failback=Failback(**said))  # type: ignore[arg-type] # its own fields


def time_of_day(at: float) -> TimeOfDay:
    minutes = int(at % DAY // 60)
    return TimeOfDay(minutes // 60, minutes % 60)


def at_home(host: Return) -> set[str]:
    """Return the names of the servers that are on the host that had died."""
    return {server.name for server in host.world.servers.values() if server.host == DEAD}


def results(host: Return) -> dict[str, str]:
    rows = json.loads(json.dumps(host.site.log.report["failback"]))
    return {row["name"]: row["result"] for row in rows}


def assert_whole(host: Return) -> None:
    with host.world.settled() as world:
        assert verdict.violations(world) == ()


def migrations(host: Return) -> int:
    return sum(record.kind == "live-migration" for record in host.world.migrations.values())


def when(host: Return, so: Callable[[], bool], act: Callable[[], object]) -> None:
    """Let somebody act as soon as it is *so*."""

    def look() -> None:
        if so():
            act()
        else:
            host.world.after(0.5, look)

    with host.world.settled() as world:
        world.after(0.5, look)


def migrating(host: Return) -> int:
    return sum(server.task_state == "migrating" for server in host.world.servers.values())


def slow(host: Return, seconds: float = 30.0) -> None:
    """Let a live migration take that long."""
    with host.world.settled() as world:
        world.settings = replace(world.settings, move_seconds=seconds)


def test_servers_that_were_moved_away_are_live_migrated_back_where_the_site_wants_it() -> None:
    host = returned("a", "b", "c")
    assert host.raised is None
    assert host.ended == "recovered", host.told()
    assert at_home(host) == {"a", "b", "c"}
    assert results(host) == {"a": "done", "b": "done", "c": "done"}
    assert "3 of 3 servers moved back" in host.reason
    assert host.service() == (False, False, None)
    assert_whole(host)


def test_without_a_word_of_it_servers_stay_and_the_flow_has_no_such_step() -> None:
    host = returned("a", way_back=QUICK)
    assert host.ended == "recovered"
    assert at_home(host) == set()
    assert "failback" not in host.site.log.report
    brief = Brief("host.up:dead:1", "host.up", DEAD, 0.0, replace(SITE, way_back=QUICK))
    assert [atom.name for atom in wayback.assemble(brief)][-2:] == ["return-enable", "return-report"]


def test_no_more_go_back_than_the_site_says_and_the_rest_are_counted() -> None:
    host = returned("a", "b", "c", "d", way_back=bounded(most=2, parallel=1))
    assert len(at_home(host)) == 2
    assert "2 of 2 servers moved back, 2 more stay where they are (most: 2)" in host.reason
    assert migrations(host) == 2


def test_no_more_are_under_way_at_once_than_the_site_says() -> None:
    host = Return("a", "b", "c")
    host.power_on()
    most = 0

    def look() -> bool:
        nonlocal most
        most = max(most, migrating(host))
        return False

    when(host, look, lambda: None)
    host.run(bounded(parallel=2))
    assert at_home(host) == {"a", "b", "c"}
    assert most == 2


def test_outside_the_window_the_host_is_in_service_and_the_servers_wait_for_it() -> None:
    host = Return("a")
    host.power_on()
    now = host.site.clock.now()
    window = Window(time_of_day(now + 3 * HOUR), time_of_day(now + 5 * HOUR))
    host.run(bounded(window=window))
    assert host.ended == "held"
    assert host.site.log.held_by == "failback"
    assert now + 2.9 * HOUR < host.site.log.again_at <= now + 3 * HOUR
    assert host.service() == (False, False, None)
    assert at_home(host) == set()
    host.site.clock.wait(host.site.log.again_at - host.site.clock.now())
    host.run(bounded(window=window))
    assert host.ended == "recovered", host.told()
    assert at_home(host) == {"a"}
    assert "1 of 1 servers moved back" in host.reason
    assert_whole(host)


def test_a_return_that_waits_for_its_window_needs_no_failback_any_more_when_the_site_has_changed_its_mind() -> None:
    host = Return("a")
    host.power_on()
    now = host.site.clock.now()
    host.run(bounded(window=Window(time_of_day(now + 3 * HOUR), time_of_day(now + 5 * HOUR))))
    assert host.ended == "held"
    host.run(QUICK)
    assert host.ended == "recovered"
    assert at_home(host) == set()


def test_nothing_waits_for_the_window_where_no_server_is_to_go_back() -> None:
    host = Return("a")
    host.power_on()
    host.after(5.0, lambda: actions.lock(host.world, host.recovery.server("a").id))
    now = host.site.clock.now()
    host.run(bounded(window=Window(time_of_day(now + 3 * HOUR), time_of_day(now + 5 * HOUR))))
    assert host.ended == "recovered"
    assert "no server is to be moved back" in host.told()


@pytest.mark.parametrize(
    ("begin", "end", "at", "closes"),
    [
        ((2, 0), (5, 0), 2 * HOUR, 5 * HOUR),
        ((2, 0), (5, 0), 4.5 * HOUR, 5 * HOUR),
        ((2, 0), (5, 0), 5 * HOUR, 0.0),
        ((2, 0), (5, 0), DAY + 1 * HOUR, 0.0),
        ((23, 0), (1, 30), 23.5 * HOUR, DAY + 1.5 * HOUR),
        ((23, 0), (1, 30), DAY + 1 * HOUR, DAY + 1.5 * HOUR),
        ((23, 0), (1, 30), DAY + 2 * HOUR, 0.0),
        ((4, 0), (4, 0), 3 * HOUR, 4 * HOUR),
    ],
)
def test_a_window_is_open_from_its_beginning_to_its_end_past_midnight_too(
    begin: tuple[int, int], end: tuple[int, int], at: float, closes: float
) -> None:
    assert Window(TimeOfDay(*begin), TimeOfDay(*end)).closes(at) == closes


def test_nothing_more_is_begun_when_the_window_has_ended() -> None:
    host = returned("a", "b", way_back=QUICK)
    now = host.site.clock.now()
    window = Window(time_of_day(now - HOUR), time_of_day(now + 60))
    closes = window.closes(now)
    step, way = failback(host, Failback(window=window, parallel=1))
    slow(host, closes - now + 30)
    done = from_plain(Way, step.execute(ports=host.site.ports, **way), "way")
    assert [each.result for each in done.moved] == ["done", "failed"]
    assert "deadline passed" in done.moved[1].reason


def test_a_server_that_its_owner_stops_meanwhile_stays_where_it_is() -> None:
    host = Return("a", "b")
    host.power_on()
    slow(host)

    def stop_the_other() -> None:
        (waiting,) = [server for server in host.world.servers.values() if server.task_state != "migrating"]
        actions.stop(host.world, waiting.id, by_owner=True)

    when(host, lambda: migrating(host) == 1, stop_the_other)
    host.run(bounded(parallel=1))
    assert sorted(results(host).values()) == ["done", "skipped"], host.told()
    assert len(at_home(host)) == 1
    assert {server.vm_state for server in host.world.servers.values() if server.host != DEAD} == {"stopped"}
    assert_whole(host)


def test_what_somebody_locked_deleted_stopped_or_moved_since_is_not_touched() -> None:
    host = Return("locked", "deleted", "stopped", "moved", "mine")
    host.power_on()
    ids = {server.name: server.id for server in host.world.servers.values()}

    def meddle() -> None:
        with host.world.settled() as world:
            actions.lock(world, ids["locked"])
            actions.delete(world, ids["deleted"])
            actions.stop(world, ids["stopped"], by_owner=True)
            elsewhere = next(n for n in world.hosts if n not in (DEAD, world.servers[ids["moved"]].host))
            live_migration.live_migrate(world, ids["moved"], elsewhere)

    host.after(5.0, meddle)
    host.run(BACK)
    assert host.ended == "recovered", host.told()
    assert at_home(host) == {"mine"}
    assert results(host) == {"mine": "done"}
    assert_whole(host)


def test_a_server_that_cannot_be_moved_is_told_and_stops_no_other() -> None:
    host = Return("a", "b")
    host.power_on()
    host.world.mishaps.refuse_claims[DEAD] = 1
    host.run(bounded(parallel=1))
    assert host.ended == "recovered"
    assert sorted(results(host).values()) == ["done", "failed"]
    assert len(at_home(host)) == 1
    assert "1 of 2 servers moved back" in host.reason
    assert "ended as error" in host.told()
    assert_whole(host)


def test_an_owner_who_allows_less_than_a_migration_keeps_the_server_where_it_is() -> None:
    host = Return("a", "b")
    host.power_on()
    host.recovery.server("a").metadata[f"{PREFIX}{Wish.ALLOW.value}"] = "restart"
    host.run(BACK, settings=replace(SITE, owners=Owners(may=(Wish.ALLOW,))))
    assert at_home(host) == {"b"}


def test_a_host_that_goes_out_of_service_again_gets_no_more_servers() -> None:
    host = Return("a", "b")
    host.power_on()
    slow(host)
    when(host, lambda: migrating(host) == 1, lambda: host.set_service(status="disabled", disabled_reason="mine"))
    host.run(bounded(parallel=1))
    assert "skipped" in results(host).values(), host.told()
    assert migrations(host) == 1
    assert "not in service any more" in host.told()


def failback(host: Return, bounds: Failback) -> tuple[ReturnFailback, dict[str, object]]:
    """Return the step as a worker that takes over makes it, and what it is given."""
    settings = replace(SITE, way_back=replace(QUICK, failback=bounds))
    brief = Brief("host.up:dead:1", "host.up", DEAD, host.site.clock.now(), settings)
    way = Way(of=OF, enabled_at=host.site.clock.now()).ended(IncidentState.RECOVERED, "in service")
    return ReturnFailback(brief, bounds), {"way:return-enable": to_plain(way)}


class Mortal:
    """The clock of a worker that dies at one of its waits."""

    def __init__(self, clock: Clock, waits: int) -> None:
        self._clock = clock
        self._left = waits

    def now(self) -> float:
        return self._clock.now()

    def wait(self, seconds: float) -> None:
        self._left -= 1
        if not self._left:
            raise ClaimLostError
        self._clock.wait(seconds)


@pytest.mark.parametrize("waits", [1, 2, 5, 20])
def test_a_worker_that_takes_over_asks_for_none_twice_and_for_no_more_than_the_site_says(waits: int) -> None:
    host = returned("a", "b", way_back=QUICK)
    step, way = failback(host, Failback(most=1))
    mortal = replace(host.site.ports, clock=Mortal(host.site.clock, waits))
    try:
        step.execute(ports=mortal, **way)
    except ClaimLostError:
        for entry in host.site.log.entries:
            if INTENDS in entry.facts:
                host.site.log.intended.setdefault(entry.server, []).append(entry.at)
        step.execute(ports=host.site.ports, **way)
    assert len(at_home(host)) == 1, host.told()
    assert migrations(host) == 1
    assert_whole(host)


def test_a_call_without_an_answer_is_looked_up_before_it_is_repeated() -> None:
    host = Return("a")
    host.power_on()
    host.recovery.fault("lost", method="POST", path="/action", count=1)
    host.run(BACK)
    assert at_home(host) == {"a"}, host.told()
    assert migrations(host) == 1


def test_the_site_file_says_when_and_how_many(tmp_path: Path) -> None:
    file = tmp_path / "site.yaml"
    said = 'way_back: {failback: {most: 4, parallel: 1, window: {from: "02:00", to: 05:30}}}'
    file.write_text(f"zookeeper: zk1:2181/medevac\npolicies: policies\n{said}\n")
    window = Window(TimeOfDay(2, 0), TimeOfDay(5, 30))
    way_back = read_site(file, {}).way_back
    assert way_back.failback == Failback(4, 1, window, Duration(1800))
    settings = replace(SITE, way_back=way_back)
    assert from_plain(Settings, json.loads(json.dumps(to_plain(settings))), "settings") == settings
    assert not math.isnan(window.closes(0.0))


@pytest.mark.parametrize(
    ("records", "moved"),
    [
        pytest.param([("evacuation", "done", 10)], False, id="it was only evacuated"),
        pytest.param([("live-migration", "completed", 5), ("evacuation", "done", 10)], False, id="it had moved before"),
        pytest.param([("evacuation", "done", 10), ("live-migration", "error", 15)], False, id="its way back failed"),
        pytest.param([("evacuation", "completed", 10), ("live-migration", "completed", 15)], True, id="it was moved"),
        pytest.param([("evacuation", "done", 10), ("resize", "confirmed", 15)], True, id="it was resized"),
    ],
)
def test_who_was_moved_since_is_known_from_novas_records(records: list[tuple[str, str, int]], moved: bool) -> None:
    found = [Migration(n, "u1", state, DEAD, "x", at, at, kind) for n, (kind, state, at) in enumerate(records)]
    assert was_moved_by_others(found, DEAD) is moved


def test_a_server_that_was_moved_away_and_back_stays_where_its_owner_wants_it() -> None:
    host = Return("a", "b")
    server = next(each for each in host.world.servers.values() if each.name == "a")
    put = server.host
    with host.world.settled() as world:
        elsewhere = next(name for name in world.hosts if name not in (put, DEAD))
        live_migration.live_migrate(world, server.id, elsewhere)
    host.site.clock.wait(30.0)
    with host.world.settled() as world:
        assert server.host == elsewhere
        live_migration.live_migrate(world, server.id, put)
    host.site.clock.wait(30.0)
    host.power_on()
    host.run(BACK, settings=SITE)
    assert server.host == put
    assert at_home(host) == {"b"}
