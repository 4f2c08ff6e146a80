"""fence_redfish of Debian against sushy-tools' Redfish emulator over TLS, as rungs of a site file's ladder."""

from __future__ import annotations

import logging
import socket

import pytest

from medevac.core.errors import NoEvidenceError
from tests.devices import ipmi, redfish
from tests.devices.conftest import PASSWORD, Dying, Site, free_port
from tests.devices.ipmi import Bmc
from tests.devices.redfish import SYSTEM, Emulator
from tests.devices.watching import watched
from tests.unit.fencing.climbing import HOST

_URI = f"/redfish/v1/Systems/{SYSTEM}"


def test_a_certificate_that_nobody_here_trusts_is_named_with_the_way_out(emulator: Emulator, site: Site) -> None:
    fencer = site(redfish.rung(emulator.port, options=""))
    with pytest.raises(NoEvidenceError, match="certificate is not trusted here; the option 'ssl_insecure' takes any"):
        Dying(fencer).fence()


def test_a_wrong_password_is_named_and_is_not_shown(emulator: Emulator, site: Site) -> None:
    fencer = site(redfish.rung(emulator.port, secret="DEVICES_WRONG"))
    with pytest.raises(NoEvidenceError, match="a wrong user or password: the BMC did not let it in") as caught:
        Dying(fencer).fence()
    assert "Wr0ng" not in str(caught.value)


def test_the_way_is_proven_without_switching_anything(emulator: Emulator, site: Site) -> None:
    (step,) = site(redfish.rung(emulator.port)).steps_of(HOST)
    assert step.means.prove(HOST) == "its status is on"
    assert emulator.is_on()


def test_a_bmc_that_is_dead_hands_on_to_the_next_rung(bmc: Bmc, site: Site) -> None:
    dead = redfish.rung(free_port(socket.SOCK_STREAM))
    evidence = Dying(site(dead + ipmi.rung(bmc.port))).fence()
    assert evidence.source == "agent:fence_ipmilan"
    assert not bmc.is_on()


def test_a_machine_is_switched_off_once_and_the_password_shows_nowhere(
    emulator: Emulator, site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    case = Dying(site(redfish.rung(emulator.port, options=f', ssl_insecure: "1", systems_uri: {_URI}')))
    with caplog.at_level(logging.DEBUG), watched(PASSWORD) as seen:
        evidence = case.fence()
    assert (evidence.source, evidence.action, evidence.detail) == ("agent:fence_redfish", "off", "Status: OFF")
    assert not emulator.is_on()
    assert emulator.said().count("Actions/ComputerSystem.Reset") == 1
    assert "fence_redfish" in seen.programs
    assert not seen.arguments
    assert "fence_redfish" not in seen.environments
    assert PASSWORD not in caplog.text + case.told() + emulator.said()
    again = Dying(site(redfish.rung(emulator.port))).fence()
    assert again.action == "already-off"
    assert emulator.said().count("Actions/ComputerSystem.Reset") == 1
