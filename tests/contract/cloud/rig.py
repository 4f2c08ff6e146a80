"""A stage on a real Nova whose hosts can be killed by scripts.

MEDEVAC_TEST_CLOUD        the cloud in clouds.yaml; everything on its hosts is at our mercy
MEDEVAC_TEST_CLOUD_RIG    a folder with kill-host.sh (-p HOST: power loss), start-host.sh (HOST), env.sh and lib.sh
MEDEVAC_TEST_CLOUD_STATE  the folder in which the rig's processes keep hosts/ (fail_spawn) and run/*.pid
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from novaclient import client as novaclient_client

from medevac.core.errors import RefusedError
from medevac.flows.estate import CONDUCTOR
from medevac.flows.ports import Cloud, HostService
from medevac.sandbox.cloud.model.server import RUNNING
from medevac.workers.openstack.nova import NovaCloud
from medevac.workers.openstack.session import open_session
from tests.contract.cloud.between import Between
from tests.contract.cloud.control_plane import ControlPlane
from tests.contract.cloud.stage import service, until

NAME = "contract"
COMPUTE = "nova-compute"
_FLAVOR = "m1.rig"


class RigStage:
    """Implements Stage on a real Nova.  The administrator's and the owner's acts go through novaclient."""

    def __init__(self, cloud: str) -> None:
        self._session = session = open_session(cloud)
        self.cloud: Cloud = NovaCloud(session)
        self.patience = 90.0
        self.pause = 0.3
        self._admin: Any = novaclient_client.Client("2.90", session=session.session, region_name=session.region)
        self._scripts = Path(os.environ["MEDEVAC_TEST_CLOUD_RIG"])
        self.hosts = tuple(sorted(found.host for found in self._admin.services.list(binary=COMPUTE)))
        aggregate = next(a for a in self._admin.aggregates.list() if set(a.hosts) >= set(self.hosts))
        self.aggregate: str = aggregate.name
        self.zone: str = aggregate.availability_zone
        access = session.session.auth.get_access(session.session)  # type: ignore[union-attr] # it has logged in
        self.project = str(access.project_name)
        self._flavor = next(f.id for f in self._admin.flavors.list() if f.name == _FLAVOR)
        endpoint = session.session.get("/v2/images", endpoint_filter={"service_type": "image"})
        self._image = endpoint.json()["images"][0]["id"]

    def reset(self) -> None:
        """Make the stage as every test expects it."""
        for host in self.hosts:
            self._put_in_service(host)
        for found in self._ours():
            self._admin.servers.force_delete(found.id)
        until(self, lambda: not self._ours(), "the servers of earlier tests are gone")

    def boot(self, host: str, count: int = 1, *, vm_state: str = "active", locked: bool = False) -> tuple[str, ...]:
        kinds = {"nics": "none", "availability_zone": f"{self.zone}:{host}"}
        ids = tuple(self._admin.servers.create(NAME, self._image, self._flavor, **kinds).id for _ in range(count))
        for server_id in ids:
            self._bring_to(server_id, vm_state)
            if locked:
                self._admin.servers.lock(server_id)
        return ids

    def group(self, policy: str, count: int) -> tuple[str, ...]:
        group = self._admin.server_groups.create(NAME, policy)
        kinds = {"nics": "none", "scheduler_hints": {"group": group.id}}
        where = [f"{self.zone}:{host}" for host in self.hosts[:count]]
        create = self._admin.servers.create
        ids = tuple(create(NAME, self._image, self._flavor, availability_zone=zone, **kinds).id for zone in where)
        for server_id in ids:
            self._await_state(server_id, "active")
        return ids

    def delete(self, server_id: str) -> None:
        self._admin.servers.delete(server_id)
        until(self, lambda: self.cloud.server(server_id) is None, "the server is deleted")

    def cut_power(self, host: str) -> None:
        self._script("kill-host.sh", "-p", host)

    def bring_back(self, host: str) -> None:
        """Start *host*, and again while it has not cleaned up: each start closes one record of a server, the newest."""
        self.start(host)
        while any(record.status == "done" for record in self.cloud.evacuations_from(host)):
            self.kill_nova_compute(host)
            self.start(host)

    @contextmanager
    def leave_only(self, host: str) -> Iterator[None]:
        living = [name for name in self.hosts if name != host and self._beats(name)]
        others = [self._admin.services.list(host=name, binary=COMPUTE)[0] for name in living]
        changed = [other.id for other in others if other.status == "enabled"]
        for other in changed:
            self._admin.services.disable(other)
        try:
            yield
        finally:
            for other in changed:
                self._admin.services.enable(other)

    @contextmanager
    def break_spawning(self) -> Iterator[None]:
        knob = self._state() / "hosts" / "fail_spawn"
        knob.write_text("-1")
        try:
            yield
        finally:
            knob.unlink()

    @contextmanager
    def slow_spawning(self, seconds: float) -> Iterator[None]:
        """Let every guest take *seconds* to start, as long as the context lasts."""
        knob = self._state() / "hosts" / "spawn_delay"
        knob.write_text(str(seconds))
        try:
            yield
        finally:
            knob.unlink()

    def is_sent(self, server_id: str, host: str) -> bool:  # noqa: ARG002 - nova-conductor tells only that it has chosen
        last = self._admin.instance_action.list(server_id)[0]
        events = self._admin.instance_action.get(server_id, last.request_id).events
        return any(event["event"] == "rebuild_server" and event["finish_time"] for event in events)

    def never_begin(self) -> AbstractContextManager[None]:
        """Freeze nova-conductor; unlike the others' doing, Nova begins when the context ends."""
        return self.control_plane.frozen(CONDUCTOR)

    def lose_cell_of(self, host: str) -> AbstractContextManager[None]:
        pytest.skip(f"the database of the cell of {host} is that of Nova's API, which would be away too")

    @contextmanager
    def lose_control(self, binary: str) -> Iterator[None]:
        """Freeze it, and wait as long as Nova waits for its report: a minute, unless the rig is told otherwise."""
        with self.control_plane.frozen(binary):
            until(self, lambda: not self.cloud.control_services()[binary], f"{binary} counts as down")
            yield
        until(self, lambda: self.cloud.control_services()[binary], f"{binary} counts as up")

    @contextmanager
    def lose_answers(self, kind: str, path: str) -> Iterator[None]:
        straight = self.cloud
        endpoint = self._session.session.get_endpoint(service_type="compute", region_name=self._session.region)
        with Between(str(endpoint), kind, path) as between:
            through = NovaCloud(replace(self._session, compute_endpoint=between.endpoint))
            self.cloud = through
            try:
                yield
            finally:
                self.cloud = straight

    @property
    def control_plane(self) -> ControlPlane:
        """Return the hands on Nova's own processes."""
        return ControlPlane(self._scripts, self._state())

    def start(self, host: str) -> None:
        """Start nova-compute on *host* and return when it has reported."""
        before = service(self, host).updated_at
        self._script("start-host.sh", host)
        until(self, lambda: (service(self, host).updated_at or 0) > (before or 0), f"{host} has reported")

    def disable(self, host: str, reason: str) -> None:
        """Disable *host*, as an operator does."""
        self._admin.services.disable_log_reason(self._admin.services.list(host=host, binary=COMPUTE)[0].id, reason)

    def force_down(self, host: str) -> None:
        """Force *host* down, as an operator does."""
        self._admin.services.force_down(self._admin.services.list(host=host, binary=COMPUTE)[0].id, True)  # noqa: FBT003 - novaclient's order

    def copies(self) -> dict[str, list[str]]:
        """Return on which hosts each server's guest runs, as their hypervisors tell it."""
        found: dict[str, list[str]] = {}
        for path in (self._state() / "hosts").glob("*/vms/*"):
            if path.suffix != ".tmp" and json.loads(path.read_text())["state"] == RUNNING:
                found.setdefault(path.name, []).append(path.parent.parent.name)
        return found

    def requests(self) -> int:
        """Return how many requests Nova's API has answered."""
        with (self._state() / "log" / "nova-api-access.log").open("rb") as lines:
            return sum(1 for _ in lines)

    def kill_nova_compute(self, host: str) -> None:
        """End nova-compute on *host* as a crash does; its guests run on."""
        self._script("kill-host.sh", host)

    @contextmanager
    def stand_still(self, host: str) -> Iterator[None]:
        """Let nova-compute on *host* stand still as long as the context lasts; its guests run on."""
        process = int((self._state() / "run" / "hosts" / f"{host}.pid").read_text())
        os.kill(process, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(process, signal.SIGCONT)

    def _bring_to(self, server_id: str, vm_state: str) -> None:
        self._await_state(server_id, "active")
        acts: dict[str, Callable[[], object]] = {
            "active": lambda: None,
            "stopped": lambda: self._admin.servers.stop(server_id),
            "paused": lambda: self._admin.servers.pause(server_id),
            "error": lambda: self._admin.servers.reset_state(server_id, "error"),
        }
        acts[vm_state]()
        self._await_state(server_id, vm_state)

    def _await_state(self, server_id: str, vm_state: str) -> None:
        def there() -> bool:
            found = self.cloud.server(server_id)
            return found is not None and found.vm_state == vm_state and not found.task_state

        until(self, there, f"server {server_id} is {vm_state}")

    def _put_in_service(self, host: str) -> None:
        found = service(self, host)
        if not found.forced_down and found.enabled and found.state == "up" and self._beats(host):
            return
        self.bring_back(host)
        wanted = HostService(
            "", host, "", enabled=True, state="up", forced_down=False, disabled_reason="", updated_at=0
        )
        deadline = time.monotonic() + self.patience
        while True:
            try:
                self.cloud.put_back(found, wanted)
            except RefusedError:
                assert time.monotonic() < deadline
                time.sleep(self.pause)
            else:
                break
        until(self, lambda: service(self, host).state == "up", f"{host} is up")

    def _beats(self, host: str) -> bool:
        return (self._state() / "run" / "hosts" / f"{host}.pid").exists()

    def _ours(self) -> list[Any]:
        listed: list[Any] = self._admin.servers.list(detailed=True, search_opts={"all_tenants": True})
        return [found for found in listed if found.name.startswith(NAME)]

    def _script(self, name: str, *arguments: str) -> None:
        subprocess.run([self._scripts / name, *arguments], check=True, timeout=self.patience, stdout=subprocess.DEVNULL)

    def _state(self) -> Path:
        folder = os.environ.get("MEDEVAC_TEST_CLOUD_STATE")
        if folder is None:
            pytest.skip("needs MEDEVAC_TEST_CLOUD_STATE, to reach into the real Nova")
        return Path(folder)
