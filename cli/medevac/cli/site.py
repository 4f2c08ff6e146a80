"""The commands about the site as a whole."""

from __future__ import annotations

import collections
import math
from collections.abc import Iterator, Sequence

import click
from prometheus_client import CollectorRegistry, Gauge, generate_latest

from medevac.cli import exits, options, output, silence, site_brakes
from medevac.cli.groups import Group
from medevac.cli.site_fencing import fencing
from medevac.cli.zookeeper import PATIENCE, store
from medevac.core.wire import to_plain
from medevac.workers import founding
from medevac.workers.brakes.levels import Levels
from medevac.workers.brakes.view import SHOWN, BrakeView, HeldOne
from medevac.workers.fencing import rounds
from medevac.workers.site_prints import differing
from medevac.workers.status import SiteStatus, look
from medevac.workers.zookeeper import connect, disconnect


@click.group(cls=Group)
def group() -> None:
    """See how the site stands, and tell it of work to come."""


group.add_command(site_brakes.disarm)
group.add_command(site_brakes.arm)
group.add_command(site_brakes.maintenance)
group.add_command(fencing)


@group.command()
@options.zookeeper
@options.as_json
@click.option("--prometheus", is_flag=True, help="Print metrics, for node_exporter's textfile collector.")
def status(zookeeper: str, as_json: bool, prometheus: bool) -> int:
    """Show workers, leader, policies in force, what waits, and what needs a human (then the exit code is 1)."""
    if prometheus and as_json:
        raise click.UsageError("say either --json or --prometheus")
    with store(zookeeper) as client:
        found = look(client)
    if prometheus:
        click.echo(metrics(found), nl=False)
    elif as_json:
        output.as_json({**to_plain(found), "problems": list(found.problems)})
    else:
        _show(found)
    return exits.PROBLEMS if found.problems else 0


@group.command()
@options.zookeeper
def create(zookeeper: str) -> None:
    """Begin a new site at this path of ZooKeeper, beside others that are there already.

    The first site of a ZooKeeper needs no such word: its first worker begins it.
    """
    silence.keep()
    client = connect(zookeeper, start_timeout=PATIENCE)
    try:
        new = founding.begin(client, zookeeper)
    finally:
        disconnect(client)
    output.say(f"{zookeeper}: {'a new site begins there' if new else 'a site is there already'}.")


def metrics(found: SiteStatus) -> str:
    """Return *found* in Prometheus' text format."""
    registry = CollectorRegistry()

    def gauge(name: str, about: str, value: float, **labels: str) -> None:
        made = Gauge(f"medevac_{name}", about, labelnames=tuple(labels), registry=registry)
        (made.labels(**labels) if labels else made).set(value)

    gauge("triage_leader", "1 when a worker leads triage", bool(found.leader))
    gauge("conductors", "living workers that claim jobs", sum(worker.conductor for worker in found.workers))
    gauge("events_waiting", "events that triage has not settled", found.events_waiting)
    gauge("jobs_waiting", "jobs on the board that nobody has claimed", found.jobs_waiting)
    gauge("jobs_claimed", "jobs on the board that a conductor works on", found.jobs_claimed)
    gauge("evacuations_at_once", "how many recoveries found best; 0: not found out yet", found.at_once)
    gauge("parked_postings", "postings that no conductor can read", found.parked_postings)
    about = "1 when the files are broken and an older set holds"
    broken = Gauge("medevac_policies_broken", about, ["worker"], registry=registry)
    for worker in found.workers:
        broken.labels(worker=worker.name).set(bool(worker.policy_problem))
    about = "seconds by which a worker's clock is ahead of ZooKeeper's"
    ahead = Gauge("medevac_worker_clock_ahead_seconds", about, ["worker"], registry=registry)
    for worker in found.workers:
        ahead.labels(worker=worker.name).set(round(worker.clock_ahead, 1))
    gauge("site_files_differ", "1 when workers go by different site files", bool(differing(found.workers)))
    _brakes(registry, found.brakes)
    for name, values in rounds.figures(found.fence_paths).items():
        about, labels = rounds.METRICS[name]
        made = Gauge(f"medevac_{name}", about, labels, registry=registry)
        for label, value in values.items():
            made.labels(*label).set(value)
    states = Gauge("medevac_incidents", "incidents that are kept, by state", ["state"], registry=registry)
    for state, count in found.incidents.items():
        states.labels(state=state).set(count)
    return generate_latest(registry).decode()


