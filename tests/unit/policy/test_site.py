"""The site file: what it says, what overrides it, and that it carries no secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from medevac.flows.policy.duration import Duration
from medevac.flows.policy.problems import ProblemsError
from medevac.workers.fencing.device import FenceDevice
from medevac.workers.site import Limits, Plug, SecretSource, read_site

EXAMPLE = Path(__file__).parents[3] / "examples" / "medevac.yaml"
SMALL = "zookeeper: zk1:2181/medevac\npolicies: promises\n"


def written(folder: Path, text: str) -> Path:
    file = folder / "medevac.yaml"
    file.write_text(text)
    return file


def test_the_example_says_everything() -> None:
    site = read_site(EXAMPLE, {})

    assert site.zookeeper == "zk1:2181,zk2:2181,zk3:2181/medevac"
    assert site.cloud == "production"
    assert site.policies == EXAMPLE.parent / "policies" / "demo"
    assert site.limits == Limits(parallel_hosts=5)
    assert site.shared_storage == ("az1", "az2")
    assert [device.agent for device in site.fencing] == ["fence_apc_snmp", "fence_ipmilan"]
    assert site.fencing[0].plug == Plug(by_host={"compute-1": "17", "compute-2": "18"})
    assert site.fencing[1].secrets == {"password": SecretSource(file="/etc/medevac/ipmi-password")}
    assert site.fencing[1].timeout == Duration(30)


def test_a_device_that_knows_hosts_by_plug_is_asked_for_the_plug() -> None:
    device = read_site(EXAMPLE, {}).fencing[0].device()

    assert device.request("compute-2", "off", {}) == "action=off\nplug=18\nip=pdu-1.example\n"
    assert not device.covers("compute-3")


def test_a_device_with_an_address_for_each_host_is_given_no_plug() -> None:
    device = read_site(EXAMPLE, {}).fencing[1].device()

    assert "plug=" not in device.request("compute-7", "off", {})
    assert "ip=compute-7-bmc.example\n" in device.request("compute-7", "off", {})


def test_a_plug_may_be_made_of_the_hosts_name(tmp_path: Path) -> None:
    text = SMALL + 'fencing:\n  - {hosts: "compute-*", agent: /opt/fence, plug: "node/{host}"}\n'
    device = read_site(written(tmp_path, text), {}).fencing[0].device()

    assert device.request("compute-7", "status", {}) == "action=status\nplug=node/compute-7\n"


def test_a_secret_is_read_when_the_device_needs_it_and_stands_in_no_value_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    password = tmp_path / "password"
    password.write_text("hunter2\n")
    monkeypatch.setenv("BMC_TOKEN", "swordfish")
    secrets = f"{{password: {{file: {password}}}, token: {{env: BMC_TOKEN}}}}"
    text = SMALL + f"fencing:\n  - hosts: [a]\n    agent: fence_x\n    secrets: {secrets}\n"
    site = read_site(written(tmp_path, text))
    device = site.fencing[0].device()

    assert device.secrets() == {"password": "hunter2", "token": "swordfish"}
    assert "hunter2" not in repr(site) + repr(device)
    assert "swordfish" not in repr(site) + repr(device)


def test_a_small_site_file_leaves_the_rest_to_defaults(tmp_path: Path) -> None:
    site = read_site(written(tmp_path, SMALL), {})

    assert site.policies == tmp_path / "promises"
    assert (site.cloud, site.fencing, site.shared_storage) == ("", (), ())
    assert site.limits == Limits(parallel_hosts=5, patience=Duration(1800), fence_timeout=Duration(120))


def test_the_environment_overrides_the_file(tmp_path: Path) -> None:
    environment = {
        "MEDEVAC_ZOOKEEPER": "localhost:2999/test",
        "MEDEVAC_CLOUD": "sandbox",
        "MEDEVAC_POLICIES": "elsewhere",
    }
    site = read_site(written(tmp_path, SMALL), environment)

    assert (site.zookeeper, site.cloud) == ("localhost:2999/test", "sandbox")
    assert site.policies == Path.cwd() / "elsewhere"


def test_the_environment_alone_is_enough() -> None:
    site = read_site(None, {"MEDEVAC_ZOOKEEPER": "[::1]:2181/medevac", "MEDEVAC_POLICIES": "/etc/medevac/policies"})

    assert site.policies == Path("/etc/medevac/policies")


def test_without_a_file_and_an_environment_it_is_said_what_is_missing() -> None:
    with pytest.raises(ProblemsError, match="no site file: 'zookeeper' is missing in the environment"):
        read_site(None, {})


def test_names_of_hosts_are_translated_where_they_differ() -> None:
    site = read_site(EXAMPLE, {})

    assert site.nova_host("rack1-blade3") == "compute-3"
    assert site.nova_host("compute-9") == "compute-9"


def test_options_in_the_example_are_ones_that_fence_devices_take() -> None:
    assert all(isinstance(device.device(), FenceDevice) for device in read_site(EXAMPLE, {}).fencing)
