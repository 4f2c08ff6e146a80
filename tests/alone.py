"""Prove that a trigger host needs medevac's wheel and kazoo, and nothing else.

Run by `tox -e triggers-alone` in an environment with just these two.  There is no pytest in it, so this is a plain
script: it stops at the first thing that does not hold, and says how many did.
"""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable
from importlib.metadata import distribution, distributions
from pathlib import Path

from kazoo.client import KazooClient

import medevac.triggers.alert
from medevac.core import layout
from medevac.core.event import Event, EventKind
from medevac.core.wire import decode
from medevac.sandbox.zookeeper import ZookeeperServer

FENCING = Path(__file__).parent / "data" / "pacemaker-alerts" / "s01.007.node1.fencing.env"
PROGRAMS = Path(sys.executable).parent
INSTALLER = {"pip", "setuptools", "wheel"}
NOBODY = "127.0.0.1:1/medevac"
"""An address at which nothing listens."""


def run(program: str, environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [PROGRAMS / program, *arguments], env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def alert(folder: Path, zookeeper: str, patience: str) -> subprocess.CompletedProcess[str]:
    """Run the agent as Pacemaker did when this alert was captured, for another recipient, with so many seconds."""
    captured = dict(line.split("=", 1) for line in FENCING.read_text().splitlines() if line.startswith("CRM_"))
    ours = {
        "MEDEVAC_SPOOL": str(folder / "spool"),
        "MEDEVAC_LOG": str(folder / "log"),
        "MEDEVAC_TIMEOUT": patience,
    }
    return run("medevac-alert", {**captured, **ours, "CRM_alert_recipient": zookeeper, "PATH": os.defpath})


def spooled(folder: Path) -> list[Path]:
    return [path for path in (folder / "spool").rglob("*") if path.is_file()]


def nothing_else_is_installed(_: Path) -> None:
    assert {d.name.lower() for d in distributions()} - INSTALLER == {"medevac", "kazoo"}


def the_wheel_is_what_is_imported(_: Path) -> None:
    assert "site-packages" in medevac.triggers.alert.__file__


def an_alert_without_zookeeper_is_spooled_for_its_owner_alone(folder: Path) -> None:
    done = alert(folder, NOBODY, "1")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), done
    (path,) = spooled(folder)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def an_alert_with_zookeeper_is_stored(folder: Path) -> None:
    with ZookeeperServer() as server:
        client = KazooClient(server.hosts, timeout=30)
        client.start(60)
        client.ensure_path("/medevac" + layout.EVENTS)
        client.chroot = "/medevac"
        done = alert(folder, server.hosts + "/medevac", "25")
        assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), done
        (name,) = client.get_children(layout.EVENTS)
        event = decode(Event, client.get(layout.event(name))[0])
        client.stop()
        client.close()
    assert (event.kind, event.subject.name) == (EventKind.HOST_FENCED, "compute1")
    assert spooled(folder) == []


def the_command_line_says_what_to_install(_: Path) -> None:
    done = run("medevac", {"PATH": os.defpath})
    assert done.returncode == 1
    assert done.stderr == "medevac: the command line needs click; install it with: pip install 'medevac[cli]'\n"


def the_webhook_needs_no_more(folder: Path) -> None:
    (folder / "tokens").write_text("0123456789abcdef\n")
    (folder / "tokens").chmod(0o600)
    lines = (f'token_file = "{folder}/tokens"', f'spool = "{folder}/spool"', "port = 0")
    (folder / "webhook.toml").write_text("\n".join(lines))
    done = run("medevac-webhook", {"PATH": os.defpath}, "--config", str(folder / "webhook.toml"), "--check")
    assert (done.returncode, done.stderr) == (0, ""), done


def the_probe_of_networks_needs_no_more_and_that_of_guests_says_what_it_needs(folder: Path) -> None:
    settings = folder / "probe.toml"
    settings.write_text(f'spool = "{folder}/spool"\n[[network]]\nrole = "storage"\ninterface = "lo"\n')
    done = run("medevac-probe", {"PATH": os.defpath}, "--config", str(settings), "--check")
    assert (done.returncode, done.stderr) == (0, ""), done
    settings.write_text(f'spool = "{folder}/spool"\n[[guest]]\nway = "agent-ping"\n')
    done = run("medevac-probe", {"PATH": os.defpath}, "--config", str(settings))
    assert (done.returncode, "pip install 'medevac[libvirt]'" in done.stderr) == (1, True), done


def every_other_command_starts_and_the_listener_says_what_it_needs(_: Path) -> None:
    commands = {point.name for point in distribution("medevac").entry_points} - {"medevac"}
    assert commands >= {"medevac-alert", "medevac-libvirt", "medevac-probe", "medevac-webhook"}
    for command in commands:
        done = run(command, {"PATH": os.defpath}, "--help")
        assert (done.returncode, done.stderr) == (0, ""), done
    done = run("medevac-libvirt", {"PATH": os.defpath})
    assert (done.returncode, "pip install 'medevac[libvirt]'" in done.stderr) == (1, True), done


CHECKS: list[Callable[[Path], None]] = [
    nothing_else_is_installed,
    the_wheel_is_what_is_imported,
    an_alert_without_zookeeper_is_spooled_for_its_owner_alone,
    an_alert_with_zookeeper_is_stored,
    the_command_line_says_what_to_install,
    the_webhook_needs_no_more,
    the_probe_of_networks_needs_no_more_and_that_of_guests_says_what_it_needs,
    every_other_command_starts_and_the_listener_says_what_it_needs,
]


def main() -> None:
    for check in CHECKS:
        with tempfile.TemporaryDirectory() as folder:
            check(Path(folder))
        sys.stdout.write(f"{check.__name__.replace('_', ' ')}\n")
    sys.stdout.write(f"{len(CHECKS)} passed, 0 failed\n")


if __name__ == "__main__":
    main()
