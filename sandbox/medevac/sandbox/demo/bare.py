"""Bare: the lower bound, a script that forces the host down, evacuates everything and polls until it is done.

It proves nothing, keeps no order, and survives nothing; it runs on a fresh cloud that was built from the same seed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keystoneauth1.identity import v3
from keystoneauth1.session import Session
from novaclient import client as novaclient

from medevac.sandbox.cloud.model.settings import Settings
from medevac.sandbox.demo.cast import Cast
from medevac.sandbox.site import CloudProcess, SiteNotReadyError

MICROVERSION = "2.80"
"""The newest of the records' own (2.80); evacuate has had no `force` since 2.68."""
POLL = 0.25
DEADLINE = 60.0


@dataclass(frozen=True, slots=True)
class BareFigures:
    """What it cost without medevac."""

    seconds: float
    """From the first call to the last finished migration."""
    http_requests: int
    servers: int


def run_bare(folder: Path, cast: Cast, settings: Settings, check: Callable[[], None]) -> BareFigures:
    """Run the script on a cloud of its own; *check* is called while it waits, and may raise."""
    cloud = CloudProcess(folder, cast.spec, settings)
    try:
        cloud.wait_ready(check)
        cloud.site.host("cut-network", cast.victim)
        cloud.site.host("power-off", cast.victim)
        started = time.monotonic()
        servers = _evacuate(_nova(cloud, settings), cast.victim, check)
        took = time.monotonic() - started
        return BareFigures(round(took, 3), sum(cloud.site.requests().values()), servers)
    finally:
        cloud.stop()


def _nova(cloud: CloudProcess, settings: Settings) -> Any:  # noqa: ANN401 - novaclient has no type hints
    login = v3.Password(
        auth_url=cloud.addresses["auth_url"],
        username="admin",
        password=settings.password,
        project_name="admin",
        user_domain_id="default",
        project_domain_id="default",
    )
    return novaclient.Client(MICROVERSION, session=Session(auth=login), region_name=settings.region)


def _evacuate(nova: Any, host: str, check: Callable[[], None]) -> int:  # noqa: ANN401 - as above
    service = nova.services.list(host=host, binary="nova-compute")[0]
    nova.services.force_down(service.id, force_down=True)
    servers = nova.servers.list(search_opts={"host": host, "all_tenants": 1})
    for server in servers:
        nova.servers.evacuate(server.id)
    until = time.monotonic() + DEADLINE
    while time.monotonic() < until:
        check()
        records = nova.migrations.list(host=host, migration_type="evacuation")
        if len(records) >= len(servers) and all(
            record.status not in ("accepted", "pre-migrating") for record in records
        ):
            return len(servers)
        time.sleep(POLL)
    raise SiteNotReadyError(f"the bare script was not done within {DEADLINE:.0f} s")
