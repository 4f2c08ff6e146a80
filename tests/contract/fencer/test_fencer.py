"""Contract of the Fencer port: off is only what a controller said to be off."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from medevac.core.errors import FencingError
from medevac.core.evidence import FenceEvidence
from medevac.flows.rung import Case, Rung
from tests.contract.fencer.stage import Stage

HOUR = 3600.0


def case(stage: Stage) -> Case:
    now = time.time()
    return Case(stage.host, f"host.down:{stage.host}:1", failed_at=now, now=now)


def rung(stage: Stage) -> Rung:
    (only,) = stage.fencer.ladder(stage.host)
    return only


def look(stage: Stage) -> FenceEvidence | None:
    return stage.fencer.look(case(stage), rung(stage)).evidence


def order(stage: Stage) -> None:
    stage.fencer.order(case(stage), rung(stage))


def proven_off(stage: Stage) -> FenceEvidence | None:
    """Return what comes of an order; a controller may refuse it, take it and fail, or not say how the host is."""
    try:
        order(stage)
        return look(stage)
    except FencingError:
        return None


def test_a_host_with_a_device_has_a_ladder_and_another_has_none(stage: Stage) -> None:
    assert stage.fencer.ladder(stage.host)
    assert stage.fencer.ladder("no-such-host") == ()


def test_a_host_that_is_on_gives_no_evidence(stage: Stage) -> None:
    assert look(stage) is None
    assert stage.has_power()


def test_a_host_that_was_switched_off_is_evidence(stage: Stage) -> None:
    order(stage)
    assert not stage.has_power()
    evidence = look(stage)
    assert evidence is not None
    assert evidence.host == stage.host
    assert evidence.action == ("off" if stage.remembers else "already-off")
    assert evidence.source.startswith(stage.source)
    assert evidence.detail
    assert abs(evidence.at - time.time()) < HOUR


def test_to_look_orders_nothing(stage: Stage) -> None:
    order(stage)
    before = stage.orders()
    assert look(stage) is not None
    assert stage.orders() == before


def test_switching_off_what_is_off_does_no_harm(stage: Stage) -> None:
    order(stage)
    order(stage)
    assert look(stage) is not None


@pytest.mark.parametrize("mode", ["refuse", "hang", "unreachable"])
def test_a_controller_that_does_not_say_is_no_evidence(stage: Stage, mode: str) -> None:
    stage.behave(mode)
    if stage.remembers:
        assert look(stage) is None
    else:
        with pytest.raises(FencingError):
            look(stage)


@pytest.mark.parametrize("mode", ["refuse", "hang", "unreachable"])
def test_a_controller_that_does_not_obey_says_so_or_gives_no_evidence(stage: Stage, mode: str) -> None:
    stage.behave(mode)
    assert proven_off(stage) is None
    assert stage.has_power()


def test_a_controller_that_obeys_again_is_believed_again(stage: Stage) -> None:
    stage.behave("refuse")
    assert proven_off(stage) is None
    stage.behave("obey")
    order(stage)
    assert look(stage) is not None


def test_a_host_without_a_device_is_neither_on_nor_off(stage: Stage) -> None:
    other = replace(case(stage), host="no-such-host")
    for call in (stage.fencer.look, stage.fencer.order):
        with pytest.raises(FencingError):
            call(other, rung(stage))
