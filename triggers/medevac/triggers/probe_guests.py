"""Guests that are looked at again and again: who is due, who looks, and what is told.

Beside the listener and not in it: asking an agent wants a connection that may write, and may wait for a guest.
"""

from __future__ import annotations

import ipaddress
import logging
import queue
import random
import threading
import time

# The text comes from this host's own libvirt.
import xml.etree.ElementTree as ET
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from medevac.core.errors import MalformedDocumentError
from medevac.core.event import Event, EventKind, Subject, SubjectKind, new_event_id
from medevac.core.wire import decode, encode
from medevac.triggers.probe_agent import Heartbeat, NoAgentError, execute, ping
from medevac.triggers.probe_reach import http, tcp
from medevac.triggers.probe_rules import Change, Outcome, Streak, judge
from medevac.triggers.probe_settings import GuestProbe, ProbeSettings

log = logging.getLogger(__name__)

SOURCE = "probe"
LONGEST_PAUSE = 1.0
"""Seconds between two turns."""
STUCK = 60.0
"""Seconds for which nobody has come back from a look when all who look are taken for stuck."""
_NOVA = "{http://openstack.org/xmlns/libvirt/nova/1.1}"


class Host(Protocol):
    """The hypervisor, as far as it is asked here.  Its methods raise NoAgentError when it is away."""

    def running(self) -> Sequence[tuple[str, int, Any]]:
        """Return uuid, number of this run, and handle of each guest that runs."""

    def xml(self, guest: Any) -> str:  # noqa: ANN401 - a handle
        """Return the guest's description."""

    def ask(self, guest: Any, command: str, seconds: float) -> str:  # noqa: ANN401 - a handle
        """Ask the guest's agent; see probe_agent.Ask."""


@dataclass(frozen=True, slots=True)
class Well:
    """The document on disk: which lanes were well since their guest was started."""

    lanes: tuple[str, ...] = ()


@dataclass(slots=True)
class Lane:
    """One guest looked at in one way."""

    server: str
    run: int
    """The hypervisor's number of this run of the server."""
    probe: GuestProbe
    addresses: tuple[str, ...]
    handle: Any
    due: float
    """On the monotonic clock; infinite while somebody looks."""
    streak: Streak = field(default_factory=Streak)
    heartbeat: Heartbeat | None = None

    @property
    def name(self) -> str:
        """Return what tells it from all others, also after a restart of ours."""
        return f"{self.server} {self.run} {self.what}"

    @property
    def what(self) -> str:
        """Return what is looked at, in a word or two."""
        detail = self.probe.path or " ".join(self.probe.command) or (str(self.probe.port) if self.probe.port else "")
        return f"{self.probe.way} {detail}".strip()


