"""What the compute API shows and accepts, where clients care about it, by microversion."""

from __future__ import annotations

import time

import pytest

from medevac.sandbox.cloud.server import RunningCloud
from tests.component.cloud.wire import Wire
from tests.fixtures.waiting import until


@pytest.mark.parametrize(
    ("since", "before", "key"),
    [
        ("2.9", "2.8", "locked"),
        ("2.16", "2.15", "host_status"),
        ("2.26", "2.25", "tags"),
        ("2.71", "2.70", "server_groups"),
        ("2.73", "2.72", "locked_reason"),
        ("2.96", "2.95", "pinned_availability_zone"),
    ],
)
def test_a_server_shows_more_from_some_versions_on(
    wire: Wire, ids: dict[str, str], since: str, before: str, key: str
) -> None:
    assert key in wire.nova("GET", f"/servers/{ids['db']}", since).json()["server"]
    assert key not in wire.nova("GET", f"/servers/{ids['db']}", before).json()["server"]


def test_a_server_tells_all_that_recovery_needs(wire: Wire, ids: dict[str, str]) -> None:
    server = wire.nova("GET", f"/servers/{ids['db']}").json()["server"]
    assert (server["locked"], server["locked_reason"], server["tags"]) == (True, "mine", ["pet"])
    assert (server["OS-EXT-SRV-ATTR:host"], server["host_status"], server["metadata"]) == ("h1", "UP", {"tier": "gold"})
    assert server["flavor"]["original_name"] == "m1.small"
    assert len(server["server_groups"]) == 1
    assert server["OS-SRV-USG:launched_at"]


def test_the_flavor_is_a_link_before_2_47_and_no_image_is_an_empty_string(wire: Wire, ids: dict[str, str]) -> None:
    server = wire.nova("GET", f"/servers/{ids['web']}", "2.46").json()["server"]
    assert server["image"] == ""
    assert wire.nova("GET", f"/flavors/{server['flavor']['id']}").json()["flavor"]["name"] == "m1.small"


def test_only_all_tenants_sees_other_projects(wire: Wire) -> None:
    assert wire.nova("GET", "/servers").json()["servers"] == []
    assert len(wire.nova("GET", "/servers?all_tenants=1").json()["servers"]) == 4


def names(wire: Wire, query: str, version: str = "2.90") -> list[str]:
    answer = wire.nova("GET", f"/servers/detail?all_tenants=1&{query}", version)
    assert answer.status_code == 200
    return [server.get("name", server["status"]) for server in answer.json()["servers"]]


def test_servers_are_filtered_and_the_newest_comes_first(wire: Wire) -> None:
    assert names(wire, "host=h1") == ["web", "db"]
    assert names(wire, "status=SHUTOFF") == ["batch"]
    assert names(wire, "name=^lo") == ["lone"]
    assert names(wire, "host=nowhere") == []


def test_pages_are_linked_until_one_is_not_full(wire: Wire) -> None:
    first = wire.nova("GET", "/servers/detail?all_tenants=1&limit=2").json()
    assert [server["name"] for server in first["servers"]] == ["lone", "batch"]
    second = wire.ask("GET", first["servers_links"][0]["href"]).json()
    assert [server["name"] for server in second["servers"]] == ["web", "db"]
    last = wire.ask("GET", second["servers_links"][0]["href"]).json()
    assert last == {"servers": []}
    assert wire.nova("GET", "/servers?all_tenants=1&marker=nobody").status_code == 400
    assert wire.nova("GET", "/servers?limit=many").status_code == 400


def test_what_changed_since_includes_what_was_deleted(cloud: RunningCloud, wire: Wire, ids: dict[str, str]) -> None:
    with cloud.world.settled() as world:
        for server in world.servers.values():
            server.updated_at -= 100
    since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 10))
    assert names(wire, f"changes-since={since}") == []
    assert wire.nova("DELETE", f"/servers/{ids['web']}").status_code == 204
    assert names(wire, f"changes-since={since}") == ["web"]
    assert names(wire, f"changes-since={since}&host=h1") == ["web"]
    assert names(wire, "host=h1") == ["db"]
    assert wire.nova("GET", f"/servers/{ids['web']}").status_code == 404
    assert wire.nova("GET", "/servers?changes-since=yesterday").status_code == 400


