"""Forty servers on one host under five policies, on the simulated cloud, and the command as a person runs it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from medevac.cli.root import root
from medevac.sandbox.cloud.model.settings import Settings
from medevac.sandbox.cloud.model.site import AggregateSpec, FlavorSpec, HostSpec, ServerSpec, SiteSpec
from medevac.sandbox.cloud.server import RunningCloud

HERE = Path(__file__).parent


def forty() -> tuple[ServerSpec, ...]:
    pets = [ServerSpec(f"pet-{n}", "compute-1", "web", metadata={"ha": "pet"}, image="") for n in range(1, 6)]
    gold = [ServerSpec(f"pay-{n}", "compute-1", "payments", "m1.large", image="") for n in range(1, 9)]
    batch = [ServerSpec(f"job-{n}", "compute-1", "batch") for n in range(1, 8)]
    small = [ServerSpec(f"web-{n}", "compute-1", "web", image="") for n in range(1, 13)]
    ssd = [ServerSpec(f"db-{n}", "compute-1", "web", "m1.large", image="") for n in range(1, 5)]
    odd = [
        ServerSpec("stopped-1", "compute-1", "web", image="", vm_state="stopped"),
        ServerSpec("paused-1", "compute-1", "web", image="", vm_state="paused"),
        ServerSpec("imaged-1", "compute-1", "web", image="debian"),
        ServerSpec("locked-1", "compute-1", "web", image="", locked_reason="mine"),
    ]
    return (*pets, *gold, *batch, *small, *ssd, *odd)


SITE = SiteSpec(
    hosts=(
        HostSpec("compute-1", "az1", vcpus=128),
        HostSpec("compute-2", "az1", vcpus=60, ram_mb=32_768),
        HostSpec("compute-3", "az1", vcpus=16, ram_mb=65_536),
        HostSpec("compute-4", "az2", vcpus=64),
        HostSpec("compute-5", "az2", vcpus=64),
    ),
    aggregates=(AggregateSpec("ssd", ("compute-1", "compute-2")),),
    flavors=(FlavorSpec("m1.small", 1, 1024, 10), FlavorSpec("m1.large", 4, 8192, 40)),
    servers=(*forty(), ServerSpec("elsewhere", "compute-2", "web")),
)

SITE_FILE = """\
zookeeper: 127.0.0.1:1/medevac
cloud: medevac
policies: {policies}
fencing:
  - hosts: [compute-1, compute-2, compute-3]
    agent: fence_ipmilan
    options: {{ip: "{{host}}-bmc"}}
    secrets:
      password: {{env: BMC_PASSWORD}}
"""


@pytest.fixture(scope="module")
def cloud() -> Iterator[RunningCloud]:
    """Return the cloud; compute-5 is disabled."""
    with RunningCloud(SITE, Settings()) as running:
        with running.world.settled() as world:
            world.hosts["compute-5"].disabled = True
        yield running


@pytest.fixture
def medevac(cloud: RunningCloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Return a function that runs medevac with arguments, on a site file for *cloud*."""
    for name, value in cloud.addresses.environment().items():
        monkeypatch.setenv(name, value)
    site = tmp_path / "medevac.yaml"
    site.write_text(SITE_FILE.format(policies=HERE / "policies"))
    monkeypatch.setenv("MEDEVAC_SITE", str(site))

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(root, arguments)

    return run
