"""The same scenario on our classes and on TaskFlow's own, in this process or in one of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kazoo.client import KazooClient
from taskflow.conductors.backends.impl_nonblocking import NonBlockingConductor
from taskflow.jobs.backends.impl_zookeeper import ZookeeperJobBoard
from taskflow.persistence.backends.impl_zookeeper import ZkBackend

from medevac.core import layout
from medevac.workers.engine.conductor import Conductor
from medevac.workers.engine.posting import Posting, Priority, add_job
from medevac.workers.zookeeper import commit, connect, disconnect

ROOT = Path(__file__).parents[3]
FLOWS = "tests.component.engine.flows."
KINDS = ("ours", "stock")


def post(client: KazooClient, key: str, *specs: object, factory: str = "", priority: Priority = Priority.NORMAL) -> str:
    """Post a flow of steps (or what *factory* builds from *specs*) and return its path; both kinds can run it."""
    arguments = specs if factory else (list(specs),)
    transaction = client.transaction()
    add_job(transaction, Posting(key, key, FLOWS + (factory or "steps"), arguments, priority))
    return str(commit(transaction)[-1])


def stock_board(client: KazooClient) -> ZookeeperJobBoard:
    """Return TaskFlow's own board, connected, with TaskFlow's own persistence."""
    backend = ZkBackend({"path": layout.BOOKS}, client=client)
    board = ZookeeperJobBoard("stock", {"path": layout.BOARD}, client=client, persistence=backend)
    board.connect()
    return board


def stock_conductor(client: KazooClient, pool: ThreadPoolExecutor, name: str = "stock") -> NonBlockingConductor:
    """Return TaskFlow's own conductor, with the defaults that it ships with."""
    board = stock_board(client)
    backend = board._persistence  # noqa: SLF001 - TaskFlow keeps it to itself
    return NonBlockingConductor(name, board, persistence=backend, engine="parallel", engine_options={"executor": pool})


@dataclass
class Running:
    """A conductor that runs in a thread of this process."""

    conductor: Any
    client: KazooClient
    thread: threading.Thread
    errors: list[BaseException] = field(default_factory=list)


@contextmanager
def conducting(kind: str, hosts: str, *, session: float = 10.0, **options: Any) -> Iterator[Running]:
    """Run a conductor of *kind* on a client of its own; *options* are our Conductor's."""
    client = connect(hosts, session_timeout=session)
    with ExitStack() as stack:
        stack.callback(disconnect, client)
        pool = stack.enter_context(ThreadPoolExecutor(4))
        conductor = Conductor(client, pool, **options) if kind == "ours" else stock_conductor(client, pool)
        running = Running(conductor, client, threading.Thread(target=lambda: _run(running), daemon=True))
        running.thread.start()
        yield running
        conductor.stop()
        running.thread.join(60)
        conductor.close()
        assert not running.thread.is_alive()


def _run(running: Running) -> None:
    try:
        running.conductor.run()
    except BaseException as error:  # noqa: BLE001 - the test looks at it
        running.errors.append(error)


@contextmanager
def child(script: str, *arguments: str, events: Path | None = None) -> Iterator[subprocess.Popen[str]]:
    """Run a script of this folder in a process of its own, with its standard output piped; kill it at the end."""
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONWARNINGS": "ignore"}
    if events:
        environment["EVENTS"] = str(events)
    command = [sys.executable, str(Path(__file__).with_name(script)), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            yield process
        finally:
            process.kill()


def expire(client: KazooClient) -> None:
    """End the client's session as ZooKeeper does when it has not heard of it for too long."""
    session = client.client_id
    thief = KazooClient(hosts=f"{client.hosts[0][0]}:{client.hosts[0][1]}", client_id=session, timeout=2)
    thief.start()
    disconnect(thief)
