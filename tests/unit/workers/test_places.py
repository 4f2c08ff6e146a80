"""Whoever waits for hours takes no place from hosts that died."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

from medevac.workers.engine.job import BoardJob
from medevac.workers.places import OTHERS, has_place


@dataclass
class Posted:
    details: dict[str, Any] = field(default_factory=dict)


def job(incident: str) -> BoardJob:
    return cast("BoardJob", Posted({"incident": incident} if incident else {}))


DEAD, WAITING = job("host.down:compute-1:1"), job("nova-compute.down:compute-2:1")


def test_flows_that_wait_take_no_place_from_hosts_that_died() -> None:
    assert has_place(DEAD, [WAITING] * OTHERS, hosts=2)
    assert not has_place(WAITING, [WAITING] * OTHERS, hosts=2)
    assert has_place(job("server.hung:11111111:3"), [WAITING] * (OTHERS - 1), hosts=2)


def test_no_more_dead_hosts_are_recovered_at_once_than_the_site_says() -> None:
    assert has_place(DEAD, [DEAD], hosts=2)
    assert not has_place(DEAD, [DEAD, job("host.up:compute-9:1"), WAITING], hosts=2)
    assert has_place(WAITING, [DEAD, DEAD], hosts=2)


def test_a_job_that_does_not_say_what_it_is_for_counts_as_one_of_a_dead_host() -> None:
    assert not has_place(job(""), [DEAD, DEAD], hosts=2)
