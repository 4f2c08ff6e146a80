"""Claims: one winner, a token that grows, and writes that are refused once somebody else has claimed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from kazoo.client import KazooClient
from taskflow import exceptions as taskflow_errors

from medevac.core import layout
from medevac.core.errors import ClaimLostError, StoreUnreachableError
from medevac.sandbox.zookeeper import ZookeeperServer
from medevac.workers.engine.board import Board
from medevac.workers.engine.claim import Claim, FencedOutError, check, fenced_commit
from medevac.workers.engine.job import BoardJob
from medevac.workers.engine.persistence import FencedBackend
from medevac.workers.engine.posting import Posting, add_job
from medevac.workers.zookeeper import TransactionRefusedError, commit, connect, disconnect, ensure_layout
from tests.component.engine.harness import FLOWS, post
from tests.fixtures.waiting import until


@pytest.fixture
def board(zk: KazooClient) -> Board:
    board = Board(zk, FencedBackend(zk))
    board.connect()
    return board


@pytest.fixture
def other(zk_hosts: str, zk: KazooClient) -> Iterator[Board]:
    client = connect(zk_hosts)
    board = Board(client, FencedBackend(client))
    board.connect()
    yield board
    disconnect(client)


def only_job(board: Board) -> BoardJob:
    (job,) = board.iterjobs(only_unclaimed=False, ensure_fresh=True)
    return job


def claim(board: Board, who: str) -> tuple[BoardJob, Claim]:
    job = only_job(board)
    board.claim(job, who)
    assert job.claim is not None
    return job, job.claim


def test_one_of_two_conductors_gets_the_job(zk: KazooClient, board: Board, other: Board) -> None:
    post(zk, "job", {"name": "a"})
    mine, theirs = only_job(board), only_job(other)
    board.claim(mine, "me")
    with pytest.raises(taskflow_errors.UnclaimableJob):
        other.claim(theirs, "them")
    assert list(board.iterjobs()) == []
    assert until(lambda: list(other.iterjobs()) == [])


def test_a_claim_is_one_round_trip_and_looking_is_none(
    zookeeper: ZookeeperServer, zk: KazooClient, board: Board
) -> None:
    post(zk, "job", {"name": "a"})
    assert until(lambda: len(list(board.iterjobs())) == 1)
    job = only_job(board)
    before = zookeeper.packets()
    for _ in range(50):
        list(board.iterjobs())
    assert zookeeper.packets() - before < 10
    board.claim(job, "me")
    assert job.claim == Claim(job.path, 1, "job", "me")


def test_the_token_grows_with_every_claim_and_the_former_owner_is_fenced_out(
    zk: KazooClient, board: Board, other: Board
) -> None:
    post(zk, "job", {"name": "a"})
    job, mine = claim(board, "me")
    check(zk, mine)
    zk.delete(job.lock_path)
    _, theirs = claim(other, "them")
    assert theirs.token == mine.token + 1
    transaction = zk.transaction()
    transaction.create("/events/mine")
    with pytest.raises(FencedOutError, match="Claim 1 on job job"):
        fenced_commit(zk, mine, transaction)
    assert zk.exists("/events/mine") is None
    assert mine.revoked.is_set()
    check(other.client, theirs)


def test_a_job_that_runs_here_is_not_offered_here_although_its_lock_is_gone(zk: KazooClient, board: Board) -> None:
    post(zk, "job", {"name": "a"})
    job, _ = claim(board, "me")
    zk.delete(job.lock_path)
    assert list(board.iterjobs(ensure_fresh=True)) == []
    board.release(job)
    assert [each.path for each in board.iterjobs(ensure_fresh=True)] == [job.path]


def test_a_claim_on_a_job_that_is_gone_is_lost_for_both_worlds(zk: KazooClient, board: Board) -> None:
    post(zk, "job", {"name": "a"})
    job, mine = claim(board, "me")
    board.consume(job, "me")
    with pytest.raises(ClaimLostError) as caught:
        check(zk, mine)
    assert isinstance(caught.value, taskflow_errors.ExecutionFailure)
    assert zk.get_children(layout.BOARD) == []


def test_a_write_that_is_refused_says_which_and_keeps_the_claim(zk: KazooClient, board: Board) -> None:
    post(zk, "job", {"name": "a"})
    _, mine = claim(board, "me")
    transaction = zk.transaction()
    transaction.create("/events/x")
    transaction.create("/events")
    with pytest.raises(TransactionRefusedError) as caught:
        fenced_commit(zk, mine, transaction)
    assert caught.value.index == 1
    check(zk, mine)


def test_a_check_ends_within_its_time_and_revokes_when_nobody_answers() -> None:
    with ZookeeperServer(fsync=False) as server:
        # kazoo itself would break the call off when the session has been silent for two thirds of its time.
        client = connect(server.hosts, session_timeout=60.0)
        ensure_layout(client)
        path = post(client, "job", {"name": "a"})
        claim = Claim(path, token=0)
        check(client, claim)
        server.pause()
        with pytest.raises(StoreUnreachableError, match="KazooTimeoutError"):
            check(client, claim, timeout=0.3)
        assert client.connected, "it has waited until kazoo gave the connection up"
        server.resume()
        assert until(lambda: bool(client.connected))
        with pytest.raises(FencedOutError):
            check(client, claim)
        disconnect(client)


def test_a_key_is_posted_once_however_often_it_is_tried(zk: KazooClient) -> None:
    posting = Posting("host.down:compute-3:1", "recover compute-3", FLOWS + "steps", ([{"name": "a"}],))
    for attempt in range(3):
        transaction = zk.transaction()
        add_job(transaction, posting)
        if attempt:
            with pytest.raises(TransactionRefusedError, match=r"NodeExistsError on .*/books/books/"):
                commit(transaction)
        else:
            commit(transaction)
    assert len(zk.get_children(layout.BOARD)) == 1


def test_a_factory_that_nobody_could_import_is_not_posted(zk: KazooClient) -> None:
    with pytest.raises((ImportError, ValueError)):
        add_job(zk.transaction(), Posting("k", "n", "no.such.factory"))


def test_jobs_are_not_posted_through_the_board(board: Board) -> None:
    with pytest.raises(NotImplementedError, match="add_job"):
        board.post("job")


def test_nothing_is_stored_without_a_claim(zk: KazooClient) -> None:
    post(zk, "job", {"name": "a"})
    (flow_id,) = zk.get_children(f"{layout.BOOKS}/flow_details")
    connection = FencedBackend(zk).get_connection()
    flow = connection.get_flow_details(flow_id)
    flow.state = "RUNNING"
    with pytest.raises(NotImplementedError, match="bound"):
        connection.update_flow_details(flow)
