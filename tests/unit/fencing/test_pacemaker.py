from __future__ import annotations

import calendar
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from medevac.core.errors import FencingError
from medevac.flows.rung import Answer, Case
from medevac.workers.fencing.pacemaker import Cluster, EvidenceMeans, PacemakerMeans
from medevac.workers.fencing.quiet import SelfMeans

CAPTURED = Path(__file__).parents[2] / "data" / "pacemaker-status"
ALL = ("*",)


def moment(text: str) -> float:
    return float(calendar.timegm(time.strptime(text, "%Y-%m-%d %H:%M:%SZ")))


FENCED = moment("2026-11-22 16:02:09Z")
"""When compute1 was fenced, in fenced.xml."""


@dataclass
class Words:
    """Pacemaker's commands as programs that say what they are given, and note how they were called."""

    folder: Path
    cluster: Cluster = field(default_factory=Cluster)

    def say(self, command: str, text: str, code: int = 0) -> None:
        (self.folder / f"{command}.txt").write_text(text)
        script = self.folder / command
        script.write_text(
            f'#!/bin/sh\necho "$@" >> {self.folder}/called\n/bin/cat {self.folder}/{command}.txt\nexit {code}\n'
        )
        script.chmod(0o755)

    def called(self) -> Sequence[str]:
        return (self.folder / "called").read_text().splitlines()


@pytest.fixture
def words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Words:
    monkeypatch.setenv("PATH", str(tmp_path))
    return Words(tmp_path)


def look(words: Words, captured: str, host: str, failed_at: float, change: tuple[str, str] = ("", "")) -> Answer:
    words.say("crm_mon", (CAPTURED / captured).read_text().replace(*change))
    return EvidenceMeans(ALL, words.cluster).look(Case(host, "i", failed_at, failed_at + 60))


def test_the_clusters_own_fencing_since_the_failure_is_evidence_with_its_own_time(words: Words) -> None:
    evidence = look(words, "fenced.xml", "compute1", FENCED - 10).evidence
    assert evidence is not None
    assert (evidence.at, evidence.source, evidence.action) == (FENCED, "pacemaker", "reboot")
    assert evidence.detail == "reboot of compute1 by node3 for pacemaker-controld.67@node1: OK"


def test_a_fencing_in_the_second_of_the_failure_counts(words: Words) -> None:
    assert look(words, "fenced.xml", "compute1", FENCED + 0.9).evidence is not None


def test_an_older_fencing_is_of_another_incarnation(words: Words) -> None:
    answer = look(words, "fenced.xml", "compute1", FENCED + 60)
    assert (answer.evidence, answer.words) == (None, "Pacemaker has fenced nothing of that name since the failure")


def test_a_humans_confirmation_switched_nothing_off(words: Words) -> None:
    change = ('delegate="node3"', 'delegate="a human"')
    answer = look(words, "fenced.xml", "compute1", FENCED - 10, change)
    assert answer.evidence is None
    assert "only a human has confirmed it" in answer.words


def test_a_fencing_that_failed_is_none(words: Words) -> None:
    assert look(words, "fenced.xml", "compute1", FENCED - 10, ('status="success"', 'status="failed"')).evidence is None


def test_a_node_that_is_unclean_has_not_been_fenced_whatever_stands_in_its_history(words: Words) -> None:
    unclean = (CAPTURED / "unclean.xml").read_text()
    assert 'name="compute3"' in unclean
    answer = look(words, "unclean.xml", "compute3", 0.0)
    assert (answer.evidence, answer.words) == (None, "Pacemaker has not fenced it yet: it is unclean")


def test_a_node_that_is_online_again_gives_no_evidence(words: Words) -> None:
    change = ('id="compute1" online="false"', 'id="compute1" online="true"')
    answer = look(words, "fenced.xml", "compute1", FENCED - 10, change)
    assert (answer.evidence, answer.words) == (None, "Pacemaker reaches it: it is online")


def test_a_node_that_the_cluster_does_not_know_is_an_error_with_the_remedy(words: Words) -> None:
    with pytest.raises(FencingError, match="no node called compute9; if it has another name there, see host_names"):
        look(words, "fenced.xml", "compute9", 0.0)


def test_hosts_are_called_as_the_cluster_calls_them(words: Words) -> None:
    words.cluster = Cluster(name_of={"nova-1": "compute1"}.__getitem__)
    evidence = look(words, "fenced.xml", "nova-1", FENCED).evidence
    assert evidence is not None
    assert evidence.host == "nova-1"


@pytest.mark.parametrize(("text", "code"), [("", 0), ("no xml", 0), ("<other/>", 0), ("crm_mon: refused", 102)])
def test_a_cluster_that_does_not_answer_is_unknown(words: Words, text: str, code: int) -> None:
    words.say("crm_mon", text, code)
    with pytest.raises(FencingError):
        EvidenceMeans(ALL, Cluster()).look(Case("compute1", "i", 0.0, 0.0))


