"""Reading: the files of a scenario, with everything that is wrong in them and where."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, TypeVar

import yaml

from medevac.flows.policy import binding
from medevac.flows.policy.binding import Binder
from medevac.flows.policy.document import Entries, Items, Node, Text, compose
from medevac.flows.policy.problems import Problems, ProblemsError
from medevac.flows.policy.reader import load, read_policies
from medevac.flows.rung import Rung
from medevac.sandbox.cloud.model.settings import Settings as CloudSettings
from medevac.sandbox.cloud.model.site import AggregateSpec, FlavorSpec, GroupSpec, HostSpec, ServerSpec, SiteSpec
from medevac.sandbox.expectations.language import GivenHost, GivenServer, Storage
from medevac.sandbox.power.bmc import BMC
from medevac.sandbox.scenarios.language import GivenSite, Plain, Script
from medevac.sandbox.scenarios.stage import BOOTS, Ground
from medevac.workers.site import Site, read_site

T = TypeVar("T")

FLAVOR = FlavorSpec("m1.small")
TWO = (Rung(BMC, confirm_by=("pdu",)), Rung("pdu"))
"""A second device, so that a first one that lies is found out."""


def read_ground(folder: Path) -> Ground:
    """Return what the scenario in *folder* begins with.  Raises ProblemsError."""
    given = _read(folder / "site.yaml", GivenSite)
    return Ground(
        spec=_spec(given),
        site=_site(given.medevac, given.policies),
        policies=read_policies(given.policies),
        cloud=CloudSettings(evacuate_seconds=float(given.evacuation), boot_seconds=BOOTS),
        workers=given.workers,
        abreast=given.abreast,
        reserved=tuple(host.name for host in given.hosts if host.disabled),
        rungs=TWO if given.two_devices else (Rung(BMC),),
    )


def read_script(folder: Path) -> Script:
    """Return what happens in the scenario in *folder*.  Raises ProblemsError."""
    return _read(folder / "script.yaml", Script)


def _read(file: Path, cls: type[T]) -> T:
    text, problems = load(file)
    node = compose(text, problems)
    found = _binder(problems, file.parent).read_dataclass(cls, node, (), "a scenario") if node else None
    if found is None or problems.failed:
        raise ProblemsError(problems.listed())
    return found


def _binder(problems: Problems, folder: Path) -> Binder:
    return Binder(
        problems,
        readers={
            GivenHost: _host,
            Plain: lambda _binder, node, _path: Plain(_plain(node)),
            Path: lambda binder, node, path: _path(binder, node, path, folder),
        },
    )


def _host(binder: Binder, node: Node, path: binding.Path) -> GivenHost | None:
    if not isinstance(node, Text):
        return binder.read_dataclass(GivenHost, node, path)
    text = binder.text(node, path)
    return GivenHost(name=text.value) if text else None


def _path(binder: Binder, node: Node, path: binding.Path, folder: Path) -> Path | None:
    text = binder.text(node, path)
    return (folder / text.value).resolve() if text else None


def _plain(node: Node) -> Any:  # noqa: ANN401 - YAML
    if isinstance(node, Entries):
        return {entry.key.value: _plain(entry.value) for entry in node.entries}
    if isinstance(node, Items):
        return [_plain(item) for item in node.items]
    return node.value if isinstance(node, Text) else None


def _site(medevac: Plain, policies: Path) -> Site:
    """Return the site file that *medevac* is a part of, as workers read it."""
    whole = {"zookeeper": "127.0.0.1:1/medevac", "policies": str(policies), **medevac}
    with tempfile.NamedTemporaryFile("w", suffix=".yaml", encoding="utf-8") as file:
        yaml.safe_dump(whole, file)
        file.flush()
        return read_site(Path(file.name), {})


def _spec(given: GivenSite) -> SiteSpec:
    aggregates: dict[str, list[str]] = {}
    for host in given.hosts:
        for name in host.aggregates:
            aggregates.setdefault(name, []).append(host.name)
    return SiteSpec(
        hosts=tuple(HostSpec(host.name, host.az, host.vcpus, host.ram_mb) for host in given.hosts),
        servers=tuple(_server(server, name) for server in given.servers for name in server.names),
        aggregates=tuple(AggregateSpec(name, tuple(hosts)) for name, hosts in aggregates.items()),
        flavors=(FLAVOR,),
        groups=tuple(GroupSpec(name, policy, "demo") for name, policy in given.groups.items()),
    )


def _server(given: GivenServer, name: str) -> ServerSpec:
    return ServerSpec(
        name=name,
        host=given.host,
        project=given.project,
        vm_state=given.state,
        image="debian" if given.boots_from is Storage.IMAGE else "",
        metadata=given.metadata,
        tags=given.tags,
        group=given.group,
        addresses=(name,),
        locked_reason="its owner wants it so" if given.locked else None,
    )
