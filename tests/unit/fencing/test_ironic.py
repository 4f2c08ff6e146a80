from __future__ import annotations

from collections.abc import Iterator

import pytest

from medevac.core.errors import FencingError
from medevac.flows.rung import Case
from medevac.sandbox.cloud.model import machines
from medevac.sandbox.cloud.model.site import HostSpec, SiteSpec
from medevac.sandbox.cloud.server import RunningCloud
from medevac.sandbox.fakes import FakeSite
from medevac.sandbox.power.ironic import SimulatedIronic, serving
from medevac.workers.fencing.ironic import IronicMeans, Where

CASE = Case("h1", "i", 0.0, 0.0)


@pytest.fixture
def ironic() -> SimulatedIronic:
    return SimulatedIronic(FakeSite(SiteSpec((HostSpec("h1"), HostSpec("h2")))).bmc)


@pytest.fixture
def means(ironic: SimulatedIronic) -> Iterator[IronicMeans]:
    with serving(ironic) as url:
        yield IronicMeans(("*",), Where(url=url), timeout=5.0)


def test_a_node_that_is_busy_is_asked_again(ironic: SimulatedIronic, means: IronicMeans) -> None:
    ironic.busy = 1
    means.order(CASE)
    evidence = means.look(CASE).evidence
    assert evidence is not None
    assert (evidence.source, evidence.detail) == ("ironic", "power_state: power off")


def test_what_ironic_remembers_of_a_node_whose_bmc_died_is_not_believed(
    ironic: SimulatedIronic, means: IronicMeans
) -> None:
    with ironic.bmc.world.settled() as world:
        machines.power_off(world, "h1")
    assert means.look(CASE).evidence is not None
    ironic.bmc.order("h1", "unreachable")
    with pytest.raises(FencingError, match="Ironic does not reach its BMC: Failed to get power state"):
        means.look(CASE)


def test_an_order_that_failed_is_not_taken_for_done_though_the_record_says_off(
    ironic: SimulatedIronic, means: IronicMeans
) -> None:
    means.order(CASE)
    with ironic.bmc.world.settled() as world:
        machines.power_on(world, "h1")
    ironic.notices = False
    ironic.bmc.order("h1", "unreachable")
    means.order(CASE)
    with pytest.raises(FencingError, match="Ironic could not do it: Failed to change power state to 'power off'"):
        means.look(CASE)


def test_a_node_that_ironic_does_not_know_is_an_error(means: IronicMeans) -> None:
    with pytest.raises(FencingError, match="Ironic answers 404: Node h9 could not be found"):
        means.look(Case("h9", "i", 0.0, 0.0))


def test_an_ironic_that_is_away_is_an_error() -> None:
    with pytest.raises(FencingError, match="Ironic does not answer"):
        IronicMeans(("*",), Where(url="http://127.0.0.1:1"), timeout=1.0).look(CASE)


def test_nodes_may_have_other_names_than_hosts(ironic: SimulatedIronic) -> None:
    with serving(ironic) as url:
        means = IronicMeans(("*",), Where(url=url, node="h{host}"), timeout=1.0)
        assert means.prove("2") == "Ironic says power on"


def test_an_address_with_a_version_behind_it_is_the_same(ironic: SimulatedIronic) -> None:
    with serving(ironic) as url:
        means = IronicMeans(("*",), Where(url=f"{url}/v1/"), timeout=1.0)
        assert means.prove("h1") == "Ironic says power on"


def test_a_cloud_without_ironic_is_said_to_have_none(monkeypatch: pytest.MonkeyPatch) -> None:
    with RunningCloud(SiteSpec((HostSpec("h1"),))) as cloud:
        for name, value in cloud.addresses.environment().items():
            monkeypatch.setenv(name, value)
        with pytest.raises(FencingError, match=r"endpoint for baremetal service in .* not found"):
            IronicMeans(("*",), Where(), timeout=1.0).look(CASE)