def test_a_cell_that_is_down_is_silently_empty_under_any_filter(cloud: RunningCloud, wire: Wire) -> None:
    cloud.site.cell("down", "cell2")
    assert names(wire, "host=h3") == []
    assert sorted(names(wire, "")) == ["UNKNOWN", "batch", "db", "web"]
    assert sorted(names(wire, "", "2.68")) == ["batch", "db", "web"]


def test_services_of_a_cell_that_is_down_are_unknown_from_2_69_on(cloud: RunningCloud, wire: Wire) -> None:
    cloud.site.cell("down", "cell2")
    (service,) = wire.nova("GET", "/os-services?host=h3&binary=nova-compute", "2.69").json()["services"]
    assert service == {"binary": "nova-compute", "host": "h3", "status": "UNKNOWN"}
    assert wire.nova("GET", "/os-services?host=h3", "2.68").json()["services"] == []


def service(wire: Wire, host: str, version: str = "2.90") -> dict[str, object]:
    found = wire.nova("GET", f"/os-services?binary=nova-compute&host={host}", version).json()["services"]
    return dict(found[0])


def test_one_request_forces_down_and_disables(wire: Wire) -> None:
    before = service(wire, "h1")
    assert (before["status"], before["state"], before["forced_down"], before["zone"]) == ("enabled", "up", False, "az1")
    body = {"forced_down": True, "status": "disabled", "disabled_reason": "tests"}
    after = wire.nova("PUT", f"/os-services/{before['id']}", json=body).json()["service"]
    assert (after["status"], after["state"], after["forced_down"]) == ("disabled", "down", True)
    assert after["disabled_reason"] == "tests"


def test_before_2_53_services_are_changed_by_host_and_verb(wire: Wire) -> None:
    body = {"host": "h1", "binary": "nova-compute", "disabled_reason": "tests"}
    answer = wire.nova("PUT", "/os-services/disable-log-reason", "2.52", json=body)
    assert answer.json()["service"] == {**body, "status": "disabled"}
    down = {"host": "h1", "binary": "nova-compute", "forced_down": True}
    assert wire.nova("PUT", "/os-services/force-down", "2.11", json=down).status_code == 200
    assert service(wire, "h1", "2.52")["state"] == "down"
    assert wire.nova("PUT", "/os-services/enable", "2.1", json={"host": "h9"}).status_code == 404


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"status": "enabled", "disabled_reason": "why"}, 400),
        ({}, 400),
        ({"status": "on"}, 400),
        ({"forced_down": "perhaps"}, 400),
        ({"status": "disabled", "reason": "x"}, 400),
        ({"status": "disabled", "disabled_reason": "x" * 256}, 400),
    ],
)
def test_services_refuse_what_nova_refuses(wire: Wire, body: dict[str, object], status: int) -> None:
    answer = wire.nova("PUT", f"/os-services/{service(wire, 'h1')['id']}", json=body)
    assert answer.status_code == status
    assert answer.json()["badRequest"]["code"] == status


def test_an_unknown_service_is_not_found(wire: Wire) -> None:
    answer = wire.nova("PUT", "/os-services/4f9dfb2c-0000-4000-8000-000000000000", json={"forced_down": True})
    assert answer.status_code == 404


@pytest.mark.parametrize(
    ("version", "body", "status"),
    [
        ("2.1", {"onSharedStorage": "False"}, 200),
        ("2.13", {}, 400),
        ("2.14", {"onSharedStorage": "False"}, 400),
        ("2.28", {"force": True}, 400),
        ("2.29", {"force": True}, 400),
        ("2.67", {"host": "h2", "force": True}, 200),
        ("2.68", {"host": "h2", "force": True}, 400),
        ("2.90", {}, 200),
        ("2.90", None, 400),
        ("2.90", {"host": "h9"}, 404),
        ("2.90", {"host": "h1"}, 400),
    ],
)
def test_evacuate_takes_what_its_version_takes(
    wire: Wire, ids: dict[str, str], lost: str, version: str, body: object, status: int
) -> None:
    assert lost == "h1"
    answer = wire.act(ids["db"], "evacuate", body, version)
    assert answer.status_code == status
    if version == "2.1":
        assert answer.json()["adminPass"]
    elif status == 200:
        assert answer.content == b""


