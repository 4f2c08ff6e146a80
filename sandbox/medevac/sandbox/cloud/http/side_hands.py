"""The side door's hands on live hosts: what a worker's program asks of hypervisors, and Pacemaker's commands."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping
from typing import Any

from medevac.core.errors import HypervisorUnavailableError, ServiceControlError
from medevac.core.wire import to_plain
from medevac.flows.guests import LIBVIRT, NOVA_COMPUTE
from medevac.sandbox.cloud.http.call import Answer, Call, Route
from medevac.sandbox.cloud.model.errors import bad_request
from medevac.sandbox.hypervisor import FakeHypervisor
from medevac.sandbox.services import FakeServices

CLONES = {f"{service}-clone": service for service in (NOVA_COMPUTE, LIBVIRT)}
"""The cluster's resources: a clone of each service."""

_Asked = Mapping[str, Any]


def _domain(port: FakeHypervisor, asked: _Asked) -> dict[str, object]:
    found = port.domain(asked["host"], asked["server"])
    return {"domains": [] if found is None else [to_plain(found)]}


def _domains(port: FakeHypervisor, asked: _Asked) -> dict[str, object]:
    return {"domains": [to_plain(found) for found in port.domains(asked["host"]).values()]}


def _activity(port: FakeHypervisor, asked: _Asked) -> dict[str, object]:
    return {"activity": to_plain(port.activity(asked["host"], asked["server"]))}


def _ping(port: FakeHypervisor, asked: _Asked) -> dict[str, object]:
    return {"answers": port.ping_guest(asked["host"], asked["server"], asked["timeout"])}


def _kill(port: FakeHypervisor, asked: _Asked) -> dict[str, object]:
    port.kill(asked["host"], asked["server"])
    return {}


def _resume(port: FakeHypervisor, asked: _Asked) -> dict[str, object]:
    port.resume(asked["host"], asked["server"])
    return {}


_ACTIONS: dict[str, Callable[[FakeHypervisor, _Asked], dict[str, object]]] = {
    "domain": _domain,
    "domains": _domains,
    "activity": _activity,
    "ping": _ping,
    "kill": _kill,
    "resume": _resume,
}


def _hypervisor(call: Call) -> Answer:
    asked: dict[str, Any] = call.body if isinstance(call.body, dict) else {}
    act = _ACTIONS.get(str(asked.get("action")))
    if act is None:
        raise bad_request(f"unknown action {asked.get('action')}: one of {', '.join(_ACTIONS)}")
    try:
        return Answer(act(FakeHypervisor(call.world), asked))
    except HypervisorUnavailableError as error:
        return Answer({"refused": str(error)})


def _cluster(call: Call) -> Answer:
    words: list[str] = call.body.get("words", []) if isinstance(call.body, dict) else []
    try:
        return Answer({"code": 0, "output": _command(FakeServices(call.world), words)})
    except ServiceControlError as error:
        return Answer({"code": 1, "output": str(error)})


def _command(port: FakeServices, words: list[str]) -> str:
    if words[:1] == ["crm_mon"]:
        return _monitored(port)
    if words[:1] != ["crm_resource"] or not {"--cleanup", "--fail"} & set(words):
        raise ServiceControlError(f"the sandbox has no {' '.join(words)}")
    resource, node = (words[words.index(option) + 1] for option in ("--resource", "--node"))
    port.restart(node, CLONES.get(resource, resource))
    return ""


def _monitored(port: FakeServices) -> str:
    """Return what crm_mon says, as far as PacemakerServices reads it."""
    root = ET.Element("pacemaker-result", {"request": "crm_mon", "api-version": "2.25"})
    resources = ET.SubElement(root, "resources")
    for name, service in CLONES.items():
        clone = ET.SubElement(resources, "clone", {"id": name})
        for host in port.world.hosts:
            runs = bool(port.state(host, service))
            role = {"id": service, "role": "Started" if runs else "Stopped", "failed": "false"}
            instance = ET.SubElement(clone, "resource", role)
            if runs:
                ET.SubElement(instance, "node", {"name": host})
    return ET.tostring(root, encoding="unicode")


ROUTES: tuple[Route, ...] = (("POST", "/hypervisor", _hypervisor), ("POST", "/cluster", _cluster))
