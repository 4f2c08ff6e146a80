"""A play of libvirt's events, and of how servers are found, without libvirt."""

from __future__ import annotations

from medevac.triggers.libvirt_codes import EventId, Lifecycle, Started, Stopped
from medevac.triggers.libvirt_events import Finding, Life, Sighting, Standing, compare, judge, ripen

SERVER = "2d7825c4-c915-4a19-8cc4-b284bfeb7cd9"


class Play:
    """The lives of the servers of one host, as a listener keeps them."""

    def __init__(self) -> None:
        self.lives: dict[str, Life] = {}
        self.found: list[tuple[str, Finding]] = []

    def see(self, sighting: Sighting) -> None:
        self.pass_time(sighting.at)
        self._keep(*judge(self.lives.get(sighting.server) or Life(sighting.server), sighting))

    def connect(self, standing: Standing) -> None:
        self._keep(*compare(self.lives.get(standing.server), standing))

    def pass_time(self, now: float) -> None:
        for life in list(self.lives.values()):
            self._keep(*ripen(life, now))

    def _keep(self, life: Life, verdict: object) -> None:
        self.lives[life.server] = life
        if isinstance(verdict, Finding):
            self.found.append((life.server, verdict))

    @property
    def told(self) -> list[tuple[str, str]]:
        return [(finding.kind.value, finding.facts["cause"]) for _, finding in self.found]


def stopped(server: str, at: float, detail: int = Stopped.FAILED) -> Sighting:
    return Sighting(server, at, EventId.LIFECYCLE, (Lifecycle.STOPPED, detail))


def started(server: str, at: float) -> Sighting:
    return Sighting(server, at, EventId.LIFECYCLE, (Lifecycle.STARTED, Started.BOOTED), 2)
