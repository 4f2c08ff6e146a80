"""Unmodified python-novaclient, openstacksdk and the `openstack` command work with the simulated cloud."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import openstack
import pytest
from keystoneauth1 import session as keystone_session
from keystoneauth1.identity import v3
from novaclient import client as nova_client
from novaclient import exceptions as nova_exceptions

from medevac.sandbox.cloud.server import RunningCloud
from tests.fixtures.waiting import until


@pytest.fixture
def nova(cloud: RunningCloud) -> Any:
    auth = v3.Password(
        auth_url=cloud.addresses.auth_url,
        username="admin",
        password="medevac",
        project_name="admin",
        user_domain_id="default",
        project_domain_id="default",
    )
    return nova_client.Client("2.90", session=keystone_session.Session(auth=auth))


def test_novaclient_reads_everything_that_it_knows_how_to(nova: Any, ids: dict[str, str]) -> None:
    assert len(nova.servers.list(search_opts={"all_tenants": 1}, limit=-1)) == 4
    assert nova.servers.get(ids["db"]).locked_reason == "mine"
    assert [service.host for service in nova.services.list(binary="nova-compute")] == ["h1", "h2", "h3"]
    assert [hypervisor.hypervisor_hostname for hypervisor in nova.hypervisors.list()] == ["h1", "h2", "h3"]
    assert {aggregate.name for aggregate in nova.aggregates.list()} == {"az1", "az2", "ssd"}
    assert {zone.zoneName for zone in nova.availability_zones.list(detailed=True)} == {"az1", "az2"}
    assert nova.flavors.list()[0].name == "m1.small"
    assert nova.server_groups.list(all_projects=True)[0].policy == "anti-affinity"
    assert nova.migrations.list() == []
    assert nova.limits.get() is not None


def test_novaclient_takes_a_host_out_and_evacuates(nova: Any, cloud: RunningCloud, ids: dict[str, str]) -> None:
    with pytest.raises(nova_exceptions.BadRequest, match="still in use"):
        nova.servers.evacuate(ids["db"])
    cloud.site.host("power-off", "h1")
    service = nova.services.list(host="h1", binary="nova-compute")[0]
    nova.services.force_down(service.id, True)  # noqa: FBT003 - its signature
    nova.services.disable_log_reason(service.id, "tests")
    nova.servers.evacuate(ids["db"])
    assert until(lambda: getattr(nova.servers.get(ids["db"]), "OS-EXT-SRV-ATTR:host") == "h2")
    assert nova.migrations.list(source_compute="h1", migration_type="evacuation")[0].status == "done"
    assert nova.instance_action.list(ids["db"])[0].action == "evacuate"
    with pytest.raises(nova_exceptions.BadRequest, match="done"):
        nova.services.force_down(service.id, False)  # noqa: FBT003 - as above
    assert cloud.site.violations() == []


def test_novaclient_resets_stops_starts_locks_and_deletes(nova: Any, ids: dict[str, str]) -> None:
    nova.servers.reset_state(ids["web"], "error")
    assert nova.servers.get(ids["web"]).status == "ERROR"
    nova.servers.stop(ids["web"])
    assert until(lambda: nova.servers.get(ids["web"]).status == "SHUTOFF")
    nova.servers.start(ids["web"])
    nova.servers.lock(ids["web"], reason="tests")
    assert nova.servers.get(ids["web"]).locked_reason == "tests"
    nova.servers.unlock(ids["web"])
    nova.servers.delete(ids["web"])
    with pytest.raises(nova_exceptions.NotFound):
        nova.servers.get(ids["web"])


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")  # it warns itself of itself
def test_openstacksdk_reads_and_evacuates(
    cloud: RunningCloud, ids: dict[str, str], lost: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert lost
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", cloud.addresses.clouds_yaml)
    with openstack.connect(cloud="sandbox") as sdk:
        compute: Any = sdk.compute
        assert {server.name for server in compute.servers(all_projects=True)} == {"db", "web", "batch", "lone"}
        assert {project.name for project in sdk.identity.projects()} == {"admin", "payments", "science"}
        assert [service.host for service in compute.services(binary="nova-compute")] == ["h1", "h2", "h3"]
        assert compute.get_server(ids["db"]).compute_host == "h1"
        compute.evacuate_server(ids["db"])
        assert until(lambda: compute.get_server(ids["db"]).compute_host == "h2")
        assert [record.status for record in compute.migrations()] == ["done"]
        assert [hypervisor.state for hypervisor in compute.hypervisors()] == ["down", "up", "up"]


def command_line(cloud: RunningCloud, *arguments: str) -> str:
    program = Path(sys.executable).with_name("openstack")
    run = subprocess.run(
        [program, *arguments],
        env={**os.environ, **cloud.addresses.environment("sandbox")},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


@pytest.mark.skipif(not Path(sys.executable).with_name("openstack").exists(), reason="python-openstackclient is absent")
def test_the_openstack_command_lists_shows_and_evacuates(cloud: RunningCloud, ids: dict[str, str], lost: str) -> None:
    listed = json.loads(command_line(cloud, "server", "list", "--all-projects", "--long", "-f", "json"))
    assert {(row["Name"], row["Host"], row["Image Name"]) for row in listed} >= {("db", "h1", "debian")}
    services = json.loads(command_line(cloud, "compute", "service", "list", "-f", "json"))
    assert {row["Host"]: row["State"] for row in services}[lost] == "down"
    assert json.loads(command_line(cloud, "server", "show", ids["db"], "-f", "json"))["locked"] is True
    assert "h3" in command_line(cloud, "hypervisor", "list")
    command_line(cloud, "server", "evacuate", ids["db"])
    assert until(lambda: {s["name"]: s["host"] for s in cloud.site.servers()}["db"] == "h2")
