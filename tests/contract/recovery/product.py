"""medevac itself, in processes of its own, on the rig's cloud and a real ZooKeeper.

Its fence agent cuts the power of the rig's hosts: until it does, their guests run on.
"""

from __future__ import annotations

import collections
import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from kazoo.client import KazooClient

from medevac.core import layout
from medevac.core.incident import Incident
from medevac.flows.ports import Migration, Server
from medevac.sandbox.processes import Child, program, stop_all
from medevac.workers import board_view, incidents
from tests.contract.cloud.rig import RigStage

log = logging.getLogger(__name__)

SESSION = 6.0
PAUSE = 0.3
"""Seconds between two looks: a real Nova must not be kept busy by being watched."""
POLICY = """
policy: everyone
match: everyone
when:
  host.down: [fence, disable, evacuate: {timeout: 60s}, verify]
"""
_AGENT = """#!{python}
import os, subprocess, sys
told = dict(line.strip().split("=", 1) for line in sys.stdin if "=" in line)
off = os.path.join({folder!r}, "off-" + told["plug"])
with open(os.path.join({folder!r}, "power.log"), "a") as log:
    log.write(told["action"] + " " + told["plug"] + "\\n")
if told["action"] == "off":
    subprocess.run([{script!r}, "-p", told["plug"]], check=True)
    open(off, "w").close()
is_off = os.path.exists(off)
print("Status: OFF" if is_off else "Status: ON")
sys.exit(0 if told["action"] == "off" else 2 if is_off else 0)
"""