def test_without_pacemakers_commands_it_is_said_what_to_do(words: Words) -> None:
    with pytest.raises(FencingError, match="conductors need Pacemaker's commands, or 'through'"):
        EvidenceMeans(ALL, words.cluster).look(Case("compute1", "i", 0.0, 0.0))


def test_pacemaker_is_asked_for_off_under_our_tag_and_on_another_machine_where_it_says_so(words: Words) -> None:
    words.say("ssh", "")
    PacemakerMeans(ALL, Cluster(("ssh", "ctl-1")), timeout=90.0).order(Case("compute1", "i", 0.0, 0.0))
    assert words.called() == ["ctl-1 stonith_admin --fence compute1 --timeout 90 --tag medevac"]


def test_a_refusal_carries_pacemakers_own_words(words: Words) -> None:
    words.say("stonith_admin", "stonith_admin: Couldn't fence compute1: No data available", 1)
    with pytest.raises(FencingError, match=r"ended with 1 on --fence compute1: .*No data available"):
        PacemakerMeans(ALL, words.cluster, timeout=90.0).order(Case("compute1", "i", 0.0, 0.0))


def test_the_devices_that_could_fence_it_prove_the_path(words: Words) -> None:
    means = PacemakerMeans(ALL, words.cluster, timeout=90.0)
    words.say("stonith_admin", '<r><list name="devices" count="2"><item>ipmi-1</item><item>pdu</item></list></r>')
    assert means.prove("compute1") == "Pacemaker can fence compute1 with ipmi-1, pdu"
    words.say("stonith_admin", "<r/>", 0)
    with pytest.raises(FencingError, match="no device that can fence compute1"):
        means.prove("compute1")


@pytest.mark.parametrize("name", ["compute1; reboot", "$(reboot)", "-F", "", "a b"])
def test_a_name_that_a_shell_on_the_way_could_misread_is_never_sent(words: Words, name: str) -> None:
    words.say("ssh", (CAPTURED / "fenced.xml").read_text())
    means = PacemakerMeans(ALL, Cluster(("ssh", "ctl-1"), lambda _: name), timeout=90.0)
    for call in (means.look, means.order):
        with pytest.raises(FencingError, match="cannot be the name of a node"):
            call(Case("compute1", "i", 0.0, 0.0))
    assert words.called() == ["ctl-1 crm_mon -1 --output-as=xml --fence-history=2"]


def test_a_machine_without_a_cluster_says_so_in_pacemakers_words(words: Words) -> None:
    words.say(
        "crm_mon",
        '<pacemaker-result api-version="2.25"><status code="102" message="Not connected"><errors>'
        "<error>crm_mon: Connection to cluster failed: Connection refused</error></errors></status></pacemaker-result>",
        102,
    )
    with pytest.raises(
        FencingError, match=r"^crm_mon ended with 102: crm_mon: Connection to cluster failed: Connection"
    ):
        EvidenceMeans(ALL, words.cluster).look(Case("compute1", "i", 0.0, 0.0))


@pytest.mark.parametrize(("waited", "proven"), [(89.0, False), (90.0, True)])
def test_a_watchdog_has_fired_when_its_time_and_the_margin_have_passed(
    words: Words, waited: float, *, proven: bool
) -> None:
    words.say("crm_mon", (CAPTURED / "fenced.xml").read_text())
    case = Case("compute1", "i", FENCED, now=FENCED + 7 + waited, contact=FENCED + 7)
    evidence = SelfMeans(ALL, words.cluster, watchdog=60.0, margin=30.0).look(case).evidence
    assert (evidence is not None) == proven
    if evidence is not None:
        assert (evidence.source, evidence.action, evidence.at) == ("self", "reboot", FENCED + 97)


def test_the_watchdog_of_a_host_that_pacemaker_reaches_is_fed(words: Words) -> None:
    words.say("crm_mon", (CAPTURED / "fenced.xml").read_text())
    answer = SelfMeans(ALL, words.cluster, 60.0, 30.0).look(Case("compute2", "i", 0.0, now=9e9, contact=0.0))
    assert (answer.evidence, answer.words) == (None, "Pacemaker reaches it: its watchdog is fed")


def test_a_watchdog_whose_host_nobody_can_tell_of_is_unknown(words: Words) -> None:
    means = SelfMeans(ALL, words.cluster, 60.0, 30.0)
    for contact in (None, 0.0):
        with pytest.raises(FencingError):
            means.look(Case("compute1", "i", 0.0, now=9e9, contact=contact))
