"""Contract of the Cloud port: taking a host out of service, and putting it back."""

from __future__ import annotations

import dataclasses

import pytest

from medevac.core.errors import RefusedError
from tests.contract.cloud.stage import REASON, Stage, evacuated, lose, newest, service


def test_a_host_that_was_taken_out_is_down_at_once_and_disabled_with_the_reason(stage: Stage) -> None:
    lose(stage, stage.hosts[0])
    found = service(stage, stage.hosts[0])
    assert (found.state, found.forced_down, found.enabled, found.disabled_reason) == ("down", True, False, REASON)


def test_taking_out_twice_changes_nothing(stage: Stage) -> None:
    before = lose(stage, stage.hosts[0])
    once = service(stage, stage.hosts[0])
    stage.cloud.take_out(before, REASON)
    twice = service(stage, stage.hosts[0])
    assert dataclasses.replace(twice, updated_at=once.updated_at) == once


def test_a_reason_that_is_too_long_for_nova_is_shortened(stage: Stage) -> None:
    stage.cut_power(stage.hosts[0])
    stage.cloud.take_out(service(stage, stage.hosts[0]), "x" * 1000)
    assert service(stage, stage.hosts[0]).disabled_reason == "x" * 255


def test_a_host_that_an_operator_disabled_keeps_the_operators_reason(stage: Stage) -> None:
    before = service(stage, stage.hosts[0])
    stage.cloud.put_back(before, dataclasses.replace(before, enabled=False, disabled_reason="new disks on Monday"))
    lose(stage, stage.hosts[0])
    found = service(stage, stage.hosts[0])
    assert (found.state, found.forced_down, found.enabled) == ("down", True, False)
    assert found.disabled_reason == "new disks on Monday"


def test_a_host_is_put_back_as_it_was(stage: Stage) -> None:
    before = lose(stage, stage.hosts[0])
    stage.bring_back(stage.hosts[0])
    stage.cloud.put_back(service(stage, stage.hosts[0]), before)
    found = service(stage, stage.hosts[0])
    assert (found.state, found.enabled, found.forced_down, found.disabled_reason) == ("up", True, False, "")


def test_putting_back_twice_changes_nothing(stage: Stage) -> None:
    before = lose(stage, stage.hosts[0])
    stage.bring_back(stage.hosts[0])
    stage.cloud.put_back(service(stage, stage.hosts[0]), before)
    stage.cloud.put_back(service(stage, stage.hosts[0]), before)
    assert service(stage, stage.hosts[0]).enabled


def test_an_operators_own_reason_is_put_back(stage: Stage) -> None:
    before = lose(stage, stage.hosts[0])
    stage.bring_back(stage.hosts[0])
    theirs = dataclasses.replace(before, enabled=False, disabled_reason="new disks on Monday")
    stage.cloud.put_back(service(stage, stage.hosts[0]), theirs)
    found = service(stage, stage.hosts[0])
    assert (found.enabled, found.disabled_reason, found.forced_down) == (False, "new disks on Monday", False)


def test_an_operators_own_force_down_is_left(stage: Stage) -> None:
    before = lose(stage, stage.hosts[0])
    stage.cloud.put_back(before, dataclasses.replace(before, forced_down=True))
    found = service(stage, stage.hosts[0])
    assert (found.enabled, found.forced_down) == (True, True)


def test_a_host_is_not_put_back_while_evacuations_wait_for_its_clean_up(stage: Stage) -> None:
    (server_id,) = stage.boot(stage.hosts[0])
    before = lose(stage, stage.hosts[0])
    assert evacuated(stage, stage.hosts[0], server_id).status == "done"
    with pytest.raises(RefusedError, match="done"):
        stage.cloud.put_back(before, before)
    found = service(stage, stage.hosts[0])
    assert (found.enabled, found.forced_down, found.disabled_reason) == (False, True, REASON)


def test_a_returning_host_completes_its_evacuations_and_can_be_put_back(stage: Stage) -> None:
    (server_id,) = stage.boot(stage.hosts[0])
    before = lose(stage, stage.hosts[0])
    evacuated(stage, stage.hosts[0], server_id)
    stage.bring_back(stage.hosts[0])
    record = newest(stage, stage.hosts[0], server_id)
    assert record is not None
    assert record.status == "completed"
    stage.cloud.put_back(service(stage, stage.hosts[0]), before)
    assert stage.cloud.servers_on(stage.hosts[0]) == ()
