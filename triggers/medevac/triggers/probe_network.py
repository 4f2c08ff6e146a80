"""The networks of a host by role: whether the cable is in, and whether N of M others are reached.

What can be told of the management network is spooled until it is back; the others are told over it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from medevac.core.event import Event, EventKind, Subject, SubjectKind, new_event_id
from medevac.triggers.probe_reach import tcp
from medevac.triggers.probe_rules import Change, Outcome, Streak, judge
from medevac.triggers.probe_settings import NetworkProbe, target

log = logging.getLogger(__name__)

SOURCE = "probe"
INTERFACES = Path("/sys/class/net")


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at a network has found."""

    carrier: bool | None
    """Whether the interface is up and has its cable in; None where no interface is named."""
    reached: tuple[str, ...]
    missed: tuple[str, ...]


def verdict(look: Look, probe: NetworkProbe) -> Outcome:
    """Return what *look* says of the network; pure."""
    if look.carrier is False:
        return Outcome.FAILED
    if probe.reach and len(look.reached) < probe.need:
        return Outcome.FAILED
    return Outcome.WELL


def facts_of(look: Look, probe: NetworkProbe) -> Mapping[str, str]:
    """Return the facts of an event; pure."""
    carrier = {None: "not looked at", True: "yes", False: "no"}[look.carrier]
    reached = f"{len(look.reached)} of {len(probe.reach)} reached, {probe.need} needed" if probe.reach else ""
    return {
        "role": probe.role,
        "interface": probe.interface,
        "carrier": carrier,
        "reached": reached,
        "missed": " ".join(look.missed)[:1000],
        "cause": _cause(look, probe),
    }


def _cause(look: Look, probe: NetworkProbe) -> str:
    if verdict(look, probe) is Outcome.WELL:
        return ""
    return "carrier" if look.carrier is False else "reach"


def look_at(probe: NetworkProbe) -> Look:
    """Look once, at all addresses at the same time; takes *probe*'s time-out at the most."""
    with ThreadPoolExecutor(max_workers=max(1, len(probe.reach))) as pool:
        asked = {each: pool.submit(_reaches, each, probe) for each in probe.reach}
    reached = tuple(each for each, answer in asked.items() if answer.result())
    missed = tuple(each for each in probe.reach if each not in reached)
    return Look(carrier(probe.interface) if probe.interface else None, reached, missed)


def _reaches(each: str, probe: NetworkProbe) -> bool:
    address, port = target(each)
    return tcp(address, port, probe.timeout, device=probe.interface) is Outcome.WELL


def carrier(interface: str, interfaces: Path = INTERFACES) -> bool:
    """Tell whether the interface is up and has a carrier (Linux: Documentation/ABI/testing/sysfs-class-net)."""
    try:
        return (interfaces / interface / "carrier").read_text().strip() == "1"
    except OSError:
        return False  # it is gone, or was set down: then nobody can say whether its cable is in


class Network:
    """One network, looked at by a thread of its own."""

    def __init__(self, probe: NetworkProbe, host: str, tell: Callable[[Event], None]) -> None:
        """Hand events about *host* to *tell*."""
        self._probe = probe
        self._host = host
        self._tell = tell
        # A network that is down when we begin is told as well: of a host, we know that it should be there.
        self._streak = Streak(armed=True)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"network-{probe.role}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stopping.set()
        self._thread.join(self._probe.timeout + 1)

    def _run(self) -> None:
        while not self._stopping.wait(self._probe.every):
            try:
                self.turn(look_at(self._probe))
            except Exception:
                log.exception("looking at the %s network failed; please report this", self._probe.role)

    def turn(self, look: Look) -> None:
        """Judge one look."""
        now = time.time()
        self._streak, change = judge(self._streak, verdict(look, self._probe), self._probe.patience, now)
        if change is None:
            return
        kind = EventKind.HOST_NETWORK_DOWN if change is Change.DOWN else EventKind.HOST_NETWORK_UP
        seen_at = self._streak.since if change is Change.DOWN else now
        facts = dict(facts_of(look, self._probe))
        subject = Subject(SubjectKind.HOST, self._host)
        event = Event(new_event_id(now), kind, subject, SOURCE, self._host, seen_at, facts)
        log.warning("%s of %s: %s (%s), event %s", kind, subject, self._probe.role, facts["cause"], event.id)
        self._tell(event)
