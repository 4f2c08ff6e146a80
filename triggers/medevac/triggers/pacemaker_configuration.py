"""What the cluster's configuration must say for recovery to work: our alert, and advice on all the rest.

Pure: reads the XML that `cibadmin --query` prints, and writes the XML that cibadmin takes.  The advice and its
figures were measured on Pacemaker 2.1.5 (docs/triggers.md).
"""

from __future__ import annotations

import re

# The text comes from the cluster's own command on this machine, which only root and haclient can be.
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from medevac.triggers.pacemaker_status import parse_document

ALERT = "medevac"
"""The id of our alert."""
CONFIGURATION_FILE = "/etc/medevac/alert.conf"
ALERT_TIMEOUT = 10.0
"""Seconds that Pacemaker gives the agent; it kills it then."""
SELECTED = ("select_fencing", "select_nodes", "select_resources")
"""The kinds of alerts that we ask for; attribute alerts start nothing."""
SHORTEST_ALERT = 5.0
"""Seconds: the agent's own 2 for ZooKeeper, and what starting takes on a machine that is busy because hosts die."""
DEFAULT_ALERT = 30.0
SLOW = 10.0
"""Seconds: a silent death is noticed after the monitor's interval and time-out together, at worst."""
LONG_START = 20.0
DEFAULT_START = 20.0
"""Seconds that Pacemaker gives the start of a resource that says nothing of it."""
COMPUTE_START = 60.0
"""Seconds that nova-compute may need while its message bus is busy."""
_STAMP = "%Y-%m-%dT%H:%M:%S.%06N%z"
_UNITS = {"us": 1e-6, "usec": 1e-6, "ms": 1e-3, "msec": 1e-3, "": 1.0, "s": 1.0, "sec": 1.0}
_UNITS |= {"m": 60.0, "min": 60.0, "h": 3600.0, "hr": 3600.0}
_REMOTE = {"class": "ocf", "provider": "pacemaker", "type": "remote"}


@dataclass(frozen=True, slots=True)
class Advice:
    """One thing that is not as it should be."""

    about: str
    """What it is about: the alert, the cluster, or the name of a node or device."""
    problem: str
    remedy: str
    grave: bool = True
    """Whether it counts as a problem; otherwise it is something to know."""


@dataclass(frozen=True, slots=True)
class Alert:
    """Our alert as the configuration has it."""

    agent: str
    recipient: str
    options: Mapping[str, str]
    """The instance attributes, which the agent gets as environment variables."""
    timeout: float
    selected: tuple[str, ...]
    """The kinds selected, such as select_fencing; empty where there is no <select>, which means all."""


