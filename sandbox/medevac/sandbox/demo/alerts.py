"""Alerts: what Pacemaker's nodes say when a host dies, through the real alert agent, run as Pacemaker runs it.

The variables are those of captured alerts of Pacemaker 2.1.5 (tests/data/pacemaker-alerts, s06 and s01).
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from medevac.core.errors import MedevacError
from medevac.sandbox.processes import program

NODES = ("ctl-1", "ctl-2", "ctl-3")
COPIES = 10
AGENT_DEADLINE = 30.0
"""Seconds after which Pacemaker kills an agent."""
AGENT_TIMEOUT = 20.0
"""Seconds that an agent may wait for ZooKeeper: ten at once on a busy machine take longer than its default of 2."""
LOST = len(NODES)
"""How many of the copies say that the node is lost; the others tell of its fencing."""


class AlertAgentError(MedevacError):
    """The alert agent did not end well."""


def alerts(host: str, *, fenced: bool) -> Iterator[dict[str, str]]:
    """Yield what distinguishes each of the ten alerts: three nodes lose the host, and its fencing fails or succeeds."""
    for node in NODES:
        yield {"kind": "node", "node": host, "desc": "lost", "nodeid": "0", "from": node}
    for copy in range(COPIES - LOST):
        node, attempt = NODES[copy % len(NODES)], copy // len(NODES)
        result = "OK" if fenced else "Error"
        reference = f"56c05ac6-b72e-4d1a-b60b-f3242909{0 if fenced else attempt:04}"
        yield {
            "kind": "fencing",
            "node": host,
            "task": "st_notify_fence",
            "rc": "0" if fenced else "-61",
            "desc": f"Operation reboot of {host} by {NODES[attempt % len(NODES)]} "
            f"for pacemaker-controld.64@{NODES[-1]}: {result} (ref={reference})",
            "from": node,
        }


def send(folder: Path, zookeeper: str, host: str, *, fenced: bool) -> None:
    """Run the agent once for each alert, all at the same time; raise AlertAgentError when one does not exit with 0."""
    folder.mkdir(exist_ok=True)
    running = [_run(folder, zookeeper, alert, number) for number, alert in enumerate(alerts(host, fenced=fenced))]
    try:
        codes = [process.wait(AGENT_DEADLINE) for process in running]
    finally:
        for process in running:
            process.kill()
            process.wait()
    if any(codes):
        message = f"the alert agent ended with {codes}; its log is {folder}/alert.log"
        raise AlertAgentError(message)


def environment(folder: Path, zookeeper: str, alert: Mapping[str, str], number: int) -> dict[str, str]:
    """Return the whole environment of one run: Pacemaker's own, the alert, and the instance attributes."""
    now = time.time()
    moment = datetime.fromtimestamp(now, UTC)
    told = {name: value for name, value in alert.items() if name != "from"}
    told |= {
        "node_sequence": str(20 + number),
        "recipient": f"zk://{zookeeper}",
        "timestamp": moment.strftime("%Y-%m-%dT%H:%M:%S.%f+0000"),
        "timestamp_epoch": str(int(now)),
        "timestamp_usec": str(moment.microsecond),
        "version": "2.1.5",
    }
    pacemaker = {
        "HA_cluster_type": "corosync",
        "LC_ALL": "C",
        "OCF_OUTPUT_FORMAT": "text",
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "PCMK_service": "pacemaker-execd",
    }
    node = alert["from"]
    ours = {
        "MEDEVAC_SPOOL": str(folder / f"spool-{node}"),
        "MEDEVAC_LOG": str(folder / "alert.log"),
        "MEDEVAC_TIMEOUT": f"{AGENT_TIMEOUT:g}",
    }
    return {**pacemaker, **ours, **{f"CRM_alert_{name}": value for name, value in told.items()}}


def _run(folder: Path, zookeeper: str, alert: Mapping[str, str], number: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [program("medevac-alert")],
        env=environment(folder, zookeeper, alert, number),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
