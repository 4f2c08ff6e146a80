"""`medevac policy history`: the policies that incidents were decided by, as they were then."""

from __future__ import annotations

from collections.abc import Sequence

import click

from medevac.cli import options, output, prose
from medevac.cli.zookeeper import store
from medevac.core.wire import to_plain
from medevac.workers import policy_history

_zookeeper = click.option(
    "--zookeeper", envvar="MEDEVAC_ZOOKEEPER", show_envvar=True, metavar="HOST:PORT,.../CHROOT", help="As for `show`."
)
"""Not required: the group reads it also on the way to a sub-command, which has its own."""


@click.group("history", invoke_without_command=True)
@_zookeeper
@options.as_json
@click.pass_context
def group(context: click.Context, zookeeper: str | None, as_json: bool) -> None:
    """List the policy sets that have decided about incidents, since when, and about which."""
    if context.invoked_subcommand is not None:
        return
    with store(options.zookeeper_address(context, zookeeper)) as client:
        kept = policy_history.read_all(client)
        used = policy_history.users(client)
    if as_json:
        output.as_json([_plain(each, used.get(each.digest, [])) for each in kept])
    elif kept:
        click.echo("\n\n".join(_text(each, used.get(each.digest, [])) for each in kept))
    else:
        click.echo("No policy set has decided about an incident yet.")


@group.command()
@click.argument("digest", callback=options.one_line)
@options.zookeeper
@options.as_json
def show(digest: str, zookeeper: str, as_json: bool) -> None:
    """Print the policies of a set as they were, one YAML document each; the first digits of DIGEST are enough."""
    with store(zookeeper) as client:
        kept = policy_history.read(client, digest)
    if as_json:
        output.as_json(to_plain(kept))
        return
    head = f"# policy set {kept.digest}, first used at {output.moment(kept.at)}"
    click.echo("\n---\n".join([head, *(prose.as_yaml(policy) for policy in kept.policies)]))


def _plain(kept: policy_history.Kept, incidents: Sequence[str]) -> dict[str, object]:
    return {"digest": kept.digest, "since": kept.at, "policies": list(kept.names), "incidents": list(incidents)}


def _text(kept: policy_history.Kept, incidents: Sequence[str]) -> str:
    head = f"{kept.digest}  since {output.moment(kept.at)}, {prose.count(len(incidents), 'incident')}"
    lines = [head, prose.folded(f"policies: {', '.join(kept.names)}", 2)]
    if incidents:
        lines.append(prose.folded(f"decided about: {', '.join(incidents)}", 2))
    return "\n".join(lines)
