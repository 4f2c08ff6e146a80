"""A guest that Nova has started, and forgotten because something else failed, never gets a second copy."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import pytest

from medevac.flows.guests import NoHypervisor
from medevac.flows.journey import Journey
from medevac.flows.plan import PlannedServer
from medevac.flows.ports import Migration
from medevac.sandbox.cloud.model import control
from tests.unit.flows.recovering import Recovery, policy, trying

AWAY = 60.0


@pytest.fixture
def recovery() -> Recovery:
    """Return a recovery in whose midst no nova-scheduler is there for a minute."""
    made = Recovery("a", spares=("spare-1", "spare-2"))
    seconds = made.world.settings.evacuate_seconds

    def dies() -> None:
        control.take_down(made.world, control.SCHEDULER)
        made.after(AWAY, lambda: control.bring_up(made.world, control.SCHEDULER))

    def begins() -> None:
        if made.world.migrations:
            made.after(seconds / 2, dies)
        else:
            made.after(0.1, begins)

    made.after(0.1, begins)
    return made


def test_what_runs_where_an_evacuation_failed_is_killed_before_the_next(recovery: Recovery) -> None:
    recovery.run(policy(evacuate=trying(3, wait=60)))
    assert ("a", "failed") in recovery.records()
    assert "which Nova had started and forgotten, was killed" in recovery.told()
    assert recovery.results() == {"a": "recovered"}
    assert recovery.world.ledger.broken() == ()


def test_without_a_hypervisor_to_ask_it_is_not_asked_for_again(recovery: Recovery) -> None:
    recovery.site.hypervisor = NoHypervisor()  # type: ignore[assignment] # as on a site that names none
    recovery.run(policy(evacuate=trying(3, wait=60)))
    assert recovery.records() == {("a", "failed"): 1}
    assert "(MessageDeliveryFailure) and its guest may run there: look (virsh list)" in recovery.site.log.reason
    assert recovery.site.log.state == "parked"
    assert recovery.world.ledger.broken() == ()


def test_without_a_hypervisor_to_ask_a_guest_that_could_not_start_is_tried_again() -> None:
    recovery = Recovery("a", spares=("spare-1",))
    recovery.site.hypervisor = NoHypervisor()  # type: ignore[assignment] # as on a site that names none
    recovery.world.mishaps.fail_spawns["spare-1"] = 1
    recovery.run(policy(evacuate=trying(1, wait=5)))
    assert recovery.results() == {"a": "recovered"}


def test_a_host_that_no_record_names_any_more_is_looked_at_too() -> None:
    sent = [Migration(1, "u1", "pre-migrating", "dead", to, 1.0, 2.0) for to in ("", "one", "two")]
    journey = Journey(cast("PlannedServer", SimpleNamespace(vm_state="active")))
    for record in sent:
        journey.take_in([record])
    journey.take_in([replace(sent[2], status="failed")])
    assert journey.replaced == {"one"}
