"""SandboxSite: a whole site on one machine, in one folder: ZooKeeper, a simulated cloud, triage and conductors.

Every part is a process of its own with a log file in the folder; all of them end, and the folder goes, with stop().
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml
from kazoo.client import KazooClient
from kazoo.exceptions import NoNodeError

from medevac.core import layout
from medevac.core.errors import MedevacError, StoreUnreachableError
from medevac.core.wire import to_plain
from medevac.sandbox.cloud.client import SiteClient
from medevac.sandbox.cloud.http.side_hands import CLONES
from medevac.sandbox.cloud.model.settings import Settings
from medevac.sandbox.cloud.model.site import SiteSpec
from medevac.sandbox.processes import Child, program, stop_all
from medevac.sandbox.zookeeper import ZookeeperServer, require_installed
from medevac.workers.zookeeper import bounded, connect, disconnect

CHROOT = "/medevac"
READY_DEADLINE = 90.0
"""Seconds within which all processes are ready (3 s on an idle 2-core machine)."""
BUILT_A_SECOND = 200
"""Servers that the simulated cloud builds in a second at the least (3,000 on an idle machine)."""
PAUSE = 0.05
_BRAKES = ("least", "per_minute", "fencings", "hosts_at_once")
_ERROR = re.compile(r" (ERROR|CRITICAL) |^\w*(\.\w+)*(Error|Exception): ")
"""A line of a worker's log that somebody should read: a logged error, or the end of a traceback."""

Check = Callable[[], None]
"""Called again and again while the site is being waited for; raising ends the wait."""


class SiteNotReadyError(MedevacError):
    """A process of the sandbox was started and did not become ready in time."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What the site is made of."""

    cloud: SiteSpec
    settings: Settings = field(default_factory=Settings)
    """Knobs of the simulated cloud."""
    conductors: int = 2
    triages: int = 2
    session_timeout: float = 4.0
    """Seconds of silence after which another worker takes over."""
    policies: Path | None = None
    """A directory of policies; None: the three of the demo."""
    shared_storage: Sequence[str] = ("*",)
    fence_timeout: int = 20
    """Seconds within which fencing must end with evidence."""
    brakes: Mapping[str, object] = field(default_factory=lambda: dict.fromkeys(_BRAKES, 1000))
    """The site file's `brakes`.  By default a small site may lose one host after another, as trials do to it."""
    site_file: Mapping[str, object] = field(default_factory=dict)
    """Further keys of the site file."""


class CloudProcess:
    """The simulated cloud as a process of its own, in a folder that somebody else removes."""

    def __init__(self, folder: Path, spec: SiteSpec, settings: Settings) -> None:
        """Start it; call wait_ready() before anything else."""
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        description = folder / "site.json"
        description.write_text(json.dumps(to_plain(spec)), encoding="utf-8")
        self._ready = folder / "ready.json"
        places = ["--directory", str(folder), "--ready-file", str(self._ready), "--site", str(description)]
        command = [sys.executable, "-m", "medevac.sandbox.cloud", *places, *_knobs(settings)]
        self.child = Child("the simulated cloud", command, folder / "cloud.log", os.environ)
        self.addresses: Mapping[str, Any] = {}

    def wait_ready(self, check: Check = lambda: None, deadline: float = READY_DEADLINE) -> None:
        """Return when it serves.  Raises SiteNotReadyError, ChildEndedError, and what *check* raises."""
        wait_until(self._read_addresses, "the simulated cloud does not serve", check, deadline)

    @property
    def site(self) -> SiteClient:
        """Return the side door: orders and the observer's view, which no client of Nova's sees."""
        return SiteClient(str(self.addresses["side_door"]))

    def environment(self, cloud: str = "sandbox") -> dict[str, str]:
        """Return the variables with which OpenStack's tools find it, as the user sandbox (admin) or medevac."""
        return {"OS_CLIENT_CONFIG_FILE": str(self.addresses["clouds_yaml"]), "OS_CLOUD": cloud}

    def stop(self) -> None:
        """End it."""
        stop_all([self.child])

    def _read_addresses(self) -> bool:
        self.child.require_alive()
        if not self._ready.exists():
            return False
        self.addresses = json.loads(self._ready.read_text(encoding="utf-8"))
        return True


