"""A mistyped path of ZooKeeper is not taken for a new site, by workers or by commands; the first site needs no word."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from kazoo.client import KazooClient

from medevac.core import layout
from medevac.core.errors import StoreUnreachableError
from medevac.sandbox.cloud.model.site import HostSpec, SiteSpec
from medevac.sandbox.processes import program
from medevac.sandbox.site import Plan, SandboxSite
from medevac.sandbox.zookeeper import ZookeeperMissingError, ZookeeperServer
from medevac.workers import founding
from medevac.workers.zookeeper import connect, disconnect
from tests.fixtures.services import require


@pytest.fixture
def empty() -> Iterator[ZookeeperServer]:
    server = ZookeeperServer(fsync=False)
    with require("ZooKeeper", ZookeeperMissingError):
        server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def living() -> Iterator[SandboxSite]:
    spec = SiteSpec(hosts=(HostSpec("compute-1"),))
    with require("ZooKeeper"), SandboxSite(Plan(spec, conductors=1, triages=1)) as running:
        yield running


def at(server: ZookeeperServer, path: str) -> tuple[KazooClient, str]:
    address = f"{server.hosts}{path}"
    return connect(address), address


def names(server: ZookeeperServer) -> set[str]:
    client = connect(server.hosts)
    try:
        return set(client.get_children("/")) - {"zookeeper"}
    finally:
        disconnect(client)


def run(*words: str) -> tuple[int, str]:
    called = [program("medevac"), *words]
    done = subprocess.run(called, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout + done.stderr


def test_the_first_worker_of_a_zookeeper_begins_its_site_without_a_word(empty: ZookeeperServer) -> None:
    client, address = at(empty, "/openstack/medevac")
    founding.enter(client, address)
    assert client.exists(layout.TRAFFIC)
    founding.enter(client, address)  # and every later one finds it there
    disconnect(client)


def test_workers_that_begin_it_together_do_not_take_it_for_anothers(empty: ZookeeperServer) -> None:
    address = f"{empty.hosts}/medevac"
    clients = [connect(address) for _ in range(6)]
    together = threading.Barrier(len(clients))

    def enter(client: KazooClient) -> None:
        together.wait(30)
        founding.enter(client, address)

    with ThreadPoolExecutor(len(clients)) as threads:
        list(threads.map(enter, clients))
    assert founding.elsewhere(address) == []
    assert [site.path for site in founding.elsewhere(f"{empty.hosts}/medevca")] == ["/medevac"]
    for client in clients:
        disconnect(client)


def test_a_worker_does_not_begin_a_second_site_and_names_the_first(empty: ZookeeperServer) -> None:
    client, address = at(empty, "/openstack/medevac")
    founding.enter(client, address)
    client.create(f"{layout.WORKERS}/one", b"", ephemeral=True)
    mistyped, wrong = at(empty, "/openstack/medevca")
    with pytest.raises(
        StoreUnreachableError, match=r"/openstack/medevca, but at /openstack/medevac \(1 worker\)\. Corr"
    ):
        founding.enter(mistyped, wrong)
    assert set(client.get_children("/")) >= {"incidents"}
    disconnect(client)
    disconnect(mistyped)
    whole = connect(empty.hosts)
    assert whole.get_children("/openstack") == ["medevac"]
    disconnect(whole)


def test_an_address_without_its_path_is_mistyped_too(empty: ZookeeperServer) -> None:
    client, address = at(empty, "/medevac")
    founding.enter(client, address)
    disconnect(client)
    mistyped, wrong = at(empty, "")
    with pytest.raises(StoreUnreachableError, match="no site of medevac at /, but at /medevac"):
        founding.enter(mistyped, wrong)
    disconnect(mistyped)
    assert names(empty) == {"medevac"}


def test_a_site_of_an_earlier_version_gets_the_folders_that_are_new(empty: ZookeeperServer) -> None:
    client, address = at(empty, "/medevac")
    founding.enter(client, address)
    client.delete(layout.LEARNT)
    founding.require(client, address)
    assert client.exists(layout.LEARNT)
    disconnect(client)


@pytest.mark.parametrize(
    "words",
    [
        ("site", "status"),
        ("incident", "list"),
        ("site", "disarm", "--until", "1h", "--reason", "switches", "--unchecked"),
    ],
)
def test_no_command_makes_a_site_out_of_a_mistyped_path(living: SandboxSite, words: tuple[str, ...]) -> None:
    wrong = f"{living.zookeeper.hosts}/medevca"
    code, said = run(*words, "--zookeeper", wrong)
    assert code == 3
    assert "no site of medevac at /medevca, but at /medevac (2 workers)" in said
    assert f"medevac site create --zookeeper {wrong}" in said
    assert names(living.zookeeper) == {"medevac"}


def test_a_worker_at_a_mistyped_path_ends_and_says_so(living: SandboxSite, tmp_path: Path) -> None:
    right = (living.folder / "medevac.yaml").read_text(encoding="utf-8")
    (tmp_path / "medevac.yaml").write_text(right.replace("/medevac\n", "/medevca\n", 1), encoding="utf-8")
    (tmp_path / "policies").symlink_to(living.folder / "policies")
    called = [program("medevac"), "worker", "--site", str(tmp_path / "medevac.yaml")]
    environment = {**living.environment(), "OS_CLOUD": "medevac"}
    del environment["MEDEVAC_ZOOKEEPER"]
    ended = subprocess.run(called, capture_output=True, text=True, timeout=60, check=False, env=environment)
    assert ended.returncode == 3
    assert "no site of medevac at /medevca, but at /medevac (2 workers)" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_second_site_is_begun_by_its_word_and_then_takes_workers(empty: ZookeeperServer) -> None:
    client, address = at(empty, "/medevac")
    founding.enter(client, address)
    disconnect(client)
    second = f"{empty.hosts}/region-2/medevac"
    assert run("site", "create", "--zookeeper", second) == (0, f"{second}: a new site begins there.\n")
    assert run("site", "create", "--zookeeper", second) == (0, f"{second}: a site is there already.\n")
    client = connect(second)
    founding.enter(client, second)
    disconnect(client)
    assert names(empty) == {"medevac", "region-2"}
