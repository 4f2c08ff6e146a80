"""`medevac pacemaker` against what real clusters answered: the commands of Pacemaker are stood in for by its words."""

from __future__ import annotations

import json
import os
import pwd
import subprocess
import time
from pathlib import Path

import pytest
from kazoo.client import KazooClient

from medevac.core import layout
from medevac.core.event import Event, EventKind
from medevac.core.handled import Handled, Outcome
from medevac.core.wire import decode, encode
from medevac.triggers.pacemaker import classify
from medevac.triggers.pacemaker_configuration import alert_xml
from medevac.triggers.pacemaker_status import parse_status
from medevac.triggers.reconcile import fencing_event
from tests.fixtures.agent import BIN
from tests.fixtures.pacemaker import captured

CAPTURED = Path(__file__).parent.parent.parent / "data" / "pacemaker-status"


@pytest.fixture
def words(tmp_path: Path) -> Path:
    """Return a folder of commands that print what a cluster printed, the fencing a moment ago."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (moment,) = {each.completed for each in parse_status((CAPTURED / "fenced.xml").read_text()).fencings}
    then = time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(moment))
    now = time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(time.time() - 20))
    fenced = (CAPTURED / "fenced.xml").read_text().replace(then, now)
    assert now in fenced
    say(folder, "crm_mon", fenced)
    say(folder, "cibadmin", (CAPTURED / "configuration.xml").read_text())
    return folder


def say(folder: Path, command: str, text: str) -> None:
    (folder / f"{command}.txt").write_text(text)
    script = folder / command
    script.write_text(f"#!/bin/sh\nexec /bin/cat {folder}/{command}.txt\n")
    script.chmod(0o755)


def medevac(words: Path, *arguments: str, zookeeper: str = "127.0.0.1:1/x") -> tuple[int, str, str]:
    told = {**os.environ, "PATH": str(words), "MEDEVAC_ZOOKEEPER": zookeeper}
    command = [str(BIN / "medevac"), "pacemaker", *arguments]
    ended = subprocess.run(command, env=told, capture_output=True, text=True, timeout=120, check=False)
    return ended.returncode, ended.stdout, ended.stderr


def reconcile(words: Path, zookeeper: str, memory: Path) -> list[dict[str, str]]:
    code, printed, said = medevac(words, "reconcile", "--json", "--state", str(memory), zookeeper=zookeeper)
    assert (code, said) == (0, "")
    found = json.loads(printed)
    assert isinstance(found, list)
    return found


def waiting(zk: KazooClient) -> list[Event]:
    return [decode(Event, zk.get(layout.event(name))[0]) for name in sorted(zk.get_children(layout.EVENTS))]


def test_a_death_that_nobody_told_is_posted_once_by_all_nodes(
    words: Path, zk: KazooClient, zk_hosts: str, tmp_path: Path
) -> None:
    posted = [reconcile(words, zk_hosts, tmp_path / node) for node in ("node1", "node2", "node1")]
    assert [[each["kind"] for each in run] for run in posted] == [["host.fenced", "host.member"], ["host.member"], []]
    fenced = [event for event in waiting(zk) if event.kind is EventKind.HOST_FENCED]
    assert [event.subject.name for event in fenced] == ["compute1"]


def test_a_death_that_an_alert_told_and_triage_settled_is_not_posted_again(
    words: Path, zk: KazooClient, zk_hosts: str, tmp_path: Path
) -> None:
    (fencing,) = parse_status((words / "crm_mon.txt").read_text()).fencings
    told = fencing_event(fencing, "node3")
    handled = Handled(told, Outcome.INCIDENT, "", time.time())
    zk.create(layout.handled(f"{int(told.seen_at * 1e6):016x}-0badcafe"), encode(handled))
    assert [each["kind"] for each in reconcile(words, zk_hosts, tmp_path / "memory")] == ["host.member"]


def test_without_zookeeper_nothing_is_remembered_and_the_next_run_posts(
    words: Path, zk: KazooClient, zk_hosts: str, tmp_path: Path
) -> None:
    code, _, said = medevac(words, "reconcile", "--state", str(tmp_path / "memory"))
    assert code == 3
    assert "did not answer" in said
    assert not (tmp_path / "memory").exists()
    assert len(reconcile(words, zk_hosts, tmp_path / "memory")) == 2


@pytest.fixture
def unstartable(words: Path) -> Path:
    """Return a folder of commands of a cluster that could not start nova-compute on compute2 a moment ago."""
    text = (CAPTURED / "unstartable.xml").read_text()
    now = time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(time.time() - 20))
    then = 'last-rc-change="2026-11-22 09:42:18Z"'
    assert then in text
    say(words, "crm_mon", text.replace(then, f'last-rc-change="{now}"'))
    return words


def of_services(posted: list[dict[str, str]]) -> list[str]:
    return [each["kind"] for each in posted if each["kind"] != "host.member"]


def test_a_failed_service_that_nobody_told_is_posted_once_by_all_nodes_and_so_is_its_return(
    unstartable: Path, zk: KazooClient, zk_hosts: str, tmp_path: Path
) -> None:
    nodes = ("node1", "node2", "node1")
    posted = [of_services(reconcile(unstartable, zk_hosts, tmp_path / node)) for node in nodes]
    assert posted == [["nova-compute.down"], [], []]
    text = (unstartable / "crm_mon.txt").read_text()
    failure = text[text.index("<failure ") : text.index("</failures>")]
    stopped = text[text.index('      <resource id="nova-compute" resource_agent="ocf:rig:fakesvc" role="Stopped"') :]
    stopped = stopped[: stopped.index("\n")]
    runs = stopped.replace("Stopped", "Started").replace('active="false"', 'active="true"').replace("/>", ">")
    runs += '<node name="compute2" id="compute2" cached="true"/></resource>'
    say(unstartable, "crm_mon", text.replace(failure, "").replace(stopped, runs, 1))
    posted = [of_services(reconcile(unstartable, zk_hosts, tmp_path / node)) for node in nodes]
    assert posted == [["nova-compute.up"], [], []]
    down, up = [event for event in waiting(zk) if event.kind is not EventKind.HOST_MEMBER]
    assert (down.subject.name, up.subject.name) == ("compute2", "compute2")
    assert down.seen_at < up.seen_at


def test_a_failed_service_that_an_alert_told_is_not_posted_again(
    unstartable: Path, zk: KazooClient, zk_hosts: str, tmp_path: Path
) -> None:
    (failure,) = parse_status((unstartable / "crm_mon.txt").read_text()).failures
    alert = dict(captured("resource"))["s10.004.node2.resource"]
    alert |= {"CRM_alert_timestamp_epoch": str(int(failure.at))}
    told = classify(alert, reporter="node2", now=time.time())
    assert isinstance(told, Event)
    zk.create(layout.handled(told.id), encode(Handled(told, Outcome.INCIDENT, "", time.time())))
    assert of_services(reconcile(unstartable, zk_hosts, tmp_path / "memory")) == []


def test_the_settings_of_the_agent_say_which_resources_are_services(
    unstartable: Path, zk: KazooClient, zk_hosts: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDEVAC_NOVA_COMPUTE", "another")
    assert of_services(reconcile(unstartable, zk_hosts, tmp_path / "memory")) == []
    monkeypatch.setenv("MEDEVAC_LIBVIRT", "nova-compute")
    assert of_services(reconcile(unstartable, zk_hosts, tmp_path / "memory")) == ["libvirt.down"]


def test_check_exits_1_and_says_what_would_fail(words: Path) -> None:
    code, printed, said = medevac(words, "check", "--json")
    assert (code, said) == (1, "")
    assert [each["about"] for each in json.loads(printed)] == ["alert", "fence-compute2"]


@pytest.mark.parametrize("command", [("check",), ("install",), ("remove",), ("reconcile",)])
def test_away_from_a_cluster_one_line_says_where_to_run_it(command: tuple[str], tmp_path: Path) -> None:
    code, _, said = medevac(tmp_path, *command)
    assert code == 3
    assert said.count("\n") == 1
    assert "Run this on a full cluster node" in said


def test_a_command_that_fails_is_quoted(words: Path) -> None:
    (words / "cibadmin").write_text("#!/bin/sh\necho 'Transport endpoint is not connected' >&2; exit 102\n")
    code, _, said = medevac(words, "check")
    assert code == 3
    assert "Transport endpoint is not connected" in said


@pytest.fixture
def configured(words: Path, zk_hosts: str, tmp_path: Path) -> Path:
    """Return the folder of commands of a cluster that has our alert, with its agent's settings in a file."""
    settings = tmp_path / "alert.conf"
    settings.write_text(f"MEDEVAC_SPOOL={tmp_path}/spool\nMEDEVAC_LOG={tmp_path}/log\nMEDEVAC_TIMEOUT=25\n")
    alerts = f"<alerts>{alert_xml(str(BIN / 'medevac-alert'), zk_hosts, str(settings))}</alerts>"
    configuration = (CAPTURED / "configuration.xml").read_text()
    say(words, "cibadmin", configuration.replace("</configuration>", f"{alerts}</configuration>"))
    return words


