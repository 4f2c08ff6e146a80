"""Site: what medevac.yaml says: where ZooKeeper, the cloud and the policies are, and how hosts are fenced.

The file names places from which secrets are read and never holds one; a secret is read when it is needed, so that
no dataclass here carries one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from medevac.flows.policy import binding
from medevac.flows.policy.binding import Binder
from medevac.flows.policy.checks_names import PAGE
from medevac.flows.policy.document import Entries, Entry, Items, Node, Text, compose
from medevac.flows.policy.duration import Duration, TimeOfDay
from medevac.flows.policy.grammar import read_match, read_time_of_day
from medevac.flows.policy.language import Allow, Match, said
from medevac.flows.policy.problems import WHOLE_FILE, Problems, ProblemsError
from medevac.flows.policy.reader import load
from medevac.flows.policy.wishes import Owners
from medevac.flows.reserved import Reserved
from medevac.flows.returning import WayBack
from medevac.workers.site_brakes import BrakeSettings, check_brakes
from medevac.workers.site_fencing import FenceDeviceSettings, FenceRounds, check_pages, read_entry, read_plug, read_rung
from medevac.workers.site_live import HypervisorSettings, ServicesSettings
from medevac.workers.site_rungs import Plug, RungSettings
from medevac.workers.site_secrets import SecretSource, read_source, sounds_secret
from medevac.workers.site_triage import TriageSettings

SETTINGS = ("zookeeper", "cloud", "policies")
"""The keys that the environment may override, as MEDEVAC_ZOOKEEPER and so on."""

_TARGETS = "notify"
"""The key whose values are URLs with passwords in them, or rather the places where those are."""
_ONE_SERVER = r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?"
_ZOOKEEPER = re.compile(rf"{_ONE_SERVER}(?:,{_ONE_SERVER})*(?P<root>(?:/[A-Za-z0-9._-]+)*)")


@dataclass(frozen=True, slots=True)
class Limits:
    """What must not be exceeded on this site."""

    parallel_hosts: int = field(
        default=5,
        metadata=said("How many hosts that died one worker recovers at the same time.", least=1, most=1000),
    )
    patience: Duration = field(
        default=Duration(1800), metadata=said("How long a recovery waits for a cloud that does not answer.", least=1)
    )
    fence_timeout: Duration = field(
        default=Duration(120), metadata=said("How long fencing may take in all before the incident is held.", least=1)
    )
    evacuations: int = field(
        default=0, metadata=said("How many evacuations may be under way in the whole cloud; 0: no bound.", least=0)
    )
    evacuations_per_host: int = field(
        default=0, metadata=said("How many evacuations may be under way to one host; 0: no bound.", least=0)
    )
    capacity_again: Duration = field(
        default=Duration(300),
        metadata=said(
            "When servers that found no host are tried again, later and later; 0s: they are parked.", least=0
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Everything that medevac is told about one site."""

    zookeeper: str = field(metadata=said("ZooKeeper's servers and medevac's path: zk1:2181,zk2:2181/medevac."))
    cloud: str = field(
        default="", metadata=said("Name of the cloud in clouds.yaml; without it the OS_* variables count.")
    )
    policies: Path = field(metadata=said("The directory of policies, seen from where the site file is."))
    fencing: tuple[FenceDeviceSettings, ...] = field(
        default=(), metadata=said("How hosts are proven off: by every entry that covers a host, in turn.")
    )
    fence_rounds: FenceRounds = field(
        default=FenceRounds(), metadata=said("How fence paths are proven before they are needed.")
    )
    limits: Limits = field(default=Limits(), metadata=said("What must not be exceeded."))
    shared_storage: tuple[str, ...] = field(
        default=(),
        metadata=said("Availability zones in which disks of servers that boot from an image are on shared storage."),
    )
    allow: Allow = field(
        default=Allow.EVACUATE,
        metadata=said("How much may be done to servers at most, where their policy does not say."),
    )
    exclude: Match | None = field(
        default=None, metadata=said("Servers that are never touched, whatever policies say: the lines of a match.")
    )
    notify: Mapping[str, SecretSource] = field(
        default_factory=dict,
        metadata=said("Whom 'notify' and 'page' tell, by name: where the URL of each (apprise's) is read from."),
    )
    owners: Owners = field(default=Owners(), metadata=said("What owners may ask for in metadata of their servers."))
    reserved: Reserved = field(default=Reserved(), metadata=said("Hosts that stand in for one that died."))
    way_back: WayBack = field(default=WayBack(), metadata=said("How hosts come back into service."))
    brakes: BrakeSettings = field(
        default=BrakeSettings(), metadata=said("When recoveries are slowed or held back; it works without a word here.")
    )
    triage: TriageSettings = field(
        default=TriageSettings(), metadata=said("Which events count, and how often a server or host may fail.")
    )
    hypervisor: HypervisorSettings = field(
        default=HypervisorSettings(), metadata=said("How the hypervisors of live hosts are reached.")
    )
    services: ServicesSettings = field(
        default=ServicesSettings(), metadata=said("Pacemaker's resources that are the services of compute nodes.")
    )
    host_names: Mapping[str, str] = field(
        default_factory=dict, metadata=said("Pacemaker's name of a host, and nova's, where they differ.")
    )

    def nova_host(self, pacemaker_name: str) -> str:
        """Return nova's name of the host that Pacemaker calls *pacemaker_name*."""
        return self.host_names.get(pacemaker_name, pacemaker_name)

    def pacemaker_name(self, nova_host: str) -> str:
        """Return Pacemaker's name of the host that nova calls *nova_host*."""
        return next((name for name, host in self.host_names.items() if host == nova_host), nova_host)


