"""Play: one performance of the demo from curtain to curtain."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path

from rich.console import Console

from medevac.sandbox.demo import report as reports
from medevac.sandbox.demo.bare import run_bare
from medevac.sandbox.demo.interruption import Interruption
from medevac.sandbox.demo.report import Report
from medevac.sandbox.demo.story import Options, Story
from medevac.sandbox.demo.view import LiveView, PlainView, View
from medevac.sandbox.site import SandboxSite

HELD, BROKEN = 0, 1
"""Exit codes."""


def play(options: Options, console: Console, *, json_file: Path | None = None, keep: bool = False) -> int:
    """Perform the demo on *console* and return the exit code: 0 only if everything held.

    The report goes to *json_file* too.  *keep*: the site stays up until we are asked to end.
    Raises KeyboardInterrupt when we are asked to end before that, with everything taken down; MedevacError where the
    site cannot be brought up; ProblemsError for policies with errors.
    """
    # Without a handler kazoo's warnings about connections that we end ourselves would go to the terminal.
    logging.getLogger("kazoo").addHandler(logging.NullHandler())
    cast = options.cast()
    with Interruption() as interruption:
        view: View = LiveView(console) if console.is_terminal else PlainView(console)
        story = Story(options, cast, view, interruption)
        site = SandboxSite(options.plan(story.cast), story.breathe)
        try:
            report = _perform(story, site, view)
            reports.show(report, console)
            if json_file is not None:
                json_file.write_text(json.dumps(reports.document(report), indent=2) + "\n", encoding="utf-8")
            if keep:
                _invite(site, report, console)
                interruption.wait()
        except KeyboardInterrupt:
            site.stop()
            console.print("Interrupted: every process has ended, and nothing is left behind.", highlight=False)
            raise
        finally:
            site.stop()
    return HELD if report.held else BROKEN


def _perform(story: Story, site: SandboxSite, view: View) -> Report:
    options = story.options
    try:
        story.say(f"starting ZooKeeper, {options.hosts} hosts with {options.servers} servers, and workers")
        site.start()
        story.say(f"the site is up in {site.folder}")
        facts = story.tell(site)
        lines = story.lines()
        story.say("the same failure for a bare script, on a fresh cloud")
        bare = run_bare(site.folder / "bare", story.cast, options.settings(), story.breathe)
    finally:
        view.close(story.lines())
    return reports.make(facts, lines, bare)


def _invite(site: SandboxSite, report: Report, console: Console) -> None:
    """Print how to look around."""
    incident = next((each.id for each in report.facts.incidents), "INCIDENT")
    lines = (
        "",
        "The site stays up. To look around, in another terminal:",
        "",
        f"  . {site.folder}/env",
        "  medevac job list",
        f"  medevac incident show {incident}",
        "  medevac event list",
        "  openstack server list --all-projects --long",
        "  openstack compute service list",
        f"  less {site.folder}/*.log",
        "",
        f"To end it and remove its folder: Ctrl-C here, or kill {os.getpid()}",
    )
    for line in lines:
        console.print(line, soft_wrap=True, highlight=False, markup=False)
