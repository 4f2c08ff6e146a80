"""The contract of the Services port on a real cluster: crm_resource and crm_mon of Pacemaker 2.1.5."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from medevac.core.errors import ServiceControlError
from medevac.workers.pacemaker.services import PacemakerServices
from tests.contract.services import test_services as contract
from tests.fixtures.waiting import until
from tests.pacemaker.cluster import Cluster, slowly_until

pytestmark = [pytest.mark.real_pacemaker, pytest.mark.timeout(900)]

STATE = "/run/Dummy-service.state"
"""What the agent ocf:pacemaker:Dummy makes when it starts, and looks for in its monitor."""
_META = ("crm_resource", "--resource", "service", "--meta")


class ClusterStage:
    """Implements Stage on the remote compute1, for which the service "service" stands."""

    host = "compute1"
    service = "libvirt"
    patience = 60.0

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self.services = PacemakerServices({"libvirt": "service-clone"}, through=cluster.inside("node1"))

    def lives(self) -> int:
        found = self._cluster.run(self.host, "stat", "--format", "%i%Y", STATE)
        return int(found.stdout) if found.returncode == 0 else 0

    def give_up(self) -> None:
        self._cluster.done("node1", *_META, "--set-parameter", "migration-threshold", "--parameter-value", "1")
        self._cluster.done(self.host, "rm", STATE)
        assert slowly_until(lambda: self.services.state(self.host, self.service) is False, self.patience)

    def forgive(self) -> None:
        """Let the cluster be as it was."""
        self._cluster.run("node1", *_META, "--delete-parameter", "migration-threshold")
        self._cluster.heal()


@pytest.fixture
def stage(cluster: Cluster) -> Iterator[ClusterStage]:
    """Return the cluster, whole."""
    cluster.heal()
    made = ClusterStage(cluster)
    yield made
    made.forgive()


def test_the_contract_holds(stage: ClusterStage) -> None:
    for clause in (
        contract.test_a_service_that_runs_is_up,
        contract.test_a_service_that_nobody_supervises_cannot_be_restarted,
        contract.test_a_service_that_the_cluster_takes_for_running_is_restarted,
        contract.test_a_service_that_the_cluster_gave_up_is_started_again,
    ):
        clause(stage)


def test_the_primitive_and_its_clone_are_the_same_service(stage: ClusterStage, cluster: Cluster) -> None:
    primitive = PacemakerServices({"libvirt": "service"}, through=cluster.inside("node1"))
    assert primitive.state("compute1", "libvirt") is True
    assert primitive.state("compute9", "libvirt") is False


def test_what_the_cluster_does_not_know_has_no_state(stage: ClusterStage, cluster: Cluster) -> None:
    unknown = PacemakerServices({"libvirt": "nothing"}, through=cluster.inside("node1"))
    assert unknown.state("compute1", "libvirt") is None
    with pytest.raises(ServiceControlError, match="no resource nothing"):
        unknown.restart("compute1", "libvirt")


def test_a_restart_leaves_no_constraint_behind(stage: ClusterStage, cluster: Cluster) -> None:
    before = cluster.done("node1", "cibadmin", "--query", "--scope", "constraints")
    stage.services.restart(stage.host, stage.service)
    assert until(lambda: stage.services.state(stage.host, stage.service), stage.patience)
    assert cluster.done("node1", "cibadmin", "--query", "--scope", "constraints") == before
