"""Levels: how each failure domain stands, for people and their monitoring; no verdict is taken from this record.

The triage leader keeps it: every few seconds while something is wrong with a host, seldom while nothing is.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from kazoo.client import KazooClient
from kazoo.exceptions import NoNodeError

from medevac.core import layout
from medevac.core.errors import MalformedDocumentError, MedevacError
from medevac.core.wire import decode, encode
from medevac.flows.ports import Clock, Cloud
from medevac.workers.brakes import domains, history, marks, rules, victims
from medevac.workers.brakes.facts import Facts, Reader
from medevac.workers.brakes.history import History, Past
from medevac.workers.brakes.rules import Level
from medevac.workers.site_brakes import BrakeSettings
from medevac.workers.zookeeper import bounded

log = logging.getLogger(__name__)

LOOK_EVERY = 10.0
"""Seconds between two looks at what ZooKeeper knows of hosts; Nova is asked only while that is something."""
CALM = 300.0
"""Seconds between two looks at Nova while nothing is wrong."""


@dataclass(frozen=True, slots=True)
class DomainLevel:
    """How one failure domain stands."""

    kind: str
    """rack, aggregate, zone or cloud."""
    name: str
    level: int
    """0 normal, 1 slowed, 2 stopped."""
    hosts: int
    """In service, or lost."""
    lost: int
    reason: str = ""
    """One sentence; empty for a normal one."""

    @property
    def word(self) -> str:
        """Return "normal", "slowed" or "stopped"."""
        return Level(self.level).name.lower()

    def __str__(self) -> str:
        """Return "rack r1", or "the cloud"."""
        return rules.named(self.kind, self.name)


@dataclass(frozen=True, slots=True)
class Levels:
    """How a site stands by its storm breaker."""

    at: float
    """Seconds since the epoch."""
    domains: tuple[DomainLevel, ...] = ()
    blind: str = ""
    """Why it is we who cannot see; empty while we can."""

    @property
    def calm(self) -> bool:
        """Tell whether nothing is slowed or stopped."""
        return not self.blind and not any(each.level for each in self.domains)


class Watch:
    """Looks, in a thread of its own, while its process leads."""

    def __init__(
        self, client: KazooClient, cloud: Cloud, clock: Clock, settings: BrakeSettings, names: Callable[[str], str]
    ) -> None:
        """Judge as the brakes with these *settings* do; *names* gives Nova's name of a host for anybody's."""
        self._client = client
        self._clock = clock
        self._settings = settings
        self._facts = Reader(cloud, clock, settings)
        self._history = History(client, names)
        self._stopping = threading.Event()

    def run(self, leads: Callable[[], bool]) -> None:
        """Look until stop() is called, while *leads* says so."""
        while not self._stopping.wait(LOOK_EVERY):
            try:
                if leads() and self.due():
                    self.look()
            except MedevacError as error:
                log.warning("how failure domains stand cannot be told: %s", error)
            except Exception:
                # Without this thread everybody would go by what it said last, for good.
                log.exception("how failure domains stand could not be told; please report this")

    def stop(self) -> None:
        """End run() soon, from another thread."""
        self._stopping.set()

    def due(self) -> bool:
        """Tell whether somebody should look now."""
        now = self._clock.now()
        last = read(self._client)
        if last is None or not last.calm or now - last.at >= CALM:
            return True
        past = self._history.past(now)
        open_ones = (each for each in past.incidents if not each.state.final and history.risks_a_host(each))
        return bool(past.signs) or any(open_ones)

    def look(self) -> Levels:
        """Look, and keep what was seen.  Raises CloudUnavailableError, StoreUnreachableError."""
        now = self._clock.now()
        facts = self._facts.read()
        blind = facts.cut_off or rules.blindness_at_all(facts.services, facts.control)
        found = Levels(now, tuple(self._domains(facts, self._history.past(now), now)), blind)
        try:
            bounded(self._client.set_async(layout.LEVELS, encode(found)))
        except NoNodeError:
            bounded(self._client.create_async(layout.LEVELS, encode(found), makepath=True))
        return found

    def _domains(self, facts: Facts, past: Past, now: float) -> Iterator[DomainLevel]:
        scene = victims.scene(past, facts, self._settings, marks.maintenances(self._client, now), now)
        counted = rules.in_service(facts.services, scene.failed)
        places = [each for each in facts.places if each.host in counted]
        for domain in domains.every(places, self._settings):
            stands = rules.standing(domain, scene, self._settings)
            yield DomainLevel(domain.kind, domain.name, stands.level, len(domain.hosts), stands.lost, stands.reason)


def read(client: KazooClient) -> Levels | None:
    """Return what was last seen; None where nobody has looked yet, or a release that says more than this one reads."""
    try:
        data, _ = bounded(client.get_async(layout.LEVELS))
        return decode(Levels, data, layout.LEVELS) if data else None
    except (NoNodeError, MalformedDocumentError):
        return None
