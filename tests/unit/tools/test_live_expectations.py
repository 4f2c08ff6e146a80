"""Expectations about hosts that live and single servers: what was done to whom, and who was told."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from medevac.sandbox.expectations.runner import Result, run

POLICIES = {
    "10-calm.yaml": """\
        policy: calm
        match: {server: db}
        when: {nova-compute.down: leave}
        """,
    "90-all.yaml": """\
        policy: all
        match: everyone
        when:
          host.down: [fence, disable, evacuate, verify]
          nova-compute.down:
            - disable
            - wait_for: {service: nova-compute, within: 5m}
            - notify: {to: ops, text: "{names} on {host}"}
            - kill
            - evacuate
            - verify
          workload.failed:
            - restart
            - wait_for: {port: 80, within: 1m}
        """,
}
SITE = """\
expect: something
given:
  hosts: [h1, h2]
  servers:
    - {name: web, count: 2, host: h1, ready_in: 10s}
    - {name: db, host: h1}
"""


def tried(folder: Path, when: str, then: str) -> Result:
    for name, text in POLICIES.items():
        (folder / name).write_text(textwrap.dedent(text))
    (folder / "it.expect.yaml").write_text(f"{SITE}when: {when}\nthen: {then}\n")
    (result,) = run([folder])
    return result


@pytest.mark.parametrize(
    ("when", "then"),
    [
        ("{nova-compute.down: h1}", '{outcome: recovered, killed: ["web-*"], not_touched: [db], told: [ops]}'),
        ("{nova-compute.down: h1, over-after: 2m}", '{outcome: recovered, not_touched: ["*"], back: ["web-*"]}'),
        ("{nova-compute.down: h1, no-libvirt: yes}", '{outcome: held, not_touched: ["*"], left: {"web-*": no proof}}'),
        ("{workload.failed: web-2}", "{outcome: recovered, back: [web-2], not_touched: [web-1, db], within: 1m}"),
        ("{host.down: h1}", '{outcome: recovered, fenced: yes, back: ["*"]}'),
    ],
)
def test_what_comes_as_expected_is_met(tmp_path: Path, when: str, then: str) -> None:
    result = tried(tmp_path, when, then)
    assert result.met, [str(problem) for problem in result.problems]


@pytest.mark.parametrize(
    ("then", "message"),
    [
        ('{not_touched: ["web-1"]}', "expected web-1 to run on as it was, but its guest ended or was stopped"),
        ("{killed: [web-1]}", "web-2 was killed on its host, which was not expected"),
        ("{killed: [db]}", "expected db to be killed on its host, but it was not"),
        ("{fenced: yes}", "expected the host to be fenced, but it was not"),
        ("{told: [page]}", "expected page to be told, but ops was"),
    ],
)
def test_what_comes_otherwise_is_told(tmp_path: Path, then: str, message: str) -> None:
    result = tried(tmp_path, "{nova-compute.down: h1}", then)
    assert message in [problem.message for problem in result.problems]
    assert not result.met


@pytest.mark.parametrize(
    ("when", "message"),
    [
        ("{server.crashed: h1}", "no server 'h1' is given"),
        ("{libvirt.down: web-1}", "no host 'web-1' is given"),
        ("{libvirt.down: h1, server.hung: web-1}", "more than one thing fails here"),
    ],
)
def test_a_failure_of_nobody_is_a_mistake(tmp_path: Path, when: str, message: str) -> None:
    result = tried(tmp_path, when, "{outcome: parked}")
    assert message in [problem.message for problem in result.problems]