def test_an_evacuation_shows_in_migrations_and_in_the_servers_history(
    wire: Wire, ids: dict[str, str], lost: str
) -> None:
    request = wire.act(ids["db"], "evacuate", {}).headers["x-openstack-request-id"]
    listing = f"/os-migrations?source_compute={lost}&migration_type=evacuation&instance_uuid={ids['db']}"

    def record() -> dict[str, object]:
        return dict(wire.nova("GET", listing).json()["migrations"][0])

    assert until(lambda: record()["status"] == "done")
    assert (record()["dest_compute"], record()["source_compute"]) == ("h2", "h1")
    assert {"uuid", "user_id", "project_id"} <= set(record())
    history = wire.nova("GET", f"/servers/{ids['db']}/os-instance-actions").json()["instanceActions"]
    assert [(action["action"], action["request_id"]) for action in history] == [("evacuate", request)]
    action = wire.nova("GET", f"/servers/{ids['db']}/os-instance-actions/{request}").json()["instanceAction"]
    events = [(event["event"], event["result"]) for event in action["events"]]
    assert events == [("compute_rebuild_instance", "Success"), ("rebuild_server", "Success")]
    assert wire.nova("GET", f"/servers/{ids['db']}/os-instance-actions/req-0").status_code == 404


def test_migrations_are_paged_and_strict_from_2_59_on(wire: Wire, ids: dict[str, str], lost: str) -> None:
    assert lost
    for name in ("db", "web"):
        wire.act(ids[name], "evacuate", {})
    old = wire.nova("GET", "/os-migrations?whatever=1", "2.58").json()["migrations"]
    assert [record["id"] for record in old] == [1, 2]
    assert "uuid" not in old[0]
    assert wire.nova("GET", "/os-migrations?whatever=1", "2.59").status_code == 400
    first = wire.nova("GET", "/os-migrations?limit=1").json()
    assert [record["id"] for record in first["migrations"]] == [2]
    second = wire.ask("GET", first["migrations_links"][0]["href"]).json()
    assert [record["id"] for record in second["migrations"]] == [1]


def test_a_record_that_never_changed_is_not_among_those_that_changed_since(
    cloud: RunningCloud, wire: Wire, ids: dict[str, str], lost: str
) -> None:
    assert lost
    cloud.site.mishap(lose_evacuations=1)
    wire.act(ids["db"], "evacuate", {})
    assert wire.nova("GET", "/os-migrations?changes-since=2020-01-01T00:00:00Z").json()["migrations"] == []
    (record,) = wire.nova("GET", "/os-migrations").json()["migrations"]
    assert (record["status"], record["updated_at"], record["dest_compute"]) == ("accepted", None, None)


def test_a_fault_is_shown_while_the_server_is_in_error(
    cloud: RunningCloud, wire: Wire, ids: dict[str, str], lost: str
) -> None:
    assert lost
    cloud.site.mishap(fail_spawns={"h2": -1})
    wire.act(ids["db"], "evacuate", {})
    assert until(lambda: wire.nova("GET", f"/servers/{ids['db']}").json()["server"]["status"] == "ERROR")
    assert wire.nova("GET", f"/servers/{ids['db']}").json()["server"]["fault"]["code"] == 500
    assert wire.act(ids["db"], "os-resetState", {"state": "active"}).status_code == 202
    assert "fault" not in wire.nova("GET", f"/servers/{ids['db']}").json()["server"]


def test_a_server_is_locked_with_a_reason_stopped_started_and_unlocked(wire: Wire, ids: dict[str, str]) -> None:
    def seen(key: str) -> object:
        return wire.nova("GET", f"/servers/{ids['web']}").json()["server"][key]

    assert wire.act(ids["web"], "lock", {"locked_reason": "hands off"}).status_code == 202
    assert seen("locked_reason") == "hands off"
    assert wire.act(ids["web"], "os-stop").status_code == 202
    assert until(lambda: seen("status") == "SHUTOFF")
    assert wire.act(ids["web"], "os-stop").status_code == 409
    assert wire.act(ids["web"], "os-start").status_code == 202
    assert until(lambda: seen("status") == "ACTIVE")
    assert wire.act(ids["web"], "unlock").status_code == 202
    assert (seen("locked"), seen("locked_reason")) == (False, None)
    assert wire.act(ids["web"], "dance").status_code == 400
    assert wire.act(ids["web"], "os-resetState", {"state": "stopped"}).status_code == 400


def test_disabling_a_dead_host_that_counts_as_up_makes_the_caller_wait(cloud: RunningCloud, wire: Wire) -> None:
    cloud.site.host("power-off", "h1")
    path = f"/os-services/{service(wire, 'h1')['id']}"
    start = time.monotonic()
    wire.nova("PUT", path, json={"status": "disabled"})
    assert time.monotonic() - start >= 0.2
