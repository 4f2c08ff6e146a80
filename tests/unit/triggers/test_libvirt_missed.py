"""What libvirt's events did not say, because nobody listened, and what is made of how the servers are found."""

from __future__ import annotations

import pytest

from medevac.core.event import EventKind
from medevac.triggers import libvirt_codes as codes
from medevac.triggers.libvirt_codes import EventId, Lifecycle, Started
from medevac.triggers.libvirt_events import WATCHDOG_GRACE, Finding, Sighting, Standing, begun
from tests.unit.triggers.libvirt_play import SERVER, Play, stopped

OFF = codes.State.SHUTOFF


@pytest.mark.parametrize(
    ("state", "reason", "told"),
    [
        (OFF, codes.Shutoff.CRASHED, [("server.crashed", "qemu")]),
        (OFF, codes.Shutoff.UNKNOWN, [("server.stopped", "forgotten")]),
        (OFF, codes.Shutoff.SHUTDOWN, []),
        (OFF, codes.Shutoff.DESTROYED, []),
        (OFF, codes.Shutoff.SAVED, []),
        (OFF, codes.Shutoff.MIGRATED, []),
        (codes.State.RUNNING, 1, []),
        (codes.State.PAUSED, 1, []),
        (codes.State.PAUSED, codes.Paused.WATCHDOG, [("server.hung", "watchdog")]),
        (codes.State.PAUSED, codes.Paused.IOERROR, [("server.io-error", "disk")]),
        (codes.State.CRASHED, 0, [("server.crashed", "panic")]),
        (codes.State.SHUTDOWN, 0, []),
    ],
)
def test_what_was_missed_is_found_by_comparison_and_told_once(
    state: int, reason: int, told: list[tuple[str, str]]
) -> None:
    play = Play()
    play.lives[SERVER] = begun(SERVER, 1000.0, 1)
    for at in (2000.0, 3000.0):
        play.connect(Standing(SERVER, at, state, reason, 1))
        play.pass_time(at + WATCHDOG_GRACE)
    assert play.told == told


def test_a_server_that_nobody_saw_running_here_is_not_missed() -> None:
    play = Play()
    play.connect(Standing(SERVER, 1000.0, OFF, codes.Shutoff.CRASHED))
    assert play.told == []


def test_a_server_that_runs_again_under_another_number_has_another_boot() -> None:
    play = Play()
    for at, domain in ((1000.0, 1), (2000.0, 1), (3000.0, 2)):
        play.connect(Standing(SERVER, at, codes.State.RUNNING, 1, domain))
        play.found.append((play.lives[SERVER].boot, Finding(EventKind.UNCLASSIFIED, {})))
    first, second, third = [boot for boot, _ in play.found]
    assert first == second != third


def test_an_incoming_migration_that_fails_after_a_reconnection_is_no_crash() -> None:
    play = Play()
    play.connect(Standing(SERVER, 1000.0, codes.State.PAUSED, codes.Paused.MIGRATION, 1))
    play.see(stopped(SERVER, 1001.0))
    assert play.told == []


def arriving(then: Standing) -> Play:
    """Play a migration to here whose end nobody heard."""
    play = Play()
    play.see(Sighting(SERVER, 1000.0, EventId.LIFECYCLE, (Lifecycle.STARTED, Started.MIGRATED), 1))
    play.connect(then)
    return play


def test_a_server_that_arrived_while_nobody_listened_can_crash_here() -> None:
    play = arriving(Standing(SERVER, 1001.0, codes.State.RUNNING, 1, 1))
    play.see(stopped(SERVER, 1002.0))
    assert play.told == [("server.crashed", "qemu")]


def test_a_server_that_died_on_arrival_while_nobody_listened_is_left_to_nova() -> None:
    assert arriving(Standing(SERVER, 1001.0, OFF, codes.Shutoff.CRASHED)).told == [("server.stopped", "migration")]


def test_an_event_is_newer_than_the_standing_that_was_asked_for_before_it() -> None:
    play = Play()
    play.see(stopped(SERVER, 1000.0))
    play.connect(Standing(SERVER, 999.9, codes.State.RUNNING, 1, 1))
    assert not play.lives[SERVER].running
