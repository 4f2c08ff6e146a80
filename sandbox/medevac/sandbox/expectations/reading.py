"""Reading: expectation files, with everything that is wrong in them and where."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from medevac.flows.policy import binding
from medevac.flows.policy.binding import Binder, key_of
from medevac.flows.policy.document import Items, Node, Text, compose
from medevac.flows.policy.grammar import read_match
from medevac.flows.policy.language import FAILURES, SERVER_FAILURES, Match
from medevac.flows.policy.matching import matches
from medevac.flows.policy.problems import Place, Problems, did_you_mean, quoted
from medevac.flows.policy.reader import EXPECTATIONS, SUFFIXES, load
from medevac.sandbox.expectations.language import Expectation, GivenHost, Group, When

FOLDER = "expect"
"""All YAML files of a folder of this name are expectations."""
SYNONYMS = {"zone": "az", "availability_zone": "az", "vm_state": "state", "image": "boots_from", "result": "outcome"}

FAILURE_KEYS = {key_of(line): line.name for line in dataclasses.fields(When) if key_of(line) in FAILURES}
"""The failures that can be tried, and the fields that name their hosts or servers."""


@dataclass(frozen=True, slots=True)
class Draft:
    """An expectation as its file says it, and where its words stand."""

    expectation: Expectation
    binder: Binder
    path: binding.Path
    """Where it begins in the file: a file may hold a list of them."""

    def place(self, *path: str | int) -> Place:
        """Return where the value at *path* of the expectation stands."""
        return self.binder.place(*self.path, *path)

    @property
    def failure(self) -> tuple[str, str]:
        """Return what fails, and the name of the host, or of the server that fails alone."""
        return next(self._failures())

    @property
    def servers(self) -> tuple[str, ...]:
        """Return the names of all servers."""
        return tuple(name for server in self.expectation.given.servers for name in server.names)

    def _failures(self) -> Iterator[tuple[str, str]]:
        for key, name in FAILURE_KEYS.items():
            if host := getattr(self.expectation.when, name):
                yield key, host

    def check(self) -> None:
        """Report names that stand for nothing, and a failure that is missing or one too many."""
        failures = list(self._failures())
        if len(failures) != 1:
            message = "nothing fails here" if not failures else "more than one thing fails here"
            self.binder.problems.error(self.place("when"), message, "write one of: " + ", ".join(FAILURE_KEYS))
        hosts = tuple(host.name for host in self.expectation.given.hosts)
        self._known("host", hosts, self._named_hosts(failures))
        failed = [(name, ("when", key)) for key, name in failures if key in SERVER_FAILURES]
        self._known("server", self.servers, [*failed, *self._named_servers()])
        flavors = ("m1.small", *(flavor.name for flavor in self.expectation.given.flavors))
        given = list(enumerate(self.expectation.given.servers))
        self._known("flavor", flavors, ((s.flavor, ("given", "servers", n, "flavor")) for n, s in given))
        groups = tuple(self.expectation.given.groups)
        self._known("group", groups, ((s.group, ("given", "servers", n, "group")) for n, s in given if s.group))

    def _named_hosts(self, failures: Iterable[tuple[str, str]]) -> Iterator[tuple[str, binding.Path]]:
        for key, host in failures:
            if key not in SERVER_FAILURES:
                yield host, ("when", key)
        for number, host in enumerate(self.expectation.when.claim_refused):
            yield host, ("when", "claim-refused", number)
        for number, server in enumerate(self.expectation.given.servers):
            yield server.host, ("given", "servers", number, "host")

    def _named_servers(self) -> Iterator[tuple[str, binding.Path]]:
        then = self.expectation.then
        for number, group in enumerate(then.order):
            yield from ((name, ("then", "order", number)) for name in group.servers)
        yield from ((name, ("then", "left", name)) for name in then.left)
        lines = ("back", "not_moved", "not_touched", "killed")
        for key, names in ((line, getattr(then, line)) for line in lines):
            yield from ((name, ("then", key, number)) for number, name in enumerate(names))
        yield from ((name, ("when", "no-valid-host", n)) for n, name in enumerate(self.expectation.when.no_valid_host))

    def _known(self, kind: str, known: tuple[str, ...], named: Iterable[tuple[str, binding.Path]]) -> None:
        for name, path in named:
            if not any(matches(name, each) for each in known):
                hint = did_you_mean(name, known) if known else f"no {kind} is given"
                self.binder.problems.error(self.place(*path), f"no {kind} {quoted(name)} is given", hint)


def find(path: Path) -> list[Path]:
    """Return the expectation files that *path* means: the file itself, or all below a directory."""
    if not path.is_dir():
        return [path]
    return sorted(file for file in path.rglob("*.y*ml") if _is_expectation(file))


def _is_expectation(path: Path) -> bool:
    inside = path.parent.name == FOLDER and path.suffix in SUFFIXES
    return (inside or path.name.endswith(EXPECTATIONS)) and not path.name.startswith(".") and path.is_file()


def read(path: Path) -> tuple[tuple[Draft, ...], Problems]:
    """Return the expectations of the file *path*, to be used only if the problems have no error, and the problems."""
    text, problems = load(path)
    node = compose(text, problems)
    if node is None:
        return (), problems
    readers = {
        GivenHost: _host,
        Group: _group,
        Match: read_match,
        Path: lambda binder, node, at: _path(binder, node, at, path.parent),
    }
    binder = Binder(problems, readers=readers, synonyms=SYNONYMS)
    drafts = tuple(_drafts(binder, node))
    if not problems.failed:
        for draft in drafts:
            draft.check()
    return drafts, problems


def _drafts(binder: Binder, node: Node) -> Iterator[Draft]:
    listed = node.items if isinstance(node, Items) else (node,)
    for number, item in enumerate(listed):
        path: binding.Path = (number,) if isinstance(node, Items) else ()
        binder.places[path] = item.place
        found = binder.read_dataclass(Expectation, item, path, "an expectation")
        if found:
            yield Draft(found, binder, path)


def _host(binder: Binder, node: Node, path: binding.Path) -> GivenHost | None:
    """Read a host: its name alone, or lines with more."""
    if not isinstance(node, Text):
        return binder.read_dataclass(GivenHost, node, path)
    text = binder.text(node, path)
    return GivenHost(name=text.value) if text else None


def _group(binder: Binder, node: Node, path: binding.Path) -> Group | None:
    servers = binder.read(tuple[str, ...], node, path)
    return Group(servers) if servers else None


def _path(binder: Binder, node: Node, path: binding.Path, folder: Path) -> Path | None:
    text = binder.text(node, path)
    return folder / text.value if text else None