class Configuration:
    """The cluster's configuration; raises StatusError for what is no XML."""

    def __init__(self, text: str) -> None:
        """Read what `cibadmin --query` printed."""
        self._root = parse_document(text, "cibadmin's answer")

    @property
    def has_alerts(self) -> bool:
        """Tell whether there is a section for alerts at all."""
        return self._root.find("./configuration/alerts") is not None

    def alert(self) -> Alert | None:
        """Return our alert, by its id."""
        found = self._root.find(f"./configuration/alerts/alert[@id='{ALERT}']")
        if found is None:
            return None
        recipient = found.find("./recipient")
        options = _values(found, "instance_attributes")
        select = found.find("./select")
        return Alert(
            agent=found.get("path", ""),
            recipient=recipient.get("value", "") if recipient is not None else "",
            options=options | (_values(recipient, "instance_attributes") if recipient is not None else {}),
            timeout=seconds(_values(found, "meta_attributes").get("timeout", "")) or DEFAULT_ALERT,
            selected=tuple(each.tag for each in select) if select is not None else (),
        )

    def advice(self) -> tuple[Advice, ...]:
        """Return everything that is not as it should be, the alert first."""
        return (
            *self._on_alert(),
            *self._on_cluster(),
            *self._on_remotes(),
            *self._on_devices(),
            *self._on_compute(),
        )

    def _on_alert(self) -> Iterator[Advice]:
        alert = self.alert()
        if alert is None:
            yield Advice("alert", f"there is no alert {ALERT!r}", "medevac pacemaker install")
            return
        again = "medevac pacemaker install writes it as it should be"
        if not alert.recipient:
            yield Advice("alert", "it has no recipient, which is ZooKeeper's address", again)
        if set(alert.selected) != set(SELECTED):
            told = ", ".join(alert.selected) or "everything"
            yield Advice("alert", f"it selects {told} instead of {', '.join(SELECTED)}", again)
        if alert.timeout < SHORTEST_ALERT:
            problem = f"its timeout of {alert.timeout:g} s can kill the agent before it is done"
            yield Advice("alert", problem, again)

    def _on_cluster(self) -> Iterator[Advice]:
        if self._options().get("stonith-enabled", "true").lower() in {"false", "no", "0", "off"}:
            yield Advice(
                "cluster", "fencing is off: no host is ever proven dead", "crm_attribute -n stonith-enabled -v true"
            )

    def _on_remotes(self) -> Iterator[Advice]:
        remotes = self._remotes()
        if not remotes:
            yield Advice("cluster", "it has no pacemaker_remote node: it watches no compute host", "add them")
        for remote in remotes:
            name = remote.get("id", "")
            yield from _on_monitor(name, remote)
            yield from _on_start(name, remote)
            if not any(_covers(device, name) and not _is_stopped(device) for device in self._devices()):
                problem = "no fence device covers it: its death can never be acted on"
                yield Advice(name, problem, "add one with pcmk_host_list")
        yield from self._on_levels({remote.get("id", "") for remote in remotes})

    def _on_levels(self, remotes: set[str]) -> Iterator[Advice]:
        """Advise about levels of the fencing topology, which take the place of a host's other devices."""
        known = {device.get("id", ""): device for device in self._devices()}
        for level in self._root.iterfind("./configuration/fencing-topology/fencing-level"):
            host = level.get("target", "")
            named = re.split(r"[\s,;]+", level.get("devices", ""))
            bad = [name for name in named if name not in known or not _covers(known[name], host)]
            if host in remotes and bad:
                problem = f"fencing level {level.get('index')} names {', '.join(bad)}, which cannot fence it"
                yield Advice(host, problem, "name devices that have it in pcmk_host_list or pcmk_host_map")

    def _on_compute(self) -> Iterator[Advice]:
        """Advise about nova-compute where the cluster runs it: a start that is cut off leaves it down for good."""
        for resource in self._root.iterfind("./configuration/resources//primitive"):
            start = _operation(resource, "start")
            timeout = seconds(start.get("timeout", "")) if start is not None else None
            if "nova-compute" in resource.get("type", "") and (timeout or DEFAULT_START) < COMPUTE_START:
                problem = (
                    f"a start of nova-compute that takes over {timeout or DEFAULT_START:g} s leaves it down for good"
                )
                remedy = f"set op start timeout={COMPUTE_START:g}s"
                yield Advice(resource.get("id", ""), problem, remedy, grave=False)

    def _on_devices(self) -> Iterator[Advice]:
        remotes = [remote.get("id", "") for remote in self._remotes()]
        off = self._options().get("stonith-action") in {"off", "poweroff"}
        for device in self._devices():
            covered = [name for name in remotes if _covers(device, name)]
            action = _values(device, "instance_attributes").get("pcmk_reboot_action", "reboot")
            if covered and action == "reboot" and not off:
                yield Advice(
                    device.get("id", ""),
                    f"it reboots {', '.join(covered)}: nova-compute comes back while servers are being evacuated",
                    "set pcmk_reboot_action=off on it",
                )
            if covered:
                yield from _on_device(device, covered)

    def _options(self) -> dict[str, str]:
        found = self._root.iterfind("./configuration/crm_config/cluster_property_set/nvpair")
        return {pair.get("name", ""): pair.get("value", "") for pair in found}

    def _remotes(self) -> list[ET.Element]:
        every = self._root.iterfind("./configuration/resources//primitive")
        return [each for each in every if all(each.get(name) == value for name, value in _REMOTE.items())]

    def _devices(self) -> list[ET.Element]:
        return list(self._root.iterfind("./configuration/resources//primitive[@class='stonith']"))


