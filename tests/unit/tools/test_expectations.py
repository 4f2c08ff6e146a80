"""Expectations: they are met by policies that keep them, and say where and how others do not."""

from __future__ import annotations

import json
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from medevac.cli.policy import group
from medevac.flows.policy.duration import Duration
from medevac.flows.policy.reader import read_policies
from medevac.sandbox.cloud.model.site import HostSpec, ServerSpec, SiteSpec
from medevac.sandbox.expectations.judging import differences
from medevac.sandbox.expectations.language import Given, GivenServer
from medevac.sandbox.expectations.readiness import Readiness
from medevac.sandbox.expectations.reading import read
from medevac.sandbox.expectations.runner import Result, run
from medevac.sandbox.expectations.stage import play
from medevac.sandbox.fakes import FakeSite

EXAMPLES = Path(__file__).parents[3] / "examples"

URGENT = (
    "policy: pet\nmatch: {metadata: {ha: pet}}\npriority: high\nwhen: {host.down: [fence, disable, evacuate, verify]}\n"
)
REST = (
    "policy: rest\nmatch: everyone\nwhen: {host.down: [fence, disable, evacuate, verify], nova-compute.down: leave}\n"
)

SITE = """
expect: something
given:
  hosts: [h1, h2, h3]
  servers:
    - {name: web, count: 3, host: h1}
    - {name: pet, host: h1, metadata: {ha: pet}}
    - {name: odd, host: h1, state: paused}
    - {name: imaged, host: h1, boots_from: image}
    - {name: other, host: h2}
"""


def tried(folder: Path, text: str) -> Result:
    (folder / "10.yaml").write_text(URGENT)
    (folder / "20.yaml").write_text(REST)
    (folder / "it.expect.yaml").write_text(SITE.lstrip() + textwrap.dedent(text))
    (result,) = run([folder])
    return result


def messages(result: Result) -> list[str]:
    return [f"{problem.line}: {problem.message}" for problem in result.problems]


def test_what_comes_as_expected_is_met(tmp_path: Path) -> None:
    result = tried(
        tmp_path,
        """\
        when: {host.down: h1}
        then:
          outcome: parked
          order: [pet, [web-1, web-2, web-3]]
          back: ["web-*", pet]
          left: {odd: paused, imaged: shared storage}
          not_moved: [odd, imaged, other]
          within: 1m
        """,
    )
    assert messages(result) == []
    assert result.met
    assert result.expect == "something"


@pytest.mark.parametrize(
    ("then", "message"),
    [
        ("outcome: recovered", "12: expected the outcome recovered, but it is parked: 4 of 6 servers are back"),
        ("order: [[web-*], pet]", "12: expected pet to be back after web-"),
        ("order: [odd, pet]", "12: expected odd to be back, but it is not: Nova does not evacuate a server that is"),
        ("back: [imaged]", "12: expected imaged to be back, but it is not: its disk was made from an image"),
        ("left: {pet: paused}", "12: expected pet to be left, but it is back"),
        ("left: {odd: stopped}", "12: expected odd to be left because of 'stopped', but: Nova does not evacuate"),
        ("not_moved: pet", "12: expected pet to stay, but Nova has it on h"),
        ("within: 1s", "12: expected every server to be back within 1s, but web-"),
    ],
)
def test_what_comes_otherwise_is_told_with_its_place(tmp_path: Path, then: str, message: str) -> None:
    result = tried(tmp_path, f"when: {{host.down: h1}}\nthen:\n  {then}\n")
    assert not result.met
    (told,) = messages(result)
    assert told.startswith(message)
    assert result.timeline


def test_the_timeline_marks_who_came_out_of_order(tmp_path: Path) -> None:
    result = tried(tmp_path, "when: {host.down: h1}\nthen: {order: [web-1, pet]}\n")
    (problem,) = result.problems
    assert str(problem).splitlines()[0].startswith(f"{tmp_path}/it.expect.yaml:11:23: expected pet to be back after")
    marked = [line for line in result.timeline if line.startswith("!")]
    pet = next(line for line in result.timeline if " pet " in line)
    web = next(line for line in result.timeline if " web-1 " in line)
    assert "expected at place 2" in pet
    assert "expected at place 1" in web
    assert marked == [web]
    assert len(result.timeline) == 2


def test_without_an_order_the_timeline_has_every_server(tmp_path: Path) -> None:
    result = tried(tmp_path, "when: {host.down: h1}\nthen: {back: odd}\n")
    assert len(result.timeline) == 7
    assert any("not back" in line and " odd " in line and "paused" in line for line in result.timeline)