def _brakes(registry: CollectorRegistry, found: BrakeView) -> None:
    about = "1 while a part of the cloud is disarmed; until: seconds since the epoch, 0 without an end"
    disarmed = Gauge("medevac_disarmed", about, ["scope", "mode", "by", "reason", "until"], registry=registry)
    for mark in found.disarms:
        disarmed.labels(mark.scope, str(mark.mode), mark.by, mark.reason, f"{mark.until:.0f}").set(1)
    about = "1 while the maintenance of a host is announced"
    announced = Gauge("medevac_maintenance", about, ["host", "by", "reason", "until"], registry=registry)
    for each in found.maintenances:
        announced.labels(each.host, each.by, each.reason, f"{each.until:.0f}").set(1)
    held = Gauge("medevac_incidents_held", "incidents that wait, by what holds them", ["by"], registry=registry)
    for by, count in collections.Counter(each.held_by or "unknown" for each in found.held).items():
        held.labels(by).set(count)
    if found.levels is not None:
        _levels(registry, found.levels)


def _levels(registry: CollectorRegistry, found: Levels) -> None:
    about = "how the storm breaker has a failure domain: 0 normal, 1 slowed, 2 stopped"
    level = Gauge("medevac_breaker_level", about, ["kind", "domain"], registry=registry)
    about = "hosts of a failure domain that failed lately, or are out"
    lost = Gauge("medevac_breaker_hosts_lost", about, ["kind", "domain"], registry=registry)
    for each in found.domains:
        level.labels(each.kind, each.name).set(each.level)
        lost.labels(each.kind, each.name).set(each.lost)
    Gauge("medevac_blind", "1 while it is medevac that cannot see", registry=registry).set(bool(found.blind))
    about = "when the leader last looked at the failure domains, in seconds since the epoch"
    Gauge("medevac_breaker_looked_seconds", about, registry=registry).set(found.at)


def _held(found: BrakeView) -> None:
    if found.held:
        rows = [row for each in found.by_holder.values() for row in _held_rows(each)]
        output.table(("HELD", "BY", "LOOKED AT AGAIN", "SET GOING BY"), rows)
        click.echo()


def _held_rows(held: Sequence[HeldOne]) -> Iterator[tuple[str, str, str, str]]:
    """Yield a row for each, or one for all of many that one thing holds: a storm says the same of forty."""
    if len(held) <= SHOWN:
        yield from ((e.incident, e.held_by, output.moment(e.again_at or None), e.released_by) for e in held)
        return
    first = min(held, key=lambda each: each.again_at or math.inf)
    name = f"{first.incident} and {len(held) - 1} more"
    hint = first.released_by.replace(first.incident, "ID")
    yield name, first.held_by, output.moment(first.again_at or None), hint


def _domains(found: Levels | None) -> None:
    if found is None:
        return
    rows = [(str(each), each.word, f"{each.lost} of {each.hosts}") for each in found.domains if each.level]
    if rows:
        output.table(("FAILURE DOMAIN", "BREAKER", "HOSTS LOST"), rows)
        click.echo()


def _show(found: SiteStatus) -> None:
    for problem in found.problems:
        output.say(f"PROBLEM: {problem}")
    if not found.problems:
        click.echo("All is well.")
    click.echo()
    site_brakes.show(found.brakes.disarms, found.brakes.maintenances)
    _domains(found.brakes.levels)
    _held(found.brakes)
    rows = [
        (
            worker.name,
            " and ".join(role for role, has in (("triage", worker.triage), ("conductor", worker.conductor)) if has),
            "leads" if worker.name == found.leader else "",
            output.moment(worker.started_at),
            worker.policy_set,
        )
        for worker in found.workers
    ]
    output.table(("WORKER", "ROLE", "TRIAGE", "SINCE", "POLICIES"), rows)
    click.echo()
    click.echo(f"events waiting: {found.events_waiting}")
    click.echo(f"jobs: {found.jobs_claimed} under way, {found.jobs_waiting} waiting")
    kept = ", ".join(f"{count} {state}" for state, count in sorted(found.incidents.items()))
    click.echo(f"incidents: {kept or 'none'}")
    if found.brakes.levels is not None:
        normal = sum(not each.level for each in found.brakes.levels.domains)
        seen = output.moment(found.brakes.levels.at)
        click.echo(f"storm breaker: {normal} of {len(found.brakes.levels.domains)} failure domains normal, seen {seen}")
    if found.at_once:
        click.echo(f"evacuations at once: {found.at_once} found best, {output.moment(found.learnt_at)}")
    if found.fence_paths:
        good = sum(path.valid for path in found.fence_paths)
        click.echo(f"fence paths: {good} of {len(found.fence_paths)} hosts could be fenced when last tried")
