"""Contract of the Cloud port: what is told of all hosts together, and letting the scheduler use a host or not."""

from __future__ import annotations

import pytest

from medevac.core.errors import CloudUnavailableError
from medevac.flows.estate import CONDUCTOR, SCHEDULER
from tests.contract.cloud.stage import Stage, at_rest, moved, service

OURS = "medevac: nova-compute is down"
THEIRS = "new disks on Monday"


def test_the_services_of_all_hosts_are_told_at_once(stage: Stage) -> None:
    found = {each.host: each for each in stage.cloud.compute_services()}
    assert set(found) == set(stage.hosts)
    assert all(each.id == service(stage, host).id for host, each in found.items())


def test_scheduler_and_conductor_are_up(stage: Stage) -> None:
    assert stage.cloud.control_services() == {SCHEDULER: True, CONDUCTOR: True}


@pytest.mark.parametrize("binary", [SCHEDULER, CONDUCTOR])
def test_a_service_of_the_control_plane_that_is_gone_is_down(stage: Stage, binary: str) -> None:
    with stage.lose_control(binary):
        assert stage.cloud.control_services()[binary] is False
    assert stage.cloud.control_services()[binary] is True


def test_the_aggregates_name_their_hosts(stage: Stage) -> None:
    assert set(stage.cloud.aggregates()[stage.aggregate]) >= set(stage.hosts)


def test_a_disabled_host_says_why_and_stays_up(stage: Stage) -> None:
    stage.cloud.set_enabled(service(stage, stage.hosts[0]), False, OURS)
    found = service(stage, stage.hosts[0])
    assert (found.state, found.forced_down, found.enabled, found.disabled_reason) == ("up", False, False, OURS)


def test_disabling_twice_keeps_the_first_reason(stage: Stage) -> None:
    stage.cloud.set_enabled(service(stage, stage.hosts[0]), False, THEIRS)
    stage.cloud.set_enabled(service(stage, stage.hosts[0]), False, OURS)
    assert service(stage, stage.hosts[0]).disabled_reason == THEIRS


def test_an_enabled_host_has_no_reason_any_more(stage: Stage) -> None:
    stage.cloud.set_enabled(service(stage, stage.hosts[0]), False, OURS)
    stage.cloud.set_enabled(service(stage, stage.hosts[0]), True, "")
    found = service(stage, stage.hosts[0])
    assert (found.enabled, found.disabled_reason) == (True, "")


def test_enabling_twice_changes_nothing(stage: Stage) -> None:
    stage.cloud.set_enabled(service(stage, stage.hosts[0]), True, "")
    assert service(stage, stage.hosts[0]).enabled


def test_a_long_reason_for_disabling_is_shortened(stage: Stage) -> None:
    stage.cloud.set_enabled(service(stage, stage.hosts[0]), False, "x" * 1000)
    assert service(stage, stage.hosts[0]).disabled_reason == "x" * 255


def test_nothing_new_lands_on_a_disabled_host(stage: Stage) -> None:
    (server_id,) = stage.boot(stage.hosts[0])
    for host in stage.hosts[2:]:
        stage.cloud.set_enabled(service(stage, host), False, OURS)
    stage.cloud.live_migrate(server_id)
    assert moved(stage, server_id, "live-migration").destination == stage.hosts[1]
    assert at_rest(stage, server_id).host == stage.hosts[1]


def test_enabling_does_not_lift_a_force_down(stage: Stage) -> None:
    before = service(stage, stage.hosts[0])
    stage.cut_power(stage.hosts[0])
    stage.cloud.take_out(before, OURS)
    stage.cloud.set_enabled(service(stage, stage.hosts[0]), True, "")
    found = service(stage, stage.hosts[0])
    assert (found.enabled, found.forced_down, found.state) == (True, True, "down")


@pytest.mark.parametrize("kind", ["lost", "status"])
def test_an_answer_that_is_lost_is_looked_up(stage: Stage, kind: str) -> None:
    with stage.lose_answers(kind, "/os-services/"):
        stage.cloud.set_enabled(service(stage, stage.hosts[0]), False, OURS)
    assert not service(stage, stage.hosts[0]).enabled


def test_an_order_that_never_arrived_is_an_error(stage: Stage) -> None:
    with stage.lose_answers("reset", "/os-services/"), pytest.raises(CloudUnavailableError):
        stage.cloud.set_enabled(service(stage, stage.hosts[0]), False, OURS)
    assert service(stage, stage.hosts[0]).enabled
