"""What `medevac-alert` does with arguments: empty the spool, or check that it could do its work."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence

from medevac.core.errors import MedevacError, StoreUnreachableError
from medevac.core.spool import Spool
from medevac.triggers.alert import spools
from medevac.triggers.post import Poster, replay
from medevac.triggers.settings import Settings, settings_from

DONE, PROBLEMS, UNREACHABLE = 0, 1, 3
"""Exit codes, as those of the medevac command."""
_REPLAY_SECONDS = 60.0


def run(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Do what *arguments* ask for, say so on standard output, and return the exit code (2: usage)."""
    parser = argparse.ArgumentParser(
        prog="medevac-alert",
        description="Pacemaker's alert agent: without arguments it reads CRM_alert_* and stores an event.",
        epilog="Settings: MEDEVAC_ZOOKEEPER, MEDEVAC_SPOOL, MEDEVAC_LOG, MEDEVAC_TIMEOUT, or a file named by "
        "MEDEVAC_CONF.  Exit: 0 done, 1 problems found, 2 usage, 3 cannot reach ZooKeeper.",
    )
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--replay", action="store_true", help="post what waits in the spool")
    action.add_argument("--check", action="store_true", help="check spool and ZooKeeper; posts nothing")
    chosen = parser.parse_args(arguments)
    settings = settings_from(environment)
    if settings.complaint:
        sys.stderr.write(f"{settings.complaint}\n")
    try:
        return _replay_all(settings) if chosen.replay else _check(settings)
    except StoreUnreachableError as error:
        sys.stderr.write(f"{error}\n")
        return UNREACHABLE
    except MedevacError as error:
        sys.stderr.write(f"{error}\n")
        return PROBLEMS


def _replay_all(settings: Settings) -> int:
    waiting = [spool for spool in spools(settings) if spool.waiting()]
    if not waiting:
        sys.stdout.write("nothing waits in the spool\n")
        return DONE
    with Poster(settings.zookeeper, _REPLAY_SECONDS, patience=settings.timeout) as poster:
        posted = sum(replay(spool, poster) for spool in waiting)
    sys.stdout.write(f"posted {posted} events\n")
    return DONE


def _check(settings: Settings) -> int:
    Spool(settings.spool).check()
    sys.stdout.write(f"spool {settings.spool}: {len(Spool(settings.spool).waiting())} events wait\n")
    with Poster(settings.zookeeper, settings.timeout) as poster:
        poster.check()
    sys.stdout.write(f"ZooKeeper {settings.zookeeper}: takes events\n")
    return DONE
