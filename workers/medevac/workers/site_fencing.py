"""What the site file says under `fencing`: for each group of hosts the ladder by which they are proven off."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from medevac.flows.policy import binding
from medevac.flows.policy.binding import Binder
from medevac.flows.policy.document import Entries, Entry, Node, Text, Unread
from medevac.flows.policy.duration import Duration
from medevac.flows.policy.problems import Place, quoted
from medevac.flows.policy.words import said
from medevac.flows.rung import HEARTBEAT
from medevac.workers.fencing.device import FenceDevice
from medevac.workers.site_rungs import (
    HOST,
    RUNGS,
    AgentRung,
    CommandRung,
    HumanRung,
    IronicRung,
    KdumpRung,
    Plug,
    RungSettings,
)
from medevac.workers.site_secrets import SecretSource, sounds_secret

_BRACES = re.compile(r"\{[^{}]*\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class FenceDeviceSettings:
    """The ladder of a group of hosts, or one fence agent, which is a ladder of one rung."""

    hosts: tuple[str, ...] = field(metadata=said("The hosts that it can fence, by nova's names; `*` is a wildcard."))
    ladder: tuple[RungSettings, ...] = field(
        default=(), metadata=said("The ways to prove these hosts off, tried in turn; in place of `agent` and the rest.")
    )
    agent: str = field(
        default="", metadata=said("The fence agent: a name such as fence_ipmilan, or the path of a program.")
    )
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
    times: int = field(
        default=2, metadata=said("How often in a row, a second apart, the power must read off.", least=1, most=20)
    )

    @property
    def rungs(self) -> tuple[RungSettings, ...]:
        """Return the ladder."""
        return self.ladder or (self.alone(),)

    @property
    def suffices(self) -> bool:
        """Tell whether some rung can prove a host off; people and waiting for a dump cannot."""
        return any(rung.suffices for rung in self.rungs)

    def alone(self) -> AgentRung:
        """Return the rung of an entry that is a fence agent alone."""
        return AgentRung(
            agent=self.agent,
            options=self.options,
            secrets=self.secrets,
            plug=self.plug,
            timeout=self.timeout,
            times=self.times,
        )

    def device(self) -> FenceDevice:
        """Return the device of such an entry.  Raises ValueError for options that could pass a host off as dead."""
        return self.alone().device(self.hosts)


@dataclass(frozen=True, slots=True)
class FenceRounds:
    """How fence paths are proven before they are needed: `status` of some hosts through every rung, again and again."""

    every: Duration = field(
        default=Duration(3600), metadata=said("How long between two rounds; 0s: none.", most=86400 * 7)
    )
    hosts: int = field(
        default=20, metadata=said("How many hosts are tried in one round, those that waited longest.", least=1)
    )
    page: str = field(default="", metadata=said("Who is told of a host that no rung could fence: one of `notify`."))


def read_plug(binder: Binder, node: Node, path: binding.Path) -> Plug | None:
    """Read a plug: a text with {host}, or a map of hosts."""
    if isinstance(node, Entries):
        return Plug(by_host=binder.read(dict[str, str], node, path) or {})
    text = binder.text(node, path)
    return Plug(text.value) if text else None


def read_entry(binder: Binder, node: Node, path: binding.Path) -> FenceDeviceSettings | None:
    """Read one entry of `fencing`."""
    told = binder.read_dataclass(FenceDeviceSettings, node, path)
    if told is None or not isinstance(node, Entries):
        return None
    keys = {entry.key.value: entry for entry in node.entries}
    if "ladder" in keys:
        _check_ladder(told, keys, binder, path)
    elif "agent" in keys:
        _check_agent(told.alone(), told.hosts, binder, path)
    else:
        hint = "write 'agent: fence_ipmilan', or 'ladder:' and the ways to be tried in turn below it"
        binder.problems.error(Place(node.place.line, node.place.column), "nothing says how they are fenced", hint)
    return told


def read_rung(binder: Binder, node: Node, path: binding.Path) -> RungSettings | None:
    """Read one rung: a word, a word with one text, or a word with settings below or beside it."""
    if isinstance(node, Unread):
        return None
    word, settings = _parted(node)
    if word is None or word.value not in RUNGS:
        _not_a_rung(binder, node, word)
        return None
    cls = RUNGS[word.value]
    value = word_value(node, word.value)
    if isinstance(value, Entries):
        settings = [*value.entries, *settings]
    elif isinstance(value, Text) and not value.empty:
        settings = [_shortened(cls, word, value, binder), *settings]
    made = binder.read_dataclass(cls, Entries(tuple(settings), node.place), path, f"'{word.value}'")
    binder.places[path] = word.place
    return made


def word_value(node: Node, word: str) -> Node | None:
    """Return what stands after the *word* of a rung."""
    if not isinstance(node, Entries):
        return None
    return next((entry.value for entry in node.entries if entry.key.value == word), None)


def _parted(node: Node) -> tuple[Text | None, list[Entry]]:
    """Return the word of a rung, and the settings beside it."""
    if isinstance(node, Text):
        return (None if node.empty else node), []
    if not isinstance(node, Entries):
        return None, []
    words = [entry.key for entry in node.entries if entry.key.value in RUNGS]
    word = words[0] if words else node.entries[0].key if node.entries else None
    return word, [entry for entry in node.entries if entry.key is not word]


def _not_a_rung(binder: Binder, node: Node, word: Text | None) -> None:
    if word is None:
        hint = f"write one of {', '.join(RUNGS)}"
        binder.problems.error(Place(node.place.line, node.place.column), "this is no rung of a ladder", hint)
    else:
        binder.unknown(word, "rung", "of a ladder", RUNGS)


def _shortened(cls: type[RungSettings], word: Text, value: Text, binder: Binder) -> Entry:
    if not cls.short:
        hint = f"leave it at '- {word.value}', or write settings in braces"
        binder.problems.error(value.place, f"'{word.value}' takes no text after it", hint)
        return Entry(Text("name", value.place), value)
    return Entry(Text(cls.short, word.place), value)


def _check_ladder(told: FenceDeviceSettings, keys: dict[str, Entry], binder: Binder, path: binding.Path) -> None:
    for key, entry in keys.items():
        if key not in ("hosts", "ladder"):
            hint = "put it into the rung that it is about"
            binder.problems.error(entry.key.place, f"'{key}' cannot stand beside 'ladder'", hint)
    names = [rung.name or rung.default_name for rung in told.ladder]
    for index, rung in enumerate(told.ladder):
        place = (*path, "ladder", index)
        if names[index] in names[:index]:
            hint = "give one of them another 'name:'"
            binder.problems.error(binder.place(*place), f"two rungs are called {quoted(names[index])}", hint)
        for problem in _confirmations(names[index], rung, names):
            binder.problems.error(binder.place(*place, "confirm_by"), *problem)
        _check_rung(rung, told.hosts, binder, place)


def _confirmations(name: str, rung: RungSettings, names: list[str]) -> Iterator[tuple[str, str]]:
    for other in rung.confirm_by:
        if other == name:
            yield f"{quoted(name)} cannot confirm itself", "name another rung, or heartbeat"
        elif other != HEARTBEAT and other not in names:
            known = ", ".join(each for each in (*names, HEARTBEAT) if each != name)
            yield f"{quoted(other)} is no rung of this ladder", f"write one of {known}"


def _check_rung(rung: RungSettings, hosts: tuple[str, ...], binder: Binder, path: binding.Path) -> None:
    if isinstance(rung, AgentRung):
        _check_agent(rung, hosts, binder, path)
    if isinstance(rung, CommandRung | KdumpRung):
        if rung.run and not rung.run.startswith("/"):
            message = f"{quoted(rung.run)} is no absolute path"
            binder.problems.error(binder.place(*path, "run"), message, "write it from the root: /usr/local/sbin/...")
        for name, value in rung.options.items():
            _check_option(name, value, (HOST,), binder, (*path, "options", name))
    if isinstance(rung, IronicRung):
        _check_braces(rung.node, (HOST,), binder, binder.place(*path, "node"))
        if rung.url and rung.cloud:
            binder.problems.error(binder.place(*path, "url"), "either 'cloud' or 'url' says where Ironic is, not both")
    if isinstance(rung, HumanRung) and rung.confirm_by:
        binder.problems.error(
            binder.place(*path, "confirm_by"), "a human's word is confirmed by nobody", "leave it out"
        )


def _check_agent(told: AgentRung, hosts: tuple[str, ...], binder: Binder, path: binding.Path) -> None:
    if told.agent and not told.agent.startswith(("fence_", "/")):
        message = f"{quoted(told.agent)} is neither a fence agent's name nor an absolute path"
        binder.problems.error(binder.place(*path, "agent"), message, "write fence_ipmilan or /usr/sbin/fence_ipmilan")
    for name, value in told.options.items():
        _check_option(name, value, (HOST, "{plug}"), binder, (*path, "options", name))
    _check_braces(told.plug.template, (HOST,), binder, binder.place(*path, "plug"))
    try:
        told.device(hosts)
    except ValueError as error:
        binder.problems.error(binder.place(*path), str(error))


def _check_option(name: str, value: str, known: tuple[str, ...], binder: Binder, path: binding.Path) -> None:
    if sounds_secret(name):
        hint = f"write 'secrets: {{{name}: {{file: ...}}}}' beside the options"
        binder.problems.error(binder.place(*path), f"{quoted(name)} is a secret and never stands in this file", hint)
    else:
        _check_braces(value, known, binder, binder.place(*path))


def _check_braces(text: str, known: tuple[str, ...], binder: Binder, place: Place) -> None:
    for found in _BRACES.findall(text):
        if found not in known:
            binder.problems.error(place, f"{quoted(found)} stands for nothing here", f"write {' or '.join(known)}")


def check_pages(
    fencing: Sequence[FenceDeviceSettings], rounds: FenceRounds, known: Container[str], binder: Binder
) -> None:
    """Report those who shall be paged and are not *known*."""
    asked: list[tuple[str, binding.Path]] = [(rounds.page, ("fence_rounds", "page"))]
    for number, entry in enumerate(fencing):
        for index, rung in enumerate(entry.ladder):
            if isinstance(rung, HumanRung):
                asked.append((rung.page, ("fencing", number, "ladder", index, "page")))
    for name, path in asked:
        if name and name not in known:
            hint = f"write 'notify: {{{name}: {{file: ...}}}}' with the place of its URL"
            binder.problems.error(binder.place(*path), f"{quoted(name)} is nobody that 'notify' names", hint)
