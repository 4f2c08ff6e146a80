"""A whole site in processes of its own, whose hosts die and come back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from medevac.sandbox.cloud.model.settings import Settings
from medevac.sandbox.cloud.model.site import HostSpec, ServerSpec, SiteSpec
from medevac.sandbox.site import Plan, SandboxSite
from tests.fixtures.sites import SharedSite, shared

VICTIMS = ("returns", "kept", "hurries")
SERVERS = 3
POLICY = """
policy: everyone
match: everyone
when:
  host.down: [fence, disable, evacuate: {on_failure: {retry: 5, wait: 500ms}}, verify]
"""


@pytest.fixture(scope="module")
def keeper(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedSite]:
    """Return the keeper of a site on which each test has a host of its own to lose."""
    hosts = [HostSpec(name, zone="az1") for name in (*VICTIMS, "spare-1", "spare-2")]
    servers = [ServerSpec(f"{name}-{n}", name) for name in VICTIMS for n in range(SERVERS)]
    settings = Settings(evacuate_seconds=2.0, rpc_seconds=0.0, report_interval=0.2, boot_seconds=0.1)
    policies = tmp_path_factory.mktemp("policies")
    (policies / "90-everyone.yaml").write_text(POLICY)
    told = {"way_back": {"hold": "500ms", "again": "1s"}}
    spec = SiteSpec(tuple(hosts), tuple(servers))
    plan = Plan(spec, settings, conductors=1, triages=1, policies=policies, site_file=told)
    with shared(plan) as keeper:
        yield keeper


@pytest.fixture
def site(keeper: SharedSite, request: pytest.FixtureRequest) -> SandboxSite:
    return keeper.of(request.node)
