"""What recoveries have found out about the cloud is kept in ZooKeeper; without it a recovery begins all the same."""

from __future__ import annotations

import pytest
from kazoo.client import KazooClient

from medevac.core import layout
from medevac.flows.crowding import Level
from medevac.flows.learnt import Learnt
from medevac.workers.experience import Experience
from tests.fixtures.waiting import until

KNOWN = Learnt(1000.0, (Level(1, 1, 2.0, 4.0), Level(4, 3.5, 2.1, 4.0, 1.0)), 16)


def test_what_one_worker_keeps_another_recalls(zk: KazooClient) -> None:
    experience = Experience(zk)
    assert experience.recall() is None
    experience.keep(KNOWN)
    assert until(lambda: Experience(zk).recall() == KNOWN)


@pytest.mark.parametrize("data", [b"", b"{", b'{"levels": 3}', b"\xff"])
def test_a_record_that_cannot_be_read_is_none_and_is_written_over(zk: KazooClient, data: bytes) -> None:
    zk.set(layout.LEARNT, data)
    experience = Experience(zk)
    assert experience.recall() is None
    experience.keep(KNOWN)
    assert until(lambda: experience.recall() == KNOWN)


def test_what_somebody_has_deleted_is_kept_anew(zk: KazooClient) -> None:
    zk.delete(layout.LEARNT)
    experience = Experience(zk)
    assert experience.recall() is None
    experience.keep(KNOWN)
    assert until(lambda: experience.recall() == KNOWN)


def test_without_a_session_nothing_is_recalled_and_nothing_raised(zk: KazooClient) -> None:
    experience = Experience(zk)
    zk.stop()
    experience.keep(KNOWN)
    assert experience.recall() is None
