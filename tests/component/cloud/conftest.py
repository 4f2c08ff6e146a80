"""A simulated cloud that listens, with a few servers on it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from medevac.sandbox.cloud.model.settings import Settings
from medevac.sandbox.cloud.model.site import AggregateSpec, GroupSpec, HostSpec, ServerSpec, SiteSpec
from medevac.sandbox.cloud.server import RunningCloud
from tests.component.cloud.wire import Wire

SITE = SiteSpec(
    hosts=(HostSpec("h1", "az1"), HostSpec("h2", "az1"), HostSpec("h3", "az2", cell="cell2")),
    aggregates=(AggregateSpec("ssd", ("h1",), {"disk": "ssd"}),),
    groups=(GroupSpec("apart", "anti-affinity", "payments"),),
    servers=(
        ServerSpec(
            "db", "h1", "payments", locked_reason="mine", metadata={"tier": "gold"}, tags=("pet",), group="apart"
        ),
        ServerSpec("web", "h1", "payments", image="", pinned_zone="az1"),
        ServerSpec("batch", "h2", "science", vm_state="stopped"),
        ServerSpec("lone", "h3", "science"),
    ),
)


@pytest.fixture
def cloud() -> Iterator[RunningCloud]:
    """Return a cloud of three hosts and four servers."""
    settings = Settings(evacuate_seconds=0.2, move_seconds=0.2, boot_seconds=0.0, rpc_seconds=0.2)
    with RunningCloud(SITE, settings) as running:
        yield running


@pytest.fixture
def wire(cloud: RunningCloud) -> Iterator[Wire]:
    """Return a raw client of *cloud*, logged in."""
    with Wire(cloud) as wire:
        yield wire


@pytest.fixture
def ids(cloud: RunningCloud) -> dict[str, str]:
    """Return the ids of the servers by name."""
    return {server["name"]: server["id"] for server in cloud.site.servers()}


@pytest.fixture
def lost(cloud: RunningCloud) -> str:
    """Return the name of a host that has no power and is forced down."""
    cloud.site.host("power-off", "h1")
    with cloud.world.settled() as world:
        world.hosts["h1"].forced_down = True
    return "h1"
