"""Catalogue: the names that a cloud has, for those who check what policies name.  It only reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from medevac.core.errors import CloudUnavailableError
from medevac.flows.policy.checks_names import Names
from medevac.workers.openstack.client import NovaClient
from medevac.workers.openstack.convert import to_service
from medevac.workers.openstack.identity import project_names
from medevac.workers.openstack.session import CloudSession


def read_names(cloud: CloudSession, *, servers: bool) -> Names:
    """Return the names of *cloud*; those of *servers*, which may be many, only where somebody wants them.

    Raises as the Cloud port's reads do.
    """
    nova = NovaClient(cloud)
    services = [to_service(found) for found in nova.get("/os-services?binary=nova-compute", "services", "list hosts")]
    aggregates = nova.get("/os-aggregates", "aggregates", "list the host aggregates")
    zones: dict[str, list[str]] = {}
    for service in services:
        zones.setdefault(service.zone, []).append(service.host)
    known = {
        "host": [service.host for service in services],
        "az": list(zones),
        "aggregate": [aggregate["name"] for aggregate in aggregates],
        "project": _both(project_names(cloud)),
        "flavor": _listed(nova, "flavors", {"is_public": "None"}),
    }
    if servers:
        known["server"] = _listed(nova, "servers", {"all_tenants": "True"}, ids=True)
    return Names(known, zones)


def _both(named: Mapping[str, str]) -> list[str]:
    return [*named, *named.values()]


def _listed(nova: NovaClient, what: str, query: Mapping[str, str], *, ids: bool = False) -> list[str]:
    """Return the names, and perhaps the *ids*, of all there are."""
    found = [one for page in nova.pages(f"/{what}", what, query, "id", f"list the {what}") for one in page]
    return [*_texts(found, "name"), *(_texts(found, "id") if ids else ())]


def _texts(found: Iterable[Mapping[str, object]], key: str) -> list[str]:
    try:
        return [str(one[key]) for one in found]
    except KeyError as error:
        raise CloudUnavailableError(f"this is not Nova's answer: an entry has no '{key}'") from error
