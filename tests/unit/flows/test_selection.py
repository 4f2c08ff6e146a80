"""Selection: what Nova cannot or we may not evacuate is left, each with its sentence."""

from __future__ import annotations

from dataclasses import replace

import pytest

from medevac.flows.ports import Server
from medevac.flows.selection import why_left

SERVER = Server(
    id="1", name="web", project_id="p", host="h1", vm_state="active", task_state="", power_state=1,
    image_id="", flavor="m1", zone="az1", locked=False, launched=True,
)  # fmt: skip


@pytest.mark.parametrize("state", ["active", "stopped", "error"])
def test_a_server_that_boots_from_a_volume_moves_in_the_states_that_nova_evacuates(state: str) -> None:
    assert why_left(replace(SERVER, vm_state=state), ()) == ""


@pytest.mark.parametrize("state", ["paused", "suspended", "rescued", "resized", "building", "shelved"])
def test_a_server_in_another_state_waits_for_its_host(state: str) -> None:
    assert state in why_left(replace(SERVER, vm_state=state), ("*",))


def test_a_server_that_its_owner_deletes_is_left_to_him() -> None:
    assert why_left(replace(SERVER, task_state="deleting"), ("*",)) == "its owner is deleting it"


def test_an_operation_that_died_with_the_host_does_not_keep_a_server_there() -> None:
    assert why_left(replace(SERVER, task_state="rebooting"), ("*",)) == ""


def test_a_server_that_never_ran_is_left() -> None:
    assert "never ran" in why_left(replace(SERVER, launched=False), ("*",))


def test_a_disk_made_from_an_image_moves_only_where_the_site_says_that_storage_is_shared() -> None:
    imaged = replace(SERVER, image_id="img")
    assert "az1" in why_left(imaged, ())
    assert "az1" in why_left(imaged, ("az2",))
    assert why_left(imaged, ("az*",)) == ""
