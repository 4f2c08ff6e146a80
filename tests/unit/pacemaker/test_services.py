"""What a captured cluster says of a service on a host, and which orders it gets.

compute1 of fenced.xml has just been fenced; the clone service-clone runs on compute2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from medevac.core.errors import ServiceControlError
from medevac.workers.pacemaker.services import PacemakerServices

CAPTURED = (Path(__file__).parents[2] / "data" / "pacemaker-status" / "fenced.xml").read_text()
RESOURCES = {"nova-compute": "service-clone", "libvirt": "elsewhere"}


@dataclass
class Cluster:
    """A program that stands for Pacemaker's commands, and notes how it was called."""

    folder: Path

    def say(self, text: str, code: int = 0, then: str = "") -> None:
        (self.folder / "told").write_text(text)
        script = self.folder / "cluster"
        script.write_text(
            f'#!/bin/sh\necho "$@" >> {self.folder}/called\ncase $1 in crm_mon) cat {self.folder}/told;; '
            f"*) echo 'it says no' >&2; exit {code};; esac\n{then}\n"
        )
        script.chmod(0o755)

    @property
    def through(self) -> Sequence[str]:
        return (str(self.folder / "cluster"),)

    def orders(self) -> list[str]:
        called = (self.folder / "called").read_text().splitlines()
        return [line for line in called if line.startswith("crm_resource")]


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    made = Cluster(tmp_path)
    made.say(CAPTURED)
    return made


@pytest.fixture
def services(cluster: Cluster) -> PacemakerServices:
    return PacemakerServices(RESOURCES, through=cluster.through)


def test_a_service_runs_where_an_instance_is_started_and_nowhere_else(services: PacemakerServices) -> None:
    assert services.state("compute2", "nova-compute") is True
    assert services.state("compute1", "nova-compute") is False


@pytest.mark.parametrize("change", [('role="Started"', 'role="Stopping"'), ('failed="false"', 'failed="true"')])
def test_an_instance_that_stops_or_has_failed_does_not_run(
    services: PacemakerServices, cluster: Cluster, change: tuple[str, str]
) -> None:
    cluster.say(CAPTURED.replace(*change))
    assert services.state("compute2", "nova-compute") is False


def test_what_is_no_resource_or_has_none_has_no_state(services: PacemakerServices) -> None:
    assert services.state("compute2", "libvirt") is None
    assert services.state("compute2", "cinder-volume") is None


def test_what_the_cluster_takes_for_running_is_reported_failed_to_it(
    services: PacemakerServices, cluster: Cluster
) -> None:
    services.restart("compute2", "nova-compute")
    assert cluster.orders() == ["crm_resource --fail --resource service --node compute2"]


def test_what_the_cluster_has_given_up_is_cleaned_up(services: PacemakerServices, cluster: Cluster) -> None:
    services.restart("compute1", "nova-compute")
    assert cluster.orders() == ["crm_resource --cleanup --resource service --node compute1"]


def test_hosts_are_called_what_the_cluster_calls_them(cluster: Cluster) -> None:
    services = PacemakerServices(
        RESOURCES, through=cluster.through, name_of=lambda host: host.removesuffix(".example.org")
    )
    assert services.state("compute2.example.org", "nova-compute") is True
    services.restart("compute2.example.org", "nova-compute")
    assert cluster.orders()[-1].endswith("--node compute2")


def test_an_order_that_the_cluster_refuses_is_an_error_with_its_words(
    services: PacemakerServices, cluster: Cluster
) -> None:
    cluster.say(CAPTURED, code=105)
    with pytest.raises(ServiceControlError, match="ended with 105: it says no"):
        services.restart("compute1", "nova-compute")


@pytest.mark.parametrize("said", ["", "Connection to cluster failed", "<pacemaker-result"])
def test_an_answer_that_is_none_is_an_error_and_no_state(
    services: PacemakerServices, cluster: Cluster, said: str
) -> None:
    cluster.say(said)
    with pytest.raises(ServiceControlError, match="no XML"):
        services.state("compute2", "nova-compute")


def test_a_command_that_hangs_is_given_up(cluster: Cluster) -> None:
    cluster.say(CAPTURED, then="exec sleep 60")
    services = PacemakerServices(RESOURCES, through=cluster.through, limit=0.3)
    with pytest.raises(ServiceControlError, match="did not answer"):
        services.state("compute2", "nova-compute")


def test_a_machine_without_pacemaker_says_what_is_missing(tmp_path: Path) -> None:
    services = PacemakerServices(RESOURCES, through=(str(tmp_path / "nothing"),))
    with pytest.raises(ServiceControlError, match="through"):
        services.state("compute2", "nova-compute")