class Guests:
    """Looks at all guests of one host, with a few threads."""

    def __init__(
        self,
        settings: ProbeSettings,
        name: str,
        host: Host,
        tell: Callable[[Event], None],
        *,
        memory: Path | None = None,
    ) -> None:
        """Look as *settings* say at the guests of *host*, which Nova calls *name*; hand events to *tell*.

        *memory* is the file in which it is kept who was well, so that one that fails meanwhile is not taken for new.
        """
        self._memory = memory
        self._well = frozenset(_read(memory).lanes) if memory else frozenset[str]()
        self._pause = min([LONGEST_PAUSE, settings.list_every, *(probe.every for probe in settings.guests)])
        self._settings = settings
        self._name = name
        self._host = host
        self._tell = tell
        self._lanes: dict[tuple[str, int], list[Lane]] = {}
        self._work: queue.SimpleQueue[Lane] = queue.SimpleQueue()
        self._listed = 0.0
        self._looking = 0
        self._lock = threading.Lock()
        self.looked_at = time.monotonic()
        """When somebody came back from a look, or nobody was looking."""
        self.looks = 0

    def start(self) -> None:
        """Begin to look; `turn` has to be called again and again."""
        for number in range(self._settings.workers):
            threading.Thread(target=self._look_for_ever, name=f"look-{number}", daemon=True).start()

    @property
    def is_stuck(self) -> bool:
        """Whether nobody comes back any more."""
        return time.monotonic() - self.looked_at > STUCK

    @property
    def watched(self) -> int:
        """How many guests are looked at."""
        return len(self._lanes)

    def _remember(self) -> None:
        """Write down who was well, when that has changed."""
        well = frozenset(lane.name for lanes in self._lanes.values() for lane in lanes if lane.streak.armed)
        if self._memory is None or well == self._well:
            return
        temporary = self._memory.with_name(f"{self._memory.name}.tmp")
        try:
            temporary.write_bytes(encode(Well(tuple(sorted(well)))))
            temporary.replace(self._memory)
        except OSError as error:
            log.error("%s cannot be written: %s", self._memory, error)  # noqa: TRY400 - foreseen
        else:
            self._well = well

    def lanes(self) -> list[list[Lane]]:
        """Return what is looked at, by guest."""
        return list(self._lanes.values())

    def turn(self) -> float:
        """Hand out what is due, and return in how many seconds to come again."""
        now = time.monotonic()
        if now - self._listed >= self._settings.list_every:
            self._listed = now
            self._list()
        with self._lock:
            if not self._looking:
                self.looked_at = now
            every = [lane for lanes in self._lanes.values() for lane in lanes]
            for lane in every:
                if lane.due <= now:
                    lane.due = float("inf")
                    self._looking += 1
                    self._work.put(lane)
        soonest = min((lane.due for lane in every), default=now + 1.0)
        return min(self._pause, max(0.02, soonest - now))

    def _list(self) -> None:
        """Take up guests that have come, and forget those that are gone or do not run: what was seen is over then."""
        try:
            running = {(uuid, number): handle for uuid, number, handle in self._host.running()}
        except NoAgentError as error:
            log.warning("guests cannot be listed: %s", error)
            return
        for key in set(self._lanes) - set(running):
            del self._lanes[key]
        for key, handle in running.items():
            if key in self._lanes:
                for lane in self._lanes[key]:
                    lane.handle = handle
                continue
            try:
                self._lanes[key] = self._lanes_of(key, handle, self._host.xml(handle))
            except (NoAgentError, ET.ParseError) as error:
                log.warning("server %s cannot be looked at: %s", key[0], error)
        self._remember()

    def _lanes_of(self, key: tuple[str, int], handle: Any, xml: str) -> list[Lane]:  # noqa: ANN401 - a handle
        facts, addresses = described(key[0], xml)
        now = time.monotonic()
        lanes = []
        for probe in (each for each in self._settings.guests if each.fits(facts)):
            # Spread, so that two hundred guests are not asked in the same second.
            due = now + random.random() * probe.every  # noqa: S311 - no secret
            lane = Lane(*key, probe, _within(addresses, probe.network), handle, due)
            lane.streak = Streak(armed=lane.name in self._well)
            lanes.append(lane)
        return lanes

    def _look_for_ever(self) -> None:
        while True:
            lane = self._work.get()
            try:
                outcome = self._look(lane)
            except Exception:
                # The thread has to live on, whatever a guest has answered.
                log.exception("looking at server %s failed; please report this", lane.server)
                outcome = Outcome.UNKNOWN
            self._judge(lane, outcome)
            with self._lock:
                self._looking -= 1
                self.looks += 1
                self.looked_at = time.monotonic()
                lane.due = self.looked_at + lane.probe.every

    def _look(self, lane: Lane) -> Outcome:
        probe = lane.probe
        if probe.way in {"tcp", "http"}:
            if not lane.addresses:
                return Outcome.UNKNOWN
            if probe.way == "tcp":
                return tcp(lane.addresses[0], probe.port, probe.timeout)
            return http(lane.addresses[0], probe.port, probe.path, probe.timeout)

        def ask(command: str, seconds: float) -> str:
            return self._host.ask(lane.handle, command, seconds)

        if probe.way == "agent-ping":
            return ping(ask, probe.timeout)
        if probe.way == "exec":
            return execute(ask, probe.command, probe.timeout)
        lane.heartbeat = lane.heartbeat or Heartbeat(probe.path, probe.age)
        return lane.heartbeat.look(ask, probe.timeout)

    def _judge(self, lane: Lane, outcome: Outcome) -> None:
        now = time.time()
        lane.streak, change = judge(lane.streak, outcome, lane.probe.patience, now)
        log.debug("server %s: %s: %s", lane.server, lane.what, outcome.value)
        if change is None or (lane.server, lane.run) not in self._lanes:
            return  # the guest went while it was looked at
        hung = lane.probe.way == "agent-ping"
        if change is Change.UP and hung:
            log.info("server %s: its agent answers again", lane.server)
            return
        down = EventKind.SERVER_HUNG if hung else EventKind.WORKLOAD_FAILED
        facts = {
            "host": self._name,
            "probe": lane.what,
            # Not "boot", by which the listener numbers the same run otherwise.
            "run": str(lane.run),
            "failures": str(lane.streak.failures),
            "cause": "agent" if hung else "workload",
            "detail": f"{lane.what} failed since {now - lane.streak.since:.0f} s" if change is Change.DOWN else "well",
        }
        kind = down if change is Change.DOWN else EventKind.WORKLOAD_OK
        subject = Subject(SubjectKind.SERVER, lane.server)
        event = Event(new_event_id(now), kind, subject, SOURCE, self._name, now, facts)
        log.warning("%s of %s: %s, event %s", kind, subject, lane.what, event.id)
        self._tell(event)


def _read(memory: Path) -> Well:
    try:
        return decode(Well, memory.read_bytes(), str(memory))
    except FileNotFoundError:
        return Well()
    except (OSError, MalformedDocumentError) as error:
        log.error("who was well cannot be told: %s", error)  # noqa: TRY400 - foreseen
        return Well()


def described(uuid: str, xml: str) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return what Nova wrote into a domain's XML: facts to match by, and the server's addresses.

    Source: nova/virt/libvirt/config.py, LibvirtConfigGuestMetaNovaInstance.  Raises ParseError for what is no XML.
    """
    instance = ET.fromstring(xml).find(f"./metadata/{_NOVA}instance")  # noqa: S314 - from this host's own libvirt
    if instance is None:
        return {"uuid": uuid}, ()
    project, flavor = instance.find(f"./{_NOVA}owner/{_NOVA}project"), instance.find(f"./{_NOVA}flavor")
    facts = {
        "uuid": uuid,
        "name": instance.findtext(f"./{_NOVA}name", ""),
        "project": project.get("uuid", "") if project is not None else "",
        "flavor": flavor.get("name", "") if flavor is not None else "",
    }
    found = instance.iterfind(f"./{_NOVA}ports/{_NOVA}port/{_NOVA}ip")
    return facts, tuple(address for each in found if (address := each.get("address", "")))


def _within(addresses: Sequence[str], network: str) -> tuple[str, ...]:
    if not network:
        return tuple(addresses)
    wanted = ipaddress.ip_network(network)
    return tuple(each for each in addresses if _is_address(each) and ipaddress.ip_address(each) in wanted)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
