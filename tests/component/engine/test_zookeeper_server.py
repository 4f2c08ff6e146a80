"""The real ZooKeeper of the sandbox, and the client of the workers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from kazoo.client import KazooClient
from kazoo.exceptions import NodeExistsError

from medevac.core import layout
from medevac.core.errors import StoreUnreachableError
from medevac.sandbox.zookeeper import INSTALL, ZookeeperEnsemble, ZookeeperMissingError, ZookeeperServer
from medevac.workers.zookeeper import (
    PACKET_LIMIT,
    SessionWatch,
    TooLargeError,
    TransactionRefusedError,
    bounded,
    commit,
    connect,
    disconnect,
    ensure_layout,
)
from tests.fixtures.waiting import until


def test_a_killed_server_comes_back_with_its_data() -> None:
    with ZookeeperServer() as server:
        client = connect(server.hosts + "/here")
        ensure_layout(client)
        client.create("/board/kept", b"1")
        server.kill()
        server.start()
        assert until(lambda: bool(client.connected))
        assert client.get("/board/kept")[0] == b"1"
        disconnect(client)
        folder = server._data_folder()  # noqa: SLF001 - to see that it is gone afterwards
    assert not folder.exists()


def test_three_servers_elect_a_leader_and_survive_its_death() -> None:
    with ZookeeperEnsemble(fsync=False) as ensemble:
        client = connect(ensemble.hosts)
        client.create("/x", b"1")
        ensemble.leader().kill()
        assert until(lambda: bool(client.connected))
        assert client.retry(client.get, "/x")[0] == b"1"
        disconnect(client)


def test_a_server_dies_with_the_process_that_started_it(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(
        "import signal, time\nfrom medevac.sandbox.zookeeper import ZookeeperServer\n"
        # A shell that starts the tests in the background has its children ignore Ctrl-C.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "s = ZookeeperServer().start()\nprint(s.pid, s._data_folder(), flush=True)\ntime.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        pid, folder = parent.stdout.readline().split()
        parent.kill()

    def gone() -> bool:
        status = Path(f"/proc/{pid}/status")
        return not status.exists() or "zombie" in status.read_text()

    assert until(gone)
    for each in sorted(Path(folder).rglob("*"), reverse=True):
        each.rmdir() if each.is_dir() else each.unlink()
    Path(folder).rmdir()


def test_control_c_leaves_no_process_and_no_folder(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(
        "import signal, time\nfrom medevac.sandbox.zookeeper import ZookeeperServer\n"
        # A shell that starts the tests in the background has its children ignore Ctrl-C.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "with ZookeeperServer() as s:\n    print(s.pid, s._data_folder(), flush=True)\n    time.sleep(600)\n"
    )
    quiet = subprocess.DEVNULL
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, stderr=quiet, text=True) as parent:
        assert parent.stdout
        pid, folder = parent.stdout.readline().split()
        parent.send_signal(signal.SIGINT)
        try:
            parent.wait(30)
        finally:
            parent.kill()
    assert not Path(folder).exists()
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid), 0)


def test_a_missing_java_is_one_sentence_with_the_remedy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ZookeeperMissingError) as caught:
        ZookeeperServer().start()
    assert INSTALL in str(caught.value)
    assert "\n" not in str(caught.value)


def test_nobody_home_is_said_within_the_deadline() -> None:
    with pytest.raises(StoreUnreachableError, match=r"127\.0\.0\.1:1/x did not answer within 0\.5 s"):
        connect("127.0.0.1:1/x", start_timeout=0.5)


def test_the_layout_can_be_ensured_twice(zk: KazooClient) -> None:
    ensure_layout(zk)
    assert all(zk.exists(path) for path in layout.ALL)


def test_a_refused_transaction_names_the_culprit(zk: KazooClient) -> None:
    transaction = zk.transaction()
    transaction.create("/events/a")
    transaction.create("/board")
    transaction.create("/events/b")
    with pytest.raises(TransactionRefusedError, match=r"NodeExistsError on .*/board") as caught:
        commit(transaction)
    assert (caught.value.index, caught.value.path) == (1, "/board")
    assert isinstance(caught.value.cause, NodeExistsError)
    assert not zk.exists("/events/a")


def test_what_would_cut_the_connection_is_not_sent(zk: KazooClient) -> None:
    transaction = zk.transaction()
    transaction.create("/events/a", b"x" * (PACKET_LIMIT + 1))
    with pytest.raises(TooLargeError):
        commit(transaction)
    assert zk.exists("/events/a") is None


def test_calls_end_and_the_loss_is_told_once_while_zookeeper_is_frozen() -> None:
    with ZookeeperServer() as server:
        client = connect(server.hosts, session_timeout=1.5)
        told: list[str] = []
        heard = threading.Event()

        def lost(sentence: str) -> None:
            told.append(sentence)
            heard.set()

        watch = SessionWatch(client, lost, limit=0.3)
        assert watch.connected
        server.pause()
        with pytest.raises(StoreUnreachableError):
            bounded(client.get_async("/"), timeout=0.2)
        assert heard.wait(30)
        assert not watch.connected
        server.resume()
        assert until(lambda: bool(client.connected))
        watch.close()
        disconnect(client)
    assert told == ["ZooKeeper has been out of reach for 0.3 s."]