class SandboxSite:
    """A running site.  Use it as a context manager, or call start() and stop().

    Call start() from a thread that lives as long as the site: the kernel ends the processes with it.
    """

    def __init__(self, plan: Plan, check: Check = lambda: None) -> None:
        """Make nothing yet; *check* is called while start() waits, and may raise to give up."""
        self.plan = plan
        self.folder = Path()
        self.zookeeper = ZookeeperServer(fsync=False)
        self.conductors: list[Child] = []
        self.triages: list[Child] = []
        self._check = check
        self._cloud: CloudProcess | None = None
        self._client: KazooClient | None = None

    def start(self) -> Self:
        """Bring everything up and wait until it is ready; on any failure everything is taken down again.

        Raises ZookeeperMissingError, SiteNotReadyError, ChildEndedError.
        """
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self, *, keep_folder: bool = False) -> None:
        """End every process and remove the folder (with the logs), unless *keep_folder*.  Safe to repeat."""
        client, self._client = self._client, None
        if client is not None:
            disconnect(client)
        stop_all(self.workers)
        if self._cloud is not None:
            self._cloud.stop()
        self.zookeeper.stop()
        if self.folder != Path() and not keep_folder:
            shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def workers(self) -> list[Child]:
        """Return every worker that was started, dead ones too."""
        return [*self.triages, *self.conductors]

    @property
    def cloud(self) -> SiteClient:
        """Return the side door of the cloud."""
        return self._running_cloud.site

    @property
    def client(self) -> KazooClient:
        """Return a ZooKeeper client, chrooted as the workers' are."""
        if self._client is None:
            raise SiteNotReadyError("the site is not up")
        return self._client

    @property
    def hosts(self) -> str:
        """Return the ZooKeeper address that every medevac command takes."""
        return f"{self.zookeeper.hosts}{CHROOT}"

    def environment(self) -> dict[str, str]:
        """Return the variables with which `medevac` and `openstack` find this site."""
        return {
            "MEDEVAC_ZOOKEEPER": self.hosts,
            "MEDEVAC_SITE": str(self.folder / "medevac.yaml"),
            **self._running_cloud.environment(),
        }

    def start_conductor(self) -> Child:
        """Start one more conductor."""
        child = self._worker("conductor", len(self.conductors) + 1)
        self.conductors.append(child)
        return child

    def start_triage(self) -> Child:
        """Start one more triage worker."""
        child = self._worker("triage", len(self.triages) + 1)
        self.triages.append(child)
        return child

    def worker_of(self, name: str) -> Child | None:
        """Return the process of the worker that signs as *name*, as on claims and in journals."""
        parts = name.split("-")
        return next((child for child in self.workers if str(child.pid) in parts), None)

    def complaints(self) -> list[str]:
        """Return the errors in the workers' logs, each with the worker's name."""
        return [
            f"{child.name}: {line}"
            for child in self.workers
            for line in child.log.read_text(errors="replace").splitlines()
            if _ERROR.search(line)
        ]

    def require_alive(self) -> None:
        """Raise ChildEndedError when the cloud has ended by itself."""
        self._running_cloud.child.require_alive()

    def wait_until(self, condition: Callable[[], bool], complaint: str, deadline: float = READY_DEADLINE) -> None:
        """Return when *condition* holds; raise SiteNotReadyError with *complaint* after *deadline* seconds."""
        wait_until(condition, complaint, self._check, deadline)

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop, and remove the folder."""
        self.stop()

    @property
    def _running_cloud(self) -> CloudProcess:
        if self._cloud is None:
            raise SiteNotReadyError("the site is not up")
        return self._cloud

    def _start(self) -> None:
        require_installed()
        self.folder = Path(tempfile.mkdtemp(prefix="medevac-site-"))
        self._cloud = CloudProcess(self.folder / "cloud", self.plan.cloud, self.plan.settings)
        self.zookeeper.start()
        self._check()
        self._cloud.wait_ready(self._check, READY_DEADLINE + len(self.plan.cloud.servers) / BUILT_A_SECOND)
        self._write_files()
        for _ in range(self.plan.triages):
            self.start_triage()
        for _ in range(self.plan.conductors):
            self.start_conductor()
        self._client = connect(self.hosts)
        self.wait_until(self._workers_are_ready, f"the workers are not ready; see their logs in {self.folder}")

    def _workers_are_ready(self) -> bool:
        for child in self.workers:
            child.require_alive()
        try:
            signed_on = len(bounded(self.client.get_children_async(layout.WORKERS)))
            leaders = len(bounded(self.client.get_children_async(layout.LEADER)))
        except (NoNodeError, StoreUnreachableError):
            return False
        return signed_on >= len(self.workers) and leaders >= len(self.triages)

    def _write_files(self) -> None:
        cloud = self._running_cloud
        policies = self.folder / "policies"
        copy_policies(policies) if self.plan.policies is None else shutil.copytree(self.plan.policies, policies)
        secret = self.folder / "bmc-password"
        secret.touch(mode=0o600)
        secret.write_text(self.plan.settings.bmc_password + "\n", encoding="utf-8")
        device = {
            "hosts": ["*"],
            "agent": str(cloud.addresses["fence_agent"]),
            "options": {"ip": "127.0.0.1", "ipport": str(cloud.addresses["bmc_port"]), "username": "root"},
            "secrets": {"password": {"file": str(secret)}},
            "plug": "{host}",
            "timeout": "10s",
        }
        site = {
            "zookeeper": self.hosts,
            "cloud": "medevac",
            "policies": "policies",
            "fencing": [device],
            "limits": {"fence_timeout": f"{self.plan.fence_timeout}s"},
            "shared_storage": list(self.plan.shared_storage),
            "brakes": dict(self.plan.brakes),
            "hypervisor": {"program": str(cloud.addresses["hands"])},
            "services": {**{name: clone for clone, name in CLONES.items()}, "through": str(cloud.addresses["hands"])},
            **self.plan.site_file,
        }
        (self.folder / "medevac.yaml").write_text(yaml.safe_dump(site, sort_keys=False), encoding="utf-8")
        (self.folder / "env").write_text(self._shell(), encoding="utf-8")

    def _shell(self) -> str:
        """Return what a shell must be told so that `medevac` and `openstack` find this site."""
        lines = [f"export {name}='{value}'" for name, value in self.environment().items()]
        return "\n".join([*lines, f"export PATH='{sysconfig.get_path('scripts')}':\"$PATH\""]) + "\n"

    def _worker(self, role: str, number: int) -> Child:
        command = [
            program("medevac"),
            "worker",
            "--role",
            role,
            "--site",
            str(self.folder / "medevac.yaml"),
            "--session-timeout",
            str(self.plan.session_timeout),
        ]
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("OS_", "MEDEVAC_"))}
        environment |= self._running_cloud.environment("medevac")
        return Child(f"{role} {number}", command, self.folder / f"{role}-{number}.log", environment)


def wait_until(condition: Callable[[], bool], complaint: str, check: Check, deadline: float) -> None:
    """Return when *condition* holds; raise SiteNotReadyError with *complaint* after *deadline* seconds."""
    until = time.monotonic() + deadline
    while not condition():
        check()
        if time.monotonic() > until:
            raise SiteNotReadyError(f"{complaint} ({deadline:.0f} s)")
        time.sleep(PAUSE)


def copy_policies(folder: Path) -> None:
    """Write the demo's three policies, which travel with this package, to the new *folder*."""
    folder.mkdir()
    for file in (resources.files("medevac.sandbox.demo") / "policies").iterdir():
        (folder / file.name).write_bytes(file.read_bytes())


def _knobs(settings: Settings) -> list[str]:
    """Return the options for what differs from the defaults: the passwords do not stand in a list of processes."""
    usual = to_plain(Settings())
    changed = {name: value for name, value in to_plain(settings).items() if value != usual[name]}
    return [word for name, value in changed.items() for word in (f"--{name.replace('_', '-')}", str(value))]
