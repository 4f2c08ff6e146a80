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
from medevac.flows.policy.document import Entries, Entry, Items, Node, Text, compose
from medevac.flows.policy.duration import Duration
from medevac.flows.policy.grammar import read_match
from medevac.flows.policy.language import Allow, Match, said
from medevac.flows.policy.problems import WHOLE_FILE, Place, Problems, ProblemsError, quoted
from medevac.flows.policy.reader import load
from medevac.flows.policy.wishes import Owners
from medevac.flows.reserved import Reserved
from medevac.flows.returning import WayBack
from medevac.workers.fencing.device import FenceDevice
from medevac.workers.site_brakes import BrakeSettings
from medevac.workers.site_triage import TriageSettings

SETTINGS = ("zookeeper", "cloud", "policies")
"""The keys that the environment may override, as MEDEVAC_ZOOKEEPER and so on."""

_HOST = "{host}"
_SECRET_WORD = re.compile(r"passw|secret|token|credential", re.IGNORECASE)
_TARGETS = "notify"
"""The key whose values are URLs with passwords in them, or rather the places where those are."""
_SECRET_PLACE = re.compile(r"_(script|file)$", re.IGNORECASE)
_BRACES = re.compile(r"\{[^{}]*\}")
_ONE_SERVER = r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?"
_ZOOKEEPER = re.compile(rf"{_ONE_SERVER}(?:,{_ONE_SERVER})*(?P<root>(?:/[A-Za-z0-9._-]+)*)")


@dataclass(frozen=True, slots=True)
class SecretSource:
    """Where a secret is read from, each time it is needed; exactly one of the two is set."""

    file: str = ""
    """The absolute path of a file that holds nothing else."""
    env: str = ""
    """The name of an environment variable."""

    @property
    def reference(self) -> str:
        """Return env:NAME or file:/path, as fence devices take it."""
        return f"env:{self.env}" if self.env else f"file:{self.file}"


@dataclass(frozen=True, slots=True)
class Plug:
    """What a fence device calls a host: its outlet, slot or domain."""

    template: str = ""
    """For every host; {host} stands for nova's name of it."""
    by_host: Mapping[str, str] = field(default_factory=dict)
    """For each host by its name; the device cannot fence others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FenceDeviceSettings:
    """One fence device as the site file describes it, and the hosts whose power it controls."""

    hosts: tuple[str, ...] = field(metadata=said("The hosts that it can fence, by nova's names; `*` is a wildcard."))
    agent: str = field(metadata=said("The fence agent: a name such as fence_ipmilan, or the path of a program."))
    options: Mapping[str, str] = field(
        default_factory=dict,
        metadata=said("Options for the agent; {host} stands for the host's name, {plug} for its plug."),
    )
    secrets: Mapping[str, SecretSource] = field(
        default_factory=dict, metadata=said("Options that are secret: where each is read from.")
    )
    plug: Plug = field(default=Plug(), metadata=said("What the device calls a host: one text with {host}, or a map."))
    timeout: Duration = field(
        default=Duration(60), metadata=said("How long one call of the agent may take.", least=1, most=600)
    )

    def device(self) -> FenceDevice:
        """Return the device to fence with.  Raises ValueError for options that could pass a host off as dead."""
        plugged = self.plug != Plug()
        return FenceDevice(
            agent=self.agent,
            hosts=self.hosts,
            options=self.options,
            secret_options={name: source.reference for name, source in self.secrets.items()},
            plugs=self.plug.by_host,
            plug=self.plug.template if plugged else _HOST,
            plug_option="plug" if plugged else "",
            timeout=float(self.timeout),
        )


@dataclass(frozen=True, slots=True)
class Limits:
    """What must not be exceeded on this site."""

    parallel_hosts: int = field(
        default=2, metadata=said("How many hosts are recovered at the same time.", least=1, most=1000)
    )
    patience: Duration = field(
        default=Duration(1800), metadata=said("How long a recovery waits for a cloud that does not answer.", least=1)
    )
    fence_timeout: Duration = field(
        default=Duration(120), metadata=said("How long fencing may take in all before the incident is held.", least=1)
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
        default=(), metadata=said("Fence devices; a host is fenced by the first that covers it.")
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
    host_names: Mapping[str, str] = field(
        default_factory=dict, metadata=said("Pacemaker's name of a host, and nova's, where they differ.")
    )

    def nova_host(self, pacemaker_name: str) -> str:
        """Return nova's name of the host that Pacemaker calls *pacemaker_name*."""
        return self.host_names.get(pacemaker_name, pacemaker_name)


def read_site(path: Path | None, environ: Mapping[str, str] = os.environ) -> Site:
    """Return what the site file *path* says, with MEDEVAC_ZOOKEEPER, MEDEVAC_CLOUD and MEDEVAC_POLICIES over it.

    Without *path* the environment must say it all.  Raises ProblemsError, with everything that is wrong, for
    errors; use `review_site` to see warnings too.
    """
    site, problems = review_site(path, environ)
    if site is None or problems.failed:
        raise ProblemsError(problems.listed())
    return site


