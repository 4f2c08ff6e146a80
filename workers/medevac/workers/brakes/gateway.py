"""Gateway: whether this machine reaches the network that the hosts are on."""

from __future__ import annotations

import logging
import shutil
import socket
import subprocess
from collections.abc import Sequence

log = logging.getLogger(__name__)

TIMEOUT = 2.0
"""Seconds for one try."""
TRIES = 2
PING = "ping"


def unreachable(gateways: Sequence[str]) -> str:
    """Return why it is we who are cut off: none of *gateways* answers; empty when one does, or there are none."""
    if not gateways or any(_answers(each) for each in gateways for _ in range(TRIES)):
        return ""
    return f"this machine reaches none of {', '.join(gateways)} (brakes: gateway): it is we who are cut off"


def _answers(gateway: str) -> bool:
    host, colon, port = gateway.rpartition(":")
    if colon and port.isdecimal() and ("]" in host or ":" not in host):
        return _takes_connections(host.strip("[]"), int(port))
    return _answers_ping(gateway)


def _takes_connections(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), TIMEOUT):
            return True
    except ConnectionRefusedError:
        return True  # it answered
    except (OSError, UnicodeError, OverflowError):
        return False


def _answers_ping(address: str) -> bool:
    program = shutil.which(PING)
    if program is None:
        log.error("no %s program on this machine: that the gateway %s answers is taken for granted", PING, address)
        return True
    command = [program, "-n", "-q", "-c", "1", "-W", str(int(TIMEOUT)), "--", address]
    try:
        done = subprocess.run(command, capture_output=True, timeout=TIMEOUT + 1, check=False)
    except (subprocess.TimeoutExpired, OSError):
        return False
    return done.returncode == 0
