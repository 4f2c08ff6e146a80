"""`medevac policy check`: everything that is wrong with policies, by themselves, on a site, and in a cloud."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from medevac.cli import exits, options, output
from medevac.core.errors import CloudUnavailableError
from medevac.core.wire import to_plain
from medevac.flows.policy.grammar import Draft
from medevac.flows.policy.language import Leave
from medevac.flows.policy.problems import Problem, Severity
from medevac.flows.policy.reader import SUFFIXES, Review, review_policies


@click.command("check")
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--site",
    "site_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Also check what policies name against this site file: fence devices, targets of messages, owners' wishes.",
)
@click.option(
    "--cloud",
    is_flag=True,
    help="Also check names of zones, hosts, aggregates, projects, servers and flavors against the cloud; it is only "
    "read. Which cloud: as the site file says, or OS_CLOUD.",
)
@options.as_json
def command(paths: tuple[Path, ...], site_file: Path | None, *, cloud: bool, as_json: bool) -> None:
    """Tell everything that is wrong with policy files, or directories of them.

    A directory is checked as a whole too: which policy hides another, and what none of them answers.  Exit code 1
    when there is an error, 3 when the cloud does not answer; warnings alone are 0.
    """
    reviews = [review_policies(path) for path in paths]
    silent = ""
    if site_file is not None or cloud:
        reviews, silent = _around(reviews, site_file, cloud=cloud)
    if as_json:
        output.as_json(_plain(reviews))
    else:
        click.echo(_text(reviews))
    if silent:
        output.complain(f"names were not checked against the cloud: {silent}")
    if any(review.failed for review in reviews):
        sys.exit(exits.PROBLEMS)
    if silent:
        sys.exit(exits.UNREACHABLE)


def _around(reviews: Sequence[Review], site_file: Path | None, *, cloud: bool) -> tuple[list[Review], str]:
    """Return *reviews* with what the site and the cloud say of them, and why the cloud could not be asked."""
    from medevac.cli.surroundings import look_around  # noqa: PLC0415 - it needs the clients of a cloud; most checks none

    drafts = [draft for review in reviews for draft in review.drafts]
    silent = ""
    found: tuple[Problem, ...] = ()
    try:
        found = look_around(drafts, site_file, cloud=cloud)
    except CloudUnavailableError as error:
        silent = str(error)
        found = look_around(drafts, site_file, cloud=False) if site_file else ()
    return [*(_again(review) for review in reviews), Review((), found)], silent


def _again(review: Review) -> Review:
    """Return *review* with all that is known of its drafts by now."""
    later = {draft.problems.file: draft.problems.listed() for draft in review.drafts}
    files = dict.fromkeys([*(problem.file for problem in review.problems), *later])
    earlier: Mapping[str, list[Problem]] = {file: [p for p in review.problems if p.file == file] for file in files}
    in_order = sorted(files, key=lambda file: (not file.endswith(SUFFIXES), file))  # directories as a whole come last
    return Review(review.drafts, tuple(p for file in in_order for p in later.get(file, earlier[file])))


def _plain(reviews: Sequence[Review]) -> dict[str, object]:
    return {
        "ok": not any(review.failed for review in reviews),
        "policies": [_plain_draft(draft) for review in reviews for draft in review.drafts],
        "problems": [to_plain(problem) for review in reviews for problem in review.problems],
    }


def _plain_draft(draft: Draft) -> dict[str, object]:
    policy = draft.policy
    return {
        "file": draft.problems.file,
        "ok": not draft.problems.failed,
        "policy": policy.name,
        "about": policy.about,
        "priority": policy.priority.value,
        "failures": list(policy.when),
    }


def _text(reviews: Sequence[Review]) -> str:
    problems = [str(problem) for review in reviews for problem in review.problems]
    sound = [_sentence(draft) for review in reviews for draft in review.drafts if not draft.problems.failed]
    return "\n".join([*problems, *sound, *_count(reviews)])


def _sentence(draft: Draft) -> str:
    """Return the friendly line of a sound file."""
    policy = draft.policy
    about = f" - {' '.join(policy.about.split())}" if policy.about else ""
    answers = ", ".join(
        f"{failure} (left alone)" if flow.step(Leave) else failure for failure, flow in policy.when.items()
    )
    return f"{draft.problems.file}: {policy.name}{about} [{policy.priority.value}; answers {answers}]"


def _count(reviews: Sequence[Review]) -> list[str]:
    found = [problem.severity for review in reviews for problem in review.problems]
    if not found:
        return []
    errors, warnings = found.count(Severity.ERROR), found.count(Severity.WARNING)
    return [f"{errors} error{'s' * (errors != 1)}, {warnings} warning{'s' * (warnings != 1)}"]
