"""The rung `ironic` against a real Ironic, whose node has a real IPMI BMC.

By hand, since Ironic takes a minute to install: "tox -e ironic" (CONTRIBUTING.md).
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator

import pytest

from medevac.core.errors import NoEvidenceError
from medevac.core.evidence import FenceEvidence
from medevac.workers.worker import SystemClock
from tests.devices.conftest import PASSWORD, Dying, Site, free_port, programs
from tests.devices.ipmi import Bmc
from tests.devices.ironic import BIN, Ironic
from tests.fixtures.services import absent

Climbed = Callable[..., FenceEvidence]

pytestmark = pytest.mark.real_ironic


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ironic]:
    programs("ipmitool")
    if not (BIN / "ironic").exists():
        absent("Ironic", "install it in an environment of its own, and say with MEDEVAC_IRONIC where its programs are")
    with Ironic(tmp_path_factory.mktemp("ironic"), free_port(socket.SOCK_STREAM)) as made:
        yield made


@pytest.fixture
def node(service: Ironic, bmc: Bmc) -> str:
    """Return the name of a node whose BMC is *bmc*."""
    name = f"node-{bmc.port}"
    service.enroll(name, bmc.port, PASSWORD)
    return name


@pytest.fixture
def climbed(service: Ironic, site: Site) -> Climbed:
    """Return a function that fences the host as a node of that name."""

    def climb(name: str, timeout: str = "30s") -> FenceEvidence:
        fencer = site(f'      - ironic: {{url: "{service.url}", node: "{name}", timeout: {timeout}}}\n')
        return Dying(fencer, SystemClock()).fence()

    return climb


def test_ironic_switches_a_machine_off_and_one_that_is_off_already_is_evidence_too(
    climbed: Climbed, node: str, bmc: Bmc
) -> None:
    evidence = climbed(node)
    assert (evidence.source, evidence.action, evidence.detail) == ("ironic", "off", "power_state: power off")
    assert not bmc.is_on()
    ordered = len(bmc.orders())
    assert climbed(node).detail == "power_state: power off"
    assert len(bmc.orders()) == ordered


def test_a_record_of_off_is_not_believed_when_the_bmc_is_dead(climbed: Climbed, node: str, bmc: Bmc) -> None:
    """The machine was off when Ironic last looked; somebody switched it on, and its BMC died."""
    climbed(node)
    bmc.power("on")
    bmc.stop()
    with pytest.raises(NoEvidenceError, match=r"ironic: Ironic (could not do it|does not reach its BMC)"):
        climbed(node, "10s")
    assert bmc.is_on()


def test_a_node_that_ironic_does_not_know_is_named(climbed: Climbed) -> None:
    with pytest.raises(NoEvidenceError, match="Ironic answers 404: Node nobody could not be found"):
        climbed("nobody")
