"""A server that was shut off, and that a failed evacuation left in ERROR, is shut off when it is brought back."""

from __future__ import annotations

from typing import Any

import pytest

from medevac.flows.earlier import reports_wanted, shut_off
from medevac.flows.estate import POWERED, Server
from tests.unit.flows.recovering import SPARES, Recovery, policy, trying


def tried_in_vain() -> Recovery:
    """Return a host of which no server has found a place."""
    recovery = Recovery("ran", off="stopped")
    with recovery.world.settled() as world:
        for name in SPARES:
            world.mishaps.fail_spawns[name] = -1
    recovery.run(policy(evacuate=trying(0)))
    with recovery.world.settled() as world:
        world.mishaps.fail_spawns.clear()
    assert recovery.results() == {"ran": "failed", "off": "failed"}
    assert {recovery.server(name).vm_state for name in ("ran", "off")} == {"error"}
    assert recovery.rows()["off"]["was"] == "stopped"
    return recovery


def test_by_a_further_attempt_at_the_same_incident() -> None:
    recovery = tried_in_vain()
    recovery.run()
    assert recovery.results() == {"ran": "recovered", "off": "recovered"}, recovery.told()
    assert (recovery.server("ran").vm_state, recovery.server("off").vm_state) == ("active", "stopped")
    assert recovery.rows()["off"]["was"] == "stopped", "so that an attempt after this one would know it too"


def server(vm_state: str = "error", power_state: int = 4) -> Server:
    return Server("id", "name", "project", "host", vm_state, "", power_state, "", "", "", locked=False, launched=True)


def report(was: str, result: str = "failed") -> dict[str, Any]:
    return {"servers": [{"id": "id", "result": result, "was": was}]}


def test_by_the_report_of_the_incident_before_this_one() -> None:
    assert [*reports_wanted("host.down:c-1:3", [server()])] == ["host.down:c-1:3", "host.down:c-1:2"]
    assert [*reports_wanted("host.down:c-1:1", [server()])] == ["host.down:c-1:1"]
    assert shut_off([{}, report("stopped")], [server()]) == {"id"}


def test_and_nothing_is_read_where_none_is_down_in_error() -> None:
    assert [*reports_wanted("host.down:c-1:3", [server("active", POWERED), server("stopped")])] == []


@pytest.mark.parametrize(
    ("reports", "seen"),
    [
        ([report("active")], server()),
        ([report("stopped", "recovered")], server()),
        ([report("active"), report("stopped")], server()),
        ([report("stopped")], server(power_state=POWERED)),
        ([report("stopped")], server("active", POWERED)),
        ([], server()),
    ],
)
def test_but_not_one_that_ran_or_that_somebody_got_going_since(reports: list[dict[str, Any]], seen: Server) -> None:
    assert shut_off(reports, [seen]) == frozenset()
