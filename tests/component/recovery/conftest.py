"""A whole site in processes of its own, for the tests that kill and freeze them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from medevac.sandbox.cloud.model.settings import Settings
from medevac.sandbox.cloud.model.site import HostSpec, ServerSpec, SiteSpec
from medevac.sandbox.site import Plan, SandboxSite
from tests.fixtures.sites import running

VICTIMS = ("copied", "killed", "frozen")
SERVERS = 8
SESSION = 1.5


@pytest.fixture(scope="module")
def site() -> Iterator[SandboxSite]:
    """Return a site on which each test has a host of its own to lose."""
    hosts = [HostSpec(name, zone="az1") for name in (*VICTIMS, "spare-1", "spare-2")]
    servers = [ServerSpec(f"{name}-{n}", name, metadata={"ha": "pet"}) for name in VICTIMS for n in range(SERVERS)]
    settings = Settings(evacuate_seconds=2.0, rpc_seconds=0.0)
    plan = Plan(SiteSpec(tuple(hosts), tuple(servers)), settings, conductors=2, triages=1, session_timeout=SESSION)
    with running(plan) as site:
        yield site
