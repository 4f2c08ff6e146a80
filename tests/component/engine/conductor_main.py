"""usage: conductor_main.py ours|stock HOSTS SESSION_SECONDS [FLOW_STATE]: a conductor in a process of its own.

Ends when its session is lost or on SIGTERM; kills itself the moment a flow has reached FLOW_STATE.
"""

from __future__ import annotations

import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from medevac.workers.engine.conductor import Conductor
from medevac.workers.zookeeper import connect
from tests.component.engine.flows import say
from tests.component.engine.harness import stock_conductor


def die(*_: object, **__: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def main(kind: str, hosts: str, session: str, die_at: str = "") -> None:
    client = connect(hosts, session_timeout=float(session))
    pool = ThreadPoolExecutor(4)
    conductor: Any = Conductor(client, pool) if kind == "ours" else stock_conductor(client, pool)
    usual = conductor._listeners_from_job  # noqa: SLF001 - TaskFlow's place to add listeners

    def listeners(job: Any, engine: Any) -> Any:
        if die_at:
            engine.notifier.register(die_at, die)
        return usual(job, engine)

    conductor._listeners_from_job = listeners  # noqa: SLF001 - as above
    client.add_listener(say)
    signal.signal(signal.SIGTERM, lambda *_: conductor.stop())
    say("up")
    conductor.run()
    say("down")


if __name__ == "__main__":
    main(*sys.argv[1:])
