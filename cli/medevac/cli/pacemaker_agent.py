"""Running the installed alert agent as Pacemaker would: as hacluster, with its environment and nothing else."""

from __future__ import annotations

import grp
import os
import pwd
import secrets
import subprocess
import time
from collections.abc import Iterator

from medevac.core.errors import MedevacError
from medevac.triggers.pacemaker import TEST_ALERT
from medevac.triggers.pacemaker_configuration import Advice, Alert
from medevac.triggers.recorder import Recorder

USER, GROUP = "hacluster", "haclient"
_LIMIT = 40.0
"""Seconds; Pacemaker would have ended the agent before."""
_PATIENCE = 10.0
"""Seconds in which a test event must have arrived."""
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_TRIAL = "CRM_alert_trial"


def check(alert: Alert) -> Iterator[Advice]:
    """Yield what keeps the agent from doing its work on this node; posts nothing."""
    ended = _run(alert, {}, "--check")
    said = " ".join((ended.stderr or ended.stdout).split())
    if ended.returncode != 0 or ended.stderr:
        yield Advice("agent", f"{alert.agent} --check as {USER}: {said}", "mend what it says, on every full node")


def prove(alert: Alert) -> str:
    """Post a test event through the agent and return what became of it; raise MedevacError when it does not arrive."""
    trial = secrets.token_hex(8)
    started = time.time()
    _run(alert, {"CRM_alert_kind": TEST_ALERT, "CRM_alert_node": os.uname().nodename, _TRIAL: trial})
    log = alert.options.get("MEDEVAC_CONF", "its configuration")
    with Recorder(alert.recipient.removeprefix("zk://"), 2 * _PATIENCE, patience=_PATIENCE) as recorder:
        while time.time() < started + _PATIENCE:
            settled = recorder.settled(started - 1, started + _PATIENCE)
            if any(event.facts.get(_TRIAL) == trial for event in settled):
                return f"a test event arrived, and triage settled it, within {time.time() - started:.1f} s"
            time.sleep(0.2)
        waiting = recorder.seen(started - 1, started + _PATIENCE)
        if any(event.facts.get(_TRIAL) == trial for event in waiting):
            return "a test event arrived; it waits, since no worker leads triage: start medevac worker"
    raise MedevacError(f"a test event did not arrive in {alert.recipient}: see the agent's log, which {log} names")


def _run(alert: Alert, variables: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    try:
        user, group = pwd.getpwnam(USER).pw_uid, grp.getgrnam(GROUP).gr_gid
    except KeyError as error:
        raise MedevacError(f"there is no user {USER} here: run this on a full cluster node") from error
    ours = {"PATH": _PATH, "CRM_alert_recipient": alert.recipient, **alert.options, **variables}
    root = os.geteuid() == 0
    if not root and os.geteuid() != user:
        raise MedevacError(f"only root can try the agent as {USER}, as Pacemaker runs it")
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
            user=user if root else None,
            group=group if root else None,
            extra_groups=[] if root else None,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise MedevacError(f"{alert.agent} cannot be run as {USER}: {error}") from error
