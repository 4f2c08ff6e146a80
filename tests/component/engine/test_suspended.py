"""A write while ZooKeeper is away is made afterwards; TaskFlow's own persistence stops its thread for ever."""

from __future__ import annotations

from pathlib import Path

import pytest

from medevac.sandbox.zookeeper import ZookeeperMissingError, ZookeeperServer
from medevac.workers.zookeeper import connect, disconnect, ensure_layout
from tests.component.engine.flows import said
from tests.component.engine.harness import child, post
from tests.fixtures.services import require
from tests.fixtures.waiting import until

DEADLINE = {"ours": 30.0, "stock": 5.0}
"""Seconds after ZooKeeper is back; ours takes 1 to 2 on an idle machine, stock never comes back."""


def written_after_an_outage(kind: str, events: Path) -> bool:
    with require("ZooKeeper", ZookeeperMissingError), ZookeeperServer() as server:
        hosts = f"{server.hosts}/site"
        client = connect(hosts)
        ensure_layout(client)
        post(client, "job", {"name": "a"})
        disconnect(client)
        with child("suspended_main.py", kind, hosts, events=events):
            assert until(lambda: any(each["event"] == "up" for each in said(events)))
            server.kill()
            assert until(lambda: any(each["event"] == "writing" for each in said(events)))
            server.start()
            return until(lambda: any(each["event"] == "written" for each in said(events)), DEADLINE[kind])


@pytest.mark.parametrize(("kind", "written"), [("ours", True), ("stock", False)])
def test_writing_while_suspended(kind: str, written: bool, events: Path) -> None:
    assert written_after_an_outage(kind, events) is written
