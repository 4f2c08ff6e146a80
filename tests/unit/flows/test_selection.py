"""Selection: what Nova cannot or we may not evacuate is left, each with its sentence."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from medevac.flows.policy.language import Allow, Answer, States
from medevac.flows.ports import Server
from medevac.flows.selection import Ceiling, Stay, losses, why_left

SERVER = Server(
    id="1", name="web", project_id="p", host="h1", vm_state="active", task_state="", power_state=1,
    image_id="", flavor="m1", zone="az1", locked=False, launched=True,
)  # fmt: skip


def reason(server: Server, shared: tuple[str, ...] = (), **rules: Any) -> str:
    stay = why_left(server, shared, **rules)
    return stay.reason if stay else ""


@pytest.mark.parametrize("state", ["active", "stopped", "error"])
def test_a_server_that_boots_from_a_volume_moves_in_the_states_that_nova_evacuates(state: str) -> None:
    assert why_left(replace(SERVER, vm_state=state), ()) is None


@pytest.mark.parametrize("state", ["paused", "suspended", "rescued", "resized", "building", "shelved"])
def test_a_server_in_another_state_waits_for_its_host_and_somebody_must_see_to_it(state: str) -> None:
    stay = why_left(replace(SERVER, vm_state=state), ("*",))
    assert stay is not None
    assert state in stay.reason
    assert not stay.intended


@pytest.mark.parametrize("state", ["paused", "suspended", "rescued", "resized", "shelved"])
def test_a_policy_may_want_it_evacuated_all_the_same_and_then_it_is_said_what_that_loses(state: str) -> None:
    server = replace(SERVER, vm_state=state)
    assert why_left(server, (), States(**{state: Answer.EVACUATE})) is None
    assert "running" in losses(server, ())


@pytest.mark.parametrize("state", ["error", "paused", "suspended", "rescued", "resized", "shelved"])
def test_a_policy_may_want_it_left_and_then_nobody_needs_to_see_to_it(state: str) -> None:
    stay = why_left(replace(SERVER, vm_state=state), (), States(**{state: Answer.LEAVE}))
    assert stay == Stay(f"its policy leaves a server that is {state}", intended=True)


def test_a_server_that_never_ran_stays_whatever_its_policy_says() -> None:
    server = replace(SERVER, launched=False, vm_state="building")
    assert not why_left(server, (), States(building=Answer.EVACUATE)).intended  # type: ignore[union-attr]  # it stays
    assert why_left(server, (), States(building=Answer.LEAVE)).intended  # type: ignore[union-attr]  # it stays


def test_locks_and_operations_under_way_are_answered_as_the_policy_says() -> None:
    locked, busy = replace(SERVER, locked=True), replace(SERVER, task_state="rebooting")
    assert reason(locked) == reason(busy) == ""
    assert "that is locked" in reason(locked, states=States(locked=Answer.LEAVE))
    assert "that is busy (rebooting)" in reason(busy, states=States(busy=Answer.HOLD))


def test_all_states_of_a_server_must_allow_its_evacuation() -> None:
    both = replace(SERVER, locked=True, vm_state="error")
    assert "locked" in reason(both, states=States(locked=Answer.LEAVE))
    assert "error" in reason(both, states=States(error=Answer.LEAVE))


@pytest.mark.parametrize("allow", [Allow.RESTART, Allow.RESET, Allow.MIGRATE])
def test_a_ceiling_below_evacuate_leaves_a_server_and_names_who_set_it(allow: Allow) -> None:
    stay = why_left(SERVER, (), ceiling=Ceiling(allow, "policy batch"))
    assert stay == Stay(f"policy batch allows no more than {allow.value} for it", intended=True)


def test_a_ceiling_of_rebuild_moves_a_server_whose_disk_that_loses() -> None:
    imaged = replace(SERVER, image_id="img")
    assert why_left(imaged, (), ceiling=Ceiling(Allow.REBUILD, "policy batch")) is None
    assert losses(imaged, ()) == "its disk is made anew from its image"
    assert not losses(imaged, ("az1",))


def test_a_server_that_its_owner_deletes_is_left_to_him() -> None:
    assert reason(replace(SERVER, task_state="deleting"), ("*",)) == "its owner is deleting it"


def test_a_server_that_never_ran_is_left() -> None:
    assert "never ran" in reason(replace(SERVER, launched=False), ("*",))


def test_a_disk_made_from_an_image_moves_only_where_the_site_says_that_storage_is_shared() -> None:
    imaged = replace(SERVER, image_id="img")
    assert "az1" in reason(imaged, ())
    assert "az1" in reason(imaged, ("az2",))
    assert reason(imaged, ("az*",)) == ""
