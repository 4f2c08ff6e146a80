"""A site that fails as a whole: triage has to get through it."""

from __future__ import annotations

from medevac.sandbox.zookeeper import ZookeeperServer
from tests.component.brakes.conftest import MakeYard
from tests.component.brakes.yard import zone

HOSTS = 60


def test_a_host_that_dies_costs_as_much_however_many_have_died_before(
    zookeeper: ZookeeperServer, make_yard: MakeYard
) -> None:
    yard = make_yard(az1=2 * HOSTS)
    both = zone(2 * HOSTS)
    costs = []
    for hosts in (both[:HOSTS], both[HOSTS:]):
        before = zookeeper.packets()
        yard.lose(*hosts)
        costs.append(zookeeper.packets() - before)
    first, second = costs
    assert second < 1.2 * first, "each would read the incidents of all others"
    assert len(yard.bench.incidents()) == 2 * HOSTS
