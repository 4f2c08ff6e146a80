"""The test's network: a bridge in a namespace of its own, one namespace for each host, nothing in the machine's own."""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

CLONE_NEWNET = 0x40000000
_LIMIT = 60.0
_libc = ctypes.CDLL(None, use_errno=True)

T = TypeVar("T")


class Network:
    """Namespaces whose names begin with this process's number; *addresses* by host."""

    def __init__(self, addresses: Mapping[str, str], label: str = "") -> None:
        """Make one that is told from others of this process by *label*."""
        self.addresses = addresses
        self._prefix = f"medevac{os.getpid()}-{label}"
        self._switch = f"{self._prefix}switch"

    def namespace(self, host: str) -> str:
        """Return the name of the namespace of *host*."""
        return f"{self._prefix}{host}"

    def make(self) -> None:
        """Make the switch and a port for each host, after what a run that was killed has left."""
        _remove_orphans()
        _ip("netns", "add", self._switch)
        _ip("-n", self._switch, "link", "set", "lo", "up")
        _ip("-n", self._switch, "link", "add", "br0", "type", "bridge")
        _ip("-n", self._switch, "link", "set", "br0", "up")
        for host, address in self.addresses.items():
            space, port = self.namespace(host), f"p-{host}"
            _ip("netns", "add", space)
            _ip("-n", self._switch, "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", space)
            _ip("-n", self._switch, "link", "set", port, "master", "br0", "up")
            _ip("-n", space, "link", "set", "lo", "up")
            _ip("-n", space, "link", "set", "eth0", "up")
            _ip("-n", space, "addr", "add", f"{address}/24", "dev", "eth0")

    def cut(self, host: str) -> None:
        """Take the cable of *host* out: no FIN and no RST ever leaves it."""
        _ip("-n", self._switch, "link", "set", f"p-{host}", "down")

    def plug(self, host: str) -> None:
        """Put the cable in again."""
        _ip("-n", self._switch, "link", "set", f"p-{host}", "up")

    def remove(self) -> None:
        """Remove all namespaces."""
        for host in [*self.addresses, "switch"]:
            with contextlib.suppress(subprocess.CalledProcessError):
                _ip("netns", "del", self.namespace(host))

    def relay(self, host: str, port: int, target: tuple[str, int]) -> socket.socket:
        """Listen on 127.0.0.1:*port* inside *host* and pass what comes on to *target* outside; close it to end it."""
        with Path("/run/netns", self.namespace(host)).open("rb") as space:
            listener = _inside(space.fileno(), lambda: socket.create_server(("127.0.0.1", port)))
        threading.Thread(target=_accept, args=(listener, target), daemon=True).start()
        return listener


def _remove_orphans() -> None:
    for path in Path("/run/netns").glob("medevac*-*"):
        made_by = re.fullmatch(r"medevac([0-9]+)-.*", path.name)
        if made_by and not Path("/proc", made_by[1]).exists():
            _ip("netns", "del", path.name)


def _ip(*arguments: str) -> None:
    subprocess.run([shutil.which("ip") or "ip", *arguments], check=True, capture_output=True, timeout=_LIMIT)


def _inside(space: int, make: Callable[[], T]) -> T:
    """Return what *make* returns in the network namespace *space*: a socket stays in that in which it was made."""
    made: list[T] = []

    def enter() -> None:
        if _libc.setns(space, CLONE_NEWNET) != 0:  # for this thread alone, which then ends
            raise OSError(ctypes.get_errno(), "setns")
        made.append(make())

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join(_LIMIT)
    return made[0]


def _accept(listener: socket.socket, target: tuple[str, int]) -> None:
    with contextlib.suppress(OSError):
        while True:
            client, _ = listener.accept()
            try:
                server = socket.create_connection(target, 5)
            except OSError:
                client.close()
                continue
            server.settimeout(None)  # a session may be silent for longer than it takes to connect
            threading.Thread(target=_join, args=(client, server), daemon=True).start()


def _join(client: socket.socket, server: socket.socket) -> None:
    with client, server:
        back = threading.Thread(target=_pump, args=(server, client), daemon=True)
        back.start()
        _pump(client, server)
        back.join(_LIMIT)


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    for each in (source, sink):
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
