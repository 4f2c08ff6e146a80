"""Contract of the Fencer port: off is only what a controller said to be off."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from medevac.core.errors import FencingError
from medevac.flows.rung import Case
from tests.contract.fencer.stage import Stage

HOUR = 3600.0


def test_a_host_with_a_device_has_a_ladder_and_another_has_none(stage: Stage) -> None:
    assert stage.fencer.ladder(stage.host)
    assert not stage.fencer.ladder("no-such-host")


def test_a_host_that_is_on_gives_no_evidence(stage: Stage) -> None:
    assert stage.fencer.is_off(stage.host) is None
    assert stage.has_power()


def test_a_host_that_was_switched_off_is_evidence(stage: Stage) -> None:
    stage.fencer.power_off(stage.host)
    assert not stage.has_power()
    evidence = stage.fencer.is_off(stage.host)
    assert evidence is not None
    assert (evidence.host, evidence.action) == (stage.host, "off")
    assert evidence.source.startswith(stage.source)
    assert evidence.detail
    assert abs(evidence.at - time.time()) < HOUR


def test_a_host_that_was_off_already_is_evidence_without_an_order(stage: Stage) -> None:
    stage.fencer.power_off(stage.host)
    stage.fencer.is_off(stage.host)
    before = stage.orders()
    evidence = stage.fencer.is_off(stage.host)
    assert evidence is not None
    assert evidence.action == ("off" if stage.remembers else "already-off")
    assert stage.orders() == before


def test_switching_off_what_is_off_does_no_harm(stage: Stage) -> None:
    stage.fencer.power_off(stage.host)
    stage.fencer.power_off(stage.host)
    assert stage.fencer.is_off(stage.host) is not None


@pytest.mark.parametrize("mode", ["refuse", "hang", "unreachable"])
def test_a_controller_that_does_not_say_is_no_evidence(stage: Stage, mode: str) -> None:
    stage.behave(mode)
    if stage.remembers:
        assert stage.fencer.is_off(stage.host) is None
    else:
        with pytest.raises(FencingError):
            stage.fencer.is_off(stage.host)


@pytest.mark.parametrize("mode", ["refuse", "hang", "unreachable"])
def test_a_controller_that_does_not_obey_is_an_error(stage: Stage, mode: str) -> None:
    stage.behave(mode)
    with pytest.raises(FencingError):
        stage.fencer.power_off(stage.host)
    assert stage.has_power()


def test_a_controller_that_obeys_again_is_believed_again(stage: Stage) -> None:
    stage.behave("refuse")
    with pytest.raises(FencingError):
        stage.fencer.power_off(stage.host)
    stage.behave("obey")
    stage.fencer.power_off(stage.host)
    assert stage.fencer.is_off(stage.host) is not None


def test_a_host_without_a_device_is_neither_on_nor_off(stage: Stage) -> None:
    with pytest.raises(FencingError):
        stage.fencer.is_off("no-such-host")
    with pytest.raises(FencingError):
        stage.fencer.power_off("no-such-host")


def test_a_rung_is_asked_and_ordered_by_its_name(stage: Stage) -> None:
    (rung,) = stage.fencer.ladder(stage.host)
    assert stage.fencer.ladder("no-such-host") == ()
    assert stage.fencer.look(case(stage), rung).evidence is None
    stage.fencer.order(case(stage), rung)
    answer = stage.fencer.look(case(stage), rung)
    assert answer.evidence is not None
    assert answer.evidence.host == stage.host
    with pytest.raises(FencingError):
        stage.fencer.order(replace(case(stage), host="no-such-host"), rung)


def case(stage: Stage) -> Case:
    now = time.time()
    return Case(stage.host, "host.down:compute-1:1", failed_at=now, now=now)