def read_site(path: Path | None, environ: Mapping[str, str] = os.environ) -> Site:
    """Return what the site file *path* says, with MEDEVAC_ZOOKEEPER, MEDEVAC_CLOUD and MEDEVAC_POLICIES over it.

    Without *path* the environment must say it all.  Raises ProblemsError, with everything that is wrong, for
    errors; use `review_site` to see warnings too.
    """
    site, problems = review_site(path, environ)
    if site is None or problems.failed:
        raise ProblemsError(problems.listed())
    return site


def zookeeper_of(path: Path) -> str:
    """Return what the site file *path* says of ZooKeeper, empty when nothing; errors elsewhere in it do not matter.

    Raises ProblemsError when the file cannot be read.
    """
    text, problems = load(path)
    problems.lines_shown = False  # secrets may stand in a file that nobody has checked
    node = compose(text, problems)
    if not isinstance(node, Entries):
        raise ProblemsError(problems.listed())
    found = (entry.value for entry in node.entries if entry.key.value == "zookeeper")
    return next((value.value for value in found if isinstance(value, Text)), "")


def review_site(path: Path | None, environ: Mapping[str, str] = os.environ) -> tuple[Site | None, Problems]:
    """Return what `read_site` would, to be used only if the problems have no error, and the problems."""
    if path is None:
        problems = Problems("no site file")
        return _bound(Entries((), WHOLE_FILE), Path(), problems, environ, "the environment (MEDEVAC_...)"), problems
    text, problems = load(path)
    problems.lines_shown = False  # until it is known that no secret stands in the file
    node = compose(text, problems)
    if node is None:
        return None, problems
    problems.lines_shown = not any(_inline_secrets(node))
    return _bound(node, path.parent, problems, environ), problems


def _bound(
    node: Node, folder: Path, problems: Problems, environ: Mapping[str, str], what: str = "the site file"
) -> Site | None:
    binder = Binder(
        problems,
        readers={
            SecretSource: read_source,
            Plug: read_plug,
            FenceDeviceSettings: read_entry,
            RungSettings: read_rung,
            Match: read_match,
            TimeOfDay: read_time_of_day,
            Path: lambda binder, node, path: _path(binder, node, path, folder),
        },
    )
    site = binder.read_dataclass(Site, _overridden(node, environ), (), what)
    if site:
        _check_zookeeper(site, binder)
        check_pages(site.fencing, site.fence_rounds, site.notify, binder)
        check_brakes(site.brakes, site.notify, binder)
        _check_page(site, binder)
    return site


def _overridden(node: Node, environ: Mapping[str, str]) -> Node:
    """Return *node* with the settings of *environ* in the place of its own."""
    values = {key: environ.get(f"MEDEVAC_{key.upper()}", "") for key in SETTINGS}
    if values["policies"]:
        values["policies"] = str(Path(values["policies"]).absolute())
    if not isinstance(node, Entries):
        return node
    kept = [entry for entry in node.entries if not values.get(entry.key.value)]
    given = [Entry(Text(key, WHOLE_FILE), Text(value, WHOLE_FILE)) for key, value in values.items() if value]
    return Entries((*kept, *given), node.place)


def _path(binder: Binder, node: Node, path: binding.Path, folder: Path) -> Path | None:
    text = binder.text(node, path)
    return folder / text.value if text else None


def _inline_secrets(node: Node, *, secret: bool = False) -> Iterator[Text]:
    """Yield every text that may be a secret: under a key that sounds so, and not where a file or variable is named."""
    if isinstance(node, Text):
        if secret:
            yield node
    elif isinstance(node, Items):
        for item in node.items:
            yield from _inline_secrets(item, secret=secret)
    elif isinstance(node, Entries):
        for entry in _without_names_of_targets(node):
            named = secret and entry.key.value in ("file", "env")
            inside = not named and (secret or entry.key.value == _TARGETS or sounds_secret(entry.key.value))
            yield from _inline_secrets(entry.value, secret=inside)


def _without_names_of_targets(node: Entries) -> Iterator[Entry]:
    """Yield the entries of *node*; for those of `notify`, which are URLs, one for each target's place."""
    for entry in node.entries:
        targets = entry.value.entries if entry.key.value == _TARGETS and isinstance(entry.value, Entries) else None
        yield from [entry] if targets is None else [Entry(entry.key, target.value) for target in targets]


def _check_zookeeper(site: Site, binder: Binder) -> None:
    place = binder.place("zookeeper")
    hint = "write zk1:2181,zk2:2181,zk3:2181/medevac"
    found = _ZOOKEEPER.fullmatch(site.zookeeper)
    if site.zookeeper and not found:
        binder.problems.error(place, "this does not name ZooKeeper servers and a path", hint)
    elif found and not found["root"]:
        message = "no path of its own in ZooKeeper: medevac's data would lie beside that of others"
        binder.problems.warning(place, message, hint)


def _check_page(site: Site, binder: Binder) -> None:
    if site.notify and PAGE not in site.notify:
        message = f"nobody is paged of incidents that are held: there is no target {PAGE!r}"
        hint = f"add '{PAGE}: {{file: ...}}' for what is held by evidence, a limit or storage (docs/triage.md)"
        binder.problems.warning(binder.place("notify"), message, hint)