def on_version(version: str) -> tuple[Advice, ...]:
    """Return what to know about this release of Pacemaker."""
    if not re.match(r"2\.1\.5(\D|$)", version):
        return ()
    return (
        Advice(
            "cluster",
            "Pacemaker 2.1.5 fences a host whose pacemaker_remote is stopped by systemctl (fixed in 2.1.6)",
            "before a planned stop, disable the node's remote resource",
            grave=False,
        ),
    )


def alert_xml(agent: str, zookeeper: str, configuration_file: str = CONFIGURATION_FILE) -> str:
    """Return our alert as cibadmin takes it; deploy/pacemaker/alert.xml is the same for configuration management."""
    alert = ET.Element("alert", id=ALERT, path=agent)
    options = ET.SubElement(alert, "instance_attributes", id="medevac-options")
    ET.SubElement(options, "nvpair", id="medevac-conf", name="MEDEVAC_CONF", value=configuration_file)
    meta = ET.SubElement(alert, "meta_attributes", id="medevac-meta")
    ET.SubElement(meta, "nvpair", id="medevac-timeout", name="timeout", value=f"{ALERT_TIMEOUT:g}s")
    ET.SubElement(meta, "nvpair", id="medevac-timestamp", name="timestamp-format", value=_STAMP)
    select = ET.SubElement(alert, "select")
    for kind in SELECTED:
        ET.SubElement(select, kind)
    ET.SubElement(alert, "recipient", id="medevac-zookeeper", value=zookeeper)
    return ET.tostring(alert, encoding="unicode")


def seconds(text: str) -> float | None:
    """Return the seconds of a duration as Pacemaker writes it (20, 20s, 500ms, 2min); None for anything else."""
    match = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([a-z]*)\s*", text.lower())
    return float(match[1]) * _UNITS[match[2]] if match and match[2] in _UNITS else None


def _on_monitor(name: str, remote: ET.Element) -> Iterator[Advice]:
    remedy = "set op monitor interval=5s timeout=5s"
    monitor = _operation(remote, "monitor")
    if monitor is None:
        yield Advice(name, "its connection has no monitor: a silent death is never noticed", remedy)
        return
    interval = seconds(monitor.get("interval", "")) or 0.0
    timeout = seconds(monitor.get("timeout", "")) or 20.0
    if max(interval, timeout) > SLOW:
        problem = f"a silent death is noticed after up to {interval + timeout:g} s (its monitor's interval and timeout)"
        yield Advice(name, problem, remedy)


def _on_start(name: str, remote: ET.Element) -> Iterator[Advice]:
    start = _operation(remote, "start")
    timeout = seconds(start.get("timeout", "")) if start is not None else None
    if timeout is None or timeout > LONG_START:
        told = f"{timeout:g} s" if timeout is not None else "60 s, by default,"
        problem = f"when it dies together with the node that holds its connection, {told} pass before it is noticed"
        yield Advice(name, problem, "set op start timeout=15s")


def _on_device(device: ET.Element, covered: list[str]) -> Iterator[Advice]:
    name, hosts = device.get("id", ""), ", ".join(covered)
    if _is_stopped(device):
        yield Advice(
            name, f"it is stopped, and can fence nobody: {hosts}", "pcs resource enable, or remove target-role"
        )
    action = _values(device, "instance_attributes").get("pcmk_off_action", "off")
    if action not in {"off", "poweroff"}:
        yield Advice(name, f"asked to switch {hosts} off, it does {action!r}", "remove pcmk_off_action")


def _is_stopped(device: ET.Element) -> bool:
    return _values(device, "meta_attributes").get("target-role", "").lower() == "stopped"


def _operation(resource: ET.Element, name: str) -> ET.Element | None:
    return resource.find(f"./operations/op[@name='{name}']")


def _covers(device: ET.Element, host: str) -> bool:
    options = _values(device, "instance_attributes")
    listed = re.split(r"[\s,;]+", options.get("pcmk_host_list", ""))
    mapped = [pair.partition(":")[0] for pair in re.split(r"[\s;]+", options.get("pcmk_host_map", ""))]
    # Without either the device is asked, or taken for every host's: we cannot tell.
    return host in (*listed, *mapped) or not any((*listed, *mapped))


def _values(element: ET.Element, kind: str) -> dict[str, str]:
    return {pair.get("name", ""): pair.get("value", "") for pair in element.iterfind(f"./{kind}/nvpair")}
