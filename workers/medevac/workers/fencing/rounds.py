"""Rounds: fence paths are proven before they are needed, a few hosts an hour, through every rung, switching nothing.

The triage leader goes them.  What was found stands in ZooKeeper, so that the next leader goes on where this one was:
the hosts that waited longest are next.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from kazoo.client import KazooClient
from kazoo.exceptions import NoNodeError

from medevac.core import layout
from medevac.core.errors import FencingError, MalformedDocumentError, MedevacError, NotificationError
from medevac.core.wire import decode, encode
from medevac.flows.ports import Clock, Cloud, Notifier
from medevac.flows.rung import Case
from medevac.workers.fencing.fencer import LadderFencer
from medevac.workers.fencing.means import Step
from medevac.workers.fencing.quiet import HumanMeans
from medevac.workers.zookeeper import bounded

log = logging.getLogger(__name__)

LOOK_EVERY = 30.0
"""Seconds between two looks whether a round is due and this process leads."""
SECOND_LOOK = 20.0
"""Seconds after which a host that no rung could fence is tried again, before anybody is told."""
LONGEST = 2000
"""Characters of a message."""
SIDE_BY_SIDE = 4
"""Hosts that are tried at once."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What one rung showed."""

    rung: str
    works: bool
    words: str
    """Of the device, shortened, without secrets."""
    suffices: bool = True
    """That it works is enough to prove the host off when it must be."""
    off: bool = False
    """It says that the host is off."""


@dataclass(frozen=True, slots=True)
class FencePath:
    """What the last round found for one host; the record at /fencing/HOST."""

    host: str
    at: float
    """Seconds since the epoch."""
    rungs: tuple[Tried, ...]
    told_at: float = 0.0
    """When people were told that no rung would do; 0: they were not."""

    @property
    def valid(self) -> bool:
        """Tell whether some rung would do."""
        return any(each.works and each.suffices for each in self.rungs)

    @property
    def problem(self) -> str:
        """Return why no rung would do, as a sentence for people; nothing when one would."""
        if self.valid:
            return ""
        said = "; ".join(f"{each.rung}: {each.words}" for each in self.rungs) or "it has no ladder in the site file"
        return f"nothing could fence {self.host} ({said}): if it died now, its servers would stay where they are"


@dataclass(frozen=True, slots=True)
class Schedule:
    """How rounds are gone."""

    every: float
    """Seconds between two rounds; 0: none."""
    hosts: int
    """How many are tried in one."""
    page: str = ""
    """Who is told of a host that no rung could fence; empty: it stands in the log and the status."""
    second_look: float = SECOND_LOOK
    look_every: float = LOOK_EVERY


class Rounds:
    """Goes rounds in a thread of its own while *leads* says so."""

    def __init__(
        self, client: KazooClient, cloud: Cloud, clock: Clock, fencer: LadderFencer, schedule: Schedule
    ) -> None:
        """Ask *cloud* for hosts, and the rungs of *fencer* about them."""
        self._client = client
        self._cloud = cloud
        self._clock = clock
        self._fencer = fencer
        self._schedule = schedule
        self._stopping = threading.Event()
        self._sent: set[str] = set()

    def run(self, leads: Callable[[], bool], notifier: Notifier) -> None:
        """Go rounds until stop() is called."""
        while self._schedule.every and not self._stopping.wait(self._schedule.look_every):
            try:
                if leads() and self.due():
                    self.go(notifier)
                elif leads():
                    self.tell(notifier)
            except MedevacError as error:
                log.warning("fence paths could not be tried: %s", error)
            except Exception:
                # A device that answers what nobody expected must not end the rounds of all others for good.
                log.exception("fence paths could not be tried; please report this")

    def stop(self) -> None:
        """End run() soon, from another thread."""
        self._stopping.set()

    def due(self) -> bool:
        """Tell whether the last round, whoever went it, is long enough ago."""
        newest = max((path.at for path in paths(self._client)), default=0.0)
        return self._clock.now() - newest >= self._schedule.every

    def go(self, notifier: Notifier) -> Sequence[FencePath]:
        """Try the hosts that waited longest; tell of those that no rung could fence since now."""
        known = {path.host: path for path in paths(self._client)}
        heard = self._heard()
        hosts = sorted(heard)
        self._forget(known.keys() - set(hosts))
        chosen = sorted(hosts, key=lambda host: known[host].at if host in known else 0.0)[: self._schedule.hosts]
        found = self._try(chosen)
        doubtful = [path.host for path in found if path.rungs and (not path.valid or any(e.off for e in path.rungs))]
        if doubtful and not self._stopping.wait(self._schedule.second_look):
            again = {path.host: path for path in self._try(doubtful)}
            since = self._heard()
            lively = {host for host in doubtful if since.get(host, 0.0) > heard[host]}
            found = [_believed(again.get(path.host, path), lively) for path in found]
        for path in found:
            self._keep(_told(path, known.get(path.host)))
        self.tell(notifier)
        log.info(
            "fence paths tried: %d hosts, %d without a rung that works", len(found), sum(not p.valid for p in found)
        )
        return found

    def _heard(self) -> dict[str, float]:
        """Return when Nova last heard of each host that is not forced down."""
        services = self._cloud.compute_services()
        return {each.host: each.updated_at or 0.0 for each in services if not each.forced_down}

    def _try(self, hosts: Iterable[str]) -> list[FencePath]:
        with ThreadPoolExecutor(SIDE_BY_SIDE, thread_name_prefix="fence-round") as executor:
            return list(executor.map(self._path, hosts))

    def _path(self, host: str) -> FencePath:
        return try_host(self._fencer, host, self._clock.now())

    def _keep(self, path: FencePath) -> None:
        where = layout.fence_path(path.host)
        try:
            bounded(self._client.set_async(where, encode(path)))
        except NoNodeError:
            bounded(self._client.create_async(where, encode(path)))

    def _forget(self, hosts: Iterable[str]) -> None:
        for host in hosts:
            try:
                bounded(self._client.delete_async(layout.fence_path(host)))
            except NoNodeError:
                continue  # a leader before us has begun this

    def tell(self, notifier: Notifier) -> None:
        """Tell people, in one message, of all hosts that nothing could fence since they were told last.

        What does not go out is tried again when this is called again; meanwhile the status shows it.
        """
        untold = self._untold()
        self._sent &= {path.host for path in untold}
        untold = [path for path in untold if path.host not in self._sent]
        if untold and self._schedule.page and self._send(notifier, untold):
            self._sent |= {path.host for path in untold}
        if self._sent:
            self._note()

    def _untold(self) -> list[FencePath]:
        return [path for path in paths(self._client) if not path.valid and not path.told_at]

    def _send(self, notifier: Notifier, untold: Sequence[FencePath]) -> bool:
        more = f" and {len(untold) - 1} more" if len(untold) > 1 else ""
        text = "\n".join(path.problem for path in untold)[:LONGEST]
        try:
            notifier.send(self._schedule.page, f"medevac: nothing could fence {untold[0].host}{more}", text)
        except NotificationError as error:
            log.warning("%s was not told: %s", self._schedule.page, error)
            return False
        return True

    def _note(self) -> None:
        """Write that people were told, as things stand by now: the message may have taken its time."""
        for path in self._untold():
            if path.host in self._sent:
                self._keep(replace(path, told_at=self._clock.now()))
                self._sent.discard(path.host)


