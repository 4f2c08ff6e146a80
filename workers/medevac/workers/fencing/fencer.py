"""LadderFencer: the Fencer port on the ladders of a site; AgentFencer: on its fence devices alone."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import replace

from medevac.core.errors import FencingError
from medevac.core.evidence import FenceEvidence
from medevac.flows.rung import Answer, Case, Rung
from medevac.workers.fencing.agent import AgentMeans
from medevac.workers.fencing.device import FenceDevice
from medevac.workers.fencing.means import Step


class LadderFencer:
    """`medevac.flows.ports.Fencer`: every rung that covers a host is one of its ladder, in order.  Thread-safe."""

    def __init__(self, steps: Sequence[Step]) -> None:
        """Use *steps*, in order of preference."""
        self._steps = tuple(steps)
        self._ordered: set[str] = set()

    def ladder(self, host: str) -> tuple[Rung, ...]:
        """Return the rungs of *host*."""
        return tuple(step.rung for step in self.steps_of(host))

    def look(self, case: Case, rung: Rung) -> Answer:
        """Ask one rung."""
        return self._step(case.host, rung).means.look(case)

    def order(self, case: Case, rung: Rung) -> None:
        """Order the host off by one rung."""
        self._step(case.host, rung).means.order(case)

    def is_off(self, host: str) -> FenceEvidence | None:
        """Return what the first rung says that knows; raise the FencingError of the last where none does."""
        problem = FencingError(f"no fence device covers {host}: add one to the site file")
        for step in self.steps_of(host):
            try:
                found = step.means.look(_case(host)).evidence
            except FencingError as error:
                problem = error
                continue
            ordered = host in self._ordered
            self._ordered.discard(host)
            return replace(found, action="off") if found and ordered and found.action == "already-off" else found
        raise problem

    def power_off(self, host: str) -> None:
        """Order the power off by the first rung that obeys: the state is read back until it is off."""
        problem = FencingError(f"no fence device covers {host}: add one to the site file")
        for step in self.steps_of(host):
            if not step.rung.orders:
                continue
            try:
                step.means.order(_case(host))
                _read_back(step, host)
            except FencingError as error:
                problem = error
            else:
                self._ordered.add(host)
                return
        raise problem

    def steps_of(self, host: str) -> list[Step]:
        """Return the rungs of *host*, with their means."""
        return [step for step in self._steps if step.covers(host)]

    def _step(self, host: str, rung: Rung) -> Step:
        for step in self.steps_of(host):
            if step.rung.name == rung.name:
                return step
        message = f"there is no {rung.name} in the ladder of {host}: the site file has changed"
        raise FencingError(message)


class AgentFencer(LadderFencer):
    """A ladder of fence agents alone."""

    def __init__(self, devices: Sequence[FenceDevice]) -> None:
        """Use *devices*, in order of preference."""
        super().__init__([agent_step(device, name) for device, name in zip(devices, _names(devices), strict=True)])


def agent_step(device: FenceDevice, name: str, *, times: int = 1, confirm_by: tuple[str, ...] = ()) -> Step:
    """Return the rung called *name* that drives *device*."""
    back = device.reads * device.interval
    rung = Rung(name, timeout=back, times=times, interval=device.interval, confirm_by=confirm_by)
    return Step(rung, AgentMeans(device))


def _names(devices: Sequence[FenceDevice]) -> list[str]:
    """Return a name for each device: its agent's, with a number where several have the same."""
    seen: dict[str, int] = {}
    names = []
    for device in devices:
        count = seen[device.name] = seen.get(device.name, 0) + 1
        names.append(device.name if count == 1 else f"{device.name}-{count}")
    return names


def _read_back(step: Step, host: str) -> None:
    """Return when the host is off.  Raises FencingError when it is not, or nobody says, after so many readings.

    A reading that fails is repeated like one that says on: a controller may be deaf for a moment after it switched.
    """
    problem = FencingError(f"{step.rung.name} was not asked how {host} is")
    for reading in range(max(1, math.ceil(step.rung.timeout / step.rung.interval))):
        if reading:
            time.sleep(step.rung.interval)
        try:
            if step.means.look(_case(host)).evidence is not None:
                return
            problem = FencingError(f"{step.rung.name} reported success, and {host} is still on")
        except FencingError as error:
            problem = error
    raise problem


def _case(host: str) -> Case:
    now = time.time()
    return Case(host=host, incident="", failed_at=now, now=now)
