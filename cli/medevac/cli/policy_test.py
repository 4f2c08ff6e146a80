"""`medevac policy test`: what authors expect of their policies, tried on a simulated site in milliseconds."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

import click

from medevac.cli import exits, options, output
from medevac.core.wire import to_plain
from medevac.sandbox.expectations.runner import Result, run


@click.command("test")
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=click.Path(path_type=Path))
@options.as_json
def command(paths: tuple[Path, ...], as_json: bool) -> None:
    """Try policies against the expectations that lie beside them: NAME.expect.yaml, or a folder called expect.

    Each is played with the real decision and the real flow on a site in memory, whose clock only waits move.  Exit
    code 1 when one is not met.
    """
    results = []
    for result in run(paths):
        results.append(result)
        if not as_json:
            click.echo(_text(result))
    if as_json:
        output.as_json({"ok": all(result.met for result in results), "results": [_plain(each) for each in results]})
    else:
        click.echo(_count(results))
    if not all(result.met for result in results):
        sys.exit(exits.PROBLEMS)


def _plain(result: Result) -> dict[str, object]:
    return {"met": result.met, **to_plain(result)}


def _text(result: Result) -> str:
    where = f"{result.file}:{result.line}" if result.line else result.file
    mark = "met    " if result.met else "NOT MET"
    took = f" ({result.seconds * 1000:.0f} ms)" if result.seconds else ""
    lines = [f"{mark} {where}: {result.expect or 'cannot be tried'}{took}"]
    lines += [textwrap.indent(str(problem), "  ") for problem in result.problems]
    if result.timeline:
        lines += ["  back after the failure:", *(f"  {line}" for line in result.timeline)]
    return "\n".join(lines)


def _count(results: Sequence[Result]) -> str:
    unmet = sum(not result.met for result in results)
    seconds = sum(result.seconds for result in results)
    number = f"{len(results)} expectation{'s' * (len(results) != 1)}"
    return f"{number}, {unmet or 'none'} not met, in {seconds:.2f} s"
