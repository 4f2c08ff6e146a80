"""The alert agent as Pacemaker runs it, against a real ZooKeeper that is well, away, frozen or wrongly named."""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import socket
import stat
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from kazoo.client import KazooClient

from medevac.core import layout
from medevac.core.event import Event, EventKind, new_event_id
from medevac.core.wire import decode
from medevac.sandbox.zookeeper import ZookeeperServer
from tests.fixtures.agent import BIN, LIMIT, Agent
from tests.fixtures.pacemaker import captured

FENCING = dict(captured("fencing"))
COPIES = ["s01.007.node1.fencing", "s01.008.node3.fencing", "s01.009.node2.fencing"]
ALERT = FENCING[COPIES[0]]
SLACK = 30.0
"""Seconds that starting a process may take on a loaded machine, on top of what the agent grants itself."""
AS_USERS_HAVE_IT = {"MEDEVAC_TIMEOUT": ""}


def events(zk: KazooClient) -> list[Event]:
    names = sorted(zk.get_children(layout.EVENTS))
    return [decode(Event, zk.get(layout.event(name))[0]) for name in names]


def spooled(agent: Agent, alert: dict[str, str], ago: float) -> Event:
    """Let the agent spool *alert* while nobody answers, and return its event, aged as if that was *ago* seconds."""
    assert agent.run(alert, CRM_alert_recipient=nobody_listens(), MEDEVAC_TIMEOUT="0.2") == (0, "")
    (young,) = agent.spool.events()
    aged = replace(young, id=new_event_id(time.time() - ago))
    path = Path(agent.spool.path(young.id))
    path.write_text(path.read_text().replace(young.id, aged.id))
    path.rename(agent.spool.path(aged.id))
    return aged


def spooled_earlier(agent: Agent, alert: dict[str, str]) -> Event:
    return spooled(agent, alert, ago=60)


def nobody_listens() -> str:
    return f"127.0.0.1:{refusing().getsockname()[1]}/medevac"


@functools.cache
def refusing() -> socket.socket:
    """Return a socket that keeps its port from others for as long as the tests run, and is never listened on."""
    taken = socket.socket()
    taken.bind(("127.0.0.1", 0))
    return taken


@pytest.fixture(autouse=True, scope="module")
def _refusing_to_the_end() -> Iterator[None]:
    yield
    refusing().close()
    refusing.cache_clear()


def test_a_captured_alert_is_stored_as_an_event_and_leaves_the_spool(agent: Agent, zk: KazooClient) -> None:
    assert agent.run(ALERT) == (0, "")
    (event,) = events(zk)
    assert (event.kind, event.subject.name, event.source) == (EventKind.HOST_FENCED, "compute1", "pacemaker")
    assert event.reporter == os.uname().nodename
    assert agent.spool.waiting() == []
    assert agent.log.count("\n") == 1
    assert f"event {event.id}: posted [" in agent.log


def test_three_copies_posted_in_parallel_are_three_events_of_one_fencing(agent: Agent, zk: KazooClient) -> None:
    agents = [agent.start(FENCING[name]) for name in COPIES]
    assert [process.communicate(timeout=LIMIT)[0] for process in agents] == [b"", b"", b""]
    assert [process.returncode for process in agents] == [0, 0, 0]
    stored = events(zk)
    assert len(stored) == 3
    assert len({event.facts["ref"] for event in stored}) == 1
    assert agent.spool.waiting() == []


def test_an_alert_that_is_no_event_stores_nothing_and_touches_no_spool(agent: Agent, zk: KazooClient) -> None:
    assert agent.run(dict(captured("resource"))["s01.001.node1.resource"]) == (0, "")
    assert events(zk) == []
    assert not Path(agent.spool.folder).exists()
    assert "no event: the resource 'compute1'" in agent.log


def test_a_service_is_told_when_it_fails_again_or_cannot_be_started_and_when_it_works(
    agent: Agent, zk: KazooClient
) -> None:
    alerts = dict(captured("resource"))
    died = alerts["s09.001.node1.resource"]
    libvirt = died | {"CRM_alert_rsc": "libvirt"}
    assert agent.run(libvirt) == (0, "")
    assert events(zk) == []
    assert "no event yet: libvirt.down host compute1, which the cluster mends by itself" in agent.log
    for alert in (libvirt, died, alerts["s10.004.node2.resource"], alerts["s09.005.node1.resource"]):
        assert agent.run(alert) == (0, "")
    told = [(event.kind.value, event.subject.name, event.facts["task"]) for event in events(zk)]
    assert sorted(told) == [
        ("libvirt.down", "compute1", "monitor"),
        ("nova-compute.down", "compute1", "monitor"),
        ("nova-compute.down", "compute2", "start"),
        ("nova-compute.up", "compute1", "monitor"),
    ]
    assert agent.spool.waiting() == []


