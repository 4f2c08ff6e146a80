"""Workers that go by different site files, or by a wrong clock, are a problem of the site."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from medevac.workers.roll import RollEntry
from medevac.workers.site import Site, read_site
from medevac.workers.site_prints import differing, prints
from medevac.workers.status import CLOCK_SLACK, SiteStatus

CLOUD = "http://keystone:5000 RegionOne"
SITE = """\
zookeeper: zk1:2181,zk2:2181/medevac
cloud: medevac
policies: policies
fencing:
  - hosts: compute-*
    ladder:
      - evidence: {through: ssh ctl-1}
      - agent: fence_ipmilan
        options: {ip: "{host}-bmc"}
        secrets: {password: {file: /etc/medevac/ipmi}}
brakes: {gateway: [10.0.0.1], share: 30}
limits: {fence_timeout: 2m}
"""


def site(tmp_path: Path, old: str = "", new: str = "") -> Site:
    (tmp_path / "medevac.yaml").write_text(SITE.replace(old, new) if old else SITE, encoding="utf-8")
    return read_site(tmp_path / "medevac.yaml", {})


def worker(name: str, said: dict[str, str], ahead: float = 0.0) -> RollEntry:
    entry = RollEntry(name, name, 1, 0.0, triage=True, conductor=True, policy_set="x", site=said)
    return replace(entry, clock_ahead=ahead)


def problems(*workers: RollEntry) -> tuple[str, ...]:
    return SiteStatus(workers, workers[0].name, 0, 0, 0, {}, 0).problems


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("zk1:2181,zk2:2181", "zk2:2181,zk1:2181"),
        ("cloud: medevac", "cloud: production"),
        ("policies: policies", "policies: /etc/medevac/policies"),
        ("ssh ctl-1", "ssh ctl-2"),
        ("file: /etc/medevac/ipmi", "env: IPMI_PASSWORD"),
        ("10.0.0.1", "10.0.0.2"),
        ("fence_timeout: 2m", "fence_timeout: 120s"),
    ],
)
def test_what_may_differ_from_machine_to_machine_is_no_difference(tmp_path: Path, old: str, new: str) -> None:
    assert prints(site(tmp_path), CLOUD) == prints(site(tmp_path, old, new), CLOUD)


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("fence_timeout: 2m", "fence_timeout: 3m", "limits"),
        ("compute-*", "compute-[12]*", "fencing"),
        ('"{host}-bmc"', '"{host}-ilo"', "fencing"),
        ("share: 30", "share: 60", "brakes"),
    ],
)
def test_what_decides_is(tmp_path: Path, old: str, new: str, key: str) -> None:
    here, there = (
        worker("ctl-1", prints(site(tmp_path), CLOUD)),
        worker("ctl-2", prints(site(tmp_path, old, new), CLOUD)),
    )
    assert differing([here, there]) == (key,)
    (told,) = problems(here, there)
    assert told.startswith(f"the workers go by different site files: '{key}' of ctl-1 and ctl-2 is not the same.")


def test_another_cloud_under_the_same_name_is_a_difference(tmp_path: Path) -> None:
    said = site(tmp_path)
    here, there = prints(said, CLOUD), prints(said, "http://staging:5000 RegionOne")
    (told,) = problems(worker("ctl-1", here), worker("ctl-2", there), worker("ctl-3", here))
    assert "'cloud' of ctl-1, ctl-3 and ctl-2 is not the same" in told


def test_a_worker_of_a_release_that_does_not_tell_is_no_difference(tmp_path: Path) -> None:
    assert problems(worker("ctl-1", prints(site(tmp_path), CLOUD)), worker("ctl-2", {})) == ()


@pytest.mark.parametrize(("ahead", "said"), [(300.0, "300 s ahead of"), (-300.0, "300 s behind")])
def test_a_clock_that_is_wrong_is_told_once_for_a_machine(ahead: float, said: str) -> None:
    (told,) = problems(worker("ctl-1", {}), worker("ctl-2", {}, ahead), worker("ctl-2", {}, ahead / 2))
    assert told.startswith(f"the clock of ctl-2 is {said} ZooKeeper's")
    assert "chronyc tracking" in told
    assert problems(worker("ctl-1", {}, CLOCK_SLACK)) == ()
