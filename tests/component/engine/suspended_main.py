"""usage: suspended_main.py ours|stock HOSTS: waits until its client is suspended, then writes a flow's state."""

from __future__ import annotations

import sys
import threading
from contextlib import closing
from typing import Any

from taskflow import states
from taskflow.persistence.backends.impl_zookeeper import ZkBackend

from medevac.core import layout
from medevac.workers.engine.claim import Claim
from medevac.workers.engine.persistence import FencedBackend
from medevac.workers.zookeeper import connect
from tests.component.engine.flows import say


def main(kind: str, hosts: str) -> None:
    client = connect(hosts, session_timeout=10)
    (job,) = client.get_children(layout.BOARD)
    (flow_id,) = client.get_children(f"{layout.BOOKS}/flow_details")
    claim = Claim(f"{layout.BOARD}/{job}", token=0)
    ours, stock = FencedBackend(client, claim=claim), ZkBackend({"path": layout.BOOKS}, client=client)
    backend: Any = ours if kind == "ours" else stock
    with closing(backend.get_connection()) as connection:
        flow = connection.get_flow_details(flow_id)
    suspended = threading.Event()
    client.add_listener(lambda state: suspended.set() if state == "SUSPENDED" else None)
    say("up")
    suspended.wait(30)
    flow.state = states.RUNNING
    threading.Timer(0.5, say, ("writing",)).start()
    with closing(backend.get_connection()) as connection:
        connection.update_flow_details(flow)
    say("written")


if __name__ == "__main__":
    main(*sys.argv[1:])
