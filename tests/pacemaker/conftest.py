"""One real cluster for all tests here; each test finds it whole and a site of medevac's that has seen nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from medevac.sandbox.zookeeper import ZookeeperServer
from tests.fixtures.services import require
from tests.pacemaker.cluster import Cluster, ClusterMissingError
from tests.pacemaker.stage import Stage

SITE = "/pacemaker"


@pytest.fixture(scope="session")
def cluster(zookeeper: ZookeeperServer) -> Iterator[Cluster]:
    """Return a cluster that runs; its hosts reach ZooKeeper on a port of their own loopback."""
    made = Cluster(("127.0.0.1", zookeeper.port))
    try:
        with require("a Pacemaker cluster", ClusterMissingError):
            made.start()
        yield made
    finally:
        made.stop()


@pytest.fixture
def stage(cluster: Cluster, zookeeper: ZookeeperServer) -> Iterator[Stage]:
    """Return the cluster, whole and connected to an empty site on which triage runs."""
    cluster.heal()
    with Stage(cluster, zookeeper.hosts, SITE) as made:
        made.connect()
        yield made
        made.tell()
