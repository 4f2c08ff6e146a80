"""The real ZooKeeper, started from Debian's jars on free loopback ports with a data folder of its own.

Nothing is installed as a service and nothing is left behind: a server lives in its own process group (Ctrl-C in the
terminal does not reach it before we stop it), dies with the thread that started it (the kernel's parent-death
signal), and its folder is removed when it is stopped.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from medevac.core.errors import MedevacError
from medevac.sandbox.freezing import freeze

JARS = Path("/usr/share/java")
INSTALL = "apt-get install -y --no-install-recommends zookeeper default-jre-headless"
START_DEADLINE = 60.0
"""Seconds within which a server answers after its start (0.25 s on an idle 2-core machine)."""
STOP_DEADLINE = 10.0
PORT_ATTEMPTS = 3
"""A free port can be taken by somebody else between our looking and ZooKeeper's binding it."""

_JVM = (
    "-Xms32m",
    "-Xmx256m",
    "-Xshare:auto",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:-UsePerfData",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
)
_MAIN = "org.apache.zookeeper.server.quorum.QuorumPeerMain"


class ZookeeperMissingError(MedevacError):
    """Java or the ZooKeeper jars are not installed."""


class ZookeeperStartError(MedevacError):
    """ZooKeeper was started and did not answer."""


def require_installed() -> str:
    """Return the path of the java command; raise ZookeeperMissingError, with the remedy, when something is missing."""
    java = shutil.which("java")
    jars = [name for name in ("zookeeper.jar", "slf4j-simple.jar") if not (JARS / name).exists()]
    missing = ([] if java else ["the java command"]) + [f"{JARS}/{name}" for name in jars]
    if java is None or missing:
        message = f"ZooKeeper cannot be started: {' and '.join(missing)} missing. Install with: {INSTALL}"
        raise ZookeeperMissingError(message)
    return java


