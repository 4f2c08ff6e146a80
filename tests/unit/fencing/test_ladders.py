"""From the site file to ladders."""

from __future__ import annotations

from pathlib import Path

import pytest

from medevac.flows.policy.duration import Duration
from medevac.flows.policy.problems import ProblemsError
from medevac.flows.rung import HEARTBEAT
from medevac.workers.ladders import fencer_of
from medevac.workers.site import read_site, review_site
from medevac.workers.site_fencing import FenceRounds

ROOT = Path(__file__).parents[3]
HEAD = "zookeeper: zk1:2181/medevac\npolicies: promises\nfencing:\n"


def site_of(folder: Path, fencing: str, head: str = HEAD) -> Path:
    file = folder / "medevac.yaml"
    file.write_text(head + fencing)
    return file


@pytest.mark.parametrize(
    ("host", "names"),
    [
        ("rack1-7", ["kdump", "evidence", "pacemaker", "fence_ipmilan", "human"]),
        ("rack2-1", ["evidence-2", "fence_redfish", "power-strip"]),
        ("rack2-9", ["evidence-2", "fence_redfish"]),
        ("ironic-1", ["ironic", "human-2"]),
        ("edge-1", ["medevac-fence-ceph", "self", "human-3"]),
        ("elsewhere", []),
    ],
)
def test_the_examples_say_how_each_host_is_proven_off(host: str, names: list[str]) -> None:
    site = read_site(ROOT / "examples" / "fencing.yaml", {})
    assert [rung.name for rung in fencer_of(site).ladder(host)] == names
    assert any(step.means.suffices for step in fencer_of(site).steps_of(host)) == bool(names)


def test_the_example_has_no_problem_at_all() -> None:
    _, problems = review_site(ROOT / "examples" / "fencing.yaml", {})
    assert problems.listed() == ()


def test_settings_reach_the_rungs() -> None:
    ladder = {r.name: r for r in fencer_of(read_site(ROOT / "examples" / "fencing.yaml", {})).ladder("rack1-7")}
    assert (ladder["kdump"].orders, ladder["kdump"].timeout) == (False, 300.0)
    assert (ladder["evidence"].orders, ladder["evidence"].timeout) == (False, 0.0)
    assert (ladder["pacemaker"].orders, ladder["pacemaker"].timeout) == (True, 120.0)
    assert (ladder["fence_ipmilan"].times, ladder["fence_ipmilan"].confirm_by) == (2, (HEARTBEAT,))
    assert ladder["fence_ipmilan"].keeps_off
    assert (ladder["human"].orders, ladder["human"].page) == (False, "oncall")
    others = fencer_of(read_site(ROOT / "examples" / "fencing.yaml", {}))
    (ironic, _) = others.ladder("ironic-1")
    assert not ironic.looks_first
    watchdog = next(rung for rung in others.ladder("edge-1") if rung.name == "self")
    assert watchdog.wants_contact
    assert watchdog.timeout > 90.0


def test_devices_without_ladders_are_a_ladder_of_agents_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = (
        "  - {hosts: compute-1, agent: fence_apc_snmp}\n"
        '  - {hosts: "compute-*", agent: fence_ipmilan}\n'
        "  - {hosts: compute-1, agent: /opt/sbin/fence_ipmilan, times: 3}\n"
    )
    fencer = fencer_of(read_site(site_of(tmp_path, text), {}))
    assert [rung.name for rung in fencer.ladder("compute-1")] == ["fence_apc_snmp", "fence_ipmilan", "fence_ipmilan-2"]
    assert [rung.times for rung in fencer.ladder("compute-1")] == [2, 2, 3]
    assert [rung.name for rung in fencer.ladder("compute-2")] == ["fence_ipmilan"]


def test_confirmations_follow_the_names_of_their_own_ladder(tmp_path: Path) -> None:
    ladder = "[{agent: fence_a, confirm_by: [fence_b, heartbeat]}, {agent: fence_b}]"
    text = f"  - {{hosts: a-*, ladder: {ladder}}}\n  - {{hosts: b-*, ladder: {ladder}}}\n"
    fencer = fencer_of(read_site(site_of(tmp_path, text), {}))
    assert [(r.name, r.confirm_by) for r in fencer.ladder("b-1")] == [
        ("fence_a-2", ("fence_b-2", HEARTBEAT)),
        ("fence_b-2", ()),
    ]


@pytest.mark.parametrize(
    "rung", ["{pacemaker: {timeout: 90s}}", "{pacemaker: , timeout: 90s}", "{timeout: 90s, pacemaker: }"]
)
def test_settings_stand_below_a_rung_or_beside_it(tmp_path: Path, rung: str) -> None:
    site = read_site(site_of(tmp_path, f"  - {{hosts: a, ladder: [{rung}]}}\n"), {})
    (ladder,) = fencer_of(site).ladder("a")
    assert ladder.timeout == 90.0


def test_pacemaker_knows_hosts_by_its_own_names(tmp_path: Path) -> None:
    text = "  - {hosts: nova-*, ladder: [evidence]}\nhost_names: {pcmk-1: nova-1}\n"
    (step,) = fencer_of(read_site(site_of(tmp_path, text), {})).steps_of("nova-1")
    assert step.means.cluster.name_of("nova-1") == "pcmk-1"  # type: ignore[attr-defined]
    assert step.means.cluster.name_of("nova-2") == "nova-2"  # type: ignore[attr-defined]


@pytest.mark.parametrize(("ladder", "able"), [("[human]", False), ("[{kdump: /x}]", False), ("[evidence]", True)])
def test_a_ladder_of_waiting_and_people_alone_cannot_fence(tmp_path: Path, ladder: str, *, able: bool) -> None:
    site = read_site(site_of(tmp_path, f"  - {{hosts: a, ladder: {ladder}}}\n"), {})
    assert any(step.means.suffices for step in fencer_of(site).steps_of("a")) == able


def test_rounds_are_gone_every_hour_unless_the_site_says_otherwise(tmp_path: Path) -> None:
    assert read_site(site_of(tmp_path, "  - {hosts: a, agent: fence_a}\n"), {}).fence_rounds == FenceRounds()
    assert FenceRounds().every == Duration(3600)


@pytest.mark.parametrize(
    "text",
    ["  - {hosts: a, ladder: [human: oncall]}\n", "  - {hosts: a, agent: fence_a}\nfence_rounds: {page: oncall}\n"],
)
def test_people_who_are_paged_must_be_known(tmp_path: Path, text: str) -> None:
    with pytest.raises(ProblemsError, match="'oncall' is nobody that 'notify' names"):
        read_site(site_of(tmp_path, text), {})
    assert read_site(site_of(tmp_path, text + "notify: {oncall: {env: URL}}\n"), {}).notify