def review_site(path: Path | None, environ: Mapping[str, str] = os.environ) -> tuple[Site | None, Problems]:
    """Return what `read_site` would, to be used only if the problems have no error, and the problems."""
    if path is None:
        problems = Problems("environment")
        return _bound(Entries((), WHOLE_FILE), Path(), problems, environ), problems
    text, problems = load(path)
    problems.lines_shown = False  # until it is known that no secret stands in the file
    node = compose(text, problems)
    if node is None:
        return None, problems
    problems.lines_shown = not any(_inline_secrets(node))
    return _bound(node, path.parent, problems, environ), problems


def _bound(node: Node, folder: Path, problems: Problems, environ: Mapping[str, str]) -> Site | None:
    binder = Binder(
        problems,
        readers={
            SecretSource: _secret,
            Plug: _plug,
            FenceDeviceSettings: _fence_device,
            Match: read_match,
            Path: lambda binder, node, path: _path(binder, node, path, folder),
        },
    )
    site = binder.read_dataclass(Site, _overridden(node, environ), (), "the site file")
    if site:
        _check_zookeeper(site, binder)
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


def _plug(binder: Binder, node: Node, path: binding.Path) -> Plug | None:
    if isinstance(node, Entries):
        return Plug(by_host=binder.read(Mapping[str, str], node, path) or {})
    text = binder.text(node, path)
    return Plug(text.value) if text else None


def _secret(binder: Binder, node: Node, path: binding.Path) -> SecretSource | None:
    """Read where a secret is.  No message repeats a word of it: it may be the secret itself, in the wrong place."""
    if isinstance(node, Entries) and len(node.entries) == 1 and node.entries[0].key.value in ("file", "env"):
        key = node.entries[0].key.value
        text = binder.text(node.entries[0].value, (*path, key))
        return SecretSource(**{key: text.value}) if text else None
    message = "a secret never stands in this file, only the place from which it is read"
    binder.problems.error(
        Place(node.place.line, node.place.column), message, "write {file: /etc/medevac/NAME} or {env: NAME}"
    )
    return None


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
            inside = not named and (secret or entry.key.value == _TARGETS or _sounds_secret(entry.key.value))
            yield from _inline_secrets(entry.value, secret=inside)


def _without_names_of_targets(node: Entries) -> Iterator[Entry]:
    """Yield the entries of *node*; for those of `notify`, which are URLs, one for each target's place."""
    for entry in node.entries:
        targets = entry.value.entries if entry.key.value == _TARGETS and isinstance(entry.value, Entries) else None
        yield from [entry] if targets is None else [Entry(entry.key, target.value) for target in targets]


def _sounds_secret(key: str) -> bool:
    return bool(_SECRET_WORD.search(key)) and not _SECRET_PLACE.search(key)


def _check_zookeeper(site: Site, binder: Binder) -> None:
    place = binder.place("zookeeper")
    hint = "write zk1:2181,zk2:2181,zk3:2181/medevac"
    found = _ZOOKEEPER.fullmatch(site.zookeeper)
    if site.zookeeper and not found:
        binder.problems.error(place, "this does not name ZooKeeper servers and a path", hint)
    elif found and not found["root"]:
        message = "no path of its own in ZooKeeper: medevac's data would lie beside that of others"
        binder.problems.warning(place, message, hint)


def _fence_device(binder: Binder, node: Node, path: binding.Path) -> FenceDeviceSettings | None:
    told = binder.read_dataclass(FenceDeviceSettings, node, path)
    if told:
        _check_device(told, binder, path)
    return told


def _check_device(told: FenceDeviceSettings, binder: Binder, path: binding.Path) -> None:
    if told.agent and not told.agent.startswith(("fence_", "/")):
        message = f"{quoted(told.agent)} is neither a fence agent's name nor an absolute path"
        binder.problems.error(binder.place(*path, "agent"), message, "write fence_ipmilan or /usr/sbin/fence_ipmilan")
    for name, value in told.options.items():
        _check_option(name, value, binder, (*path, "options", name))
    _check_braces(told.plug.template, (_HOST,), binder, binder.place(*path, "plug"))
    try:
        told.device()
    except ValueError as error:
        binder.problems.error(binder.place(*path), str(error))


def _check_option(name: str, value: str, binder: Binder, path: binding.Path) -> None:
    if _sounds_secret(name):
        hint = f"write 'secrets: {{{name}: {{file: ...}}}}' beside the options"
        binder.problems.error(binder.place(*path), f"{quoted(name)} is a secret and never stands in this file", hint)
    else:
        _check_braces(value, (_HOST, "{plug}"), binder, binder.place(*path))


def _check_braces(text: str, known: tuple[str, ...], binder: Binder, place: Place) -> None:
    for found in _BRACES.findall(text):
        if found not in known:
            binder.problems.error(place, f"{quoted(found)} stands for nothing here", f"write {' or '.join(known)}")
