"""medevac-libvirt: the service that listens to one compute node's libvirt."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from medevac.core.errors import SpoolError
from medevac.core.spool import Spool
from medevac.triggers.notify import Notifier
from medevac.triggers.outbox import Outbox

DONE, PROBLEMS = 0, 1
SPOOL = "/var/lib/medevac-libvirt/spool"
STATE = "/var/lib/medevac-libvirt/servers.json"


def main() -> None:
    """Run until SIGTERM; does not return."""
    code = run(sys.argv[1:], os.environ)
    sys.stderr.flush()
    # Not sys.exit: it would wait for threads that wait for a frozen libvirt.  All that is ours is on disk.
    os._exit(code)


def run(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Listen as told, and return the exit code (2: usage)."""
    told = parser(environment).parse_args(arguments)
    logging.basicConfig(level=logging.DEBUG if told.verbose else logging.INFO, format="%(levelname)s %(message)s")
    try:
        # Imported late, so that its absence is one sentence.
        from medevac.triggers.libvirt_listener import Listener, Options  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if error.name != "libvirt":
            raise
        sys.stderr.write("medevac-libvirt needs libvirt-python; install it with: pip install 'medevac[libvirt]'\n")
        return PROBLEMS
    spool = Spool(told.spool)
    try:
        spool.prepare()
    except SpoolError as error:
        sys.stderr.write(f"medevac-libvirt: {error}\n")
        return PROBLEMS
    outbox = Outbox(spool, told.zookeeper)
    keepalive = (told.keepalive, 3)
    options = Options(told.uri, told.host, Path(told.state), keepalive, told.down_after, told.canary, told.frozen_after)
    listener = Listener(options, outbox, Notifier(environment))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: listener.stop())
    outbox.start()
    listener.run()
    outbox.stop()
    return DONE


def parser(environment: Mapping[str, str]) -> argparse.ArgumentParser:
    """Return what the arguments are read with; *environment* has their defaults."""
    made = argparse.ArgumentParser(
        prog="medevac-libvirt",
        description="Listens to this compute node's libvirt and stores an event for each server that fails.",
        epilog="Each option's default is MEDEVAC_LIBVIRT_URI, MEDEVAC_ZOOKEEPER and so on where that is set.  "
        "Exit: 0 told to end, 1 problems found, 2 usage.",
    )

    def option(name: str, otherwise: str | float, text: str) -> None:
        key = "LIBVIRT_URI" if name == "uri" else name.upper().replace("-", "_")
        default = environment.get(f"MEDEVAC_{key}") or otherwise
        made.add_argument(f"--{name}", default=default, type=type(otherwise), help=f"{text} (default: {otherwise!r})")

    option("uri", "qemu:///system", "libvirt's address; only read")
    option("zookeeper", "", "host:port,host:port/path; without it, events stay in the spool")
    option("spool", SPOOL, "folder of the events that ZooKeeper has not acknowledged")
    option("state", STATE, "file of the servers that were seen running")
    option("host", os.uname().nodename, "this host's name in Nova")
    option("keepalive", 3, "seconds between two signs of life of libvirt, of which three may be missing")
    option("down-after", 15.0, "seconds of libvirt's absence that are told")
    option("canary", 30.0, "seconds between two rounds of questions to each qemu; 0: never")
    option("frozen-after", 30.0, "seconds after which a qemu that does not answer is taken for frozen")
    made.add_argument("--verbose", action="store_true", help="say for each event of libvirt why it is none of ours")
    return made


if __name__ == "__main__":
    main()
