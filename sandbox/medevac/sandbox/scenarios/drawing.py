"""Drawing: what the authors of plays that nobody has written draw alike, each from its own random generator."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from random import Random
from typing import TypeVar

from medevac.flows.policy.duration import Duration
from medevac.sandbox.cloud.model.site import ServerSpec
from medevac.sandbox.scenarios.language import Act, Alert, Device, Fault, Mood, Still, Trouble

CALM = 900.0
"""Seconds after which nothing more goes wrong: devices obey, marks are taken back, a worker runs."""
LASTS = 4 * 3600.0
MOST_TROUBLES = 4
AT_A_TIME = 0.4
"""The part of troubles that come at a time; the others come at a call that a worker makes."""

When = dict[str, object]
"""When a line of a script happens: its field of that name, with the value."""
T = TypeVar("T")


class Drawer(ABC):
    """Draws lines of a script: what seeds decide, and in which order, must not change, or they are other plays."""

    def __init__(self, random: Random) -> None:
        """Draw from *random*: three to six hosts, some of which fail (*victims*), and two to six servers first."""
        self.random = random
        self.hosts: Sequence[str] = [f"compute-{number}" for number in range(1, random.randint(4, 7))]
        self.victims: Sequence[str] = self.hosts
        self.servers: Sequence[ServerSpec] = [self.server(number) for number in range(1, random.randint(3, 7))]

    @abstractmethod
    def server(self, number: int) -> ServerSpec:
        """Return the server of that number, on one of the hosts."""

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of the servers."""
        return tuple(server.name for server in self.servers)

    def any(self, values: Sequence[T]) -> T:
        """Return one of *values*."""
        return self.random.choice(values)

    def chance(self, part: float) -> bool:
        """Tell whether it happens, as it does in *part* of all cases."""
        return self.random.random() < part

    def when(self, early: float, call: Callable[[], str]) -> When:
        """Return when a trouble comes: within *early* seconds of the beginning, or at a *call* that a worker makes."""
        if self.chance(AT_A_TIME):
            return {"at": Duration(self.random.uniform(0, early))}
        words = call()
        return {self.any(("before", "behind")): words}

    def device(self, when: When) -> Act:
        """Return a fence device that behaves otherwise; it does not lie, for with one device nobody could tell."""
        moods = [mood for mood in Mood if mood is not Mood.LIE]
        device = Device(host=self.any(self.victims), does=self.any(moods))
        return line(when, bmc=(device,))

    def fault(self, when: When) -> Act:
        """Return requests to Nova that come to nothing, or whose answers are lost."""
        fault = Fault(
            does=self.any(list(Trouble)),
            method=self.any((".*", "POST", "PUT", "GET")),
            count=self.random.randint(1, 4),
            seconds=Duration(self.random.uniform(5, 120)),
        )
        return line(when, nova=(fault,))

    def zookeeper(self, when: When) -> Act:
        """Return a ZooKeeper that is away."""
        return line(when, zookeeper_away=Duration(self.any((1.0, 3.0, 20.0))))

    def death(self, when: When) -> Act:
        """Return workers that die."""
        return line(when, killed=(self.any(("busy", "busy", "leader", "all")),))

    def stillness(self, when: When) -> Act:
        """Return workers that stand still."""
        still = Still(who=self.any(("busy", "all")), seconds=Duration(self.any((2, 15, 60))))
        return line(when, frozen=(still,))

    def comes_back(self, when: When) -> Act:
        """Return a host that comes back, whether or not it is time."""
        host = self.any(self.victims)
        return line(when, host_mended=(host,), host_starts=(host,), alert=(Alert(kind="host.member", host=host),))


def line(when: When, **what: object) -> Act:
    """Return the line of a script that says *what* happens, and *when*."""
    return Act(**when, **what)  # type: ignore[arg-type]  # the names of fields, with values of their types
