"""Surroundings: what a site file and a cloud say of policies that name their parts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from medevac.cli import silence
from medevac.flows.policy.binding import Path as Where
from medevac.flows.policy.checks_names import Names, SiteWords, check_names, check_site_words
from medevac.flows.policy.document import Entries, Items, Node, compose
from medevac.flows.policy.grammar import Draft
from medevac.flows.policy.matching import matches
from medevac.flows.policy.problems import WHOLE_FILE, Place, Problem, Problems, did_you_mean, quoted
from medevac.flows.policy.reader import load
from medevac.workers.openstack.catalogue import read_names
from medevac.workers.openstack.session import open_session
from medevac.workers.site import Site, review_site
from medevac.workers.site_rungs import KdumpRung


def look_around(drafts: Sequence[Draft], site_file: Path | None, *, cloud: bool) -> tuple[Problem, ...]:
    """Check *drafts* against the site file, and with *cloud* against the cloud.

    What is wrong with a policy is added to its own problems; what is wrong with the site file is returned.
    Raises CloudUnavailableError, before anything is checked, when the cloud does not answer, and
    CloudNotConfiguredError when nothing says which it is.
    """
    site, problems = review_site(site_file, {}) if site_file else (None, None)
    names = _names(drafts, site) if cloud else Names({})
    check_names(drafts, names)
    if site is None or problems is None:
        return problems.listed() if problems else ()
    words = SiteWords(
        file=str(site_file),
        fenced=tuple(pattern for told in site.fencing if told.suffices for pattern in told.hosts),
        targets=tuple(site.notify),
        hypervisor=site.hypervisor.reaches,
        services=tuple(site.services.resources),
        dumps=any(isinstance(rung, KdumpRung) for told in site.fencing for rung in told.rungs),
    )
    check_site_words(drafts, words, names, problems)
    _check_owners(drafts, site, problems)
    _check_reserved(site, names, problems)
    _check_fence_patterns(site, names, problems)
    return problems.listed()


def _names(drafts: Iterable[Draft], site: Site | None) -> Names:
    silence.keep()
    session = open_session((site.cloud or None) if site else None)
    try:
        return read_names(session, servers=any(_names_servers(draft) for draft in drafts))
    finally:
        session.close()


def _names_servers(draft: Draft) -> bool:
    policy = draft.policy
    asked = [policy.match, *(after.match for after in policy.after)]
    return any(match.server or (match.unless and match.unless.server) for match in asked)


def _check_owners(drafts: Iterable[Draft], site: Site, problems: Problems) -> None:
    """Report promises that owners may pick and that no policy makes."""
    names = [draft.policy.name for draft in drafts if draft.policy.name]
    for number, pattern in enumerate(site.owners.policies):
        if any(matches(pattern, name) for name in names):
            continue
        place = _place(problems.file, ("owners", "policies", number))
        if "*" in pattern:
            problems.warning(place, f"no policy matches {quoted(pattern)}: owners cannot pick it")
        else:
            message = f"owners may pick {quoted(pattern)}, and there is no such policy"
            problems.error(place, message, did_you_mean(pattern, names))


def _check_reserved(site: Site, names: Names, problems: Problems) -> None:
    """Report reserved hosts and their aggregates that the cloud, where it was asked, does not have."""
    for key, line, what in (("hosts", "host", "compute host"), ("aggregates", "aggregate", "host aggregate")):
        known = names.known.get(line, ())
        for number, pattern in enumerate(getattr(site.reserved, key)):
            if not known or any(matches(pattern, name) for name in known):
                continue
            place = _place(problems.file, ("reserved", key, number))
            if "*" in pattern:
                problems.warning(place, f"no {what} of this cloud matches {quoted(pattern)}: nothing is reserved by it")
            else:
                message = f"this cloud has no {what} {quoted(pattern)} to be reserved"
                problems.error(place, message, did_you_mean(pattern, known))


def _check_fence_patterns(site: Site, names: Names, problems: Problems) -> None:
    """Report patterns of fence devices that cover no host of the cloud, where it was asked: most are mistyped."""
    known = names.known.get("host", ())
    for number, told in enumerate(site.fencing):
        for index, pattern in enumerate(told.hosts):
            if not known or any(fnmatchcase(host, pattern) for host in known):
                continue
            message = f"no compute host of this cloud matches {quoted(pattern)}: nothing is fenced by it"
            where = ("fencing", number, "hosts", index)
            problems.warning(_place(problems.file, where), message, did_you_mean(pattern, known))


def _place(file: str, where: Where) -> Place:
    """Return where the value at *where* stands in the YAML *file*, or the closest thing around it."""
    text, problems = load(Path(file))
    node: Node | None = compose(text, problems)
    place = WHOLE_FILE
    for key in where:
        if isinstance(node, Entries):
            node = next((entry.value for entry in node.entries if entry.key.value == key), None)
        elif isinstance(node, Items) and isinstance(key, int):
            node = node.items[key]
        if node is None:
            break
        place = node.place
    return place
