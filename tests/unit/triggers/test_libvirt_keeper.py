"""What the listener remembers over its restarts, and what it tells because of that."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from medevac.core.event import Event
from medevac.triggers import libvirt_codes as codes
from medevac.triggers.libvirt_codes import EventId, Lifecycle, Started, Stopped
from medevac.triggers.libvirt_events import PANIC_GRACE, Sighting, Standing
from medevac.triggers.libvirt_keeper import Keeper

SERVER = "2d7825c4-c915-4a19-8cc4-b284bfeb7cd9"
RUNNING = Standing(SERVER, 1000.0, codes.State.RUNNING, 1, 7)


@pytest.fixture
def told() -> list[Event]:
    return []


@pytest.fixture
def keeper(tmp_path: Path, told: list[Event]) -> Callable[[], Keeper]:
    return lambda: Keeper("compute-1", tmp_path / "state" / "servers.json", told.append)


def behind_a_panic(keeper: Callable[[], Keeper]) -> Keeper:
    """Return the keeper of a listener that comes after one that had just seen the server panic."""
    before = keeper()
    before.find([RUNNING], 1000.0)
    before.see(lifecycle(1001.0, Lifecycle.CRASHED, 0))
    before.flush()
    return keeper()


def lifecycle(at: float, *numbers: int) -> Sighting:
    return Sighting(SERVER, at, EventId.LIFECYCLE, numbers, 7)


def test_a_death_during_the_listeners_absence_is_told_under_the_boot_that_was_seen(
    keeper: Callable[[], Keeper], told: list[Event]
) -> None:
    before = keeper()
    before.see(lifecycle(1000.0, Lifecycle.STARTED, Started.BOOTED))
    before.flush()
    for _ in range(2):
        after = keeper()
        after.find([Standing(SERVER, 2000.0, codes.State.SHUTOFF, codes.Shutoff.CRASHED)], 2000.0)
        after.flush()
    (event,) = told
    assert (event.kind, event.subject.name, event.facts["host"]) == ("server.crashed", SERVER, "compute-1")
    assert event.facts["boot"] == f"{1000 * 1_000_000:016x}"


def test_a_panic_that_was_pending_when_the_listener_ended_is_told_by_the_next(
    keeper: Callable[[], Keeper], told: list[Event]
) -> None:
    after = behind_a_panic(keeper)
    after.find([Standing(SERVER, 1002.0, codes.State.CRASHED, 0, 7)], 1002.0)
    assert after.due == 1002.0 + PANIC_GRACE
    after.ripen(1002.0 + PANIC_GRACE)
    assert [event.facts["cause"] for event in told] == ["panic"]


def test_a_panic_that_libvirt_healed_meanwhile_is_not_told_by_the_next(
    keeper: Callable[[], Keeper], told: list[Event]
) -> None:
    after = behind_a_panic(keeper)
    after.find([Standing(SERVER, 1002.0, codes.State.RUNNING, 1, 7)], 1002.0)
    after.ripen(9999.0)
    assert told == []


def test_a_server_that_is_not_there_any_more_was_moved_or_deleted(
    keeper: Callable[[], Keeper], told: list[Event]
) -> None:
    kept = keeper()
    kept.find([RUNNING], 1000.0)
    assert kept.running == 1
    kept.find([], 2000.0)
    assert (kept.running, told) == (0, [])


def test_a_server_that_is_off_is_not_written_down(keeper: Callable[[], Keeper], tmp_path: Path) -> None:
    kept = keeper()
    kept.find([RUNNING], 1000.0)
    kept.flush()
    assert SERVER in (tmp_path / "state" / "servers.json").read_text()
    kept.see(lifecycle(1001.0, Lifecycle.STOPPED, Stopped.DESTROYED))
    kept.flush()
    assert SERVER not in (tmp_path / "state" / "servers.json").read_text()


def test_a_clock_that_was_set_back_between_two_listeners_hides_nothing(
    keeper: Callable[[], Keeper], told: list[Event]
) -> None:
    before = keeper()
    before.find([RUNNING], 1000.0)
    before.flush()
    keeper().find([Standing(SERVER, 500.0, codes.State.SHUTOFF, codes.Shutoff.CRASHED)], 500.0)
    assert len(told) == 1


def test_a_frozen_qemu_is_told_once_until_it_answered(keeper: Callable[[], Keeper], told: list[Event]) -> None:
    kept = keeper()
    kept.find([RUNNING], 1000.0)
    kept.freeze(SERVER, {}, 1100.0)
    kept.freeze(SERVER, {}, 1200.0)
    kept.freeze("somebody else", {}, 1200.0)
    assert [event.kind for event in told] == ["server.hung"]
    kept.thaw(SERVER)
    kept.freeze(SERVER, {}, 1300.0)
    assert len(told) == 2


def test_a_file_that_cannot_be_read_is_set_aside_and_said(
    tmp_path: Path, told: list[Event], caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "servers.json"
    file.write_text("{")
    with caplog.at_level(logging.ERROR):
        kept = Keeper("compute-1", file, told.append)
    kept.see(lifecycle(1000.0, Lifecycle.STOPPED, Stopped.FAILED))
    assert "what was missed cannot be told" in caplog.text
    assert file.with_name("servers.json.bad").exists()
    assert len(told) == 1


def test_a_file_that_cannot_be_written_stops_nothing(
    tmp_path: Path, told: list[Event], caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "state").write_text("a file where a folder should be")
    kept = Keeper("compute-1", tmp_path / "state" / "servers.json", told.append)
    kept.find([RUNNING], 1000.0)
    kept.flush()
    assert "cannot be written" in caplog.text
