"""medevac-probe: the service that looks at a compute node's networks and guests, again and again."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from medevac.core.errors import MedevacError
from medevac.core.spool import Spool
from medevac.triggers.notify import ALIVE, READY, STOPPING, Notifier
from medevac.triggers.outbox import Outbox
from medevac.triggers.probe_guests import Guests
from medevac.triggers.probe_network import Network, look_at, verdict
from medevac.triggers.probe_settings import CONFIGURATION, ProbeSettings, ProbeSettingsError, load

DONE, PROBLEMS = 0, 1


def main() -> None:
    """Run until SIGTERM; does not return."""
    code = run(sys.argv[1:], os.environ)
    sys.stdout.flush()
    sys.stderr.flush()
    # Not sys.exit: it would wait for threads that wait for a guest.  All that is ours is on disk.
    os._exit(code)


def run(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Look as told, and return the exit code (2: usage)."""
    parser = argparse.ArgumentParser(
        prog="medevac-probe",
        description="Looks at this compute node's networks and guests, and stores an event for what fails.",
        epilog="Exit: 0 told to end, or nothing to find fault with; 1 problems found; 2 usage.",
    )
    default = environment.get("MEDEVAC_PROBE") or CONFIGURATION
    parser.add_argument("what", choices=("all", "guests", "network"), nargs="?", default="all", help="(default: all)")
    parser.add_argument("--config", type=Path, default=Path(default), help=f"its settings (default: {default})")
    parser.add_argument("--check", action="store_true", help="read the settings, look once at each network, and end")
    parser.add_argument("--verbose", action="store_true", help="say what each look has found")
    told = parser.parse_args(arguments)
    logging.basicConfig(level=logging.DEBUG if told.verbose else logging.INFO, format="%(levelname)s %(message)s")
    try:
        settings = load(told.config)
        if told.check:
            return _check(settings)
        return _run(settings, told.what, Notifier(environment))
    except MedevacError as error:
        sys.stderr.write(f"medevac-probe: {error}\n")
        return PROBLEMS


def _check(settings: ProbeSettings) -> int:
    well = True
    for probe in settings.networks:
        look = look_at(probe)
        outcome = verdict(look, probe)
        well &= outcome.value == "well"
        reached = f"{len(look.reached)} of {len(probe.reach)} reached"
        sys.stdout.write(f"{probe.role}: {outcome.value} ({reached}; carrier: {look.carrier})\n")
    sys.stdout.write(f"{len(settings.guests)} ways to look at guests\n")
    return DONE if well else PROBLEMS


def _run(settings: ProbeSettings, what: str, notifier: Notifier) -> int:
    spool = Spool(settings.spool)
    spool.prepare()
    outbox = Outbox(spool, settings.zookeeper)
    name = settings.host or os.uname().nodename
    networks = [Network(each, name, outbox.put) for each in settings.networks if what in {"all", "network"}]
    guests = _guests(settings, name, outbox) if settings.guests and what in {"all", "guests"} else None
    if not networks and guests is None:
        raise ProbeSettingsError("there is nothing to look at: add [[network]] or [[guest]] tables")
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    outbox.start()
    for network in networks:
        network.start()
    if guests:
        guests.start()
    notifier.say(READY)
    pause = 0.0
    while not stopping.wait(pause):
        pause = guests.turn() if guests else 1.0
        if guests is None or not guests.is_stuck:
            notifier.say(ALIVE)
    notifier.say(STOPPING)
    for network in networks:
        network.stop()
    outbox.stop()
    return DONE


def _guests(settings: ProbeSettings, name: str, outbox: Outbox) -> Guests:
    try:
        # Imported late, so that hosts whose networks alone are looked at need no libvirt-python.
        from medevac.triggers.probe_libvirt import LibvirtHost  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if error.name not in {"libvirt", "libvirt_qemu"}:
            raise
        message = "looking at guests needs libvirt-python; install it with: pip install 'medevac[libvirt]'"
        raise ProbeSettingsError(message) from error
    memory = Path(settings.spool).parent / "well.json"
    return Guests(settings, name, LibvirtHost(settings.uri), outbox.put, memory=memory)


if __name__ == "__main__":
    main()
