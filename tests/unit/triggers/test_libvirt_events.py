"""Judging libvirt's events: streams that a real libvirtd sent, and those that are told by the table alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from medevac.triggers import libvirt_codes as codes
from medevac.triggers.libvirt_codes import Crashed, EventId, IoError, Lifecycle, Shutdown, Started, Stopped, Suspended
from medevac.triggers.libvirt_events import (
    DISK_QUIET,
    PANIC_GRACE,
    SHUTDOWN_GRACE,
    WATCHDOG_GRACE,
    Finding,
    Sighting,
    Standing,
    Undecided,
    begun,
    judge,
    ripen,
)
from tests.unit.triggers.libvirt_play import SERVER, Play, started, stopped

DATA = Path(__file__).parents[2] / "data" / "libvirt-events"
CAPTURED = {
    "l01_clean_shutdown": [],
    "l02_virsh_shutdown_agent": [],
    "l03_destroy": [],
    "l04_kill9_qemu": [("server.crashed", "qemu")],
    "l06_panic_destroy": [("server.crashed", "panic")],
    "l07_panic_restart": [("server.restarted", "panic")],
    "l08_panic_preserve": [("server.crashed", "panic")],
    "l09_panic_coredump": [("server.crashed", "panic")],
    "l10_panic_nopvpanic": [],
    "l11_panic_nopvpanic_reboot": [],
    "l12_watchdog_inject-nmi": [("server.hung", "watchdog")],
    "l12_watchdog_none": [("server.hung", "watchdog")],
    "l12_watchdog_pause": [("server.hung", "watchdog")],
    "l12_watchdog_poweroff": [("server.crashed", "watchdog")],
    "l12_watchdog_reset": [("server.restarted", "watchdog")],
    "l12_watchdog_shutdown": [("server.hung", "watchdog")],
    "l15_ioerror_enospc_enospace": [("server.io-error", "disk")],
    "l15_ioerror_enospc_ignore": [("server.io-error", "disk")],
    "l15_ioerror_enospc_report": [("server.io-error", "disk")],
    "l15_ioerror_enospc_stop": [("server.io-error", "disk")],
    "l16_reboots": [],
    "l17_suspend_resume": [],
    "l18_agent": [],
    "l19_migrate_dst": [],
    "l19_migrate_src": [],
    "l20_migrate_fails_src": [],
    "l21_libvirtd_killed": [],
    "l22_guest_dies_while_libvirtd_down": [("server.crashed", "qemu")],
    "l27_libvirtd_sigterm": [],
    "l28_start_fails": [],
    "l30_nmi_panic": [("server.crashed", "panic")],
    "l32_transient_domain_killed": [("server.crashed", "qemu")],
}
REASONS = {codes.State.SHUTOFF: codes.Shutoff}


def captured(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (DATA / f"{name}.jsonl").read_text().splitlines()]


def replayed(name: str) -> Play:
    play = Play()
    for line in captured(name):
        if line["event"] == "_connected":
            for server, standing in line["doms"].items():
                state, _, reason = standing.partition("/")
                reasons = REASONS.get(codes.State[state])
                number = int(reasons[reason]) if reasons else 1
                play.connect(Standing(server, line["t"], codes.State[state], number, domain=1))
        elif line["event"] in EventId.__members__:
            details = {"device": line["dev"], "reason": line["reason"]} if "dev" in line else {}
            event = EventId[line["event"]]
            play.see(Sighting(line["dom"], line["t"], event, tuple(line.get("codes", ())), 1, details))
    play.pass_time(line["t"] + SHUTDOWN_GRACE)
    return play


@pytest.mark.parametrize("name", CAPTURED)
def test_a_captured_stream_has_the_verdict_of_the_table(name: str) -> None:
    assert replayed(name).told == CAPTURED[name]


def test_every_captured_stream_has_a_verdict() -> None:
    assert {path.stem for path in DATA.glob("*.jsonl")} == set(CAPTURED)


Steps = list[tuple[int, ...]]
"""(event, codes…), a second apart."""
LIFE = EventId.LIFECYCLE
HARMLESS: dict[str, Steps] = {
    "owner's shutdown from inside": [
        (LIFE, Lifecycle.SHUTDOWN, Shutdown.GUEST),
        (LIFE, Lifecycle.STOPPED, Stopped.SHUTDOWN),
    ],
    "nova stop that ends in destroy": [
        (LIFE, Lifecycle.SHUTDOWN, Shutdown.HOST),
        (LIFE, Lifecycle.STOPPED, Stopped.DESTROYED),
    ],
    "nova delete": [(LIFE, Lifecycle.STOPPED, Stopped.DESTROYED), (LIFE, Lifecycle.UNDEFINED, 0)],
    "nova hard reboot": [
        (LIFE, Lifecycle.SHUTDOWN, Shutdown.HOST),
        (LIFE, Lifecycle.STOPPED, Stopped.DESTROYED),
        (LIFE, Lifecycle.UNDEFINED, 0),
        (LIFE, Lifecycle.DEFINED, 0),
        (LIFE, Lifecycle.RESUMED, 0),
        (LIFE, Lifecycle.STARTED, Started.BOOTED),
    ],
    "soft reboot": [(EventId.REBOOT,), (EventId.REBOOT,)],
    "pause and unpause": [(LIFE, Lifecycle.SUSPENDED, Suspended.PAUSED), (LIFE, Lifecycle.RESUMED, 0)],
    "nova suspend": [(LIFE, Lifecycle.SUSPENDED, Suspended.PAUSED), (LIFE, Lifecycle.STOPPED, Stopped.SAVED)],
    "nova resume": [(LIFE, Lifecycle.STARTED, 2), (LIFE, Lifecycle.RESUMED, 2)],
    "live migration away": [
        (LIFE, Lifecycle.SUSPENDED, Suspended.MIGRATED),
        (LIFE, Lifecycle.STOPPED, Stopped.MIGRATED),
    ],
    "live migration to here": [
        (LIFE, Lifecycle.STARTED, Started.MIGRATED),
        (LIFE, Lifecycle.DEFINED, 0),
        (LIFE, Lifecycle.RESUMED, 1),
    ],
    "live migration to here that fails": [
        (LIFE, Lifecycle.STARTED, Started.MIGRATED),
        (LIFE, Lifecycle.STOPPED, Stopped.FAILED),
    ],
    "resize or cold migration away": [
        (LIFE, Lifecycle.SHUTDOWN, Shutdown.GUEST),
        (LIFE, Lifecycle.STOPPED, Stopped.SHUTDOWN),
        (LIFE, Lifecycle.UNDEFINED, 0),
    ],
    "rescue, a second domain definition of the same server": [
        (LIFE, Lifecycle.STOPPED, Stopped.DESTROYED),
        (LIFE, Lifecycle.DEFINED, 1),
        (LIFE, Lifecycle.STARTED, Started.BOOTED),
    ],
    "shelve": [
        (LIFE, Lifecycle.SHUTDOWN, Shutdown.GUEST),
        (LIFE, Lifecycle.STOPPED, Stopped.SHUTDOWN),
        (LIFE, Lifecycle.UNDEFINED, 0),
    ],
    "snapshot taken and gone back to": [
        (LIFE, Lifecycle.STOPPED, Stopped.FROM_SNAPSHOT),
        (LIFE, Lifecycle.STARTED, 3),
    ],
    "guest sleeps": [(LIFE, Lifecycle.PMSUSPENDED, 0)],
    "guest agent comes and goes": [(EventId.AGENT_LIFECYCLE, 2, 2), (EventId.AGENT_LIFECYCLE, 1, 2)],
    "watchdog that dumps": [
        (EventId.WATCHDOG, codes.Watchdog.PAUSE),
        (LIFE, Lifecycle.SUSPENDED, Suspended.WATCHDOG),
        (LIFE, Lifecycle.RESUMED, 0),
    ],
    "guest with a crash kernel of its own": [(LIFE, Lifecycle.CRASHED, Crashed.CRASHLOADED), (EventId.REBOOT,)],
    "hung server that somebody destroys meanwhile": [
        (EventId.WATCHDOG, codes.Watchdog.NONE),
        (LIFE, Lifecycle.STOPPED, Stopped.DESTROYED),
    ],
    "codes of a libvirt to come": [(LIFE, 99, 99), (LIFE, Lifecycle.STOPPED, 99), (77, 1), (EventId.LIFECYCLE,)],
}
FAILURES: dict[str, tuple[Steps, list[tuple[str, str]]]] = {
    "qemu ended by a signal of somebody": (
        [(LIFE, Lifecycle.SHUTDOWN, Shutdown.HOST), (LIFE, Lifecycle.STOPPED, Stopped.SHUTDOWN)],
        [("server.stopped", "signal")],
    ),
    "server that died after it had migrated to here": (
        [
            (LIFE, Lifecycle.STARTED, Started.MIGRATED),
            (LIFE, Lifecycle.RESUMED, 1),
            (LIFE, Lifecycle.STOPPED, Stopped.FAILED),
        ],
        [("server.crashed", "qemu")],
    ),
    "guest that obeys its watchdog's shutdown": (
        [
            (EventId.WATCHDOG, codes.Watchdog.SHUTDOWN),
            (LIFE, Lifecycle.SHUTDOWN, Shutdown.GUEST),
            (LIFE, Lifecycle.STOPPED, Stopped.SHUTDOWN),
        ],
        [("server.crashed", "watchdog")],
    ),
    "non-maskable interrupt of the watchdog that panics the guest": (
        [(EventId.WATCHDOG, codes.Watchdog.INJECTNMI), (EventId.REBOOT,), (EventId.REBOOT,)],
        [("server.restarted", "watchdog")],
    ),
    "pause after an error of libvirt's own": (
        [(LIFE, Lifecycle.SUSPENDED, Suspended.API_ERROR)],
        [("server.hung", "libvirt")],
    ),
    "hung server whose qemu then dies": (
        [
            (LIFE, Lifecycle.SUSPENDED, Suspended.WATCHDOG),
            *[(EventId.AGENT_LIFECYCLE, 2, 2)] * int(WATCHDOG_GRACE + 1),
            (LIFE, Lifecycle.STOPPED, Stopped.FAILED),
        ],
        [("server.hung", "watchdog"), ("server.crashed", "qemu")],
    ),
    "two panics that libvirt healed": (
        [
            (LIFE, Lifecycle.CRASHED, Crashed.PANICKED),
            (EventId.REBOOT,),
            (LIFE, Lifecycle.RESUMED, 0),
            (LIFE, Lifecycle.CRASHED, Crashed.PANICKED),
            (EventId.REBOOT,),
        ],
        [("server.restarted", "panic"), ("server.restarted", "panic")],
    ),
}


def played(steps: Steps) -> Play:
    play = Play()
    play.lives[SERVER] = begun(SERVER, 1000.0, 1)
    for number, (event, *numbers) in enumerate(steps, start=1):
        play.see(Sighting(SERVER, 1000.0 + number, event, tuple(numbers), 1))
    play.pass_time(1000.0 + len(steps) + SHUTDOWN_GRACE)
    return play


@pytest.mark.parametrize("name", HARMLESS)
def test_what_somebody_does_on_purpose_is_no_failure(name: str) -> None:
    assert played(HARMLESS[name]).told == []


@pytest.mark.parametrize("name", FAILURES)
def test_a_failure_is_told_by_its_kind_and_cause(name: str) -> None:
    steps, told = FAILURES[name]
    assert played(steps).told == told


def test_two_crashes_in_one_millisecond_are_two_failures() -> None:
    play = Play()
    play.see(stopped("server-a", 1000.0))
    play.see(stopped("server-b", 1000.0))
    assert [server for server, _ in play.found] == ["server-a", "server-b"]


def test_a_crash_after_a_start_is_a_failure_of_another_boot() -> None:
    play = Play()
    for at in (1000.0, 2000.0):
        play.see(started(SERVER, at))
        play.see(stopped(SERVER, at + 1))
        play.see(stopped(SERVER, at + 2))
    boots = [finding.facts["boot"] for _, finding in play.found]
    assert len(boots) == len(set(boots)) == 2


def test_a_panic_is_held_back_until_libvirt_has_had_time_to_restart_the_server() -> None:
    life = begun(SERVER, 1000.0, 1)
    life, verdict = judge(life, Sighting(SERVER, 1001.0, EventId.LIFECYCLE, (Lifecycle.CRASHED, Crashed.PANICKED)))
    assert verdict == Undecided(1001.0 + PANIC_GRACE)
    assert ripen(life, 1001.0 + PANIC_GRACE - 0.1)[1] == verdict
    assert isinstance(ripen(life, 1001.0 + PANIC_GRACE)[1], Finding)


def test_a_server_that_was_resumed_and_hangs_again_is_told_again() -> None:
    play = Play()
    play.lives[SERVER] = begun(SERVER, 1000.0, 1)
    for at in (1001.0, 1101.0):
        play.see(Sighting(SERVER, at, EventId.LIFECYCLE, (Lifecycle.SUSPENDED, Suspended.WATCHDOG)))
        play.pass_time(at + WATCHDOG_GRACE)
        play.see(Sighting(SERVER, at + WATCHDOG_GRACE + 1, EventId.LIFECYCLE, (Lifecycle.RESUMED, 0)))
    assert play.told == [("server.hung", "watchdog")] * 2


def test_a_watchdog_that_resets_is_counted_at_once() -> None:
    life, verdict = judge(begun(SERVER, 1000.0, 1), Sighting(SERVER, 1001.0, EventId.WATCHDOG, (codes.Watchdog.RESET,)))
    assert isinstance(verdict, Finding)
    assert (verdict.kind, verdict.facts["restarts"], life.restarts) == ("server.restarted", "1", 1)


def test_an_error_of_a_disk_that_was_quiet_is_told_again() -> None:
    play = Play()
    for at in (1000.0, 1001.0, 1001.0 + DISK_QUIET):
        play.see(Sighting(SERVER, at, EventId.IO_ERROR_REASON, (IoError.REPORT,)))
    assert play.told == [("server.io-error", "disk")] * 2


def test_a_pause_by_a_disk_carries_its_reason_and_device() -> None:
    (_, finding) = replayed("l15_ioerror_enospc_stop").found[0]
    assert {**finding.facts, "boot": ""} == {
        "event": "SUSPENDED/IOERROR",
        "device": "virtio-disk0",
        "reason": "enospc",
        "paused": "yes",
        "cause": "disk",
        "boot": "",
        "restarts": "0",
    }
