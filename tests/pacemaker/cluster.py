"""A real cluster on one machine: corosync, pacemaker and pacemaker_remote of Debian 12 in namespaces of the test's own.

Every host is a process tree in a PID, mount, UTS, IPC and network namespace; power off is SIGKILL of its init after
its cable was pulled, as a pulled plug would do it.  Nothing appears in the machine's own network namespace, and
nothing is left when it is stopped.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.fixtures.waiting import until
from tests.pacemaker.bmc import Bmc
from tests.pacemaker.network import Network

NODES = ("node1", "node2", "node3")
REMOTES = ("compute1", "compute2")
PACKAGES = "pacemaker corosync pacemaker-cli-utils resource-agents iproute2"
"""Debian packages; pacemaker-remote conflicts with pacemaker, so its package is unpacked beside, not installed."""
HOST = Path(__file__).parent / "host"
PORT = 2181
"""Where ZooKeeper is reached inside each full node, on loopback."""
MONITOR = 5
"""Seconds: interval and time-out of the remotes' connections."""
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_COMMAND_LIMIT = 120.0
_UP_LIMIT = 180.0


class ClusterMissingError(Exception):
    """Pacemaker, corosync or the right to make namespaces is missing."""


class Cluster:
    """Three full nodes and two remotes; `start` takes about half a minute."""

    def __init__(self, zookeeper: tuple[str, int]) -> None:
        self._zookeeper = zookeeper
        self.folder = Path(tempfile.mkdtemp(prefix="medevac-cluster-"))
        names = [*NODES, *REMOTES]
        self.network = Network({name: f"10.99.0.{number}" for number, name in enumerate(names, 11)})
        self._hosts: dict[str, subprocess.Popen[bytes]] = {}
        self._power = threading.RLock()
        """The BMC's threads and the test have their hands on the same plugs."""
        self._launcher = ThreadPoolExecutor(max_workers=1, thread_name_prefix="power")
        self._relays: list[socket.socket] = []
        self.bmc: Bmc
        self._remoted = ""

    # --- the whole ---------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Bring everything up and configure it, without an alert."""
        require_installed()
        self.folder.chmod(0o755)
        self._remoted = _unpack_remote(self.folder)
        self._write_files()
        self.network.make()
        self._relays = [self.network.relay(node, PORT, self._zookeeper) for node in NODES]
        self.bmc = Bmc(self.folder / "bmc.sock", self)
        for host in (*NODES, *REMOTES):
            self.on(host)
        self._wait_for_nodes()
        self._configure()
        self.heal()

    def stop(self) -> None:
        """End every process and remove every namespace and file."""
        if hasattr(self, "bmc"):
            self.bmc.close()
        for host in tuple(self._hosts):
            self.off(host)
        for relay in self._relays:
            with contextlib.suppress(OSError):
                relay.shutdown(socket.SHUT_RDWR)
            relay.close()
        self._launcher.shutdown()
        self.network.remove()
        shutil.rmtree(self.folder, ignore_errors=True)

    def heal(self) -> None:
        """Power on what is off, forget failures, and wait until every host is online and every clone runs."""
        self.bmc.refusing.clear()
        self.bmc.hanging.clear()
        for host in (*NODES, *REMOTES):
            self.network.plug(host)
            self.on(host)
        self._wait_for_nodes()
        for host in REMOTES:
            if not self._runs(host, "pacemaker-remot"):
                self.off(host)
                self.on(host)
        end = time.monotonic() + _UP_LIMIT
        while not slowly_until(self._is_well, 15.0):
            if time.monotonic() > end:
                raise AssertionError(f"the cluster does not heal: {self._last_words()}")
            self.run("node1", "crm_resource", "--cleanup")

    # --- one host ----------------------------------------------------------------------------------------------------

    def is_on(self, host: str) -> bool:
        """Tell whether *host* has power."""
        process = self._hosts.get(host)
        return process is not None and process.poll() is None

    def on(self, host: str) -> None:
        """Power *host* on."""
        with self._power:
            if not self.is_on(host):
                self._start(host)

    def _start(self, host: str) -> None:
        self.network.plug(host)
        remoted = self._remoted if host in REMOTES else ""
        inside = (
            f"ip netns exec {self.network.namespace(host)} unshare -m -u -i -p --fork --kill-child=SIGKILL --mount-proc"
        )
        namespaces = f"setpriv --pdeathsig KILL {inside}".split()
        with (self.folder / f"{host}.console").open("ab") as console:
            # By one thread that lives as long as we do: with it, however we end, the kernel ends the host.
            self._hosts[host] = self._launcher.submit(
                subprocess.Popen,
                [*namespaces, str(HOST / "init.sh"), host, str(self.folder), remoted],
                env={"PATH": _PATH, "LANG": "C.UTF-8", **_opened()},
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                start_new_session=True,
            ).result()

    def off(self, host: str) -> None:
        """Pull the plug of *host*."""
        with self._power:
            self.network.cut(host)
            process = self._hosts.get(host)
            if process is None or process.poll() is not None:
                return
            init = self._init(host)
            if init:
                os.kill(init, signal.SIGKILL)
            process.kill()
            process.wait()

    def run(self, host: str, *command: str, limit: float = _COMMAND_LIMIT) -> subprocess.CompletedProcess[str]:
        """Run *command* on *host*; its failure is the caller's to see."""
        words = [*self.inside(host), *command]
        return subprocess.run(
            words, capture_output=True, text=True, timeout=limit, check=False, stdin=subprocess.DEVNULL
        )

    def inside(self, host: str) -> list[str]:
        """Return the words before a command that is to be run on *host*."""
        namespaces = ["nsenter", "-t", str(self._init(host)), "-m", "-u", "-i", "-n", "-p", "--"]
        return [*namespaces, "env", "-i", f"PATH={_PATH}", "HOME=/root", "LANG=C.UTF-8"]

    def done(self, host: str, *command: str) -> str:
        """Run *command* on *host* and return what it printed; its failure is ours."""
        ended = self.run(host, *command)
        assert ended.returncode == 0, (command, ended.returncode, ended.stdout, ended.stderr)
        return ended.stdout

    def kill(self, host: str, name: str, number: str = "KILL") -> None:
        """Send a signal to the processes of *host* whose names begin with *name*."""
        self.done(host, "sh", "-c", f"kill -{number} $(ps -eo pid,comm | awk '$2 ~ /^{name}/ {{print $1}}')")

    # --- what the cluster says ---------------------------------------------------------------------------------------

    def status(self) -> ET.Element:
        """Return crm_mon's view, from the first node that answers; an empty element when none does."""
        for node in NODES:
            if self.is_on(node):
                with contextlib.suppress(subprocess.TimeoutExpired, ET.ParseError):
                    said = self.run(node, "timeout", "5", "crm_mon", "-1", "--output-as=xml").stdout
                    return ET.fromstring(said)  # noqa: S314 - what the test's own cluster says
        return ET.Element("nothing")

    def is_online(self, host: str) -> bool:
        """Tell whether the cluster calls *host* online."""
        return host in self._online()

    def _online(self) -> set[str]:
        found = self.status().findall("./nodes/node")
        return {str(node.get("name")) for node in found if node.get("online") == "true" != node.get("pending")}

    def _wait_for_nodes(self) -> None:
        if not slowly_until(lambda: self._online() >= set(NODES), _UP_LIMIT):
            raise AssertionError(f"no cluster within {_UP_LIMIT} s: {self._last_words()}")

    def _is_well(self) -> bool:
        status = self.status()
        nodes = status.findall("./nodes/node[@online='true'][@unclean='false']")
        clones = status.findall("./resources/clone/resource[@role='Started'][@failed='false']")
        return {node.get("name") for node in nodes} == {*NODES, *REMOTES} and len(clones) == len(REMOTES)

    def _runs(self, host: str, name: str) -> bool:
        return until(lambda: name in self.run(host, "ps", "-eo", "comm").stdout, 5.0)

    def _init(self, host: str) -> int:
        """Return the process id of the host's init: the only child of its unshare."""
        pid = self._hosts[host].pid
        children = Path(f"/proc/{pid}/task/{pid}/children")
        until(lambda: children.exists() and children.read_text().split())
        found = children.read_text().split() if children.exists() else []
        return int(found[0]) if found else 0

    def _last_words(self) -> str:
        logs = [path for path in self.folder.glob("*/*.out") if path.stat().st_size]
        logs += list(self.folder.glob("*.console"))
        said = [f"{path.relative_to(self.folder)}: {path.read_text(errors='replace')[-300:]}" for path in logs]
        with contextlib.suppress(subprocess.TimeoutExpired):
            said.append(self.run("node1", "timeout", "5", "crm_mon", "-1", "-n", "-f").stdout)
        return "\n".join(said)

    # --- configuration -----------------------------------------------------------------------------------------------

    def _write_files(self) -> None:
        addresses = self.network.addresses
        (self.folder / "authkey").write_bytes(os.urandom(4096))
        lines = ["127.0.0.1 localhost", *(f"{address} {host}" for host, address in addresses.items())]
        (self.folder / "hosts").write_text("\n".join(lines) + "\n")
        (self.folder / "corosync.conf").write_text(_corosync([addresses[node] for node in NODES]))

    def _configure(self) -> None:
        for scope, text in _configuration(self.network.addresses).items():
            # Not --replace: the controller keeps its own options, such as its version, beside ours.
            self.done("node1", "cibadmin", "--modify", "--allow-create", "--scope", scope, "--xml-text", text)


