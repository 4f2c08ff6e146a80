"""`medevac site status` on living workers: policies that break, and workers that die, are told."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator

import pytest

from medevac.sandbox.cloud.model.site import HostSpec, SiteSpec
from medevac.sandbox.processes import Child, program
from medevac.sandbox.site import Plan, SandboxSite
from medevac.workers.status import look
from tests.fixtures.services import require
from tests.fixtures.waiting import until

ONE_HOST = SiteSpec(hosts=(HostSpec("compute-1"),))


@pytest.fixture
def site() -> Iterator[SandboxSite]:
    with require("ZooKeeper"), SandboxSite(Plan(ONE_HOST, conductors=1, triages=1)) as running:
        yield running


def command(site: SandboxSite, *options: str) -> tuple[int, str]:
    called = [program("medevac"), "site", "status", "--zookeeper", site.hosts, *options]
    done = subprocess.run(called, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout


def test_a_broken_policy_file_keeps_the_last_good_set_and_is_told_until_it_is_mended(site: SandboxSite) -> None:
    assert until(lambda: look(site.client).problems == ())
    before = {worker.policy_set for worker in look(site.client).workers}
    broken = site.folder / "policies" / "00-broken.yaml"
    broken.write_text("policy: broken\nmatsch: everyone\n")
    assert until(lambda: all(worker.policy_problem for worker in look(site.client).workers))
    assert {worker.policy_set for worker in look(site.client).workers} == before
    code, said = command(site)
    assert code == 1
    assert "00-broken.yaml:2:1" in said
    assert 'medevac_policies_broken{worker="' in command(site, "--prometheus")[1]
    broken.unlink()
    assert until(lambda: look(site.client).problems == ())
    assert command(site)[0] == 0


def test_a_policy_that_is_added_holds_without_a_restart(site: SandboxSite) -> None:
    assert until(lambda: look(site.client).problems == ())
    before = {worker.policy_set for worker in look(site.client).workers}
    text = "policy: new\nmatch: {project: new}\nwhen:\n  host.down: leave\n"
    (site.folder / "policies" / "00-new.yaml").write_text(text)
    assert until(lambda: before.isdisjoint(worker.policy_set for worker in look(site.client).workers))
    assert look(site.client).problems == ()


def test_workers_that_die_are_missed(site: SandboxSite) -> None:
    assert until(lambda: look(site.client).problems == ())
    for worker in site.workers:
        worker.kill()
    assert until(lambda: not look(site.client).workers)
    code, said = command(site, "--json")
    assert code == 1
    problems = json.loads(said)["problems"]
    assert any("nobody leads triage" in problem for problem in problems)
    assert any("no conductor runs" in problem for problem in problems)


LATE = "import time\nnow = time.time\ntime.time = lambda: now() - 300\n"


def test_a_worker_whose_clock_is_wrong_and_that_goes_by_another_site_file_is_told(site: SandboxSite) -> None:
    assert until(lambda: look(site.client).problems == ())
    clock = site.folder / "clock"
    clock.mkdir()
    (clock / "sitecustomize.py").write_text(LATE)
    another = site.folder / "another.yaml"
    another.write_text((site.folder / "medevac.yaml").read_text().replace("fence_timeout: 20s", "fence_timeout: 40s"))
    environment = {**os.environ, **site.environment(), "OS_CLOUD": "medevac", "PYTHONPATH": str(clock)}
    called = [program("medevac"), "worker", "--role", "conductor", "--site", str(another)]
    odd = Child("conductor 2", called, site.folder / "conductor-2.log", environment)
    try:
        assert until(lambda: len(look(site.client).workers) == 3)
        different, late = look(site.client).problems
        assert "'limits' of " in different
        assert "s behind ZooKeeper's" in late
        metrics = command(site, "--prometheus")[1]
        assert "medevac_site_files_differ 1.0" in metrics
        assert 'medevac_worker_clock_ahead_seconds{worker="' in metrics
    finally:
        odd.kill()
    assert until(lambda: look(site.client).problems == ())
