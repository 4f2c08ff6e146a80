"""Whoever waits for hours takes no place from hosts that died."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

from medevac.workers.engine.job import BoardJob
from medevac.workers.places import OTHERS, RETURNS, has_place, slots


@dataclass
class Posted:
    details: dict[str, Any] = field(default_factory=dict)


def job(incident: str) -> BoardJob:
    return cast("BoardJob", Posted({"incident": incident} if incident else {}))


DEAD, WAITING = job("host.down:compute-1:1"), job("nova-compute.down:compute-2:1")
RETURNING = job("host.up:compute-9:1")


def test_flows_that_wait_take_no_place_from_hosts_that_died() -> None:
    assert has_place(DEAD, [WAITING] * OTHERS, hosts=2)
    assert not has_place(WAITING, [WAITING] * OTHERS, hosts=2)
    assert has_place(job("server.hung:11111111:3"), [WAITING] * (OTHERS - 1), hosts=2)


def test_no_more_dead_hosts_are_recovered_at_once_than_the_site_says() -> None:
    assert has_place(DEAD, [DEAD], hosts=2)
    assert not has_place(DEAD, [DEAD, DEAD, WAITING], hosts=2)
    assert has_place(WAITING, [DEAD, DEAD], hosts=2)


def test_hosts_that_return_take_no_place_from_hosts_that_died_nor_from_failures_of_hosts_that_live() -> None:
    assert has_place(DEAD, [DEAD, *[RETURNING] * RETURNS], hosts=2)
    assert has_place(WAITING, [RETURNING] * RETURNS, hosts=2)
    assert has_place(RETURNING, [DEAD, DEAD, *[WAITING] * OTHERS], hosts=2)
    assert not has_place(RETURNING, [RETURNING] * RETURNS, hosts=2)


def test_a_worker_has_a_slot_for_every_place() -> None:
    running = [*[DEAD] * 2, *[RETURNING] * RETURNS, *[WAITING] * OTHERS]
    assert slots(2) == len(running)


def test_a_job_that_does_not_say_what_it_is_for_counts_as_one_of_a_dead_host() -> None:
    assert not has_place(job(""), [DEAD, DEAD], hosts=2)