OURSELVES = ("--user", pwd.getpwuid(os.geteuid()).pw_name)
"""Not hacluster, who may not be allowed into the folders of a clone or of Python."""


def test_check_tries_the_agent_and_sees_its_test_event_arrive(
    configured: Path, zk: KazooClient, tmp_path: Path
) -> None:
    (tmp_path / "spool").mkdir(mode=0o700)
    code, printed, said = medevac(configured, "check", "--test", "--json", *OURSELVES)
    assert (code, said) == (1, "")
    assert [each["about"] for each in json.loads(printed)] == ["fence-compute2"]
    assert [event.kind for event in waiting(zk)] == [EventKind.TEST]


def test_check_says_what_the_agent_lacks(configured: Path, zk: KazooClient, tmp_path: Path) -> None:
    code, printed, _ = medevac(configured, "check", *OURSELVES)
    assert code == 1
    assert f"{tmp_path}/spool cannot be used" in printed


def test_install_says_that_a_test_event_waits_for_a_worker(configured: Path, zk: KazooClient, zk_hosts: str) -> None:
    code, printed, said = medevac(configured, "install", *OURSELVES, zookeeper=zk_hosts)
    assert (code, said) == (0, "")
    assert "A test event arrived; it waits" in printed


def test_install_fails_where_the_agent_cannot_post(configured: Path, zk_hosts: str) -> None:
    code, _, said = medevac(configured, "install", *OURSELVES, zookeeper=zk_hosts)
    assert code == 3
    assert "start a worker there once" in said


def test_a_user_who_is_not_there_is_named(configured: Path, zk_hosts: str) -> None:
    code, _, said = medevac(configured, "install", "--user", "nobody-of-that-name", zookeeper=zk_hosts)
    assert code == 1
    assert "there is no user nobody-of-that-name here" in said


def test_remove_has_nothing_to_do_twice(configured: Path) -> None:
    assert "tells medevac nothing" in medevac(configured, "remove")[1]
    say(configured, "cibadmin", (CAPTURED / "configuration.xml").read_text())
    assert "There is no alert" in medevac(configured, "remove")[1]