@pytest.mark.parametrize("mishap", ["refuses", "hangs", "unreachable"])
def test_a_host_that_cannot_be_fenced_is_held_and_nothing_moves(tmp_path: Path, mishap: str) -> None:
    result = tried(
        tmp_path,
        f'when: {{host.down: h1, fence: {mishap}}}\nthen: {{outcome: held, not_moved: "*"}}\n',
    )
    assert messages(result) == []


def test_hosts_that_refuse_claims_leave_servers_failed(tmp_path: Path) -> None:
    result = tried(
        tmp_path,
        "when: {host.down: h1, claim-refused: [h2, h3]}\nthen: {outcome: parked, left: {web-1: ended as failed}}\n",
    )
    assert messages(result) == []


def test_a_server_without_a_valid_host_holds_up_no_other(tmp_path: Path) -> None:
    result = tried(
        tmp_path, "when: {host.down: h1, no-valid-host: web-2}\nthen: {back: [web-1, web-3], left: {web-2: no valid}}\n"
    )
    assert messages(result) == []


def test_a_cloud_that_is_away_at_first_only_delays(tmp_path: Path) -> None:
    result = tried(tmp_path, "when: {host.down: h1, cloud-away: 40s}\nthen: {back: [pet, web-*], within: 30s}\n")
    assert [problem.message for problem in result.problems] == [
        problem.message for problem in result.problems if "within 30s" in problem.message
    ]
    assert not result.met


def test_a_failure_that_policies_leave_is_ignored(tmp_path: Path) -> None:
    result = tried(tmp_path, 'when: {nova-compute.down: h1}\nthen: {outcome: ignored, not_moved: "*"}\n')
    assert messages(result) == []


@pytest.mark.parametrize(
    ("rest", "message"),
    [
        ("when: {host.down: h9}\nthen: {back: pet}\n", "10: no host 'h9' is given"),
        ("when: {host.down: h1}\nthen: {back: pets}\n", "11: no server 'pets' is given"),
        ("when: {fence: refuses}\nthen: {back: pet}\n", "10: nothing fails here"),
        ("when: {host.down: h1, libvirt.down: h2}\nthen: {back: pet}\n", "10: more than one thing fails here"),
        ("when: {host.down: h1}\nthen: {outcom: held}\n", "11: 'outcom' is not a key of 'then'"),
        ("when: {host.down: h1, fence: refused}\nthen: {back: pet}\n", "10: 'refused' is not a value of 'fence'"),
        ("when: {host.down: h1}\n", "1: 'then' is missing in an expectation"),
    ],
)
def test_a_mistake_in_the_file_is_told_with_its_place_and_nothing_is_tried(
    tmp_path: Path, rest: str, message: str
) -> None:
    result = tried(tmp_path, rest)
    assert not result.met
    assert message in messages(result)


def test_a_policy_with_errors_is_told_and_not_tried(tmp_path: Path) -> None:
    (tmp_path / "30.yaml").write_text("policy: x\n")
    result = tried(tmp_path, "when: {host.down: h1}\nthen: {back: pet}\n")
    assert not result.met
    assert {problem.file for problem in result.problems} == {f"{tmp_path}/30.yaml"}


def test_other_policies_can_be_named_and_one_file_may_hold_several_expectations(tmp_path: Path) -> None:
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "1.yaml").write_text(REST)
    site = "given: {hosts: [h1, h2], servers: {name: a, host: h1}}\n  when: {host.down: h1}\n"
    (tmp_path / "two.expect.yml").write_text(
        f"- expect: one\n  policies: policies\n  {site}  then: {{back: a}}\n"
        f"- expect: two\n  policies: policies\n  {site}  then: {{not_moved: a}}\n"
    )
    results = list(run([tmp_path]))
    assert [(result.expect, result.met, result.line) for result in results] == [("one", True, 1), ("two", False, 6)]


def test_expectations_beside_policies_are_no_policies(tmp_path: Path) -> None:
    assert tried(tmp_path, "when: {host.down: h1}\nthen: {back: pet}\n").met
    checked = CliRunner().invoke(group, ["check", str(tmp_path)])
    assert checked.exit_code == 0
    assert "expect.yaml" not in checked.output


def test_the_examples_keep_what_they_promise() -> None:
    results = list(run([EXAMPLES]))
    assert len(results) >= 4
    assert [str(problem) for result in results for problem in result.problems] == []


