"""The fence agent speaks the standard protocol, and its BMC may refuse, hang or lie."""

from __future__ import annotations

import subprocess
import sys
from xml.etree import ElementTree as ET

import pytest

from medevac.sandbox.cloud.server import RunningCloud


def run(cloud: RunningCloud, action: str, plug: str = "h1", **options: str) -> subprocess.CompletedProcess[str]:
    """Run the agent as pacemaker-fenced does: options on standard input."""
    given = {
        "action": action,
        "ip": "127.0.0.1",
        "ipport": str(cloud.addresses.bmc_port),
        "username": "root",
        "password": "calvin",
        "plug": plug,
        **options,
    }
    lines = "".join(f"{key}={value}\n" for key, value in given.items())
    return subprocess.run(
        [cloud.addresses.fence_agent], input=lines, capture_output=True, text=True, timeout=60, check=False
    )


def test_off_takes_the_power_and_status_tells_by_its_exit_code(cloud: RunningCloud, ids: dict[str, str]) -> None:
    assert run(cloud, "status").returncode == 0
    assert run(cloud, "off").returncode == 0
    assert run(cloud, "status").returncode == 2
    assert run(cloud, "on").returncode == 0
    assert run(cloud, "status").returncode == 0
    assert cloud.site.power_commands() == {"h1": {"status": 3, "off": 1, "on": 1}}
    assert f"server {ids['db']} should run and runs nowhere" in cloud.site.not_running()


def test_a_reboot_ends_the_guests_and_leaves_the_host_on(cloud: RunningCloud) -> None:
    assert run(cloud, "reboot").returncode == 0
    (host,) = (host for host in cloud.site.hosts() if host["name"] == "h1")
    assert (host["powered"], host["guests"]) == (True, [])


def test_list_names_the_plugs_and_monitor_asks_for_none(cloud: RunningCloud) -> None:
    assert run(cloud, "list").stdout == "h1,h1\nh2,h2\nh3,h3\n"
    assert run(cloud, "monitor").returncode == 0


def test_metadata_is_xml_and_needs_no_device(cloud: RunningCloud) -> None:
    told = subprocess.run(
        [cloud.addresses.fence_agent], input="action=metadata\n", capture_output=True, text=True, timeout=60, check=True
    )
    document = ET.fromstring(told.stdout)  # noqa: S314 - our own agent's words
    assert {found.get("name") for found in document.iter("parameter")} >= {"action", "ip", "password", "plug"}
    assert {found.get("name") for found in document.iter("action")} >= {"on", "off", "status"}


def test_old_option_names_and_the_command_line_are_understood(cloud: RunningCloud) -> None:
    old = f"option=status\nipaddr=127.0.0.1\nipport={cloud.addresses.bmc_port}\nlogin=root\npasswd=calvin\nport=h2\n"
    agent = [sys.executable, "-m", "medevac.sandbox.power.agent"]
    assert subprocess.run(agent, input=old, text=True, timeout=60, check=False, capture_output=True).returncode == 0
    by_hand = ["-o", "status", "-a", "127.0.0.1", "-u", str(cloud.addresses.bmc_port), "-l", "root", "-p", "calvin"]
    words = [cloud.addresses.fence_agent, *by_hand, "-n", "h2"]
    assert subprocess.run(words, text=True, timeout=60, check=False, capture_output=True).returncode == 0


def test_a_wrong_password_and_an_unknown_plug_fail_and_no_secret_is_told(cloud: RunningCloud) -> None:
    wrong = run(cloud, "off", password="guess-123")
    assert (wrong.returncode, "guess-123" in wrong.stderr + wrong.stdout) == (1, False)
    assert "wrong user name or password" in wrong.stderr
    assert run(cloud, "status", plug="h9").returncode == 1
    assert cloud.site.power_commands() == {}


@pytest.mark.parametrize(("mode", "words"), [("refuse", "refuses"), ("unreachable", "without an answer")])
def test_a_bmc_that_refuses_or_is_unreachable_fails_the_agent(cloud: RunningCloud, mode: str, words: str) -> None:
    cloud.site.bmc("h1", mode, count=1)
    failed = run(cloud, "off")
    assert (failed.returncode, words in failed.stderr) == (1, True)
    assert run(cloud, "off").returncode == 0


def test_a_bmc_that_hangs_is_given_up_on_in_time(cloud: RunningCloud) -> None:
    cloud.site.bmc("h1", "hang")
    assert run(cloud, "off", power_timeout="0.2").returncode == 1
    (host,) = (host for host in cloud.site.hosts() if host["name"] == "h1")
    assert host["powered"]


def test_a_bmc_that_lies_says_off_while_the_guests_run_on(cloud: RunningCloud) -> None:
    cloud.site.bmc("h1", "lie")
    assert run(cloud, "off").returncode == 0
    assert run(cloud, "status").returncode == 2
    (host,) = (host for host in cloud.site.hosts() if host["name"] == "h1")
    assert (host["powered"], len(host["guests"])) == (True, 2)
