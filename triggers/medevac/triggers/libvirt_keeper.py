"""Keeper: the lives of the servers of this host, kept over restarts, and the events that follow from them."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from medevac.core.errors import MalformedDocumentError
from medevac.core.event import Event, EventKind, Subject, SubjectKind, new_event_id
from medevac.core.wire import decode, encode
from medevac.triggers.libvirt_events import (
    Finding,
    Judgement,
    Life,
    Sighting,
    Standing,
    compare,
    gone,
    judge,
    ripen,
)
from medevac.triggers.pacemaker import NotAnEvent

log = logging.getLogger(__name__)

SOURCE = "libvirt"


@dataclass(frozen=True, slots=True)
class Ledger:
    """The document on disk: the servers that were seen running."""

    lives: tuple[Life, ...] = ()


class Keeper:
    """Judges what is seen, in the order in which it is seen; used by one thread."""

    def __init__(self, host: str, file: Path, tell: Callable[[Event], None]) -> None:
        """Go on from *file*, and hand events of *host* to *tell*, which must have kept them when it returns."""
        self._host = host
        self._file = file
        self._tell = tell
        self._lives = {life.server: life for life in load(file).lives}
        self._dirty = False

    @property
    def running(self) -> int:
        """How many servers are known to run."""
        return sum(life.running for life in self._lives.values())

    def see(self, sighting: Sighting) -> None:
        """Judge one event."""
        self._keep(judge(self._lives.get(sighting.server) or Life(sighting.server), sighting), sighting.at)

    def find(self, standings: Sequence[Standing], at: float) -> None:
        """Compare with all servers that libvirt knew at *at* (seconds since the epoch)."""
        for standing in standings:
            self._keep(compare(self._lives.get(standing.server), standing), at)
        known = {standing.server for standing in standings}
        for life in list(self._lives.values()):
            if life.server not in known and life.seen_at < at:
                if life.running:
                    self._keep(gone(life), at)
                del self._lives[life.server]

    def freeze(self, server: str, facts: Mapping[str, str], at: float) -> None:
        """Take note that a server's qemu answers nobody."""
        life = self._lives.get(server)
        if life and life.running and not life.told:
            told = {**facts, "cause": "qemu", "boot": life.boot, "restarts": str(life.restarts)}
            life = replace(life, told=EventKind.SERVER_HUNG.value)
            self._keep((life, Finding(EventKind.SERVER_HUNG, told)), at)

    def thaw(self, server: str) -> None:
        """Take note that a server's qemu answers again, so that its next silence is told."""
        life = self._lives.get(server)
        if life and life.told == EventKind.SERVER_HUNG:
            self._keep((replace(life, told=""), NotAnEvent("its qemu answers again")), life.seen_at)

    def ripen(self, now: float) -> None:
        """Tell what has been suspected for long enough."""
        for life in [life for life in self._lives.values() if life.suspicion and life.suspicion.due <= now]:
            self._keep(ripen(life, now), now)

    @property
    def due(self) -> float | None:
        """When `ripen` is to be called next, in seconds since the epoch."""
        return min((life.suspicion.due for life in self._lives.values() if life.suspicion), default=None)

    def _keep(self, judgement: Judgement, at: float) -> None:
        life, verdict = judgement
        if isinstance(verdict, Finding):
            self._report(Subject(SubjectKind.SERVER, life.server), verdict, at)
        elif isinstance(verdict, NotAnEvent):
            log.debug("server %s: %s", life.server, verdict.reason)
        before = self._lives.get(life.server)
        self._dirty |= before is None or _lasting(before) != _lasting(life)
        self._lives[life.server] = life

    def report_host(self, finding: Finding, at: float) -> None:
        """Tell what is about libvirt itself."""
        self._report(Subject(SubjectKind.HOST, self._host), finding, at)

    def _report(self, subject: Subject, finding: Finding, at: float) -> None:
        facts = {**finding.facts, "host": self._host}
        event = Event(new_event_id(at), finding.kind, subject, SOURCE, self._host, at, facts)
        log.warning("%s of %s: %s, event %s", event.kind, subject, finding.facts.get("cause", ""), event.id)
        self._tell(event)

    def flush(self) -> None:
        """Write down what has changed; on failure it is written with the next change."""
        if not self._dirty:
            return
        try:
            _store(self._file, Ledger(tuple(life for life in self._lives.values() if life.running)))
        except OSError as error:
            log.error("%s cannot be written: %s", self._file, error)  # noqa: TRY400 - foreseen
        else:
            self._dirty = False


def _lasting(life: Life) -> Life:
    """Return what is worth writing down."""
    return replace(life, seen_at=0.0, disk_at=0.0)


def load(file: Path) -> Ledger:
    """Return what was written down; what cannot be read is set aside, and the servers are seen anew."""
    try:
        ledger = decode(Ledger, file.read_bytes(), str(file))
    except FileNotFoundError:
        return Ledger()
    except (OSError, MalformedDocumentError) as error:
        log.error("what was missed cannot be told: %s", error)  # noqa: TRY400 - foreseen
        with contextlib.suppress(OSError):
            file.rename(f"{file}.bad")
        return Ledger()
    # The clock may have been set since: what is found now is newer in any case.
    return Ledger(tuple(replace(life, seen_at=0.0) for life in ledger.lives))


def _store(file: Path, ledger: Ledger) -> None:
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = file.with_name(f"{file.name}.tmp")
    with temporary.open("wb") as out:
        out.write(encode(ledger))
        out.flush()
        os.fsync(out.fileno())
    temporary.replace(file)