class Product:
    """What operators run and type; a context manager that ends the workers."""

    def __init__(self, rig: RigStage, client: KazooClient, zookeeper: str, folder: Path) -> None:
        self.client = client
        self.zookeeper = zookeeper
        self.folder = folder
        self._rig = rig
        self._children: list[Child] = []
        self._known = {host: self._newest(host) for host in rig.hosts}
        self.configure()

    def configure(self, policy: str = POLICY, site: str = "") -> None:
        """Write the site file, *site* being more of its lines, and its one policy; for workers that start later."""
        policies = self.folder / "policies"
        policies.mkdir(exist_ok=True)
        (policies / "everyone.yaml").write_text(policy)
        agent = self.folder / "fence_rig"
        script = str(Path(os.environ["MEDEVAC_TEST_CLOUD_RIG"]) / "kill-host.sh")
        agent.write_text(_AGENT.format(python=sys.executable, folder=str(self.folder), script=script))
        agent.chmod(0o755)
        (self.folder / "medevac.yaml").write_text(
            f"zookeeper: {self.zookeeper}\n"
            f"cloud: {os.environ['MEDEVAC_TEST_CLOUD']}\n"
            "policies: policies\n"
            f"fencing:\n  - {{hosts: ['*'], agent: {agent}, plug: '{{host}}'}}\n"
            "shared_storage: ['*']\n" + site
        )

    def work(self, *roles: str) -> None:
        """Start one worker for each of *roles*, and return when all are known."""
        for role in roles or ("both",):
            command = [program("medevac"), "worker", "--site", str(self.folder / "medevac.yaml"), "--role", role]
            file = self.folder / f"{role}-{len(self._children)}.log"
            self._children.append(Child(role, [*command, "--session-timeout", str(SESSION)], file, os.environ))
        self.until(lambda: len(self.client.get_children(layout.WORKERS)) == len(self._children), deadline=30)

    def kill_busy_conductor(self) -> str:
        """End the worker that has claimed the job as `kill -9` does; return its name."""
        owner = self.busy()
        os.kill(int(owner.split("-")[-2]), signal.SIGKILL)
        return owner

    def busy(self) -> str:
        """Return the name of the worker that has claimed the one job; empty where nobody has."""
        (job,) = board_view.jobs(self.client)
        return job.owner

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        stop_all(self._children)

    def command(self, *words: str) -> str:
        """Return what `medevac *words* --zookeeper ...` prints."""
        asked = [program("medevac"), *words, "--zookeeper", self.zookeeper]
        return subprocess.run(asked, check=True, timeout=60, capture_output=True, text=True).stdout

    def post(self, kind: str, host: str) -> None:
        """Say that *kind* was seen of *host*."""
        self.command("event", "post", kind, host)

    def until(self, condition: Callable[[], object], deadline: float = 90.0) -> None:
        """Return as soon as *condition* holds; fail with how things stand when it does not within *deadline*."""
        give_up = time.monotonic() + deadline
        while not condition():
            assert time.monotonic() < give_up, self._stands()
            time.sleep(PAUSE)

    def _stands(self) -> str:
        told = [f"{each.id}: {each.state} ({each.reason})" for each in incidents.read_all(self.client)]
        told += [f"{child.name}: {child.last_words}" for child in self._children]
        return "\n".join([*told, self.command("event", "list")])

    def fenced(self) -> list[str]:
        """Return the hosts that the fence agent switched off, each as often as it was told to."""
        orders = self.folder / "power.log"
        lines = orders.read_text().splitlines() if orders.exists() else []
        return [line.removeprefix("off ") for line in lines if line.startswith("off ")]

    def power_on(self, host: str) -> None:
        """Give *host* power, and return when its nova-compute has reported."""
        (self.folder / f"off-{host}").unlink(missing_ok=True)
        self._rig.start(host)

    def incident(self, failure: str, host: str = "") -> Incident | None:
        """Return the newest incident of *failure*."""
        name = f"{failure}:{host}" if host else f"{failure}:"
        found = [each for each in incidents.read_all(self.client) if each.id.startswith(name)]
        return max(found, key=lambda each: each.generation, default=None)

    def ended(self, failure: str, host: str = "", deadline: float = 240.0) -> Incident:
        """Return the newest incident of *failure* once it has ended, and log how it went."""
        return self._seen(failure, host, lambda found: found.state.final, deadline)

    def held(self, failure: str, by: str, host: str = "") -> Incident:
        """Return the incident of *failure* once *by* holds it."""
        return self._seen(failure, host, lambda found: found.held_by == by, deadline=120.0)

    def assert_back(self, before: Iterable[Server]) -> None:
        """Fail unless each of *before* is as it was, on another host, and no guest runs twice."""
        for was in before:
            now = self._rig.cloud.server(was.id)
            assert now is not None
            assert now.host != was.host, now
            assert (now.vm_state, now.locked, now.task_state) == (was.vm_state, was.locked, ""), now
        assert [hosts for hosts in self._rig.copies().values() if len(hosts) > 1] == []

    def _seen(self, failure: str, host: str, wanted: Callable[[Incident], bool], deadline: float) -> Incident:
        def look() -> bool:
            found = self.incident(failure, host)
            return found is not None and wanted(found)

        self.until(look, deadline)
        found = self.incident(failure, host)
        assert found is not None
        log.info("%s: %s (%s)", found.id, found.state, found.reason)
        for entry in incidents.journal(self.client, found.id):
            log.info("%8.2f %-20s %s", entry.at - found.stored_at, entry.step, entry.text)
        return found

    def asked(self) -> int:
        """Return how many evacuations Nova was asked for, by the journals: it costs Nova nothing to look there."""
        return self._written("asking Nova to evacuate")

    def arrived(self) -> int:
        """Return how many servers have arrived on other hosts, by the journals."""
        return self._written("arrived on")

    def _written(self, words: str) -> int:
        journals = (incidents.journal(self.client, each.id) for each in incidents.read_all(self.client))
        return sum(words in entry.text for journal in journals for entry in journal)

    def settled(self, kind: str) -> str:
        """Return why the events of *kind* were settled as they were, as soon as they are."""
        found: list[str] = []

        def there() -> bool:
            told = json.loads(self.command("event", "list", "--json"))["handled"]
            found[:] = [each["reason"] for each in told if each["event"]["kind"] == kind]
            return bool(found)

        self.until(there)
        return "; ".join(found)

    def evacuations(self, host: str) -> collections.Counter[str]:
        """Return how many evacuations of each server from *host* Nova has taken on since the test began."""
        return collections.Counter(record.server_id for record in self.records(host))

    def records(self, host: str) -> list[Migration]:
        """Return Nova's records of the evacuations from *host* since the test began."""
        return [record for record in self._rig.cloud.evacuations_from(host) if record.id > self._known[host]]

    def _newest(self, host: str) -> int:
        return max((record.id for record in self._rig.cloud.evacuations_from(host)), default=0)
