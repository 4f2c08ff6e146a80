"""The side door: what is ordered to go wrong goes wrong, as often and where it was ordered."""

from __future__ import annotations

import contextlib
import time

import pytest
import requests

from medevac.sandbox.cloud.client import SideDoorError
from medevac.sandbox.cloud.model.site import ServerSpec
from medevac.sandbox.cloud.server import RunningCloud
from tests.component.cloud.wire import Wire
from tests.fixtures.waiting import until


def test_a_status_is_answered_as_often_as_ordered_and_nothing_is_done(
    cloud: RunningCloud, wire: Wire, ids: dict[str, str], lost: str
) -> None:
    assert lost
    cloud.site.fault("status", method="POST", path="/action$", count=2, status=503)
    assert [wire.act(ids["db"], "evacuate", {}).status_code for _ in range(3)] == [503, 503, 200]
    assert len(cloud.site.migrations()) == 1


def test_a_status_can_be_answered_after_the_call_was_carried_out(
    cloud: RunningCloud, wire: Wire, ids: dict[str, str], lost: str
) -> None:
    assert lost
    cloud.site.fault("status", body="evacuate", count=1, status=504, after=True)
    assert wire.act(ids["db"], "evacuate", {}).status_code == 504
    assert len(cloud.site.migrations()) == 1


@pytest.mark.parametrize(("kind", "done"), [("reset", 0), ("lost", 1)])
def test_a_connection_breaks_before_or_after_the_call_is_carried_out(
    cloud: RunningCloud, wire: Wire, ids: dict[str, str], lost: str, kind: str, done: int
) -> None:
    assert lost
    cloud.site.fault(kind, body="evacuate", count=1)
    with pytest.raises(requests.ConnectionError):
        wire.act(ids["db"], "evacuate", {})
    assert len(cloud.site.migrations()) == done
    assert wire.nova("GET", "/servers").status_code == 200


@pytest.mark.parametrize(("kind", "done"), [("hang", 0), ("silent", 1)])
def test_a_call_is_never_answered(
    cloud: RunningCloud, wire: Wire, ids: dict[str, str], lost: str, kind: str, done: int
) -> None:
    assert lost
    cloud.site.fault(kind, path="/action", count=1)
    with pytest.raises(requests.ReadTimeout):
        wire.nova("POST", f"/servers/{ids['db']}/action", json={"evacuate": {}}, timeout=0.2)
    # Somebody gives up while the call may still be on its way to what carries it out.
    assert until(lambda: len(cloud.site.migrations()) == done)


def test_latency_is_for_what_it_is_ordered_for_and_nothing_else_takes_it(cloud: RunningCloud, wire: Wire) -> None:
    cloud.site.fault("latency", path="/os-services", seconds=0.5, count=1)
    wire.nova("GET", "/servers")
    begun = time.monotonic()
    wire.nova("GET", "/os-services")
    assert time.monotonic() - begun >= 0.5


def test_the_api_is_away_for_a_time_and_comes_back(cloud: RunningCloud, wire: Wire) -> None:
    cloud.site.away(60.0)
    with pytest.raises(requests.ConnectionError):
        wire.nova("GET", "/servers")
    cloud.site.clear_faults()
    assert wire.nova("GET", "/servers").status_code == 200
    cloud.site.away(0.3)

    def is_back() -> bool:
        with contextlib.suppress(requests.ConnectionError):
            return wire.nova("GET", "/servers").status_code == 200
        return False

    assert until(is_back)


def test_orders_can_be_withdrawn_and_read(cloud: RunningCloud, wire: Wire) -> None:
    cloud.site.fault("status", path="/servers")
    assert wire.nova("GET", "/servers").status_code == 503
    cloud.site.clear_faults()
    assert wire.nova("GET", "/servers").status_code == 200


def test_an_order_that_makes_no_sense_is_refused(cloud: RunningCloud) -> None:
    with pytest.raises(SideDoorError, match="unknown kind"):
        cloud.site.fault("earthquake")
    with pytest.raises(SideDoorError):
        cloud.site.fault("reset", colour="red")
    with pytest.raises(SideDoorError, match="could not be found"):
        cloud.site.host("power-off", "h9")
    with pytest.raises(SideDoorError, match="unknown verb"):
        cloud.site.host("explode", "h1")
    with pytest.raises(SideDoorError, match="unknown mode"):
        cloud.site.bmc("h1", "sulk")


def test_requests_are_counted_by_route_and_the_side_door_is_not(cloud: RunningCloud, wire: Wire) -> None:
    cloud.site.reset_requests()
    for number in range(3):
        wire.nova("GET", f"/servers/{number}")
    assert cloud.site.requests() == {"GET /compute/v2.1/servers/{id}": 3}


def test_owners_and_the_machine_room_act_through_the_side_door(cloud: RunningCloud, ids: dict[str, str]) -> None:
    cloud.site.owner("stop", ids["web"])
    built = cloud.site.build_server(ServerSpec("late", "h2"))
    cloud.site.set_server(built["id"], task_state="rebuilding")
    assert {s["name"]: s["status"] for s in cloud.site.servers()}["late"] == "REBUILD"
    cloud.site.host("cut-network", "h2")
    (h2,) = (host for host in cloud.site.hosts() if host["name"] == "h2")
    assert (h2["powered"], h2["reachable"], h2["guests"]) == (True, False, [built["id"]])
    cloud.site.host("power-off", "h2")
    assert cloud.site.not_running() == [f"server {built['id']} should run and runs nowhere"]
    assert {run["why_ended"] for run in cloud.site.ledger() if run["ended_at"]} == {"stopped", "the power was cut"}
