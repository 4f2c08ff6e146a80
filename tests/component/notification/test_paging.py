"""`page` and `notify` in a recovery, through apprise, to a desk of the test's own: what people are told, and who."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from medevac.flows.policy.problems import Problems
from medevac.flows.policy.reader import review_text
from medevac.sandbox.cloud.model import verdict
from medevac.workers.notify import AppriseNotifier
from medevac.workers.site import SecretSource, read_site
from tests.fixtures.desk import SECRET, Desk, desk
from tests.unit.flows.recovering import Recovery

__all__ = ["desk"]

POLICY = """\
policy: payments
match: everyone
when:
  host.down:
    - fence
    - disable
    - notify: {to: ops, text: "{failure} of {host}: bringing back {servers} servers of {policy}"}
    - evacuate: {on_failure: {retry: 0}}
    - verify
    - if:
        step: verify
        result: failed
        then:
          - page: "{failed} of {servers} need you: {reason}"
"""
SITE = """\
zookeeper: zk1:2181/medevac
policies: .
notify:
  ops: {{file: {ops}}}
  page: {{env: MEDEVAC_TEST_PAGE}}
"""


class Paged(Recovery):
    """A recovery that tells a real desk, as its site file says."""

    def __init__(self, site_file: Path) -> None:
        super().__init__("pay-1", "pay-2", "pay-3")
        self.notifier = AppriseNotifier(read_site(site_file, {}).notify)
        self.site.notifier = self.notifier  # type: ignore[assignment]  # the ports take any Notifier


@pytest.fixture
def recovery(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Paged]:
    (tmp_path / "ops.url").write_text(desk.url)
    (tmp_path / "medevac.yaml").write_text(SITE.format(ops=tmp_path / "ops.url"))
    monkeypatch.setenv("MEDEVAC_TEST_PAGE", desk.url)
    return Paged(tmp_path / "medevac.yaml")


def run(recovery: Paged) -> None:
    problems = Problems("payments.yaml", POLICY)
    draft = review_text(POLICY, problems)
    assert draft is not None
    assert not problems.failed
    recovery.run(draft.policy)
    assert verdict.violations(recovery.world) == ()


def messages(desk: Desk) -> list[str]:
    return [got["message"] for got in desk.got]


def test_a_person_is_paged_with_the_servers_that_need_him_and_why(recovery: Paged, desk: Desk) -> None:
    recovery.server("pay-2").pinned_zone = "nowhere"
    run(recovery)

    assert messages(desk) == [
        "host.down of dead: bringing back 3 servers of payments",
        "1 of 1 need you: pay-2: Nova found no valid host for it",
    ]
    assert {got["title"] for got in desk.got} == {"medevac: dead"}
    assert recovery.results() == {"pay-1": "recovered", "pay-2": "failed", "pay-3": "recovered"}


def test_nobody_is_paged_when_everybody_is_back(recovery: Paged, desk: Desk) -> None:
    run(recovery)

    assert messages(desk) == ["host.down of dead: bringing back 3 servers of payments"]


def test_a_desk_that_refuses_holds_nothing_up_and_the_journal_says_so(recovery: Paged, desk: Desk) -> None:
    desk.status = 500
    run(recovery)

    assert set(recovery.results().values()) == {"recovered"}
    assert "ops was not told" in recovery.told()
    assert SECRET not in recovery.told()


def test_a_target_that_is_not_there_holds_nothing_up_either(
    recovery: Paged, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MEDEVAC_TEST_PAGE")
    recovery.server("pay-2").pinned_zone = "nowhere"
    run(recovery)

    assert len(desk.got) == 1
    assert "page was not told" in recovery.told()
    assert recovery.results()["pay-2"] == "failed"
    assert SecretSource(env="MEDEVAC_TEST_PAGE").reference in recovery.told()
