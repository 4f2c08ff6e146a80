"""The side door: guests, libvirt, storage and the control plane of a running simulated cloud do as they are told."""

from __future__ import annotations

from typing import Any

import pytest

from medevac.sandbox.cloud.client import SideDoorError
from medevac.sandbox.cloud.server import RunningCloud
from tests.component.cloud.wire import Wire
from tests.fixtures.waiting import until


def _guest(cloud: RunningCloud, server_id: str) -> dict[str, Any]:
    return next(guest for guest in cloud.site.guests() if guest["server_id"] == server_id)


@pytest.mark.parametrize(
    ("verb", "state", "reason"),
    [
        ("crash", "off", "crashed"),
        ("panic", "off", "panicked"),
        ("io-error", "paused", "ioerror"),
        ("watchdog", "paused", "watchdog"),
        ("shut-down", "off", "shutdown"),
        ("hang", "running", "booted"),
    ],
)
def test_a_guest_fails_as_ordered(cloud: RunningCloud, ids: dict[str, str], verb: str, state: str, reason: str) -> None:
    cloud.site.guest(verb, ids["db"])
    found = _guest(cloud, ids["db"])
    assert (found["state"], found["reason"]) == (state, reason)


def test_a_guest_that_does_not_run_cannot_fail(cloud: RunningCloud, ids: dict[str, str]) -> None:
    with pytest.raises(SideDoorError, match="runs nowhere"):
        cloud.site.guest("crash", ids["batch"])


def test_a_control_service_that_is_down_is_told_so(cloud: RunningCloud, wire: Wire) -> None:
    cloud.site.control("down", "nova-scheduler")
    found = {each["binary"]: each["state"] for each in wire.nova("GET", "/os-services").json()["services"]}
    assert (found["nova-scheduler"], found["nova-conductor"]) == ("down", "up")
    with pytest.raises(SideDoorError, match="unknown service"):
        cloud.site.control("down", "nova-api")


def test_a_hosts_libvirt_and_storage_fail_and_come_back(cloud: RunningCloud, ids: dict[str, str]) -> None:
    cloud.site.host("stop-libvirt", "h1")
    assert [host["libvirt"] for host in cloud.site.hosts()] == ["down", "running", "running"]
    cloud.site.host("start-libvirt", "h1")
    cloud.site.host("break-storage", "h1")
    assert _guest(cloud, ids["web"])["reason"] == "ioerror"
    cloud.site.host("mend-storage", "h1")


def test_an_action_that_is_ordered_to_fail_fails(cloud: RunningCloud, wire: Wire, ids: dict[str, str]) -> None:
    cloud.site.mishap(fail_actions={"reboot": 1})
    assert wire.act(ids["db"], "reboot", {"type": "HARD"}).status_code == 202
    found = wire.nova("GET", f"/servers/{ids['db']}").json()["server"]
    assert (found["status"], "ordered to fail" in found["fault"]["message"]) == ("ERROR", True)


@pytest.mark.parametrize(
    ("verb", "body", "status"),
    [
        ("reboot", {"type": "GENTLE"}, 400),
        ("os-migrateLive", {"host": None}, 400),
        ("os-migrateLive", {"host": None, "block_migration": "auto", "force": True}, 400),
        ("os-migrateLive", {"host": "nowhere", "block_migration": "auto"}, 400),
        ("migrate", {"host": "h1"}, 400),
        ("confirmResize", None, 409),
        ("revertResize", None, 409),
        ("rebuild", {}, 400),
        ("rebuild", {"imageRef": "none"}, 400),
    ],
)
def test_what_nova_refuses_is_refused(
    wire: Wire, ids: dict[str, str], verb: str, body: dict[str, object] | None, status: int
) -> None:
    assert wire.act(ids["db"], verb, body).status_code == status


def test_a_cold_migration_is_reverted_over_http(cloud: RunningCloud, wire: Wire, ids: dict[str, str]) -> None:
    def is_in(state: str) -> bool:
        found = wire.nova("GET", f"/servers/{ids['web']}").json()["server"]
        return bool(found["status"] == state and found["OS-EXT-STS:task_state"] is None)

    assert wire.act(ids["web"], "migrate").status_code == 202
    assert until(lambda: is_in("VERIFY_RESIZE"))
    assert wire.act(ids["web"], "revertResize").status_code == 202
    assert until(lambda: is_in("ACTIVE"))
    (record,) = wire.nova("GET", f"/os-migrations?instance_uuid={ids['web']}").json()["migrations"]
    assert (record["migration_type"], record["status"]) == ("migration", "reverted")
    assert cloud.site.violations() == []
