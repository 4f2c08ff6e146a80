"""The most urgent job comes first; TaskFlow's own board offers the least urgent one first."""

from __future__ import annotations

from kazoo.client import KazooClient

from medevac.workers.engine.board import Board
from medevac.workers.engine.persistence import FencedBackend
from medevac.workers.engine.posting import Priority
from tests.component.engine.harness import post, stock_board
from tests.fixtures.waiting import until

POSTED = ["low", "normal", "critical", "idle", "high", "normal"]


def offered(board: object, client: KazooClient) -> list[str]:
    for number, word in enumerate(POSTED):
        post(client, f"{word}-{number}", {"name": "a"}, priority=Priority(word))
    jobs: list[str] = []

    def complete() -> bool:
        jobs[:] = [job.name for job in board.iterjobs(ensure_fresh=True)]  # type: ignore[attr-defined]
        return len(jobs) == len(POSTED)

    assert until(complete)
    return jobs


def test_our_board_offers_the_most_urgent_first_and_the_older_of_equals(zk: KazooClient) -> None:
    board = Board(zk, FencedBackend(zk))
    board.connect()
    assert offered(board, zk) == ["critical-2", "high-4", "normal-1", "normal-5", "low-0", "idle-3"]


def test_the_stock_board_offers_the_least_urgent_first(zk: KazooClient) -> None:
    board = stock_board(zk)
    assert offered(board, zk)[0] == "idle-3"
    board.close()
