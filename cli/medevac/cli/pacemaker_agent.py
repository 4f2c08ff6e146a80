"""Running the installed alert agent as Pacemaker would: as its user, with its environment and nothing else."""

from __future__ import annotations

import os
import pwd
import secrets
import subprocess
import time
from collections.abc import Iterator

from medevac.core.errors import MedevacError
from medevac.core.event import Event
from medevac.triggers.pacemaker import TEST_ALERT
from medevac.triggers.pacemaker_configuration import Advice, Alert
from medevac.triggers.recorder import Recorder

USER = "hacluster"
"""As whom Pacemaker runs agents, unless it was built otherwise."""
_LIMIT = 40.0
"""Seconds; Pacemaker would have ended the agent before."""
_PATIENCE = 10.0
"""Seconds in which a test event must have arrived."""
_TRIAGE = 4.0
"""Seconds after which a test event that still waits for triage is said to."""
_PAUSE = 0.2
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_TRIAL = "CRM_alert_trial"


def check(alert: Alert, user: str) -> Iterator[Advice]:
    """Yield what keeps the agent from doing its work on this node; posts nothing."""
    ended = _run(alert, user, {}, "--check")
    said = " ".join((ended.stderr or ended.stdout).split())
    if ended.returncode != 0 or ended.stderr:
        yield Advice("agent", f"{alert.agent} --check as {user}: {said}", "mend what it says, on every full node")


def prove(alert: Alert, user: str) -> str:
    """Post a test event through the agent and return what became of it; raise MedevacError when it does not arrive."""
    trial = secrets.token_hex(8)
    started = time.time()
    _run(alert, user, {"CRM_alert_kind": TEST_ALERT, "CRM_alert_node": os.uname().nodename, _TRIAL: trial})
    posted = time.time()  # the agent may have taken most of its own time
    log = alert.options.get("MEDEVAC_CONF", "its configuration")
    with Recorder(alert.recipient.removeprefix("zk://"), 2 * _PATIENCE, patience=_PATIENCE) as recorder:
        while (now := time.time()) < posted + _PATIENCE:
            if _holds(recorder.settled(started - 1, posted + _PATIENCE), trial):
                return f"a test event arrived, and triage settled it, within {now - started:.1f} s"
            if now - posted > _TRIAGE and _holds(recorder.seen(started - 1, posted + _PATIENCE), trial):
                return "a test event arrived; it waits, since no worker leads triage: start medevac worker"
            time.sleep(_PAUSE)
    raise MedevacError(f"a test event did not arrive in {alert.recipient}: see the agent's log, which {log} names")


def _holds(events: list[Event], trial: str) -> bool:
    return any(event.facts.get(_TRIAL) == trial for event in events)


def _run(alert: Alert, user: str, variables: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    try:
        account = pwd.getpwnam(user)
    except KeyError as error:
        raise MedevacError(f"there is no user {user} here: run this on a full cluster node") from error
    ours = {"PATH": _PATH, "CRM_alert_recipient": alert.recipient, **alert.options, **variables}
    root = os.geteuid() == 0
    if not root and os.geteuid() != account.pw_uid:
        raise MedevacError(f"only root can try the agent as {user}, as Pacemaker runs it")
    try:
        return subprocess.run(
            [alert.agent, *arguments],
            env=ours,
            cwd="/",
            umask=0o026,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_LIMIT,
            check=False,
            user=account.pw_uid if root else None,
            group=account.pw_gid if root else None,
            extra_groups=[] if root else None,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise MedevacError(f"{alert.agent} cannot be run as {user}: {error}") from error