def _told(path: FencePath, before: FencePath | None) -> FencePath:
    """Return *path* with when people were told of it: they know as long as it stays so."""
    if path.valid:
        return path
    if before is None or before.valid:
        log.warning("%s", path.problem)
        return path
    return replace(path, told_at=before.told_at)


def try_host(fencer: LadderFencer, host: str, now: float) -> FencePath:
    """Return what every rung of *host* shows, without switching anything."""
    return FencePath(host, now, tuple(_tried(step, host, now) for step in fencer.steps_of(host) if _is_a_way(step)))


def _believed(path: FencePath, lively: Collection[str]) -> FencePath:
    """Return *path* without belief in those that say off of a host of which Nova goes on hearing."""
    if path.host not in lively:
        return path
    lies = "it says off, and nova-compute there goes on reporting to Nova"
    rungs = (replace(each, works=False, words=lies) if each.off else each for each in path.rungs)
    return replace(path, rungs=tuple(rungs))


def _is_a_way(step: Step) -> bool:
    return not isinstance(step.means, HumanMeans)


def _tried(step: Step, host: str, now: float) -> Tried:
    try:
        words = step.means.prove(host)
        off = _says_off(step, host, now)
        return Tried(step.rung.name, works=True, words=words, suffices=step.means.suffices, off=off)
    except FencingError as error:
        return Tried(step.rung.name, works=False, words=str(error), suffices=step.means.suffices)


def _says_off(step: Step, host: str, now: float) -> bool:
    """Tell whether a device that reads the power before it switches it reads off; others answer from what was done."""
    if not (step.rung.orders and step.rung.looks_first):
        return False
    return step.means.look(Case(host, "", failed_at=now, now=now)).evidence is not None


def paths(client: KazooClient) -> tuple[FencePath, ...]:
    """Return what the rounds have found, by host; nothing where this site's ZooKeeper knows of no rounds yet."""
    try:
        names = sorted(bounded(client.get_children_async(layout.FENCING)))
    except NoNodeError:
        return ()
    calls = [client.get_async(f"{layout.FENCING}/{name}") for name in names]
    found = []
    for name, call in zip(names, calls, strict=True):
        try:
            found.append(decode(FencePath, bounded(call)[0], name))
        except (NoNodeError, MalformedDocumentError):
            continue  # forgotten meanwhile, or written by a release that says more than this one reads
    return tuple(found)


def problems(found: Sequence[FencePath], shown: int = 5) -> list[str]:
    """Return a sentence for each host that nothing could fence, and one for those beyond *shown*."""
    bad = [path.problem for path in found if not path.valid]
    more = len(bad) - shown
    return bad[:shown] + ([f"nothing could fence {more} more hosts"] if more > 0 else [])


def figures(found: Sequence[FencePath]) -> Mapping[str, Mapping[tuple[str, ...], float]]:
    """Return the metrics: name to labels to value; see METRICS for what they mean."""
    return {
        "fence_path_valid": {(path.host,): float(path.valid) for path in found},
        "fence_path_tried_seconds": {(path.host,): path.at for path in found},
        "fence_rung_works": {(path.host, each.rung): float(each.works) for path in found for each in path.rungs},
    }


METRICS = {
    "fence_path_valid": ("1 when some rung could fence the host, as of the last round", ("host",)),
    "fence_path_tried_seconds": ("when the host's fence paths were last tried, in seconds since the epoch", ("host",)),
    "fence_rung_works": ("1 when this rung could fence the host, as of the last round", ("host", "rung")),
}
"""Metric to its meaning and labels."""