def slowly_until(condition: Callable[[], object], deadline: float) -> bool:
    """Return as `until` does, for a condition that costs a process to look at: twice a second."""
    end = time.monotonic() + deadline
    while not (holds := bool(condition())) and time.monotonic() < end:
        time.sleep(0.5)
    return holds


def require_installed() -> None:
    """Raise ClusterMissingError, with the remedy, when the machine lacks something."""
    if os.geteuid() != 0:
        raise ClusterMissingError("only root can make namespaces")
    missing = [tool for tool in ("corosync", "pacemakerd", "crm_mon", "cibadmin", "ip") if shutil.which(tool) is None]
    if missing:
        raise ClusterMissingError(f"{', '.join(missing)} missing; apt-get install --no-install-recommends {PACKAGES}")


def _opened() -> dict[str, str]:
    """Return what init.sh has to open for hacluster: Python, its environment and the tree, below closed folders."""
    wanted = {Path(sys.base_prefix), Path(sys.prefix), Path(__file__).parent.parent.parent}
    closed = {path: [each for each in path.parents if not each.stat().st_mode & stat.S_IXOTH] for path in wanted}
    opened = {path: above[-1] for path, above in closed.items() if above}
    return {"OPENED": " ".join(map(str, opened)), "CLOSED": " ".join({str(each) for each in opened.values()})}


