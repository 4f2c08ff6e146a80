"""Ladders: the fencing section of the site file as the Fencer that climbs it."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import singledispatch

from medevac.flows.rung import HEARTBEAT, Rung
from medevac.workers.fencing.agent import agent_step
from medevac.workers.fencing.fencer import LadderFencer
from medevac.workers.fencing.ironic import IronicMeans, Where
from medevac.workers.fencing.means import Means, Step
from medevac.workers.fencing.pacemaker import Cluster, EvidenceMeans, PacemakerMeans
from medevac.workers.fencing.program import CommandMeans, KdumpMeans, Program
from medevac.workers.fencing.quiet import HumanMeans, SelfMeans
from medevac.workers.site import Site
from medevac.workers.site_fencing import FenceDeviceSettings
from medevac.workers.site_rungs import (
    AgentRung,
    CommandRung,
    EvidenceRung,
    HumanRung,
    IronicRung,
    KdumpRung,
    PacemakerRung,
    RungSettings,
    SelfRung,
)

BEYOND = 5.0
"""Seconds for which a watchdog's rung is asked beyond the time that it counts."""


def fencer_of(site: Site) -> LadderFencer:
    """Return the Fencer of *site*: a host's ladder is made of every entry that covers it, in the order of the file."""
    names: dict[str, int] = {}
    cluster_name = _reversed(site.host_names)
    steps: list[Step] = []
    for entry in site.fencing:
        steps += _steps(entry, site.cloud, lambda host: cluster_name.get(host, host), names)
    return LadderFencer(steps)


def _steps(entry: FenceDeviceSettings, cloud: str, name_of: Callable[[str], str], names: dict[str, int]) -> list[Step]:
    """Return the rungs of one entry, under names that no other entry has; *names* counts those that are taken."""
    own = {rung.name or rung.default_name: "" for rung in entry.rungs}
    for name in own:
        names[name] = names.get(name, 0) + 1
        own[name] = name if names[name] == 1 else f"{name}-{names[name]}"
    own[HEARTBEAT] = HEARTBEAT
    made = []
    for told in entry.rungs:
        step = _made(told, entry.hosts)
        if isinstance(step.means, EvidenceMeans | SelfMeans):
            step.means.cluster = replace(step.means.cluster, name_of=name_of)
        if isinstance(step.means, IronicMeans):
            step.means.default_cloud = cloud
        confirmed = tuple(own[name] for name in told.confirm_by)
        made.append(replace(step, rung=replace(step.rung, name=own[step.rung.name], confirm_by=confirmed)))
    return made


def _reversed(names: Mapping[str, str]) -> Mapping[str, str]:
    return {nova: pacemaker for pacemaker, nova in names.items()}


@singledispatch
def _made(told: RungSettings, hosts: tuple[str, ...]) -> Step:
    raise TypeError(f"{type(told).__name__} for {hosts} is no rung")


def _step(told: RungSettings, rung: Rung, means: Means) -> Step:
    return Step(replace(rung, name=told.name or told.default_name), means)


@_made.register
def _(told: AgentRung, hosts: tuple[str, ...]) -> Step:
    name = told.name or told.default_name
    return agent_step(told.device(hosts), name, times=told.times, keeps_off=told.keeps_off)


@_made.register
def _(told: EvidenceRung, hosts: tuple[str, ...]) -> Step:
    rung = Rung("", timeout=float(told.wait), orders=False, interval=2.0)
    return _step(told, rung, EvidenceMeans(hosts, _cluster(told.through)))


@_made.register
def _(told: PacemakerRung, hosts: tuple[str, ...]) -> Step:
    timeout = float(told.timeout)
    return _step(told, Rung("", timeout=timeout), PacemakerMeans(hosts, _cluster(told.through), timeout))


@_made.register
def _(told: IronicRung, hosts: tuple[str, ...]) -> Step:
    timeout = float(told.timeout)
    where = Where(cloud=told.cloud, url=told.url, node=told.node)
    rung = Rung("", timeout=timeout, looks_first=False, keeps_off=told.keeps_off)
    return _step(told, rung, IronicMeans(hosts, where, timeout))


@_made.register
def _(told: CommandRung, hosts: tuple[str, ...]) -> Step:
    secrets = {name: source.reference for name, source in told.secrets.items()}
    program = Program(told.run, told.options, secrets, float(told.timeout))
    return _step(told, Rung("", timeout=float(told.timeout), times=told.times), CommandMeans(hosts, program))


@_made.register
def _(told: SelfRung, hosts: tuple[str, ...]) -> Step:
    watchdog, margin = float(told.watchdog), float(told.margin)
    rung = Rung("", timeout=watchdog + margin + BEYOND, orders=False, interval=2.0, wants_contact=True)
    return _step(told, rung, SelfMeans(hosts, _cluster(told.through), watchdog, margin))


@_made.register
def _(told: KdumpRung, hosts: tuple[str, ...]) -> Step:
    program = Program(told.run, told.options, timeout=float(told.timeout))
    rung = Rung("", timeout=float(told.limit), orders=False, interval=5.0, dump_proves=told.proves)
    return _step(told, rung, KdumpMeans(hosts, program))


@_made.register
def _(told: HumanRung, hosts: tuple[str, ...]) -> Step:
    return _step(told, Rung("", timeout=0.0, orders=False, page=told.page), HumanMeans(hosts))


def _cluster(through: str) -> Cluster:
    return Cluster(tuple(shlex.split(through)))
