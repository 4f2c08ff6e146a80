"""Checks of names: what policies name and the site, or the cloud, does not have.

The names are handed in: where they come from (a site file, Nova, Keystone) is no business of the language.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from medevac.flows.policy.actions import Fence, Notify, Page, Step
from medevac.flows.policy.binding import Path, key_of
from medevac.flows.policy.checks_hands import out_of_reach
from medevac.flows.policy.grammar import Draft
from medevac.flows.policy.language import Match
from medevac.flows.policy.matching import matches
from medevac.flows.policy.problems import WHOLE_FILE, Place, Problems, closest, quoted

PAGE = "page"
"""The target that the step `page` tells."""
MOST_LISTED = 8
"""How many names a hint lists; of more, only the closest is told."""

_WHAT: Mapping[str, tuple[str, str]] = {
    "az": ("availability zone", "openstack availability zone list"),
    "host": ("compute host", "openstack compute service list"),
    "aggregate": ("host aggregate", "openstack aggregate list"),
    "project": ("project", "openstack project list"),
    "server": ("server", "openstack server list --all-projects"),
    "flavor": ("flavor", "openstack flavor list --all"),
}
"""The lines of a match whose names a cloud can be asked for: what each is, and the command that lists them."""


@dataclass(frozen=True, slots=True)
class Names:
    """The names that a cloud has, by the line of a match in which they can stand; what is not there is not checked."""

    known: Mapping[str, Sequence[str]]
    zones: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Availability zone to the hosts in it."""


@dataclass(frozen=True, slots=True)
class SiteWords:
    """What a site file has that policies count on."""

    file: str
    fenced: tuple[str, ...]
    """Globs of the hosts that its fence devices cover."""
    targets: tuple[str, ...]
    """Whom `notify` can tell."""
    hypervisor: bool = True
    """Whether workers reach the hypervisors of live hosts."""
    services: tuple[str, ...] = ("nova-compute", "libvirt")
    """Services of compute nodes that the cluster starts again."""
    dumps: bool = True
    """Whether some ladder knows of crash dumps."""


def check_names(drafts: Iterable[Draft], names: Names) -> None:
    """Report what policies name and the cloud does not have: a name is an error, a pattern without a match advice."""
    for draft in drafts:
        for match, path in _matches(draft):
            _check_match(draft, match, path, names)


def check_site_words(drafts: Sequence[Draft], words: SiteWords, names: Names, whole: Problems) -> None:
    """Report targets that nobody knows, and hosts and guests out of reach; the fault of no policy goes to *whole*."""
    for draft in drafts:
        _check_targets(draft, words)
        _check_reach(draft, words)
    fencing = [draft for draft in drafts if _fences(draft)]
    if fencing and not words.fenced:
        message = f"{words.file} has no fence device: only hosts that others have fenced are recovered"
        whole.warning(WHOLE_FILE, message, "add 'fencing:' there")
        return
    for draft in fencing:
        _check_fenced(draft, words, names)
    if any(not draft.policy.match.host and not draft.policy.match.az for draft in fencing):
        _check_all_fenced(words, names, whole)


def meet(one: str, other: str) -> bool:
    """Tell whether some text is matched by both patterns, in which `*` stands for any characters."""
    can = [[False] * (len(other) + 1) for _ in range(len(one) + 1)]  # whether what is left of both has one in common
    for at in reversed(range(len(one) + 1)):
        for there in reversed(range(len(other) + 1)):
            can[at][there] = _meet_from(one[at:], other[there:], can, at, there)
    return can[0][0]


def _meet_from(one: str, other: str, can: Sequence[Sequence[bool]], at: int, there: int) -> bool:
    if not one and not other:
        return True
    if one[:1] == "*":
        return can[at + 1][there] or (bool(other) and can[at][there + 1])
    if other[:1] == "*":
        return can[at][there + 1] or (bool(one) and can[at + 1][there])
    return one[:1] == other[:1] and can[at + 1][there + 1]


def _matches(draft: Draft) -> Iterator[tuple[Match, Path]]:
    """Yield every match of a policy, and where it stands."""
    yield from _with_unless(draft.policy.match, ("match",))
    for number, after in enumerate(draft.policy.after):
        path: Path = ("after", number) if ("after", number) in draft.binder.places else ("after",)
        yield from _with_unless(after.match, path)


def _with_unless(match: Match, path: Path) -> Iterator[tuple[Match, Path]]:
    yield match, path
    if match.unless is not None:
        yield match.unless, (*path, "not")


def _check_match(draft: Draft, match: Match, path: Path, names: Names) -> None:
    for line, known in names.known.items():
        what, command = _WHAT[line]
        for number, pattern in enumerate(getattr(match, line)):
            if any(matches(pattern, name) for name in known):
                continue
            place = draft.place(*path, line, number)
            if "*" in pattern:
                draft.problems.warning(place, f"no {what} of this cloud matches {quoted(pattern)}", _hint(command))
            else:
                message = f"this cloud has no {what} {quoted(pattern)}"
                draft.problems.error(place, message, _hint(command, pattern, known))


