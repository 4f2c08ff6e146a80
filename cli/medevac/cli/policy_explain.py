"""`medevac policy explain`: which policy a server gets, why, and what the others lack."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from medevac.cli import options, output, prose
from medevac.cli.ground import Ground, as_written, failure_option, ground, policies_option
from medevac.core.errors import MedevacError, NotFoundError
from medevac.core.wire import to_plain
from medevac.flows.policy.matching import Verdict
from medevac.flows.ports import Server
from medevac.flows.preview import Preview


@dataclass(frozen=True, slots=True)
class Case:
    """Servers that get the same policy for the same reasons."""

    servers: tuple[Server, ...]
    verdict: Verdict
    left: str
    """Why they are not moved; empty: they are."""


@click.command("explain")
@click.option("--server", help="A server, by id or name.")
@click.option("--host", help="All servers of a host.")
@failure_option
@options.site_file
@policies_option
@options.as_json
def command(
    server: str | None, host: str | None, failure: str, site_file: Path | None, policies: Path | None, as_json: bool
) -> None:
    """Tell which policy a server would get, why, what each other lacks, and what would be done.

    The cloud is asked and never changed.
    """
    if (server is None) == (host is None):
        raise click.UsageError("say either --server or --host")
    with ground(site_file, policies, failure) as found:
        seen = found.preview(host) if host else found.preview(_find(found, server or "").host)
        cases, dump = _cases(seen, None if host else server), found.while_dumping(seen)
    if as_json:
        output.as_json(_plain(seen, cases, dump))
    else:
        click.echo(_text(seen, cases, dump))


def _find(found: Ground, server: str) -> Server:
    """Return the server of this id or name; raise NotFoundError or MedevacError when it is none or many."""
    named = [known] if (known := found.cloud.server(server)) else found.overview.servers_named(server)
    if not named:
        raise NotFoundError(f"no server has the id or name {server!r}: `openstack server list --all-projects` has them")
    if len(named) > 1:
        ids = ", ".join(each.id for each in named)
        raise MedevacError(f"{len(named)} servers are called {server!r}: say which, by id: {ids}")
    if not named[0].host:
        raise MedevacError(f"server {server} is on no host ({named[0].vm_state}): no failure of a host concerns it")
    return named[0]


def _cases(seen: Preview, only: str | None) -> tuple[Case, ...]:
    """Return the servers of the host, those together that fare alike; *only* one of them, by id or name."""
    left = {each.id: each.reason for each in seen.plan.left}
    grouped: dict[tuple[object, ...], list[tuple[Server, Verdict]]] = {}
    for server, verdict in zip(seen.servers, seen.verdicts, strict=True):
        if only in (None, server.id, server.name):
            winner = verdict.policy.name if verdict.policy else ""
            grouped.setdefault((winner, verdict.reasons, left.get(server.id, "")), []).append((server, verdict))
    return tuple(
        Case(tuple(server for server, _ in members), members[0][1], str(key[2])) for key, members in grouped.items()
    )


def _plain(seen: Preview, cases: Sequence[Case], dump: str) -> dict[str, object]:
    return {
        "host": seen.host,
        "zone": seen.service.zone,
        "failure": seen.failure,
        "recover": seen.decision.recover,
        "decision": seen.decision.reason,
        "while_dumping": dump or None,
        "cases": [_plain_case(case, seen.failure) for case in cases],
    }


def _plain_case(case: Case, failure: str) -> dict[str, object]:
    policy = case.verdict.policy
    return {
        "servers": [{"id": server.id, "name": server.name} for server in case.servers],
        "policy": policy.name if policy else None,
        "flow": as_written(policy, failure) if policy else None,
        "left": case.left or None,
        "others": to_plain(case.verdict.reasons),
    }


def _text(seen: Preview, cases: Sequence[Case], dump: str) -> str:
    head = [prose.folded(f"{seen.failure} of {seen.host}, zone {seen.service.zone or '(none)'}")]
    head.append(prose.folded(seen.decision.reason, 2, 0))
    if dump:
        head.append(prose.folded(f"while it writes a crash dump, {dump}", 2, 0))
    parts = [_text_case(case, seen.failure) for case in cases] or ["There is no server on it."]
    return "\n\n".join(["\n".join(head), *parts])


def _text_case(case: Case, failure: str) -> str:
    policy = case.verdict.policy
    who = ", ".join(server.name for server in case.servers)
    number = f"{len(case.servers)} servers: " if len(case.servers) > 1 else ""
    lines = [prose.folded(f"{number}{who}", hang=0)]
    if policy is None:
        lines.append("  no policy wins")
    else:
        about = f" - {' '.join(policy.about.split())}" if policy.about else ""
        lines.append(prose.folded(f"policy {policy.name} wins [{policy.priority.value}]{about}", 2))
    lines += [prose.folded(f"not {reason}", 4, 4) for reason in case.verdict.reasons]
    if policy is not None:
        lines += ["  its flow:", prose.as_yaml(as_written(policy, failure), 4)]
    if case.left:
        lines.append(prose.folded(f"not moved: {case.left}", 2))
    return "\n".join(lines)
