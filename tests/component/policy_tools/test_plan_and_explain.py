"""`policy plan` and `policy explain` on a simulated cloud: forty servers of one host under five policies.

The golden files are what an operator reads; to write them anew, set MEDEVAC_WRITE_GOLDEN=1 and read the difference.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from medevac.core.errors import MedevacError
from medevac.sandbox.cloud.model.site import ServerSpec
from medevac.sandbox.cloud.server import RunningCloud

GOLDEN = Path(__file__).parent / "golden"
Medevac = Callable[..., Result]


def assert_golden(name: str, text: str) -> None:
    text = re.sub(r"'[0-9a-f]{32}'", "'PROJECT-ID'", text)
    file = GOLDEN / f"{name}.txt"
    if os.environ.get("MEDEVAC_WRITE_GOLDEN"):
        file.write_text(text)
    assert text == file.read_text()


@pytest.mark.parametrize(
    ("name", "code", "arguments"),
    [
        ("plan-host", 1, ("plan", "--host", "compute-1")),
        ("plan-zone", 1, ("plan", "--az", "az2")),
        ("plan-leave", 0, ("plan", "--hosts", "compute-1,compute-2", "--failure", "nova-compute.down")),
        ("plan-mermaid", 0, ("plan", "--host", "compute-1", "--picture", "mermaid")),
        ("plan-dot", 0, ("plan", "--host", "compute-1", "--picture", "dot")),
        ("explain-host", 0, ("explain", "--host", "compute-1")),
        ("explain-server", 0, ("explain", "--server", "pay-3")),
    ],
)
def test_what_an_operator_reads(medevac: Medevac, name: str, code: int, arguments: tuple[str, ...]) -> None:
    result = medevac("policy", *arguments)
    assert result.exit_code == code, result.output
    assert_golden(name, result.output)


def test_no_line_of_text_is_wider_than_eighty_columns() -> None:
    texts = [file.read_text() for file in GOLDEN.glob("*.txt") if file.stem not in ("plan-mermaid", "plan-dot")]
    assert len(texts) == 5
    assert max(len(line) for text in texts for line in text.splitlines()) <= 80


def test_the_cloud_is_only_read(medevac: Medevac, cloud: RunningCloud) -> None:
    cloud.site.reset_requests()
    assert medevac("policy", "plan", "--hosts", "compute-1,compute-2").exit_code == 1
    assert medevac("policy", "explain", "--host", "compute-1").exit_code == 0
    made = cloud.site.requests()
    assert {name.split()[0] for name in made if not name.endswith("/auth/tokens")} == {"GET"}
    assert any(name.startswith("GET /placement") for name in made)


def test_machines_get_the_same_facts(medevac: Medevac) -> None:
    plan = json.loads(medevac("policy", "plan", "--host", "compute-1", "--json").output)
    (host,) = plan["hosts"]
    assert [tier["policy"] for tier in host["order"]] == ["pet", "gold", "ssd", "small"]
    assert len(host["plan"]["servers"]) + len(host["plan"]["left"]) == 40
    assert plan["room"]["fits"] is True
    assert plan["room"]["excluded_hosts"] == ["compute-5"]
    assert plan["room"]["needed"] == {"VCPU": 67, "MEMORY_MB": 117760}


def test_what_does_not_fit_is_named_and_hosts_that_die_together_give_no_room(medevac: Medevac) -> None:
    result = medevac("policy", "plan", "--hosts", "compute-1,compute-2,compute-4")
    assert "  free on 1 host that takes servers: 16 VCPU, 65536 MEMORY_MB" in result.output
    assert "    no host has room (4 VCPU, 8192 MEMORY_MB each): pay-8, pay-7" in result.output
    room = json.loads(medevac("policy", "plan", "--hosts", "compute-1,compute-2,compute-4", "--json").output)["room"]
    assert room["fits"] is False
    assert len(room["placed"]) + len(room["homeless"]) == 31


def test_a_placement_that_does_not_answer_leaves_the_rest_of_the_plan(medevac: Medevac, cloud: RunningCloud) -> None:
    cloud.site.fault("status", path="/placement/resource_providers", status=503)
    try:
        result = medevac("policy", "plan", "--host", "compute-1")
    finally:
        cloud.site.clear_faults()
    assert "4. pet [critical" in result.output
    assert "whether it would fit is not known" in result.output


def test_a_server_is_found_by_its_id_too(medevac: Medevac, cloud: RunningCloud) -> None:
    wanted = next(server for server in cloud.site.servers() if server["name"] == "paused-1")
    told = json.loads(medevac("policy", "explain", "--server", wanted["id"], "--json").output)
    (case,) = told["cases"]
    assert case["servers"] == [{"id": wanted["id"], "name": "paused-1"}]
    assert case["policy"] == "small"
    assert "paused" in case["left"]
    assert {"policy": "ssd", "text": "small comes first"} in case["others"]


@pytest.mark.parametrize(
    ("proves", "says", "sentence"),
    [
        ("no", "evacuate", "it is left alone until it has finished: policies pet, ssd, small want that"),
        ("yes", "wait", "it is left alone until it has finished: policy gold wants that"),
        ("yes", "evacuate", "evacuation begins all the same"),
    ],
)
def test_what_becomes_of_a_host_that_writes_its_crash_dump_is_told(
    medevac: Medevac, tmp_path: Path, proves: str, says: str, sentence: str
) -> None:
    site = tmp_path / "medevac.yaml"
    dump = f"fencing:\n  - {{hosts: '*', ladder: [{{kdump: {{run: /x, proves: {proves}}}}}, human]}}"
    site.write_text(re.sub("fencing:.*", dump, site.read_text(), flags=re.DOTALL))
    for file in (Path(__file__).parent / "policies").glob("*.yaml"):
        written = file.read_text().replace("[fence, disable", f"[fence: {{while_dumping: {says}}}, disable")
        (tmp_path / file.name).write_text(written if file.stem == "20-gold" else file.read_text())
    (tmp_path / "medevac.yaml").rename(tmp_path / "site")
    arguments = ("explain", "--host", "compute-1", "--policies", str(tmp_path), "--site", str(tmp_path / "site"))
    told = " ".join(medevac("policy", *arguments).output.split())
    assert f"while it writes a crash dump, {sentence}" in told
    assert f"while_dumping: {says}" in told


def test_other_policies_than_the_sites_can_be_tried(medevac: Medevac, tmp_path: Path) -> None:
    (tmp_path / "all.yaml").write_text("policy: all\nmatch: everyone\nwhen: {host.down: leave}\n")
    result = medevac("policy", "plan", "--host", "compute-1", "--policies", str(tmp_path / "all.yaml"))
    assert "every policy leaves its servers alone on host.down: all" in result.output
    assert result.exit_code == 0


def test_what_a_policy_asks_of_images_and_the_site_file_of_projects_is_read(medevac: Medevac, tmp_path: Path) -> None:
    (tmp_path / "debian.yaml").write_text(
        "policy: debian\nmatch: {image_property: {name: debian}}\nwhen: {host.down: [fence, disable, evacuate]}\n"
    )
    with (tmp_path / "medevac.yaml").open("a") as site:
        site.write("shared_storage: ['*']\nexclude: {project: batch}\n")
    tried = ("--host", "compute-1", "--policies", str(tmp_path / "debian.yaml"), "--json")
    (host,) = json.loads(medevac("policy", "plan", *tried).output)["hosts"]
    assert [server["name"] for server in host["plan"]["servers"]] == ["imaged-1"]
    assert {left["name"] for left in host["plan"]["left"] if "site file excludes" in left["reason"]} == {
        f"job-{number}" for number in range(1, 8)
    }
    cases = json.loads(medevac("policy", "explain", *tried).output)["cases"]
    assert ["imaged-1"] in [[server["name"] for server in case["servers"]] for case in cases if case["policy"]]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("plan", "--host", "nowhere"), "Nova knows no compute service on nowhere"),
        (("plan", "--az", "az9"), "no compute host is in availability zone 'az9'; there are: az1, az2"),
        (("explain", "--server", "nobody"), "no server has the id or name 'nobody'"),
    ],
)
def test_what_cannot_be_found_is_said_and_where_to_look(
    medevac: Medevac, arguments: tuple[str, ...], sentence: str
) -> None:
    error = medevac("policy", *arguments).exception
    assert isinstance(error, MedevacError)
    assert sentence in str(error)


@pytest.mark.parametrize("arguments", [("plan",), ("plan", "--host", "a", "--az", "b"), ("explain",)])
def test_exactly_one_thing_is_asked_about(medevac: Medevac, arguments: tuple[str, ...]) -> None:
    assert medevac("policy", *arguments).exit_code == 2


def test_a_name_that_several_servers_have_is_not_guessed(medevac: Medevac, cloud: RunningCloud) -> None:
    twins = [cloud.site.build_server(ServerSpec("twin", "compute-3")) for _ in range(2)]
    error = medevac("policy", "explain", "--server", "twin").exception
    assert isinstance(error, MedevacError)
    assert all(twin["id"] in str(error) for twin in twins)
    for twin in twins:
        cloud.site.owner("delete", twin["id"])


def test_a_server_that_is_on_no_host_is_said_to_be_so(medevac: Medevac, cloud: RunningCloud) -> None:
    shelved = cloud.site.build_server(ServerSpec("shelved", "compute-3", vm_state="shelved_offloaded"))
    error = medevac("policy", "explain", "--server", "shelved").exception
    assert isinstance(error, MedevacError)
    assert "server shelved is on no host (shelved_offloaded)" in str(error)
    cloud.site.owner("delete", shelved["id"])


def test_a_drawing_of_nothing_says_why_and_svg_names_what_it_needs(
    medevac: Medevac, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing = medevac("policy", "plan", "--host", "compute-1", "--failure", "control-plane.down", "--picture", "dot")
    assert "there is nothing to draw for compute-1: control-plane.down: it concerns no host" in str(nothing.exception)
    monkeypatch.setenv("PATH", "/nowhere")
    svg = medevac("policy", "plan", "--host", "compute-1", "--picture", "svg")
    assert "needs the program dot of Graphviz" in str(svg.exception)