def _hint(command: str, word: str = "", known: Iterable[str] = ()) -> str:
    choices = sorted(set(known))
    meant = closest(choices, word) if word else ""
    if meant:
        return f"did you mean '{meant}'?"
    if word and 0 < len(choices) <= MOST_LISTED:
        return f"known are: {', '.join(choices)}"
    return f"`{command}` lists them"


def _fences(draft: Draft) -> bool:
    return any(flow.every(Fence) for flow in draft.policy.when.values())


def _check_fenced(draft: Draft, words: SiteWords, names: Names) -> None:
    match = draft.policy.match
    for line in ("host", "az"):
        for number, pattern in enumerate(getattr(match, line)):
            bare = _bare(line, pattern, words, names)
            if bare:
                message = f"no fence device covers {bare}: unless others fence it, its recovery is held"
                hint = f"add it to a fence device of {words.file}"
                draft.problems.warning(draft.place("match", line, number), message, hint)


def _check_all_fenced(words: SiteWords, names: Names, whole: Problems) -> None:
    """Report hosts of the cloud that no device covers, where some policy fences wherever its servers are."""
    bare = sorted({host for inside in names.zones.values() for host in inside if not _covered(host, words)})
    if bare:
        many = f" and {len(bare) - MOST_LISTED} more" if bare[MOST_LISTED:] else ""
        listed = f"{', '.join(bare[:MOST_LISTED])}{many}"
        message = f"no fence device covers {listed}: unless others fence it, a recovery there is held"
        whole.warning(WHOLE_FILE, message, f"add it to a fence device of {words.file}")


def _covered(host: str, words: SiteWords) -> bool:
    return any(fnmatchcase(host, device) for device in words.fenced)


def _bare(line: str, pattern: str, words: SiteWords, names: Names) -> str:
    """Return which of the hosts that *pattern* means no device covers; empty: none, as far as it is known."""
    if line == "az":
        hosts = [host for zone, inside in names.zones.items() if matches(pattern, zone) for host in inside]
    else:
        hosts = [host for inside in names.zones.values() for host in inside if matches(pattern, host)]
    if line == "host" and not hosts and not any(meet(pattern, _as_star(device)) for device in words.fenced):
        return quoted(pattern)
    bare = sorted(host for host in hosts if not _covered(host, words))
    if not bare or [pattern] == bare:
        return "".join(map(quoted, bare))
    more = f" and {len(bare) - MOST_LISTED} more" if bare[MOST_LISTED:] else ""
    listed = ", ".join(bare[:MOST_LISTED]) if more or len(bare) == 1 else f"{', '.join(bare[:-1])} and {bare[-1]}"
    return f"{listed}{more} of {quoted(pattern)}"


def _as_star(pattern: str) -> str:
    """Return the glob of a fence device with what our patterns do not know, `?` and `[...]`, made wider."""
    return re.sub(r"\?|\[.*\]", "*", pattern)


def _check_targets(draft: Draft, words: SiteWords) -> None:
    for failure, flow in draft.policy.when.items():
        for step, path in _steps(flow.steps, ("when", failure)):
            target = PAGE if isinstance(step, Page) else step.to if isinstance(step, Notify) else None
            if target is not None and target not in words.targets:
                _unknown_target(draft, draft.place(*path, "to"), target, words)


def _check_reach(draft: Draft, words: SiteWords) -> None:
    for failure, flow in draft.policy.when.items():
        for step, path in _steps(flow.steps, ("when", failure)):
            advice = out_of_reach(
                step, words.file, hypervisor=words.hypervisor, services=words.services, dumps=words.dumps
            )
            if advice is not None:
                draft.problems.warning(draft.place(*path), *advice)


def _unknown_target(draft: Draft, place: Place, target: str, words: SiteWords) -> None:
    meant = closest(words.targets, target)
    known = f"known are: {', '.join(sorted(words.targets))}" if words.targets else f"add 'notify: {{{target}: ...}}'"
    message = f"{words.file} names no target {quoted(target)} under 'notify': nobody would be told"
    draft.problems.error(place, message, f"did you mean '{meant}'?" if meant else known)


def _steps(steps: Iterable[object], path: Path) -> Iterator[tuple[Step, Path]]:
    """Yield every step, in whatever control, and where it stands."""
    for number, step in enumerate(steps):
        here = (*path, number)
        if isinstance(step, Step):
            yield step, here
            for line in dataclasses.fields(step):
                value = getattr(step, line.name)
                if isinstance(value, tuple):
                    yield from _steps(value, (*here, key_of(line)))
        elif isinstance(step, tuple):  # an alternative of first_of
            yield from _steps(step, here)
