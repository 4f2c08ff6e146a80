"""`medevac policy check --site` names steps that must fail because the site file gives workers no hands for them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from medevac.cli.policy import group

POLICY = """\
policy: live
about: What lives is mended where it is.
match: everyone
when:
  server.hung: [{first_of: [reset, kill]}]
  libvirt.down:
    - disable
    - restart_service: libvirt
"""


def _advice(folder: Path, site: str) -> list[str]:
    (folder / "policies").mkdir()
    (folder / "policies" / "live.yaml").write_text(POLICY)
    file = folder / "medevac.yaml"
    file.write_text(f"zookeeper: zk1:2181/medevac\npolicies: policies\n{site}")
    command = ["check", str(folder / "policies"), "--site", str(file), "--json"]
    problems = json.loads(CliRunner().invoke(group, command).stdout)["problems"]
    told = [problem["message"].replace(str(file), "the site file") for problem in problems]
    return [sentence for sentence in told if " fails: " in sentence]


@pytest.mark.parametrize(
    ("site", "advice"),
    [
        (
            "",
            [
                "'reset' fails: the site file does not say how hypervisors are reached",
                "'kill' fails: the site file does not say how hypervisors are reached",
                "'restart_service' fails: the site file names no resource that is libvirt",
            ],
        ),
        (
            "services: {libvirt: libvirt-clone}\n",
            [
                "'reset' fails: the site file does not say how hypervisors are reached",
                "'kill' fails: the site file does not say how hypervisors are reached",
            ],
        ),
        (
            "hypervisor: {program: /usr/local/lib/medevac/hypervisor}\nservices: {nova-compute: compute-clone}\n",
            ["'restart_service' fails: the site file names no resource that is libvirt"],
        ),
        ("hypervisor: {uri: 'qemu+tls://{host}/system'}\nservices: {libvirt: libvirt-clone}\n", []),
    ],
)
def test_what_is_out_of_reach_is_advice(tmp_path: Path, site: str, advice: list[str]) -> None:
    assert _advice(tmp_path, site) == advice


@pytest.mark.parametrize(("ladder", "told"), [("[human]", True), ("[{kdump: /usr/local/lib/kdump}, human]", False)])
def test_a_word_about_crash_dumps_where_nobody_knows_of_any_is_advice(
    tmp_path: Path, ladder: str, *, told: bool
) -> None:
    (tmp_path / "policies").mkdir()
    steps = "[{fence: {while_dumping: evacuate}}, disable, evacuate, verify]"
    text = f"policy: p\nmatch: everyone\nwhen: {{host.down: {steps}}}\n"
    (tmp_path / "policies" / "p.yaml").write_text(text)
    site = tmp_path / "medevac.yaml"
    fencing = f"fencing: [{{hosts: '*', ladder: {ladder}}}]"
    site.write_text(f"zookeeper: zk1:2181/medevac\npolicies: policies\n{fencing}\n")
    result = CliRunner().invoke(group, ["check", str(tmp_path / "policies"), "--site", str(site)])
    assert result.exit_code == 0
    assert (f"'while_dumping' changes nothing: no ladder of {site} has a rung 'kdump'" in result.output) == told