@pytest.mark.parametrize(
    "spoilt",
    [
        {"CRM_alert_rc": "\udcff\udcfe"},
        {"CRM_alert_rc": ""},
        {"CRM_alert_node": ""},
        {"CRM_alert_node": "../../x"},
        {"CRM_alert_kind": "fencing\n"},
    ],
)
def test_a_malformed_fencing_alert_is_kept_for_a_human(agent: Agent, zk: KazooClient, spoilt: dict[str, str]) -> None:
    assert agent.run(ALERT, **spoilt) == (0, "")
    (event,) = events(zk)
    assert event.kind == EventKind.UNCLASSIFIED
    assert event.facts["CRM_alert_desc"] == ALERT["CRM_alert_desc"]
    assert "unclassified" in agent.log


def test_an_empty_environment_is_a_line_in_the_log(agent: Agent, zk: KazooClient) -> None:
    settings = {k: v for k, v in agent.environment({}).items() if not k.startswith("CRM_")}
    ended = subprocess.run([BIN / "medevac-alert"], env=settings, cwd="/", capture_output=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"", b"")
    assert "no event: not called by Pacemaker" in agent.log
    assert events(zk) == []


def test_while_nobody_listens_the_event_waits_on_disk_for_its_user_alone(agent: Agent) -> None:
    started = time.monotonic()
    assert agent.run(ALERT, CRM_alert_recipient=nobody_listens(), **AS_USERS_HAVE_IT) == (0, "")
    assert time.monotonic() - started < 2.0 + SLACK
    (event_id,) = agent.spool.waiting()
    found = Path(agent.spool.path(event_id)).stat()
    assert stat.S_IMODE(found.st_mode) == 0o600
    assert found.st_uid == agent.folder.stat().st_uid
    assert "kept in" in agent.log
    assert "did not answer in time" in agent.log


@pytest.mark.parametrize("address", ["", "zk1:port/medevac", ":::", "name.invalid:2181/medevac", "/"])
def test_a_wrong_address_leaves_the_event_on_disk(agent: Agent, address: str) -> None:
    started = time.monotonic()
    assert agent.run(ALERT, CRM_alert_recipient=address, MEDEVAC_TIMEOUT="0.5") == (0, "")
    assert time.monotonic() - started < 0.5 + SLACK
    assert len(agent.spool.waiting()) == 1
    assert "kept in" in agent.log


def test_a_site_without_an_intake_leaves_the_event_on_disk(agent: Agent) -> None:
    assert agent.run(ALERT) == (0, "")
    assert len(agent.spool.waiting()) == 1
    assert "has no /events: no site of medevac is there" in agent.log


def test_an_agent_whose_kazoo_is_broken_keeps_the_event_and_says_so(agent: Agent) -> None:
    (agent.folder / "kazoo.py").write_text("raise ImportError('half an upgrade')")
    assert agent.run(ALERT, PYTHONPATH=str(agent.folder)) == (0, "")
    assert len(agent.spool.waiting()) == 1
    assert "kept in" in agent.log
    assert "half an upgrade" in agent.log


@pytest.fixture
def frozen(zk: KazooClient, zookeeper: ZookeeperServer) -> Iterator[ZookeeperServer]:
    """Return the test's ZooKeeper, which accepts connections and answers nothing until resume() is called."""
    zookeeper.pause()
    yield zookeeper
    zookeeper.resume()


