"""When it is we who are blind, nothing is done until we see again."""

from __future__ import annotations

import pytest

from medevac.core.incident import IncidentState
from medevac.sandbox.cloud.model import machines
from tests.component.brakes.conftest import MakeYard


def test_our_blindness_takes_back_what_nobody_has_begun_until_we_see_again(make_yard: MakeYard) -> None:
    yard = make_yard()
    yard.lose("az1-c1")
    with yard.bench.site.world.settled() as world:
        world.control["nova-scheduler"] = False
    yard.later(120)
    assert yard.bench.jobs == 0
    assert yard.incident("az1-c1").reason.startswith("no nova-scheduler is up")
    with yard.bench.site.world.settled() as world:
        world.control["nova-scheduler"] = True
    yard.later(60)
    assert yard.going() == ["az1-c1"]


@pytest.mark.parametrize("binary", ["nova-scheduler", "nova-conductor"])
def test_without_a_control_service_nothing_is_done_until_it_is_back(make_yard: MakeYard, binary: str) -> None:
    yard = make_yard()
    with yard.bench.site.world.settled() as world:
        world.control[binary] = False
    yard.bench.pass_time(120)
    yard.lose("az1-c1")
    assert yard.incident("az1-c1").held_by == "breaker"
    assert yard.incident("az1-c1").reason.startswith(f"no {binary} is up")
    with yard.bench.site.world.settled() as world:
        world.control[binary] = True
    yard.later(60)
    assert yard.going() == ["az1-c1"]


def test_when_nova_hears_of_no_host_it_is_not_the_hosts(make_yard: MakeYard) -> None:
    yard = make_yard(az1=3, az2=3)
    with yard.bench.site.world.settled() as world:
        for host in world.hosts:
            machines.cut_network(world, host)
    yard.bench.pass_time(120)
    yard.lose("az1-c1")
    assert yard.going() == []
    assert yard.incident("az1-c1").state is IncidentState.HELD
    assert "Nova hears none of the 5 other compute services" in yard.incident("az1-c1").reason


def test_an_unreachable_gateway_means_that_we_are_cut_off(make_yard: MakeYard) -> None:
    no_name = "a..b:1"  # refused by the encoder of names, without asking a name server
    yard = make_yard(gateway=(no_name,))
    yard.lose("az1-c1")
    assert yard.held() == ["az1-c1"]
    assert f"reaches none of {no_name}" in yard.incident("az1-c1").reason


def test_a_gateway_that_refuses_a_connection_has_answered(make_yard: MakeYard) -> None:
    yard = make_yard(gateway=("127.0.0.1:1",))
    yard.lose("az1-c1")
    assert yard.going() == ["az1-c1"]
