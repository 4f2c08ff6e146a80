"""Notification through apprise, against a server of our own; and that no URL is ever repeated."""

from __future__ import annotations

import contextlib
import logging
import threading
from pathlib import Path

import pytest

from medevac.core.errors import NotificationError
from medevac.flows.policy.problems import ProblemsError
from medevac.workers.notify import AppriseNotifier
from medevac.workers.site import SecretSource, read_site, review_site
from tests.fixtures.desk import SECRET, Desk, desk
from tests.fixtures.waiting import until

__all__ = ["desk"]


@pytest.fixture
def source(desk: Desk, tmp_path: Path) -> SecretSource:
    file = tmp_path / "ops.url"
    file.write_text(desk.url + "\n")
    return SecretSource(file=str(file))


def test_a_message_goes_out(desk: Desk, source: SecretSource) -> None:
    AppriseNotifier({"ops": source}).send("ops", "medevac: compute-1", "2 of 3 are back")
    (got,) = desk.got
    assert (got["title"], got["message"]) == ("medevac: compute-1", "2 of 3 are back")


def test_the_url_may_stand_in_the_environment(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPS_URL", desk.url)
    AppriseNotifier({"ops": SecretSource(env="OPS_URL")}).send("ops", "t", "x")
    assert len(desk.got) == 1


@pytest.mark.parametrize("url", ["", f"nonsense://{SECRET}@nowhere/x", f"{SECRET} is no URL at all"])
def test_what_is_no_url_is_an_error_that_does_not_repeat_it(
    url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "ops.url"
    file.write_text(url)
    with caplog.at_level(logging.DEBUG), pytest.raises(NotificationError) as error:
        AppriseNotifier({"ops": SecretSource(file=str(file))}).send("ops", "t", "x")
    assert SECRET not in str(error.value) + caplog.text


def test_a_service_that_refuses_is_an_error_and_its_password_stays_out_of_the_log(
    desk: Desk, source: SecretSource, caplog: pytest.LogCaptureFixture
) -> None:
    desk.status = 500
    with caplog.at_level(logging.DEBUG), pytest.raises(NotificationError, match="refused") as error:
        AppriseNotifier({"ops": source}).send("ops", "t", "x")
    assert SECRET not in str(error.value) + caplog.text


def test_a_service_that_hangs_is_given_up_at_the_deadline(desk: Desk, source: SecretSource) -> None:
    desk.released.clear()  # it answers long after the deadline, and then well
    with pytest.raises(NotificationError, match="did not answer"):
        AppriseNotifier({"ops": source}, deadline=0.3).send("ops", "t", "x")


def is_told(notifier: AppriseNotifier, text: str) -> bool:
    """Tell whether the message went out: on a busy machine it may take longer than the deadline, and is tried again."""
    with contextlib.suppress(NotificationError):
        notifier.send("ops", "t", text)
        return True
    return False


def test_a_message_that_is_tried_again_while_its_service_is_slow_is_not_sent_again(
    desk: Desk, source: SecretSource
) -> None:
    notifier = AppriseNotifier({"ops": source}, deadline=0.3)
    desk.released.clear()
    for _ in range(2):
        with pytest.raises(NotificationError, match="did not answer"):
            notifier.send("ops", "t", "x")
    desk.released.set()
    assert until(lambda: is_told(notifier, "another"))
    assert until(lambda: is_told(notifier, "x"))
    assert sorted(got["message"] for got in desk.got) == ["another", "x"]
    assert until(lambda: is_told(notifier, "x"))
    assert [got["message"] for got in desk.got].count("x") == 2, "once it has gone out, the same is another one"


def test_a_message_of_which_nothing_is_heard_for_long_is_sent_again(desk: Desk, source: SecretSource) -> None:
    notifier = AppriseNotifier({"ops": source}, deadline=0.3, late=0.1)
    desk.released.clear()
    for number in (1, 2):
        with pytest.raises(NotificationError, match="did not answer"):
            notifier.send("ops", "t", "x")
        assert until(lambda count=number: len(desk.got) == count)


def test_a_service_that_takes_its_time_to_answer_was_told(desk: Desk, source: SecretSource) -> None:
    desk.released.clear()
    later = threading.Timer(4.5, desk.released.set)  # apprise waits for 4 s by itself
    later.start()
    AppriseNotifier({"ops": source}).send("ops", "t", "x")
    later.join()
    assert len(desk.got) == 1


@pytest.mark.parametrize("source", [SecretSource(file="/nowhere/at/all"), SecretSource(env="NOT_THERE_AT_ALL")])
def test_a_secret_that_is_not_there_is_named_by_its_place(source: SecretSource) -> None:
    with pytest.raises(NotificationError, match=source.reference):
        AppriseNotifier({"ops": source}).send("ops", "t", "x")


def test_a_target_that_the_site_does_not_name_is_an_error() -> None:
    with pytest.raises(NotificationError, match="names no target page"):
        AppriseNotifier({}).send("page", "t", "x")


SITE = "zookeeper: zk1:2181/medevac\npolicies: promises\n"


def test_the_site_file_names_targets_and_where_their_urls_are(tmp_path: Path) -> None:
    file = tmp_path / "medevac.yaml"
    file.write_text(SITE + "notify: {page: {env: PAGE_URL}, ops: {file: /etc/medevac/ops.url}}\n")
    site = read_site(file, {})
    assert site.notify == {"page": SecretSource(env="PAGE_URL"), "ops": SecretSource(file="/etc/medevac/ops.url")}


@pytest.mark.parametrize(("targets", "warned"), [("{ops: {env: OPS}}", True), ("{page: {env: OPS}}", False)])
def test_a_site_whose_targets_are_told_of_nothing_that_is_held_is_warned(
    tmp_path: Path, targets: str, *, warned: bool
) -> None:
    file = tmp_path / "medevac.yaml"
    file.write_text(SITE + f"notify: {targets}\n")
    _, problems = review_site(file, {})
    assert not problems.failed
    assert ("nobody is paged of incidents that are held" in str(problems.listed())) == warned


@pytest.mark.parametrize("target", ["ops", "file"])
def test_a_url_in_the_site_file_is_an_error_that_does_not_show_it(tmp_path: Path, target: str) -> None:
    file = tmp_path / "medevac.yaml"
    file.write_text(SITE + f"notify:\n  {target}: mailto://me:{SECRET}@example.org\n")
    with pytest.raises(ProblemsError) as error:
        read_site(file, {})
    assert "a secret never stands in this file" in str(error.value)
    assert SECRET not in str(error.value)