def free_ports(count: int) -> list[int]:
    """Return *count* different loopback TCP ports that nobody listens on now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]


class ZookeeperServer:
    """One ZooKeeper process.  Use it as a context manager, or call start() and stop().

    *tick* is ZooKeeper's tickTime in milliseconds; sessions may be as short as *min_session* milliseconds.
    *fsync* off makes writes faster and a power failure of this machine lossy.
    """

    def __init__(self, *, tick: int = 500, min_session: int = 1000, fsync: bool = True) -> None:
        """Choose the settings; nothing is started yet."""
        self.tick = tick
        self.min_session = min_session
        self.fsync = fsync
        self.port = 0
        self._folder: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._quorum: Sequence[tuple[int, int]] = ()
        self._number = 0

    @property
    def hosts(self) -> str:
        """Return host:port, as kazoo takes it; append /chroot for a site of its own."""
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """Return the process id; 0 while it does not run."""
        return self._process.pid if self._process else 0

    @property
    def log(self) -> str:
        """Return what the server has printed."""
        path = self._data_folder() / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def start(self) -> Self:
        """Start the server (again, on the same port with the same data) and wait until it answers.

        Raises ZookeeperMissingError or ZookeeperStartError.
        """
        require_installed()
        again = self.port != 0
        for attempts_left in reversed(range(PORT_ATTEMPTS)):
            if not again:
                self.port = free_ports(1)[0]
            try:
                self.launch()
                self.wait_ready()
                break
            except BaseException as error:  # also Ctrl-C: nobody would stop what did not come up
                taken = isinstance(error, ZookeeperStartError) and "Address already in use" in self.log
                self.stop(keep=again)
                if again or not taken or not attempts_left:
                    raise
        return self

    def launch(self) -> None:
        """Start the process without waiting for it."""
        folder = self._data_folder()
        (folder / "zoo.cfg").write_text(self._configuration(folder))
        if self._quorum:
            (folder / "data").mkdir(exist_ok=True)
            (folder / "data" / "myid").write_text(str(self._number))
        with (folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command(folder), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def wait_ready(self, deadline: float = START_DEADLINE) -> None:
        """Return when the server serves clients; raise ZookeeperStartError after *deadline* seconds."""
        until = time.monotonic() + deadline
        while time.monotonic() < until:
            if self._process is None or self._process.poll() is not None:
                break
            with contextlib.suppress(OSError):
                if "Mode:" in self.ask("srvr", 1.0):
                    return
            time.sleep(0.01)
        message = f"ZooKeeper on {self.hosts} did not answer. Its last words: {self.log[-1000:]}"
        raise ZookeeperStartError(message)

    def stop(self, *, keep: bool = False) -> None:
        """End the process and remove its data, unless *keep*."""
        try:
            self._end(signal.SIGTERM)
        finally:
            if self._folder is not None and not keep:
                shutil.rmtree(self._folder, ignore_errors=True)
                self._folder = None

    def kill(self) -> None:
        """End the process as a power failure would; start() brings it back with its data."""
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        """Freeze the process: it keeps its connections and answers nothing."""
        if self._process is not None and self._process.poll() is None:
            freeze(self._process.pid)

    def resume(self) -> None:
        """Let a paused process go on."""
        self._signal(signal.SIGCONT)

    def ask(self, command: str, timeout: float = 3.0) -> str:
        """Return the answer to a four-letter command (srvr, mntr, ruok, envi); raise OSError without one."""
        with socket.create_connection(("127.0.0.1", self.port), timeout) as connection:
            connection.settimeout(timeout)
            connection.sendall(command.encode())
            parts = iter(lambda: connection.recv(65536), b"")
            return b"".join(parts).decode()

    def counters(self) -> dict[str, int]:
        """Return the server's numeric counters, by their names in `mntr`."""
        pairs = (line.partition("\t") for line in self.ask("mntr").splitlines())
        return {name: int(value) for name, _, value in pairs if value.lstrip("-").isdigit()}

    def packets(self) -> int:
        """Return how many requests the server has received since its start, pings and four-letter words included."""
        return self.counters()["zk_packets_received"]

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop, and remove the data."""
        self.stop()

    def join_quorum(self, number: int, peers: Sequence[tuple[int, int]]) -> None:
        """Make this server number *number* of an ensemble whose (peer port, election port) pairs are *peers*."""
        self._number = number
        self._quorum = peers

    def _data_folder(self) -> Path:
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="medevac-zookeeper-"))
        return self._folder

    def _configuration(self, folder: Path) -> str:
        lines = [
            f"tickTime={self.tick}",
            f"dataDir={folder}/data",
            f"clientPort={self.port}",
            "clientPortAddress=127.0.0.1",
            "admin.enableServer=false",
            "maxClientCnxns=0",
            f"minSessionTimeout={self.min_session}",
            "maxSessionTimeout=60000",
            "4lw.commands.whitelist=mntr,srvr,ruok,envi",
        ]
        if self._quorum:
            lines += ["initLimit=10", "syncLimit=5", "quorumListenOnAllIPs=false"]
            lines += [f"server.{n}=127.0.0.1:{peer}:{vote}" for n, (peer, vote) in enumerate(self._quorum, 1)]
        return "\n".join(lines) + "\n"

    def _command(self, folder: Path) -> list[str]:
        # Without util-linux's setpriv the server would only outlive us when we are killed with SIGKILL.
        setpriv = shutil.which("setpriv")
        guard = [setpriv, "--pdeathsig", "KILL"] if setpriv else []
        sync = [] if self.fsync else ["-Dzookeeper.forceSync=no"]
        path = f"{JARS}/zookeeper.jar:{JARS}/slf4j-simple.jar"
        return [*guard, require_installed(), *_JVM, *sync, "-cp", path, _MAIN, str(folder / "zoo.cfg")]

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            os.kill(self._process.pid, number)

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        process.send_signal(number)
        process.send_signal(signal.SIGCONT)
        try:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(STOP_DEADLINE)
        finally:
            # Too slow, or Ctrl-C came while we waited: nothing may be left.
            if process.poll() is None:
                process.kill()
                process.wait()


class ZookeeperEnsemble:
    """Three ZooKeeper servers that elect a leader.  Use it as a context manager, or call start() and stop()."""

    SIZE = 3

    def __init__(self, *, tick: int = 500, min_session: int = 1000, fsync: bool = True) -> None:
        """Choose the settings, as for ZookeeperServer; nothing is started yet."""
        self.servers = [ZookeeperServer(tick=tick, min_session=min_session, fsync=fsync) for _ in range(self.SIZE)]

    @property
    def hosts(self) -> str:
        """Return the three host:port, joined by commas, as kazoo takes them."""
        return ",".join(server.hosts for server in self.servers)

    def start(self) -> Self:
        """Start all three and wait until each serves clients.  Raises as ZookeeperServer.start does."""
        require_installed()
        ports = free_ports(self.SIZE * 3)
        peers = [(ports[3 * n + 1], ports[3 * n + 2]) for n in range(self.SIZE)]
        try:
            for number, server in enumerate(self.servers, 1):
                server.port = ports[3 * (number - 1)]
                server.join_quorum(number, peers)
                server.launch()
            for server in self.servers:
                server.wait_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """End all three and remove their data."""
        for server in self.servers:
            server.stop()

    def leader(self) -> ZookeeperServer:
        """Return the server that leads now; raise ZookeeperStartError when none does."""
        for server in self._answering():
            if "Mode: leader" in server.ask("srvr"):
                return server
        message = f"none of {self.hosts} is leader"
        raise ZookeeperStartError(message)

    def packets(self) -> int:
        """Return how many requests the servers that answer have received since their start."""
        return sum(server.packets() for server in self._answering())

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop, and remove the data."""
        self.stop()

    def _answering(self) -> Iterator[ZookeeperServer]:
        for server in self.servers:
            with contextlib.suppress(OSError):
                server.ask("ruok", 1.0)
                yield server
