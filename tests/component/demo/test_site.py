"""SandboxSite as tests and benchmarks use it: in their own process."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from medevac.core import layout
from medevac.sandbox.cloud.model.site import HostSpec, ServerSpec, SiteSpec
from medevac.sandbox.demo.observe import Observer
from medevac.sandbox.site import Plan, SandboxSite
from medevac.sandbox.zookeeper import ZookeeperMissingError
from tests.fixtures.services import require
from tests.fixtures.sites import SharedSite, shared

SPEC = SiteSpec(hosts=(HostSpec("compute-1"), HostSpec("compute-2")), servers=(ServerSpec("one", "compute-1"),))
LOOKS = 30


@pytest.fixture(scope="module")
def keeper() -> Iterator[SharedSite]:
    with shared(Plan(cloud=SPEC, conductors=1, triages=1)) as keeper:
        yield keeper


@pytest.fixture
def site(keeper: SharedSite, request: pytest.FixtureRequest) -> SandboxSite:
    return keeper.of(request.node)


def test_workers_can_be_told_apart_killed_and_added(site: SandboxSite) -> None:
    first = site.conductors[0]
    names = site.client.get_children(layout.WORKERS)
    assert {site.worker_of(name) for name in names} == set(site.workers)

    first.kill()
    added = site.start_conductor()

    def is_replaced() -> bool:
        present = [site.worker_of(name) for name in site.client.get_children(layout.WORKERS)]
        return added in present and first not in present

    site.wait_until(is_replaced, "the new conductor did not take the place of the killed one")
    assert not first.alive


def test_no_secret_stands_in_the_site_file_or_in_a_command_line(site: SandboxSite) -> None:
    password = site.plan.settings.bmc_password
    commands = [Path(f"/proc/{child.pid}/cmdline").read_text() for child in site.workers if child.alive]

    assert password not in (site.folder / "medevac.yaml").read_text()
    assert not any(password in command for command in commands)
    assert (site.folder / "bmc-password").stat().st_mode & 0o077 == 0


def test_watching_is_not_counted_as_work(site: SandboxSite) -> None:
    for worker in site.workers:
        worker.kill()  # what they ask and how often they ping would be counted: this test is the last on its site
    observer = Observer(site)

    for _ in range(LOOKS):
        observer.look()

    assert observer.client.calls >= 2 * LOOKS
    assert observer.zookeeper_requests() < LOOKS / 3  # our own session may ping when a look takes long


def test_a_site_that_is_stopped_leaves_nothing() -> None:
    with require("ZooKeeper", ZookeeperMissingError):
        site = SandboxSite(Plan(cloud=SPEC, conductors=1, triages=0)).start()
    folder, children = site.folder, list(site.workers)
    children[0].signal(signal.SIGSTOP)  # one that does not even hear that it should end

    site.stop()
    site.stop()

    assert not folder.exists()
    assert not any(child.alive for child in children)
    assert site.zookeeper.pid == 0
