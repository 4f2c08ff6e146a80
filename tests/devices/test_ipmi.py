"""fence_ipmilan and ipmitool of Debian against OpenIPMI's simulator, as rungs of a site file's ladder."""

from __future__ import annotations

import logging
import socket
import time

import pytest

from medevac.core.errors import NoEvidenceError
from medevac.sandbox.cloud.model import machines
from tests.devices import ipmi
from tests.devices.conftest import PASSWORD, Dying, Site, deployed, free_port
from tests.devices.ipmi import Bmc
from tests.devices.watching import watched
from tests.unit.fencing.climbing import HOST


def test_a_machine_is_switched_off_and_its_state_read_back_twice(bmc: Bmc, site: Site) -> None:
    case = Dying(site(ipmi.rung(bmc.port)))
    evidence = case.fence()
    assert not bmc.is_on()
    assert (evidence.source, evidence.action, evidence.detail) == ("agent:fence_ipmilan", "off", "Status: OFF")
    assert bmc.orders() == ["0"]


def test_a_machine_that_is_off_already_is_evidence_without_an_order(bmc: Bmc, site: Site) -> None:
    bmc.power("off")
    assert Dying(site(ipmi.rung(bmc.port))).fence().action == "already-off"
    assert bmc.orders() == []


def test_a_wrong_password_is_named_as_what_it_may_be_and_is_not_shown(bmc: Bmc, site: Site) -> None:
    fencer = site(ipmi.rung(bmc.port, secret="DEVICES_WRONG"))
    with pytest.raises(NoEvidenceError, match="a wrong user, password or plug") as caught:
        Dying(fencer).fence()
    assert "Wr0ng" not in str(caught.value)
    assert bmc.is_on()


def test_a_bmc_that_died_with_its_machine_hands_on_to_the_next_rung_in_its_own_time(bmc: Bmc, site: Site) -> None:
    dead = ipmi.rung(free_port(socket.SOCK_DGRAM), timeout="2s", more="        name: dead-bmc\n")
    case = Dying(site(dead + ipmi.rung(bmc.port)))
    begun = time.monotonic()
    assert case.fence().source == "agent:fence_ipmilan"
    assert "through fence_ipmilan" in case.told()
    assert "through dead-bmc" not in case.told(), "nothing is ordered of a BMC that does not say how its machine is"
    assert time.monotonic() - begun >= 2.0
    assert not bmc.is_on()


def test_a_bmc_that_says_ok_and_leaves_its_machine_on_is_no_evidence(bmc: Bmc, site: Site) -> None:
    bmc.behave("deaf")
    fencer = site(ipmi.rung(bmc.port, options=', power_timeout: "2"'))
    with pytest.raises(NoEvidenceError, match="Timed out waiting to power OFF"):
        Dying(fencer).fence()
    assert bmc.is_on()
    assert "0" in bmc.orders()


def test_a_bmc_that_says_off_whatever_is_is_caught_by_the_heartbeat(bmc: Bmc, site: Site) -> None:
    bmc.behave("dark")
    case = Dying(site(ipmi.rung(bmc.port, more="        confirm_by: heartbeat\n")))
    with case.site.world.settled() as world:
        machines.mend_network(world, HOST)
    with pytest.raises(NoEvidenceError, match="nova-compute there goes on reporting"):
        case.fence()


def test_nobody_but_ipmitool_shows_the_password(bmc: Bmc, site: Site, caplog: pytest.LogCaptureFixture) -> None:
    """fence_ipmilan gives it to ipmitool on its command line (4.12.1): docs/fencing.md says so, and what to do."""
    case = Dying(site(ipmi.rung(bmc.port)))
    with caplog.at_level(logging.DEBUG), watched(PASSWORD) as seen:
        case.fence()
    assert "fence_ipmilan" in seen.programs
    assert seen.arguments <= {"ipmitool"}
    assert PASSWORD not in caplog.text + case.told()


def test_the_program_for_ipmi_shows_the_password_nowhere(bmc: Bmc, site: Site) -> None:
    case = Dying(site(_program(bmc.port)))
    with watched(PASSWORD) as seen:
        evidence = case.fence()
    assert (evidence.source, evidence.action, evidence.detail) == (
        "command:medevac-fence-ipmi",
        "off",
        "Chassis Power is off",
    )
    assert not bmc.is_on()
    assert {"medevac-fence-ipmi", "ipmitool"} <= seen.programs
    assert not seen.arguments
    assert "ipmitool" not in seen.environments


def test_the_program_for_ipmi_says_why_it_does_not_know(bmc: Bmc, site: Site) -> None:
    fencer = site(_program(bmc.port, secret="DEVICES_WRONG"))
    with pytest.raises(NoEvidenceError, match="Unable to establish IPMI v2") as caught:
        Dying(fencer).fence()
    assert "Wr0ng" not in str(caught.value)
    (step,) = site(_program(bmc.port)).steps_of(HOST)
    assert step.means.prove(HOST) == "it says ok (Chassis Power is on)"


def _program(port: int, secret: str = "DEVICES_PASSWORD") -> str:
    return (
        f"      - command: {deployed('medevac-fence-ipmi')}\n"
        f'        options: {{address: 127.0.0.1, port: "{port}", username: {ipmi.USER}, cipher: "3"}}\n'
        f"        secrets: {{password: {{env: {secret}}}}}\n"
    )