def test_the_command_says_how_many_were_not_met_and_exits_with_1(tmp_path: Path) -> None:
    tried(tmp_path, "when: {host.down: h1}\nthen: {back: odd}\n")
    result = CliRunner().invoke(group, ["test", str(tmp_path), str(EXAMPLES / "policies" / "demo")])
    assert result.exit_code == 1
    assert f"NOT MET {tmp_path}/it.expect.yaml:1: something" in result.output
    assert "  back after the failure:" in result.output
    assert "5 expectations, 1 not met" in result.output
    plain = json.loads(CliRunner().invoke(group, ["test", str(tmp_path), "--json"]).output)
    assert plain["ok"] is False
    assert plain["results"][0]["problems"][0]["line"] == 11


def test_a_path_without_expectations_is_a_problem(tmp_path: Path) -> None:
    result = CliRunner().invoke(group, ["test", str(tmp_path)])
    assert result.exit_code == 1
    assert "there is no expectation here" in result.output
    gone = CliRunner().invoke(group, ["test", str(tmp_path / "gone.expect.yaml")])
    assert gone.exit_code == 1
    assert "cannot be read" in gone.output


@settings(max_examples=300, deadline=None)
@given(
    st.text(alphabet="abh1:{}[]-\n ,\"'#*&!|>%@`?.0é", max_size=200),
    st.integers(min_value=0, max_value=len(SITE)),
    st.integers(min_value=0, max_value=40),
)
def test_no_file_whatever_is_in_it_makes_the_reader_raise(
    tmp_path_factory: pytest.TempPathFactory, noise: str, at: int, cut: int
) -> None:
    file = tmp_path_factory.getbasetemp() / "noise.expect.yaml"
    whole = SITE + "when: {host.down: h1}\nthen: {order: [pet, [web-1]], left: {odd: x}}\n"
    file.write_text(whole[:at] + noise + whole[at + cut :], encoding="utf-8")
    drafts, problems = read(file)
    assert problems.failed or drafts


def test_the_sites_exclusions_and_ceiling_can_be_given(tmp_path: Path) -> None:
    (tmp_path / "1.yaml").write_text(REST)
    (tmp_path / "it.expect.yaml").write_text(
        "expect: x\ngiven:\n  hosts: [h1, h2]\n  servers: [{name: amphora-1, host: h1}, {name: a, host: h1}]\n"
        '  exclude: {server: "amphora-*"}\nwhen: {host.down: h1}\n'
        "then: {outcome: recovered, back: a, not_moved: amphora-1}\n"
    )
    (result,) = run([tmp_path])
    assert messages(result) == []


def test_an_operation_that_was_under_way_can_be_given(tmp_path: Path) -> None:
    (tmp_path / "1.yaml").write_text(REST)
    (tmp_path / "it.expect.yaml").write_text(
        "expect: x\ngiven:\n  hosts: [h1, h2]\n  servers: [{name: a, host: h1, task: deleting}, {name: b, host: h1}]\n"
        "when: {host.down: h1}\nthen: {back: b, left: {a: its owner is deleting it}}\n"
    )
    (result,) = run([tmp_path])
    assert messages(result) == []


def test_guests_and_ports_answer_some_time_after_their_start() -> None:
    site = FakeSite(SiteSpec((HostSpec("h1"),), (ServerSpec("db", "h1"), ServerSpec("off", "h1", vm_state="stopped"))))
    ids = {server.name: server.id for server in site.world.servers.values()}
    servers = (GivenServer(name="db", host="h1", ready_in=Duration(10)), GivenServer(name="off", host="h1"))
    prober = Readiness(site.world, Given(hosts=(), servers=servers))
    assert not prober.port_open("db", 5432, 1.0)
    site.clock.wait(10.0)
    assert prober.port_open("db", 5432, 1.0)
    assert prober.guest_ready(ids["db"])
    assert not prober.guest_ready(ids["off"])


def test_a_broken_rule_is_never_met_whatever_is_expected(tmp_path: Path) -> None:
    tried(tmp_path, "when: {host.down: h1}\nthen: {outcome: parked}\n")
    (draft,), _ = read(tmp_path / "it.expect.yaml")
    played = play(draft, read_policies(tmp_path))
    assert differences(draft, played) == []
    (told,) = differences(draft, replace(played, violations=("at 3.0: server x runs on h2 while it still runs on h1",)))
    assert told.message == "a rule was broken: at 3.0: server x runs on h2 while it still runs on h1"
