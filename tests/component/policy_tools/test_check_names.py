"""`policy check --site FILE --cloud` on a simulated cloud: names that stand for nothing, each with its place."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from medevac.flows.policy.checks_names import meet
from medevac.sandbox.cloud.server import RunningCloud

HERE = Path(__file__).parent
MISTAKES = HERE / "mistakes"
GOLDEN = MISTAKES / "told.txt"
SITE = """\
zookeeper: 127.0.0.1:1/medevac
cloud: medevac
policies: {policies}
fencing:
  - {{hosts: ["compute-[12]", compute-3], agent: fence_virsh}}
notify:
  ops: {{file: /etc/medevac/ops.url}}
owners:
  may: [policy]
  policies: [places, servrs, "gold-*"]
reserved:
  hosts: [compute-5, compute-55, "spare-*"]
  aggregates: [sdd]
"""
Medevac = Callable[..., Result]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    file = tmp_path / "site.yaml"
    file.write_text(SITE.format(policies=MISTAKES))
    return file


def told(result: Result, site: Path) -> str:
    return re.sub(r"\b[0-9a-f]{32}\b", "ID", result.output.replace(f"{MISTAKES}/", "").replace(f"{site.parent}/", ""))


def test_every_name_that_stands_for_nothing_is_told_with_its_place_and_what_was_meant(
    medevac: Medevac, site: Path
) -> None:
    result = medevac("policy", "check", str(MISTAKES), "--site", str(site), "--cloud")

    assert result.exit_code == 1
    if os.environ.get("MEDEVAC_WRITE_GOLDEN"):
        GOLDEN.write_text(told(result, site))
    assert told(result, site) == GOLDEN.read_text()


def test_without_the_cloud_only_what_the_site_file_knows_is_checked(medevac: Medevac, site: Path) -> None:
    result = medevac("policy", "check", str(MISTAKES), "--site", str(site))

    assert result.exit_code == 1
    assert "names no target 'opps'" in result.output
    assert "no fence device covers 'hypervisor-*'" in result.output
    assert "this cloud has no" not in result.output


def test_without_either_nothing_is_wrong_with_them(medevac: Medevac) -> None:
    assert medevac("policy", "check", str(MISTAKES)).exit_code == 0


def test_policies_that_name_what_is_there_are_sound(medevac: Medevac, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        "policy: a\nmatch: {az: az1, host: compute-1, aggregate: ssd, project: payments, flavor: m1.large, "
        "server: [pay-3, pay-*]}\nwhen: {host.down: [fence, disable, evacuate, verify]}\n"
    )
    result = medevac("policy", "check", str(tmp_path / "a.yaml"), "--cloud")

    assert result.exit_code == 0, result.output
    assert "warning" not in result.output


def test_hosts_that_no_device_covers_are_told_by_zone_where_the_cloud_knows_them(
    medevac: Medevac, site: Path, tmp_path: Path
) -> None:
    flow = "when: {host.down: [fence, disable, evacuate, verify]}"
    (tmp_path / "a.yaml").write_text(f"policy: a\nmatch: {{az: az2}}\n{flow}\n")
    (tmp_path / "b.yaml").write_text(f"policy: b\nmatch: {{host: [compute-2, compute-4*]}}\n{flow}\n")
    (tmp_path / "c.yaml").write_text("policy: c\nmatch: {host: compute-5}\nwhen: {host.down: leave}\n")
    text = site.read_text().replace('[places, servrs, "gold-*"]', "[a]").partition("reserved:")[0]
    site.write_text(text.replace("  ops:", "  page:"))
    files = [str(tmp_path / f"{name}.yaml") for name in "abc"]
    result = medevac("policy", "check", *files, "--site", str(site), "--cloud")

    assert result.exit_code == 0, result.output
    assert "no fence device covers compute-4 and compute-5 of 'az2'" in result.output
    assert "no fence device covers compute-4 of 'compute-4*'" in result.output
    assert result.output.count("warning:") == 2


def test_a_pattern_of_fence_devices_that_matches_no_host_is_told_and_so_are_the_hosts_that_are_left(
    medevac: Medevac, site: Path, tmp_path: Path
) -> None:
    (tmp_path / "a.yaml").write_text(
        "policy: a\nmatch: everyone\nwhen: {host.down: [fence, disable, evacuate, verify]}\n"
    )
    text = site.read_text().replace('[places, servrs, "gold-*"]', "[a]").partition("reserved:")[0]
    site.write_text(
        text.replace("  ops:", "  page:").replace('["compute-[12]", compute-3]', '["cmpute-*", compute-33]')
    )
    result = medevac("policy", "check", str(tmp_path / "a.yaml"), "--site", str(site), "--cloud")

    assert result.exit_code == 0, result.output
    assert "site.yaml:5:14: warning: no compute host of this cloud matches 'cmpute-*'" in result.output
    assert "matches 'compute-33': nothing is fenced by it" in result.output
    assert "did you mean 'compute-3'?" in result.output
    assert "no fence device covers compute-1, compute-2" in result.output
    assert result.output.count("warning:") == 3


def test_a_site_without_fence_devices_is_told_once(medevac: Medevac, tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_text(
        "zookeeper: zk1:2181/medevac\npolicies: .\nnotify: {ops: {env: A}, page: {env: B}}\n"
    )
    result = medevac("policy", "check", str(MISTAKES), "--site", str(tmp_path / "site.yaml"))

    assert result.output.count("no fence device") == 1
    assert "only hosts that others have fenced are recovered" in result.output


def test_a_server_may_be_named_by_its_id(medevac: Medevac, cloud: RunningCloud, tmp_path: Path) -> None:
    known = next(server for server in cloud.site.servers() if server["name"] == "pet-1")["id"]
    near = known[:-1] + ("0" if known[-1] != "0" else "1")
    (tmp_path / "a.yaml").write_text(f"policy: a\nmatch: {{server: [{known}, {near}]}}\nwhen: {{host.down: leave}}\n")
    result = medevac("policy", "check", str(tmp_path / "a.yaml"), "--cloud", "--json")

    (problem,) = json.loads(result.output)["problems"]
    assert problem["message"].startswith("this cloud has no server")
    assert problem["hint"] == f"did you mean '{known}'?"


def test_the_cloud_is_only_read(medevac: Medevac, cloud: RunningCloud, site: Path) -> None:
    cloud.site.reset_requests()
    medevac("policy", "check", str(MISTAKES), "--site", str(site), "--cloud")

    made = cloud.site.requests()
    assert {name.split()[0] for name in made if not name.endswith("/auth/tokens")} == {"GET"}


def test_a_cloud_that_does_not_answer_is_told_by_the_exit_code_and_the_rest_is_checked(
    medevac: Medevac, cloud: RunningCloud, tmp_path: Path
) -> None:
    (tmp_path / "a.yaml").write_text("policy: a\nmatch: {az: az1}\nwhen: {host.down: leave}\n")
    cloud.site.fault("status", path="/compute", status=503)
    try:
        result = medevac("policy", "check", str(tmp_path / "a.yaml"), "--cloud")
        worse = medevac("policy", "check", str(tmp_path / "a.yaml"), str(tmp_path / "b.yaml"), "--cloud")
    finally:
        cloud.site.clear_faults()

    assert result.exit_code == 3
    assert "names were not checked against the cloud" in result.output
    assert "a.yaml: a [normal; answers host.down (left alone)]" in result.output
    assert worse.exit_code == 1


def test_mistakes_of_the_site_file_are_told_beside_those_of_policies(medevac: Medevac, tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_text("zookeeper: zk1:2181/medevac\npolicis: here\n")
    result = medevac("policy", "check", str(MISTAKES), "--site", str(tmp_path / "site.yaml"))

    assert result.exit_code == 1
    assert "site.yaml:2:1: 'policis' is not a key of the site file" in result.output


@pytest.mark.parametrize(
    ("one", "other", "some"),
    [
        ("compute-1", "compute-*", True),
        ("rack1-*", "*-gpu", True),
        ("rack1-*", "rack2-*", False),
        ("*a*b*", "b*a", True),
        ("a*b", "b*", False),
        ("*a*b*", "b*a*", True),
        ("a", "a", True),
        ("a", "ab", False),
        ("*", "", True),
        ("**", "x", True),
        ("", "x", False),
    ],
)
def test_two_patterns_meet_where_some_name_is_matched_by_both(one: str, other: str, *, some: bool) -> None:
    assert meet(one, other) is some
    assert meet(other, one) is some
