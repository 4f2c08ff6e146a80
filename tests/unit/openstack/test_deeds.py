"""What instance actions tell of evacuations."""

from __future__ import annotations

import pytest

from medevac.workers.openstack.deeds import end_of_rebuild, evacuation_asked_for
from medevac.workers.openstack.times import to_epoch


def action(second: int, name: str = "evacuate") -> dict[str, object]:
    return {"action": name, "request_id": f"req-{second}", "start_time": f"2026-11-23T04:00:{second:02}.000000"}


def event(name: str, finish: str | None, result: str | None = "Success") -> dict[str, object]:
    return {"event": name, "start_time": "2026-11-23T04:00:00.000000", "finish_time": finish, "result": result}


AT = to_epoch("2026-11-23T04:00:30")
END = "2026-11-23T04:01:00.000000"
REBUILD = "compute_rebuild_instance"


@pytest.mark.parametrize(
    ("actions", "found"),
    [
        ([action(30)], "req-30"),
        ([action(29), action(12)], "req-29"),
        ([action(12), action(29), action(31)], "req-29"),
        ([action(30, "reboot")], ""),
        ([action(19)], ""),
        ([action(31)], ""),
        ([], ""),
    ],
)
def test_an_evacuation_was_asked_for_by_the_last_request_before_its_record(
    actions: list[dict[str, object]], found: str
) -> None:
    assert evacuation_asked_for(actions, AT) == found


def test_a_server_was_rebuilt_when_a_destination_had_ended_that_well() -> None:
    assert end_of_rebuild([event(REBUILD, END), event("rebuild_server", END)]) == to_epoch(END)


@pytest.mark.parametrize(
    "events",
    [
        [],
        [event("rebuild_server", END)],
        [event(REBUILD, None, None), event("rebuild_server", END)],
        [event(REBUILD, END, "Error"), event("rebuild_server", END)],
    ],
    ids=["never begun", "never taken up", "the destination died", "it failed"],
)
def test_a_server_that_no_destination_has_rebuilt_to_the_end_has_not_arrived(events: list[dict[str, object]]) -> None:
    assert end_of_rebuild(events) is None
