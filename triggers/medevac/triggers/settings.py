"""Settings of the alert agent: from Pacemaker's environment and a small file of NAME=value lines.

Pacemaker starts the agent with no home, no shell and the environment of its own service; instance attributes of
the alert arrive as environment variables of their own names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from medevac.triggers.pacemaker_resource import Services

SPOOL = "/var/spool/medevac"
LOG = "/var/log/medevac/alert.log"
TIMEOUT = 2.0
LONGEST_TIMEOUT = 25.0
"""Seconds; Pacemaker kills an agent after 30 unless told otherwise."""
_SHORTEST_TIMEOUT = 0.1
REPEATS = 2
_MOST_REPEATS = 100
_SERVICES = ("MEDEVAC_NOVA_COMPUTE", "MEDEVAC_LIBVIRT", "MEDEVAC_CONTROL_PLANE")
_NAMES = ("MEDEVAC_ZOOKEEPER", "MEDEVAC_SPOOL", "MEDEVAC_LOG", "MEDEVAC_TIMEOUT", "MEDEVAC_REPEATS", *_SERVICES)


@dataclass(frozen=True, slots=True)
class Settings:
    """What the agent needs to know."""

    zookeeper: str
    """host:port,host:port/path; empty when nobody said, and then events stay in the spool."""
    spool: str = SPOOL
    log: str = LOG
    timeout: float = TIMEOUT
    """Seconds for everything that ZooKeeper is asked."""
    services: Services = field(default_factory=Services)
    """Which resources of the cluster run services of the cloud."""
    repeats: int = REPEATS
    """How often libvirt or a service of the control plane must fail within ten minutes before it is told."""
    complaint: str = ""
    """What was wrong with the settings, for the log; the agent goes on with its defaults."""


def settings_from(environment: Mapping[str, str]) -> Settings:
    """Return the settings; never raises.

    The alert's recipient says most precisely where this call is meant to go, so it precedes MEDEVAC_ZOOKEEPER;
    both precede the file that MEDEVAC_CONF names.
    """
    told, complaints = _read_file(environment.get("MEDEVAC_CONF", ""))
    told |= {name: environment[name] for name in _NAMES if environment.get(name)}
    address = environment.get("CRM_alert_recipient") or told.get("MEDEVAC_ZOOKEEPER", "")
    timeout, complaint = _timeout(told.get("MEDEVAC_TIMEOUT", ""))
    repeats, another = _repeats(told.get("MEDEVAC_REPEATS", ""))
    return Settings(
        zookeeper=address.removeprefix("zk://"),
        spool=told.get("MEDEVAC_SPOOL", SPOOL),
        log=told.get("MEDEVAC_LOG", LOG),
        timeout=timeout,
        services=_services(told),
        repeats=repeats,
        complaint="; ".join(filter(None, [*complaints, complaint, another])),
    )


def _read_file(path: str) -> tuple[dict[str, str], list[str]]:
    if not path:
        return {}, []
    try:
        with open(path, encoding="utf-8", errors="replace") as file:  # noqa: PTH123 - see medevac.core.spool
            lines = file.read(65536).splitlines()
    except (OSError, ValueError) as error:
        return {}, [f"MEDEVAC_CONF cannot be read: {error}"]
    return _read_lines(lines, path)


def _read_lines(lines: list[str], path: str) -> tuple[dict[str, str], list[str]]:
    told: dict[str, str] = {}
    complaints: list[str] = []
    for number, line in enumerate(lines, start=1):
        name, equals, value = line.strip().partition("=")
        if name.rstrip() in _NAMES and equals:
            told[name.rstrip()] = value.strip().strip("\"'")
        elif name and not name.startswith("#"):
            complaints.append(f"{path}:{number}: expected one of {', '.join(_NAMES)} and =")
    return told, complaints


def _timeout(value: str) -> tuple[float, str]:
    if not value:
        return TIMEOUT, ""
    try:
        seconds = float(value.removesuffix("s"))
    except ValueError:
        seconds = float("nan")
    if _SHORTEST_TIMEOUT <= seconds <= LONGEST_TIMEOUT:
        return seconds, ""
    return TIMEOUT, f"MEDEVAC_TIMEOUT must be {_SHORTEST_TIMEOUT} to {LONGEST_TIMEOUT} seconds: {value[:40]!r}"


def _repeats(value: str) -> tuple[int, str]:
    if not value:
        return REPEATS, ""
    count = int(value) if value.isascii() and value.isdigit() and len(value) <= len(str(_MOST_REPEATS)) else 0
    if 1 <= count <= _MOST_REPEATS:
        return count, ""
    return REPEATS, f"MEDEVAC_REPEATS must be 1 to {_MOST_REPEATS}: {value[:40]!r}"


def _services(told: Mapping[str, str]) -> Services:
    """Return the names that were told, and ours where none were; "-" names no resource."""
    names = {name: tuple(each.strip() for each in told.get(name, "").split(",") if each.strip()) for name in _SERVICES}
    nova_compute, libvirt, control_plane = (names[name] for name in _SERVICES)
    ours = Services()
    return Services(nova_compute or ours.nova_compute, libvirt or ours.libvirt, control_plane or ours.control_plane)
