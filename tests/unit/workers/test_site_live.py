"""The site file's words about live hosts become ports, or the ports of a site that has none."""

from __future__ import annotations

from pathlib import Path

import pytest

from medevac.core.errors import HypervisorUnavailableError, ServiceControlError
from medevac.flows.policy.problems import ProblemsError
from medevac.flows.ports import NoHypervisor, NoServices
from medevac.workers.hypervisor.libvirt_hypervisor import LibvirtHypervisor
from medevac.workers.pacemaker.services import PacemakerServices
from medevac.workers.site import Site, read_site

BASE = "zookeeper: zk1:2181/medevac\npolicies: policies\n"


def _site(folder: Path, text: str = "") -> Site:
    file = folder / "medevac.yaml"
    file.write_text(BASE + text)
    return read_site(file, {})


def test_a_site_that_says_nothing_reaches_no_hypervisor_and_restarts_nothing(tmp_path: Path) -> None:
    site = _site(tmp_path)
    hypervisor, services = site.hypervisor.port(), site.services.port(site.pacemaker_name)
    assert isinstance(hypervisor, NoHypervisor)
    assert isinstance(services, NoServices)
    for ask in (hypervisor.domain, hypervisor.kill, hypervisor.resume, hypervisor.activity):
        with pytest.raises(HypervisorUnavailableError, match="set 'hypervisor'"):
            ask("h1", "s1")
    with pytest.raises(HypervisorUnavailableError, match="h1"):
        hypervisor.domains("h1")
    with pytest.raises(ServiceControlError, match="set 'services'"):
        services.restart("h1", "libvirt")
    hypervisor.ping_guest("h1", "s1", 1.0)
    services.state("h1", "libvirt")


def test_an_address_and_resources_make_ports(tmp_path: Path) -> None:
    site = _site(
        tmp_path,
        "hypervisor: {uri: 'qemu+tls://{host}/system', timeout: 5s}\n"
        "services: {nova-compute: compute-clone, libvirt: libvirt-clone, through: ssh ctl-1}\n"
        "host_names: {cmp1: cmp1.example.org}\n",
    )
    assert isinstance(site.hypervisor.port(), LibvirtHypervisor)
    assert isinstance(site.services.port(site.pacemaker_name), PacemakerServices)
    assert site.services.nova_compute == "compute-clone"
    assert (site.pacemaker_name("cmp1.example.org"), site.pacemaker_name("cmp2")) == ("cmp1", "cmp2")


@pytest.mark.parametrize(
    "text",
    [
        "hypervisor: {timeout: 0s}\n",
        "hypervisor: {kill_timeout: 5s}\n",
        "services: {nova_compute: x}\n",
        "services: {cinder: x}\n",
    ],
)
def test_what_makes_no_sense_is_a_problem_of_the_file(tmp_path: Path, text: str) -> None:
    with pytest.raises(ProblemsError):
        _site(tmp_path, text)
