"""A znode on the board that is no job is set aside; it ends TaskFlow's own conductors."""

from __future__ import annotations

from pathlib import Path

import pytest
from kazoo.client import KazooClient

from medevac.core import layout
from medevac.workers.engine.parking import ParkedKind, parked
from tests.component.engine.flows import said
from tests.component.engine.harness import conducting, post, stock_board
from tests.fixtures.waiting import until

POISON = {
    "not JSON": ("job", b"not json"),
    "empty": ("job", b""),
    "not an object": ("job", b"[1]"),
    "an unknown priority": ("job", b'{"uuid":"u","name":"n","priority":"SILLY","details":{},"book":{"uuid":"b"}}'),
    "no uuid": ("job", b'{"name":"n","book":{"uuid":"b"}}'),
    "a name without a number": ("job-abc", b'{"uuid":"u","name":"n","priority":"LOW","details":{}}'),
}
HARMLESS_FOR_STOCK = {"no book": ("job", b'{"uuid":"u","name":"n","details":{}}')}


def poison(client: KazooClient, name: str, raw: bytes) -> str:
    return str(client.create(f"{layout.BOARD}/{name}", raw, sequence=name == "job")).rpartition("/")[2]


@pytest.mark.parametrize("what", [*POISON, *HARMLESS_FOR_STOCK])
def test_ours_parks_what_is_no_job_and_goes_on(zk: KazooClient, zk_hosts: str, events: Path, what: str) -> None:
    name, raw = (POISON | HARMLESS_FOR_STOCK)[what]
    with conducting("ours", zk_hosts):
        where = poison(zk, name, raw)
        post(zk, "good", {"name": "a"})
        assert until(lambda: any(each["event"] == "executed" for each in said(events)))
        assert until(lambda: zk.get_children(layout.BOARD) == [])
    (record,) = parked(zk).values()
    assert (record.kind, record.name, record.content) == (ParkedKind.MALFORMED, where, raw)
    assert "is no job" in record.reason


def test_ours_leaves_alone_what_it_cannot_take_away(zk: KazooClient, zk_hosts: str, events: Path) -> None:
    with conducting("ours", zk_hosts):
        zk.create(f"{layout.BOARD}/job-abc/child", b"x", makepath=True)
        post(zk, "good", {"name": "a"})
        assert until(lambda: zk.get_children(layout.BOARD) == ["job-abc"])
    assert parked(zk) == {}


# The stock board also raises in kazoo's own thread, now and then before the test has ended.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("what", POISON)
def test_stock_breaks_on_what_is_no_job(zk: KazooClient, what: str) -> None:
    board = stock_board(zk)
    poison(zk, *POISON[what])
    with pytest.raises((ValueError, KeyError, TypeError)):
        list(board.iterjobs(ensure_fresh=True))
    board.close()
