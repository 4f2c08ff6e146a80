"""Contract of the Cloud port: what is remembered of evacuations that are over."""

from __future__ import annotations

import time
import uuid
from dataclasses import replace

import pytest

from tests.contract.cloud.stage import Stage, evacuated, lose, newest, until

LATER = 1.0
"""Seconds after the whole second in which something was: from then on, times in whole seconds differ."""


@pytest.fixture
def began(stage: Stage) -> float:
    """Return when the test began, on a clock of whole seconds that earlier tests have left behind."""
    began = float(int(time.time()) + 1)
    until(stage, lambda: time.time() >= began, "a new second begins")
    return began


def test_evacuations_of_the_whole_cloud_are_remembered_newest_first_and_as_many_as_are_wanted(
    stage: Stage, began: float
) -> None:
    first, second, _ = stage.hosts[:3]
    here, there = stage.boot(first, 2), stage.boot(second, 1)
    lose(stage, first)
    records = [evacuated(stage, first, server_id) for server_id in here]
    lose(stage, second)
    records.append(evacuated(stage, second, there[0]))
    found = stage.cloud.evacuations_since(began, 10)
    assert found[0] == records[-1]
    assert {record.id for record in found} >= {record.id for record in records}
    assert list(found) == sorted(found, key=lambda record: (record.created_at, record.id), reverse=True)
    assert stage.cloud.evacuations_since(began, 2) == found[:2]
    assert stage.cloud.evacuations_since(0.0, 3)[0] == records[-1]
    assert stage.cloud.evacuations_since(records[-1].created_at + 1, 10) == ()


def test_when_a_server_arrived_is_still_known_when_the_return_of_its_host_has_changed_the_record(stage: Stage) -> None:
    host = stage.hosts[0]
    (server_id,) = stage.boot(host)
    lose(stage, host)
    done = evacuated(stage, host, server_id)
    assert done.status == "done"
    assert stage.cloud.arrived_at(done) == done.updated_at
    until(stage, lambda: time.time() >= done.updated_at + LATER, "a little time passes")
    stage.bring_back(host)
    completed = newest(stage, host, server_id)
    assert completed is not None
    assert completed.status == "completed"
    assert completed.updated_at > done.updated_at
    arrived = stage.cloud.arrived_at(completed)
    assert arrived is not None
    assert abs(arrived - done.updated_at) <= 1.0


def test_of_several_evacuations_of_a_server_each_is_told_apart(stage: Stage) -> None:
    first = stage.hosts[0]
    (server_id,) = stage.boot(first)
    lose(stage, first)
    one = evacuated(stage, first, server_id)
    until(stage, lambda: time.time() >= one.updated_at + LATER, "a little time passes")
    second = one.destination
    lose(stage, second)
    other = evacuated(stage, second, server_id)
    for host, record in ((first, one), (second, other)):
        stage.bring_back(host)
        completed = newest(stage, host, server_id)
        assert completed is not None
        assert completed.status == "completed"
        arrived = stage.cloud.arrived_at(completed)
        assert arrived is not None
        assert abs(arrived - record.updated_at) <= 1.0


def test_a_server_that_failed_to_start_has_not_arrived(stage: Stage) -> None:
    (server_id,) = stage.boot(stage.hosts[0])
    lose(stage, stage.hosts[0])
    with stage.break_spawning():
        record = evacuated(stage, stage.hosts[0], server_id)
    assert record.status == "failed"
    assert stage.cloud.arrived_at(record) is None
    assert stage.cloud.arrived_at(replace(record, status="completed")) is None, "its rebuild did not succeed"
    unknown = replace(record, status="completed", server_id=str(uuid.uuid4()))
    assert stage.cloud.arrived_at(unknown) is None
