"""Ground: what a command that asks the real cloud about policies stands on: site file, policies, sessions."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from medevac.cli import silence
from medevac.core.errors import NotFoundError
from medevac.flows.dumping import DumpWord
from medevac.flows.policy.language import FAILURES, HOST_DOWN, Policy, PolicySet
from medevac.flows.policy.reader import read_policies
from medevac.flows.policy.stored import to_document
from medevac.flows.preview import Preview, Question, preview
from medevac.workers.fencing.program import KdumpMeans
from medevac.workers.ladders import fencer_of
from medevac.workers.openstack.nova import NovaCloud
from medevac.workers.openstack.overview import Overview
from medevac.workers.openstack.placement import Placement
from medevac.workers.openstack.session import open_session
from medevac.workers.site import Site, read_site
from medevac.workers.worker import SystemClock, settings

failure_option = click.option(
    "--failure", default=HOST_DOWN, show_default=True, type=click.Choice(list(FAILURES)), help="What has failed."
)
"""What a policy has under `when`; passed as `failure`."""

policies_option = click.option(
    "--policies", type=click.Path(path_type=Path), help="Take these policies instead of the site file's."
)
"""A policy file, or a directory of them; passed as `policies`."""


@dataclass(frozen=True, slots=True)
class Ground:
    """Everything that is only read."""

    site: Site
    question: Question
    cloud: NovaCloud
    overview: Overview
    placement: Placement

    def preview(self, host: str) -> Preview:
        """Return what would happen to *host*; raise NotFoundError when Nova knows no such host."""
        found = preview(self.cloud, host, self.question)
        if found is None:
            raise NotFoundError(f"Nova knows no compute service on {host}: `openstack compute service list` has them")
        return found

    def fence_agent(self, host: str) -> str:
        """Return the ladder of *host* in a few words, such as "evidence, then fence_ipmilan"; empty: it has none."""
        return ", then ".join(rung.name for rung in fencer_of(self.site).ladder(host))

    def while_dumping(self, seen: Preview) -> str:
        """Return what becomes of a host that writes its crash dump; empty where nobody would know, or nobody moves."""
        dumps = [step for step in fencer_of(self.site).steps_of(seen.host) if isinstance(step.means, KdumpMeans)]
        if not dumps or not seen.order or seen.failure != HOST_DOWN:
            return ""
        there = {policy.name for policy in seen.order}
        wait = DumpWord(seen.order, HOST_DOWN, lambda: there).why_wait(site=dumps[0].rung.dump_proves)
        return f"it is left alone until it has finished: {wait}" if wait else "evacuation begins all the same"


@contextlib.contextmanager
def ground(site_file: Path | None, policies: Path | None, failure: str) -> Iterator[Ground]:
    """Give what the site file *site_file* leads to; *policies* stand in for its own.

    Raises ProblemsError for files with errors, CloudNotConfiguredError when the cloud is not described.
    """
    silence.keep()
    site = read_site(site_file)
    found: PolicySet = read_policies(policies or site.policies)
    session = open_session(site.cloud or None)
    cloud = NovaCloud(session)
    question = Question(failure, found, settings(site), SystemClock().now())
    try:
        yield Ground(site, question, cloud, Overview(session), Placement(session))
    finally:
        cloud.close()


def as_written(policy: Policy, failure: str) -> Any:  # noqa: ANN401 - JSON
    """Return the flow of *policy* for *failure* in the language's own words, with every default written out."""
    return to_document(policy)["when"].get(failure)
