"""Contract of the Services port: the state of a service, and starting it again."""

from __future__ import annotations

import pytest

from medevac.core.errors import ServiceControlError
from tests.contract.services.stage import Stage
from tests.fixtures.waiting import until


def test_a_service_that_runs_is_up(stage: Stage) -> None:
    assert stage.services.state(stage.host, stage.service) is True


def test_a_service_that_the_cluster_gave_up_is_started_again(stage: Stage) -> None:
    stage.give_up()
    assert stage.services.state(stage.host, stage.service) is False
    stage.services.restart(stage.host, stage.service)
    assert until(lambda: stage.services.state(stage.host, stage.service), stage.patience)
    assert stage.lives()


def test_a_service_that_the_cluster_takes_for_running_is_restarted(stage: Stage) -> None:
    before = stage.lives()
    assert before
    stage.services.restart(stage.host, stage.service)
    assert until(lambda: stage.lives() not in (0, before), stage.patience)
    assert until(lambda: stage.services.state(stage.host, stage.service), stage.patience)


def test_a_service_that_nobody_supervises_cannot_be_restarted(stage: Stage) -> None:
    with pytest.raises(ServiceControlError):
        stage.services.restart(stage.host, "cinder-volume")
