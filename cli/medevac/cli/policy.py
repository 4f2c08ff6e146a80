"""`medevac policy`: for the people who write promises."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from medevac.cli import output
from medevac.cli.root import Entry, LazyGroup
from medevac.core.wire import to_plain
from medevac.flows.policy.grammar import Draft
from medevac.flows.policy.language import Leave
from medevac.flows.policy.problems import Severity
from medevac.flows.policy.reader import Review, review_policies

PROBLEMS = 1
"""Exit code: there are errors."""


ENTRIES = {
    "explain": Entry("medevac.cli.policy_explain:command", "Tell which policy a server gets, and why.", "worker"),
    "history": Entry("medevac.cli.policy_history:group", "The policies that incidents were decided by.", "worker"),
    "plan": Entry("medevac.cli.policy_plan:command", "Tell what would be done if hosts failed now.", "worker"),
    "reference": Entry("medevac.cli.policy_schema:reference_command", "Print the reference page of a file.", "worker"),
    "schema": Entry("medevac.cli.policy_schema:schema_command", "Print a JSON Schema, for editors.", "worker"),
    "test": Entry("medevac.cli.policy_test:command", "Try policies against their expectations.", "sandbox"),
}


@click.group(cls=LazyGroup, entries=ENTRIES)
def group() -> None:
    """Check, try and explain the files that say what shall be recovered how."""


@group.command()
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")
def check(paths: tuple[Path, ...], *, as_json: bool) -> None:
    """Tell everything that is wrong with policy files, or directories of them.

    A directory is checked as a whole too: which policy hides another, and what none of them answers.  Exit code 1
    when there is an error; warnings alone are 0.
    """
    reviews = [review_policies(path) for path in paths]
    if as_json:
        output.as_json(_plain(reviews))
    else:
        click.echo(_text(reviews))
    if any(review.failed for review in reviews):
        sys.exit(PROBLEMS)


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
