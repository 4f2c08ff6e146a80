"""What Nova says about a server that is said to have failed."""

from __future__ import annotations

import dataclasses

import pytest

from medevac.core.event import EventKind
from medevac.flows.ports import Server, Stop
from medevac.workers.opinion import SYNC, Sign, Stand, of_nova

AT = 1000.0
ACTIVE = Server(
    id="s",
    name="web",
    project_id="p",
    host="compute-1",
    vm_state="active",
    task_state="",
    power_state=1,
    image_id="",
    flavor="m1",
    zone="az1",
    locked=False,
    launched=True,
    updated_at=AT - 500,
)


def sign(kind: EventKind = EventKind.SERVER_CRASHED, cause: str = "qemu") -> Sign:
    return Sign(kind, "compute-1", AT, cause)


def server(**changes: object) -> Server:
    return dataclasses.replace(ACTIVE, **changes)  # type: ignore[arg-type] # fields of the class


KINDS = (
    *(EventKind.SERVER_CRASHED, EventKind.SERVER_HUNG, EventKind.SERVER_IO_ERROR, EventKind.SERVER_STOPPED),
    EventKind.WORKLOAD_FAILED,
)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("locked", [False, True])
def test_what_nobody_asked_for_is_confirmed_also_of_locked_servers(kind: EventKind, locked: bool) -> None:
    assert of_nova(sign(kind), server(locked=locked), AT + 1).stand is Stand.CONFIRMED


TASKS = (
    *("powering-off", "powering-on", "deleting", "soft-deleting", "reboot_pending", "reboot_started_hard", "rebooting"),
    *("rebooting_hard", "resize_prep", "resize_migrating", "resize_finish", "resize_reverting"),
    *("resize_confirming", "rescuing", "unrescuing", "suspending", "resuming", "pausing", "unpausing", "shelving"),
    *("shelving_offloading", "unshelving", "rebuilding", "rebuild_spawning", "spawning", "scheduling", "networking"),
)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("kind", KINDS)
def test_what_nova_is_doing_itself_is_no_failure(kind: EventKind, task: str) -> None:
    opinion = of_nova(sign(kind), server(task_state=task), AT + 1)
    assert opinion.stand is Stand.DENIED
    assert task in opinion.reason


@pytest.mark.parametrize(
    "task", ["image_snapshot", "image_uploading", "updating_password", "something-new", "migrating"]
)
def test_what_nova_does_beside_a_running_server_is_waited_for(task: str) -> None:
    opinion = of_nova(sign(), server(task_state=task), AT + 1)
    assert (opinion.stand, opinion.due > AT + 1) == (Stand.UNKNOWN, True)


STATES = (
    *("deleted", "soft-delete", "stopped", "paused", "suspended", "rescued", "resized", "building", "shelved"),
    *("shelved_offloaded", "error"),
)


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("kind", KINDS)
def test_what_somebody_wanted_is_no_failure(kind: EventKind, state: str) -> None:
    assert of_nova(sign(kind), server(vm_state=state), AT + 1).stand is Stand.DENIED


def test_a_server_that_is_gone_or_elsewhere_did_not_fail_here() -> None:
    assert of_nova(sign(), None, AT).reason == "Nova knows no such server: it was deleted"
    assert "is on compute-2 by Nova" in of_nova(sign(), server(host="compute-2"), AT).reason
    assert "is on no host by Nova" in of_nova(sign(), server(host=""), AT).reason


@pytest.mark.parametrize(
    ("kind", "cause", "after", "stand"),
    [
        (EventKind.SERVER_CRASHED, "qemu", SYNC[0], Stand.CONFIRMED),
        (EventKind.SERVER_CRASHED, "qemu", 15.0, Stand.CONFIRMED),
        (EventKind.SERVER_CRASHED, "qemu", SYNC[1], Stand.CONFIRMED),
        (EventKind.SERVER_CRASHED, "qemu", SYNC[0] - 1, Stand.DENIED),
        (EventKind.SERVER_CRASHED, "qemu", SYNC[1] + 1, Stand.DENIED),
        (EventKind.SERVER_CRASHED, "qemu", -10.0, Stand.DENIED),
        (EventKind.SERVER_STOPPED, "signal", 15.0, Stand.CONFIRMED),
        (EventKind.SERVER_STOPPED, "forgotten", 15.0, Stand.DENIED),
        (EventKind.SERVER_STOPPED, "migration", 15.0, Stand.DENIED),
        (EventKind.SERVER_HUNG, "watchdog", 15.0, Stand.DENIED),
        (EventKind.SERVER_IO_ERROR, "disk", 15.0, Stand.DENIED),
    ],
)
def test_a_stop_that_nova_wrote_by_itself_after_a_crash_is_told_from_an_owners(
    kind: EventKind, cause: str, after: float, stand: Stand
) -> None:
    found = of_nova(sign(kind, cause), server(vm_state="stopped", power_state=4, updated_at=AT + after), AT + 90)
    assert found.stand is stand


@pytest.mark.parametrize(
    ("stops", "stand"),
    [
        pytest.param([Stop(AT + 15, by_user=True)], Stand.DENIED, id="a user's"),
        pytest.param([Stop(AT + 15, by_user=False)], Stand.CONFIRMED, id="Nova's own"),
        pytest.param([Stop(AT + 15, by_user=False), Stop(AT + 5, by_user=True)], Stand.DENIED, id="both"),
        pytest.param([Stop(AT - 900, by_user=True)], Stand.CONFIRMED, id="one of long before"),
    ],
)
def test_whose_stop_it_was_decides_where_nova_keeps_it(stops: list[Stop], stand: Stand) -> None:
    stopped = server(vm_state="stopped", power_state=4, updated_at=AT + 15)
    assert of_nova(sign(), stopped, AT + 90, stops).stand is stand


@pytest.mark.parametrize("kind", [EventKind.SERVER_CRASHED, EventKind.SERVER_HUNG, EventKind.SERVER_STOPPED])
def test_a_server_that_somebody_started_again_is_left_alone(kind: EventKind) -> None:
    assert of_nova(sign(kind), server(updated_at=AT + 30), AT + 40).stand is Stand.DENIED
    assert of_nova(sign(kind), server(updated_at=AT + 30, power_state=4), AT + 40).stand is Stand.CONFIRMED
    assert of_nova(sign(kind), server(updated_at=AT + 2), AT + 40).stand is Stand.CONFIRMED
