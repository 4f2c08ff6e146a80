"""medevac-alert: the executable that Pacemaker runs for each alert.

The event is on disk before ZooKeeper is thought of, and leaves the disk when ZooKeeper has acknowledged it: at no
instant does killing this process lose it.  As an alert agent it always exits 0, since Pacemaker does nothing with
any other code, and it says what it did in one line of its log.
"""

from __future__ import annotations

import os
import sys
import time
import zlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from medevac.core.errors import MedevacError, SpoolError
from medevac.core.event import Event
from medevac.core.spool import Spool
from medevac.triggers.log import Log
from medevac.triggers.pacemaker import NotAnEvent, classify, text
from medevac.triggers.pacemaker_failures import Failures
from medevac.triggers.pacemaker_resource import is_mended
from medevac.triggers.settings import Settings, settings_from

if TYPE_CHECKING:  # kazoo takes long to import, and the event is to be on disk before
    from medevac.triggers.post import Poster

REPLAYED_AT_ONCE = 20
"""Older events that one alert takes along; a timer empties a longer spool."""
REPLAY_AGE = 5.0
"""Seconds after which an event in the spool is no longer taken for one that its own agent is posting."""


def main() -> None:
    """Run as Pacemaker's alert agent, or with arguments as a tool; does not return."""
    if len(sys.argv) > 1:
        from medevac.triggers.alert_tool import run  # noqa: PLC0415 - Pacemaker's calls should not pay for argparse

        sys.exit(run(sys.argv[1:], os.environ))
    handle_alert(os.environ)
    # Not sys.exit: a thread of kazoo that hangs in a resolver must not hang Pacemaker, and tearing the interpreter
    # down costs milliseconds for nothing.  All that is ours is on disk.
    os._exit(0)


def handle_alert(environment: Mapping[str, str]) -> None:
    """Turn one call of Pacemaker into a stored event; never raises."""
    started = time.monotonic()
    settings = settings_from(environment)
    log = Log(settings.log)
    try:
        said = _handle(environment, settings, log)
    except Exception as error:  # noqa: BLE001 - the last resort: Pacemaker would not show a traceback to anybody
        said = _bug(error)
    log.write(f"{said} [{(time.monotonic() - started) * 1000:.0f} ms]")


def _bug(error: Exception) -> str:
    return f"unexpected {type(error).__name__}: {error}; please report this as a bug"


def _handle(environment: Mapping[str, str], settings: Settings, log: Log) -> str:
    """Return what was done, as a sentence."""
    if settings.complaint:
        log.write(settings.complaint)
    found = classify(environment, reporter=text(os.uname().nodename), now=time.time(), services=settings.services)
    if isinstance(found, NotAnEvent):
        return f"no event: {found.reason}"
    if is_mended(found.kind, found.facts):
        count = _count(found, settings, log)
        if count < settings.repeats:
            return f"no event yet: {found.kind} {found.subject}, which the cluster mends by itself ({count} lately)"
    spool = _store(found, settings, log)
    return f"{_summary(found)}: {_post(found, spool, settings, log)}"


def _count(event: Event, settings: Settings, log: Log) -> int:
    """Return how often this service has failed on this host lately; enough to be told where nobody can count."""
    try:
        return Failures(f"{settings.spool}/failures").note(event.subject.name, event.facts["service"], event.seen_at)
    except OSError as error:
        log.write(f"failures cannot be counted in {settings.spool}: {error}")
        return settings.repeats


def _summary(event: Event) -> str:
    """Return "host.fenced host compute-3 (off, node1, pacemaker-controld.64, OK), event 0006..."."""
    facts = event.facts
    parts = [
        facts[name]
        for name in ("action", "by", "client", "result", "doubt", "service", "task", "cause")
        if facts.get(name)
    ]
    details = ", ".join(parts) or facts.get("CRM_alert_desc") or "no details"
    return f"{event.kind} {event.subject} ({details}), event {event.id}"


def _store(event: Event, settings: Settings, log: Log) -> Spool | None:
    """Put the event on disk; return where, or None when no folder takes it."""
    for folder in (settings.spool, fallback_folder(settings)):
        spool = Spool(folder)
        try:
            spool.put(event)
        except SpoolError as error:
            log.write(f"{error}; trying elsewhere")
        else:
            return spool
    return None


def _post(event: Event, spool: Spool | None, settings: Settings, log: Log) -> str:
    """Hand the event over, and what waits in the spools; return what came of it."""
    kept = f"kept in {spool.folder}" if spool else "NOT KEPT: no spool folder takes it"
    if not settings.zookeeper:
        return f"{kept}; no ZooKeeper address: set the alert's recipient or MEDEVAC_ZOOKEEPER"
    try:
        from medevac.triggers.post import Poster  # noqa: PLC0415 - see above

        with Poster(settings.zookeeper, settings.timeout) as poster:
            new = poster.post(event)
            if spool:
                spool.remove(event.id)
            kept = "posted" if new else "was posted already"
            replayed = _replay(spools(settings), poster, log)
    except MedevacError as error:
        return f"{kept}; {error}"
    except Exception as error:  # noqa: BLE001 - whatever broke (kazoo gone after an upgrade), the event is on disk
        return f"{kept}; {_bug(error)}"
    return f"{kept}, with {replayed} older" if replayed else kept


def _replay(folders: Sequence[Spool], poster: Poster, log: Log) -> int:
    from medevac.triggers.post import replay  # noqa: PLC0415 - imported already, by _post

    replayed = 0
    for spool in folders:
        try:
            replayed += replay(spool, poster, limit=REPLAYED_AT_ONCE - replayed, older_than=REPLAY_AGE)
        except MedevacError as error:
            log.write(f"older events stay in {spool.folder}: {error}")
    return replayed


def spools(settings: Settings) -> list[Spool]:
    """Return the folders in which this user's agents may have left events."""
    fallback = fallback_folder(settings)
    return [Spool(settings.spool), *([Spool(fallback)] if _is_ours(fallback) else [])]


def fallback_folder(settings: Settings) -> str:
    """Return the folder of the last resort, this user's own below a folder that every system keeps over a reboot.

    It is named after the site: what was meant for one must never be replayed into another, such as a demo's.
    """
    site = zlib.crc32(settings.zookeeper.encode())
    return f"/var/tmp/medevac-{os.geteuid()}-{site:08x}"  # noqa: S108 - Spool.put and _is_ours make sure whose it is


def _is_ours(folder: str) -> bool:
    try:
        return os.lstat(folder).st_uid == os.geteuid()
    except OSError:
        return False
