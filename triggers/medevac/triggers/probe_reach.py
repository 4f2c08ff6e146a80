"""Reaching a service over the network: TCP, and the first line of HTTP, each within a deadline for all of it."""

from __future__ import annotations

import re
import socket
import time

from medevac.triggers.probe_rules import Outcome

LONGEST_LINE = 1024
"""Bytes of an answer that are looked at."""
_STATUS = re.compile(rb"HTTP/1\.[01] ([1-5][0-9]{2})(?: |\r|\n|$)")


def tcp(address: str, port: int, seconds: float, *, device: str = "") -> Outcome:
    """Tell whether somebody takes connections there; *device* binds the question to one interface (as root)."""
    try:
        _connect(address, port, seconds, device).close()
    except OSError:
        return Outcome.FAILED
    return Outcome.WELL


def http(address: str, port: int, path: str, seconds: float) -> Outcome:
    """Tell whether a GET of *path* is answered with a status below 400."""
    end = time.monotonic() + seconds
    host = f"[{address}]" if ":" in address else address
    try:
        with _connect(address, port, seconds, "") as connection:
            connection.sendall(f"GET {path} HTTP/1.0\r\nHost: {host}:{port}\r\nUser-Agent: medevac\r\n\r\n".encode())
            status = _STATUS.match(_line(connection, end))
    except OSError:
        return Outcome.FAILED
    return Outcome.WELL if status and int(status[1]) < 400 else Outcome.FAILED  # noqa: PLR2004 - HTTP's own border


def _connect(address: str, port: int, seconds: float, device: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    connection = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        connection.settimeout(seconds)
        if device:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode() + b"\0")
        connection.connect((address, port))
    except BaseException:
        connection.close()
        raise
    return connection


def _line(connection: socket.socket, end: float) -> bytes:
    """Return the first line, or what has come of it by *end* (monotonic)."""
    said = b""
    while b"\n" not in said and len(said) < LONGEST_LINE:
        left = end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        connection.settimeout(left)
        more = connection.recv(LONGEST_LINE - len(said))
        if not more:
            break
        said += more
    return said