def test_a_frozen_zookeeper_hangs_nothing_and_replay_delivers_later_once(
    agent: Agent, frozen: ZookeeperServer, zk: KazooClient
) -> None:
    started = time.monotonic()
    assert agent.run(ALERT, **AS_USERS_HAVE_IT) == (0, "")
    took = time.monotonic() - started
    assert 1.9 < took < 2.0 + SLACK
    (event_id,) = agent.spool.waiting()
    frozen.resume()
    ended = subprocess.run(
        [BIN / "medevac", "event", "replay", "--spool", agent.spool.folder, "--zookeeper", agent.zookeeper],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (0, "Posted 1 event.\n"), ended.stderr
    assert [event.id for event in events(zk)] == [event_id]
    assert agent.spool.waiting() == []


def test_the_next_alert_takes_along_what_waits(agent: Agent, zk: KazooClient) -> None:
    old = spooled_earlier(agent, FENCING[COPIES[1]])
    assert agent.run(ALERT) == (0, "")
    assert len(events(zk)) == 2
    assert old in events(zk)
    assert agent.spool.waiting() == []
    assert "posted, with 1 older" in agent.log


def test_an_event_that_another_agent_is_posting_now_is_left_to_it(agent: Agent, zk: KazooClient) -> None:
    young = spooled(agent, FENCING[COPIES[1]], ago=-60)  # it stays young, however long the next one takes
    assert agent.run(ALERT) == (0, "")
    assert len(events(zk)) == 1
    assert agent.spool.waiting() == [young.id]


def test_an_event_that_was_posted_before_its_file_was_removed_is_not_doubled(agent: Agent, zk: KazooClient) -> None:
    old = spooled_earlier(agent, ALERT)
    zk.create(layout.event(old.id), Path(agent.spool.path(old.id)).read_bytes())
    assert agent.run({}, "--replay") == (0, "posted 1 events\n")
    assert [event.id for event in events(zk)] == [old.id]


def test_a_spoilt_file_in_the_spool_does_not_hold_up_the_others(agent: Agent, zk: KazooClient) -> None:
    old = spooled_earlier(agent, ALERT)
    (Path(agent.spool.folder) / "0000.json").write_text("{")
    assert agent.run({}, "--replay") == (0, "posted 1 events\n")
    assert events(zk) == [old]
    assert (Path(agent.spool.folder) / "bad" / "0000.json").exists()


@pytest.fixture(params=["frozen", "switched off"])
def dead_server(request: pytest.FixtureRequest) -> Iterator[str]:
    """Return the address of a server that accepts connections and is silent, or does not even accept them."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.socket())
        server.bind(("127.0.0.1", 0))
        server.listen(128 if request.param == "frozen" else 0)
        if request.param == "switched off":  # to a full queue the kernel answers nothing at all
            for _ in range(4):
                caller = stack.enter_context(socket.socket())
                caller.settimeout(0)
                caller.connect_ex(server.getsockname())
        yield f"127.0.0.1:{server.getsockname()[1]}"


def test_one_dead_server_of_the_site_does_not_cost_the_event(agent: Agent, zk: KazooClient, dead_server: str) -> None:
    both = f"{dead_server},{agent.zookeeper}"
    agents = [agent.start(ALERT, CRM_alert_recipient=both, MEDEVAC_TIMEOUT="6") for _ in range(4)]  # in random order
    assert [process.communicate(timeout=LIMIT)[0] for process in agents] == [b""] * 4
    assert len(events(zk)) == 4
    assert agent.spool.waiting() == []


def test_an_unusable_spool_does_not_keep_the_event_from_zookeeper(agent: Agent, zk: KazooClient) -> None:
    assert agent.run(ALERT, MEDEVAC_SPOOL="/proc/nowhere") == (0, "")
    assert len(events(zk)) == 1
    assert "/proc/nowhere cannot be made" in agent.log
    for folder in Path("/var/tmp").glob("medevac-[0-9]*"):  # noqa: S108 - where the agent's last resort is
        with contextlib.suppress(OSError):
            folder.rmdir()  # only an empty one goes


@pytest.mark.parametrize("delay", [0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.08, 0.1])
def test_an_agent_killed_at_any_moment_loses_no_event_that_it_had_stored(
    agent: Agent, zk: KazooClient, delay: float
) -> None:
    with agent.start(ALERT) as process:
        time.sleep(delay)  # the fault is the moment: there is nothing to wait for
        os.killpg(process.pid, signal.SIGKILL)
    folder = Path(agent.spool.folder)
    left = {path.name.removesuffix(".json") for path in folder.glob("*.json")} if folder.exists() else set()
    assert agent.run({}, "--replay")[0] == 0
    assert left <= {event.id for event in events(zk)}
    assert len(events(zk)) <= 1
    assert not (folder / "bad").exists()


def test_check_tells_whether_the_agent_could_do_its_work(agent: Agent, zk: KazooClient) -> None:
    code, said = agent.run({}, "--check")
    assert (code, "cannot be used" in said) == (1, True)
    agent.run(ALERT)
    code, said = agent.run({}, "--check")
    assert (code, said.count("\n"), "takes events" in said) == (0, 2, True)
    code, said = agent.run({}, "--check", CRM_alert_recipient=nobody_listens(), MEDEVAC_TIMEOUT="0.2")
    assert (code, "did not answer" in said) == (3, True)
    assert agent.run({}, "--nonsense")[0] == 2


def test_replay_of_an_unreachable_site_says_so_and_keeps_everything(agent: Agent) -> None:
    old = spooled_earlier(agent, ALERT)
    code, said = agent.run({}, "--replay", CRM_alert_recipient=nobody_listens(), MEDEVAC_TIMEOUT="0.2")
    assert (code, "did not answer" in said) == (3, True)
    assert agent.spool.waiting() == [old.id]
