"""Running Pacemaker's own commands: every one under a time limit, since some of them wait or spin without one."""

from __future__ import annotations

import subprocess

from medevac.core.errors import UnreachableError
from medevac.triggers.pacemaker_status import Status, parse_status

LIMIT = 30.0
"""Seconds for one command; they answer within one unless the cluster is electing."""
_REMEDY = "Run this on a full cluster node, as root or hacluster, while Pacemaker runs."


class ClusterUnreachableError(UnreachableError):
    """The cluster did not answer."""


def ask(*command: str, limit: float = LIMIT) -> str:
    """Run *command* and return what it printed.

    Raises ClusterUnreachableError when it is not installed, fails, or does not end within *limit* seconds.
    """
    try:
        ended = subprocess.run(
            command, capture_output=True, text=True, timeout=limit, check=False, stdin=subprocess.DEVNULL
        )
    except FileNotFoundError as error:
        raise ClusterUnreachableError(f"{command[0]} is not installed here. {_REMEDY}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ClusterUnreachableError(f"{command[0]} did not answer: {error}. {_REMEDY}") from error
    if ended.returncode != 0:
        said = " ".join((ended.stderr or ended.stdout).split())[-300:]
        raise ClusterUnreachableError(
            f"{command[0]} failed ({ended.returncode}): {said or 'it did not say why'}. {_REMEDY}"
        )
    return ended.stdout


def status() -> Status:
    """Return what the cluster says of itself now; raises ClusterUnreachableError and StatusError."""
    return parse_status(ask("crm_mon", "-1", "--output-as=xml", "--fence-history=2"))