def _unpack_remote(folder: Path) -> str:
    """Return the path of pacemaker-remoted, unpacked from Debian's package."""
    target = folder / "remote"
    target.mkdir()
    fetched = subprocess.run(
        ["apt-get", "download", "pacemaker-remote"], cwd=target, capture_output=True, timeout=120, check=False
    )
    packages = list(target.glob("*.deb"))
    if not packages:
        raise ClusterMissingError(f"pacemaker-remote cannot be fetched: {fetched.stderr.decode()[-300:]}")
    subprocess.run(["dpkg", "-x", str(packages[0]), str(target)], check=True, timeout=60)
    return str(target / "usr/sbin/pacemaker-remoted")


def _corosync(addresses: Sequence[str]) -> str:
    nodes = [
        f"  node {{\n    ring0_addr: {address}\n    name: {name}\n    nodeid: {number}\n  }}\n"
        for number, (name, address) in enumerate(zip(NODES, addresses, strict=True), 1)
    ]
    # A machine that stands still for a second or two must not part the nodes: orders under way would be lost.
    return (
        "totem {\n  version: 2\n  cluster_name: medevac\n  transport: knet\n  token: 4000\n"
        "  crypto_cipher: none\n  crypto_hash: none\n}\n"
        "quorum {\n  provider: corosync_votequorum\n}\n"
        "logging {\n  to_logfile: no\n  to_syslog: no\n  to_stderr: yes\n}\n"
        "system {\n  move_to_root_cgroup: no\n  sched_rr: no\n}\n"
        "nodelist {\n" + "".join(nodes) + "}\n"
    )


def _configuration(addresses: Mapping[str, str]) -> dict[str, str]:
    """Return the sections of the configuration by their names, in the order in which they go in."""
    fencing = "".join(_fence_device(host) for host in addresses)
    remotes = "".join(_remote(host, addresses[host]) for host in REMOTES)
    away = "".join(
        f'<rsc_location id="away-{node}" rsc="service-clone" node="{node}" score="-INFINITY"/>' for node in NODES
    )
    options = {
        "stonith-enabled": "true",
        "cluster-recheck-interval": "30s",
        "stonith-timeout": "8s",
        "stonith-max-attempts": "2",
    }
    properties = f'<cluster_property_set id="options">{_pairs("option", options)}</cluster_property_set>'
    return {
        "crm_config": f"<crm_config>{properties}</crm_config>",
        "resources": f"<resources>{fencing}{remotes}{_SERVICE}</resources>",
        "constraints": f"<constraints>{away}</constraints>",
    }


_SERVICE = (
    '<clone id="service-clone"><primitive id="service" class="ocf" provider="pacemaker" type="Dummy">'
    '<operations><op id="service-monitor" name="monitor" interval="2s" timeout="10s"/></operations></primitive>'
    "</clone>"
)


def _fence_device(host: str) -> str:
    """compute1 is left off, as docs/triggers.md advises; compute2 comes back, as is Pacemaker's default."""
    options = {"pcmk_host_list": host, "pcmk_off_timeout": "8s", "pcmk_reboot_timeout": "8s"}
    options |= {"pcmk_reboot_action": "off"} if host == "compute1" else {}
    return (
        f'<primitive id="fence-{host}" class="stonith" type="fence_medevac_test">'
        f'<instance_attributes id="fence-{host}-options">{_pairs(f"fence-{host}", options)}</instance_attributes>'
        f"</primitive>"
    )


def _remote(host: str, address: str) -> str:
    options = {"server": address, "reconnect_interval": "5s"}
    return (
        f'<primitive id="{host}" class="ocf" provider="pacemaker" type="remote">'
        f'<instance_attributes id="{host}-options">{_pairs(host, options)}</instance_attributes><operations>'
        f'<op id="{host}-monitor" name="monitor" interval="{MONITOR}s" timeout="{MONITOR}s"/>'
        f'<op id="{host}-start" name="start" interval="0s" timeout="15s"/></operations></primitive>'
    )


def _pairs(prefix: str, options: dict[str, str]) -> str:
    return "".join(f'<nvpair id="{prefix}-{name}" name="{name}" value="{options[name]}"/>' for name in options)
