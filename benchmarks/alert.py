"""How long Pacemaker's alert takes to become a stored event: prints JSON, times in milliseconds.

    python benchmarks/alert.py [--runs 40]

The variants run in turns, so that a busy moment of the machine hits all of them.  `event_stored` is the time from
starting the process to the creation time of its znode, by the clock of the same machine.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from kazoo.client import KazooClient

from medevac.core import layout
from medevac.sandbox.zookeeper import ZookeeperServer
from medevac.workers.zookeeper import connect, disconnect, ensure_layout

AGENT = Path(sys.executable).parent / "medevac-alert"
ALERT = {
    "CRM_alert_kind": "fencing",
    "CRM_alert_node": "compute3",
    "CRM_alert_rc": "0",
    "CRM_alert_desc": "Operation reboot of compute3 by node1 for pacemaker-controld.64@node3: OK (ref=920c2ccc-2683)",
    "CRM_alert_timestamp_epoch": "1795340254",
    "CRM_alert_timestamp_usec": "559044",
    "CRM_alert_version": "2.1.5",
    "PATH": "/usr/bin:/bin",
}
# The agent's own steps, called one by one with a look at the clock in between.
STEPS = """
import sys, time
marks = [("interpreter and site", time.monotonic())]
mark = lambda name: marks.append((name, time.monotonic()))
import os
from medevac.triggers.alert import classify, settings_from
from medevac.core.spool import Spool
mark("imports before the spool")
settings = settings_from(os.environ)
event = classify(os.environ, reporter="benchmark", now=time.time())
mark("classify")
spool = Spool(settings.spool)
spool.put(event)
mark("spool")
from medevac.triggers.post import Poster
mark("import of kazoo")
poster = Poster(settings.zookeeper, settings.timeout)
poster._connected.wait(2)
mark("connect")
poster.post(event)
mark("create")
spool.remove(event.id)
mark("remove from the spool")
poster.close()
mark("close")
before = float(sys.argv[1])
for name, at in marks:
    print(name, (at - before) * 1000, sep="\\t")
    before = at
print("end", time.monotonic(), sep="\\t", flush=True)
os._exit(0)
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=40, help="runs of each variant (default 40)")
    runs = parser.parse_args().runs
    before = os.getloadavg()
    with ZookeeperServer() as server, tempfile.TemporaryDirectory(prefix="medevac-benchmark-") as folder:
        site = f"{server.hosts}/benchmark"
        client = connect(site)
        ensure_layout(client)
        taken = measure(runs, settings(site, folder), client)
        disconnect(client)
    document = {
        "runs": runs,
        "unit": "milliseconds",
        "python": platform.python_version(),
        "processors": os.cpu_count(),
        "load_average": {"before": before, "after": os.getloadavg()},
        **{name: summary(values) for name, values in taken.items() if not name.startswith("step: ")},
        "steps": {n.removeprefix("step: "): summary(v) for n, v in taken.items() if n.startswith("step: ")},
    }
    print(json.dumps(document, indent=2))


def settings(site: str, folder: str) -> dict[str, str]:
    """Return the environment of one call of the agent."""
    return {
        **ALERT,
        "CRM_alert_recipient": site,
        "MEDEVAC_SPOOL": f"{folder}/spool",
        "MEDEVAC_LOG": f"{folder}/alert.log",
    }


def measure(runs: int, environment: Mapping[str, str], client: KazooClient) -> dict[str, list[float]]:
    """Return the times of each variant, and of each step, run by run."""
    alone = {name: value for name, value in environment.items() if name != "CRM_alert_recipient"}
    taken: dict[str, list[float]] = defaultdict(list)
    for _ in range(runs + 1):
        taken["bare_interpreter"].append(timed([sys.executable, "-c", "pass"], environment))
        taken["interpreter_without_site"].append(timed([sys.executable, "-I", "-S", "-c", "pass"], environment))
        taken["import_of_kazoo_alone"].append(timed([sys.executable, "-c", "import kazoo.client"], environment))
        taken["spool_only"].append(timed([str(AGENT)], alone | {"MEDEVAC_SPOOL": f"{alone['MEDEVAC_SPOOL']}-only"}))
        started = time.time()
        taken["agent_start_to_exit"].append(timed([str(AGENT)], environment))
        taken["agent_start_to_event_stored"].append(stored_after(client, started))
        for name, value in steps(environment):
            taken[f"step: {name}"].append(value)
    # The first round pays for cold files.
    return {name: values[1:] for name, values in taken.items()}


def timed(command: Sequence[str], environment: Mapping[str, str]) -> float:
    """Return how long *command* took from start to exit."""
    started = time.monotonic()
    subprocess.run(command, env=environment, cwd="/", stdin=subprocess.DEVNULL, check=True)
    return (time.monotonic() - started) * 1000


def stored_after(client: KazooClient, started: float) -> float:
    """Return how long after *started* (seconds since the epoch) the latest event was created; a millisecond exact."""
    latest = max(client.get_children(layout.EVENTS))
    return float(client.exists(layout.event(latest)).ctime) - started * 1000


def steps(environment: Mapping[str, str]) -> list[tuple[str, float]]:
    """Return how long each step of one run of the agent took."""
    started = time.monotonic()
    command = [sys.executable, "-c", STEPS, str(started)]
    printed = subprocess.run(command, env=environment, cwd="/", capture_output=True, text=True, check=True).stdout
    ended = time.monotonic()
    lines = [line.split("\t") for line in printed.splitlines()]
    found = [(name, float(value)) for name, value in lines[:-1]]
    return [*found, ("exit", (ended - float(lines[-1][1])) * 1000)]


def summary(values: Sequence[float]) -> dict[str, float]:
    """Return median and 95th percentile."""
    return {
        "median": round(statistics.median(values), 1),
        "p95": round(sorted(values)[int(len(values) * 0.95)], 1),
    }


if __name__ == "__main__":
    main()
