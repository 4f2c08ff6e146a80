from __future__ import annotations

from typing import Any

import pytest

from medevac.core.errors import CellDownError, RefusedError
from medevac.workers.openstack.convert import to_migration, to_server, to_service

MIGRATION: dict[str, Any] = {
    "id": 19,
    "uuid": "f6dbee04-d5b8-4f54-8c2f-eb19684a1eb2",
    "instance_uuid": "de8a1130-2183-4cd6-9512-7b86d078bbc7",
    "status": "accepted",
    "source_compute": "cmp001",
    "dest_compute": None,
    "created_at": "2026-11-22T14:54:33.000000",
    "updated_at": None,
}
SERVER: dict[str, Any] = {
    "id": "de8a1130-2183-4cd6-9512-7b86d078bbc7",
    "name": "db",
    "status": "ERROR",
    "tenant_id": "a37140e0a3c64f87afcba07d767e6391",
    "OS-EXT-SRV-ATTR:host": "cmp001",
    "OS-EXT-STS:vm_state": "error",
    "OS-EXT-STS:task_state": None,
    "OS-EXT-STS:power_state": 1,
    "OS-EXT-AZ:availability_zone": "az1",
    "OS-SRV-USG:launched_at": "2026-11-22T14:54:33.000000",
    "image": {"id": "c77cf649"},
    "flavor": {"original_name": "m1.rig", "vcpus": 1},
    "locked": True,
    "metadata": {"tier": "gold"},
    "fault": {"code": 500, "message": "No valid host was found."},
    "updated": "2026-11-22T14:54:33Z",
}


def test_a_record_that_never_changed_changed_when_it_was_made() -> None:
    record = to_migration(MIGRATION)
    assert record.updated_at == record.created_at == 1795359273.0
    assert (record.live, record.destination) == (True, "")


def test_a_record_whose_hosts_are_hidden_names_the_policy() -> None:
    with pytest.raises(RefusedError, match="os-migrations:index:host"):
        to_migration({**MIGRATION, "source_compute": None})


def test_a_server_is_read_in_full() -> None:
    server = to_server(SERVER)
    assert (server.vm_state, server.task_state, server.locked, server.launched) == ("error", "", True, True)
    assert (server.fault, server.flavor, server.image_id) == ("No valid host was found.", "m1.rig", "c77cf649")
    assert (server.metadata, server.zone) == ({"tier": "gold"}, "az1")


def test_a_server_that_boots_from_a_volume_has_no_image() -> None:
    assert to_server({**SERVER, "image": ""}).image_id == ""


def test_a_server_that_was_never_launched_says_so() -> None:
    assert not to_server({**SERVER, "OS-SRV-USG:launched_at": None}).launched


def test_a_server_without_a_host_has_an_empty_one() -> None:
    assert to_server({**SERVER, "OS-EXT-SRV-ATTR:host": None}).host == ""


def test_a_server_whose_host_is_hidden_names_the_policy() -> None:
    hidden = {key: value for key, value in SERVER.items() if key != "OS-EXT-SRV-ATTR:host"}
    with pytest.raises(RefusedError, match="os-extended-server-attributes"):
        to_server(hidden)


def test_the_stub_of_a_server_in_a_down_cell_is_no_server() -> None:
    stub = {"id": SERVER["id"], "status": "UNKNOWN", "tenant_id": SERVER["tenant_id"], "created": SERVER["updated"]}
    with pytest.raises(CellDownError):
        to_server(stub)


def test_a_service_in_a_down_cell_is_unknown() -> None:
    service = to_service({"binary": "nova-compute", "host": "cmp001", "status": "UNKNOWN"})
    assert (service.state, service.id, service.updated_at) == ("unknown", "", None)
