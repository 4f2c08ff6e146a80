"""The lower bound: a script that forces a host down, asks for every server and polls until it is done.

It proves nothing, keeps no order, writes nothing down and survives nothing.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from keystoneauth1.identity import v3
from keystoneauth1.session import Session
from novaclient import client as novaclient

MICROVERSION = "2.80"
POLL = 0.1
DEADLINE = 300.0
_LIVE = ("accepted", "pre-migrating")


def connect(auth_url: str, password: str) -> Any:
    """Return a client that has logged in."""
    login = v3.Password(
        auth_url=auth_url,
        username="admin",
        password=password,
        project_name="admin",
        user_domain_id="default",
        project_domain_id="default",
    )
    nova = novaclient.Client(MICROVERSION, session=Session(auth=login), region_name="RegionOne")
    nova.services.list(binary="nova-compute")
    return nova


def evacuate(nova: Any, host: str) -> Mapping[str, float]:
    """Evacuate *host* and return how many servers that were and how many seconds it took."""
    started = time.monotonic()
    service = nova.services.list(host=host, binary="nova-compute")[0]
    nova.services.force_down(service.id, force_down=True)
    servers = nova.servers.list(search_opts={"host": host, "all_tenants": 1})
    for server in servers:
        nova.servers.evacuate(server.id)
    while not _done(nova, host, len(servers)):
        if time.monotonic() - started > DEADLINE:
            raise TimeoutError(f"{host} was not evacuated within {DEADLINE:.0f} s")
        time.sleep(POLL)
    return {"servers": len(servers), "seconds": time.monotonic() - started}


def _done(nova: Any, host: str, servers: int) -> bool:
    records = nova.migrations.list(source_compute=host, migration_type="evacuation")
    return len(records) >= servers and all(record.status not in _LIVE for record in records)
