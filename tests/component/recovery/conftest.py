"""A whole site in processes of its own, for the tests that kill and freeze them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from medevac.sandbox.cloud.model.settings import Settings
from medevac.sandbox.cloud.model.site import HostSpec, ServerSpec, SiteSpec
from medevac.sandbox.site import Plan, SandboxSite
from tests.fixtures.sites import SharedSite, shared

VICTIMS = ("copied", "killed", "frozen")
SERVERS = 6
PARALLEL = 2
SESSION = 4.0
"""Seconds: a machine that stands still for two of them takes no claim from a conductor that is well."""
POLICY = f"""
policy: everyone
match: everyone
when:
  host.down: [fence, disable, evacuate: {{parallel: {PARALLEL}, timeout: 90s}}, verify]
"""


@pytest.fixture(scope="module")
def keeper(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedSite]:
    """Return the keeper of a site on which each test has a host of its own to lose."""
    hosts = [HostSpec(name, zone="az1") for name in (*VICTIMS, "spare-1", "spare-2")]
    servers = [ServerSpec(f"{name}-{n}", name) for name in VICTIMS for n in range(SERVERS)]
    settings = Settings(evacuate_seconds=2.0, rpc_seconds=0.0)
    policies = tmp_path_factory.mktemp("policies")
    (policies / "90-everyone.yaml").write_text(POLICY)
    spec = SiteSpec(tuple(hosts), tuple(servers))
    plan = Plan(spec, settings, conductors=2, triages=1, policies=policies, session_timeout=SESSION)
    with shared(plan) as keeper:
        yield keeper


@pytest.fixture
def site(keeper: SharedSite, request: pytest.FixtureRequest) -> SandboxSite:
    return keeper.of(request.node)
