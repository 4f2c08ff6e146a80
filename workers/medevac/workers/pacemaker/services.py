"""PacemakerServices: the Services port by crm_resource and crm_mon, here or through a command such as ssh.

The services of compute nodes are resources of the cluster (clones, as a rule), so that nobody but the cluster starts
and stops them: a service that was started behind its back would be stopped again, or be running twice.
"""

from __future__ import annotations

import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator, Mapping, Sequence

from medevac.core.cluster import StatusError, parse_document
from medevac.core.errors import ServiceControlError
from medevac.workers.fencing.process import Ran, run

LIMIT = 30.0
"""Seconds for one command; they answer within one unless the cluster is electing, and some of them spin then."""
_STATUS = ("crm_mon", "-1", "--output-as=xml")


class PacemakerServices:
    """Implements Services.  A service without a resource is not supervised.  Thread-safe."""

    def __init__(
        self,
        resources: Mapping[str, str],
        *,
        through: Sequence[str] = (),
        name_of: Callable[[str], str] = str,
        limit: float = LIMIT,
    ) -> None:
        """Know the ids of *resources* by service: the primitive's or its clone's.

        *through* has the words before each command where Pacemaker is not on this machine; *name_of* returns the
        cluster's name of a host by nova's; *limit* is in seconds for each command.
        """
        self._resources = resources
        self._through = tuple(through)
        self._name_of = name_of
        self._limit = limit

    def restart(self, host: str, service: str) -> None:
        """Let the cluster forget failures and start the service; one that it takes for running it must recover.

        "Recover" is what follows from a failed monitor: stop and start on that host, within the cluster's own rules.
        It leaves nothing behind when this process dies half-way, as crm_resource --restart would (a ban).
        """
        resource = self._resources.get(service, "")
        if not resource:
            message = f"{service} on {host}: name the resource that is it under 'services' in medevac.yaml"
            raise ServiceControlError(message)
        node = self._name_of(host)
        found = self._found(resource)
        if not found:
            message = f"{service} on {host}: the cluster has no resource {resource}"
            raise ServiceControlError(message)
        verb = "--fail" if any(_runs_on(each, node) for each in found) else "--cleanup"
        self._run(("crm_resource", verb, "--resource", _primitive(found, resource), "--node", node))

    def state(self, host: str, service: str) -> bool | None:
        """Tell whether an instance is started on *host* and not failed."""
        resource = self._resources.get(service, "")
        if not resource:
            return None
        found = self._found(resource)
        return any(_runs_on(each, self._name_of(host)) for each in found) if found else None

    def _found(self, resource: str) -> list[ET.Element]:
        """Return the instances of *resource* as crm_mon tells them."""
        try:
            told = parse_document(self._run(_STATUS), "crm_mon's answer")
        except StatusError as error:
            raise ServiceControlError(str(error)) from error
        return list(_instances(told, resource))

    def _run(self, command: Sequence[str]) -> str:
        words = (*self._through, *command)
        try:
            ran = run(words, "", self._limit)
        except OSError as error:
            message = f"{words[0]} cannot be run ({error.strerror}): workers need Pacemaker's commands, or 'through'"
            raise ServiceControlError(message) from error
        except subprocess.TimeoutExpired as error:
            message = f"{command[0]} did not answer in {self._limit:g} s; what it was told may be done yet"
            raise ServiceControlError(message) from error
        return _accepted(ran, command)


def _accepted(ran: Ran, command: Sequence[str]) -> str:
    if ran.code:
        message = f"{' '.join(command)} {ran.ending}: {ran.words() or 'it said nothing'}"
        raise ServiceControlError(message)
    return ran.output.decode(errors="replace")


def _instances(told: ET.Element, resource: str) -> Iterator[ET.Element]:
    """Yield the elements of a primitive, of all instances of a clone, or of a primitive inside a clone."""
    for group in told.iterfind("./resources//*[@id]"):
        if group.get("id") == resource and group.tag != "resource":
            yield from group.iter("resource")
            return
    for each in told.iterfind("./resources//resource[@id]"):
        if str(each.get("id")).partition(":")[0] == resource:
            yield each


def _primitive(found: Sequence[ET.Element], resource: str) -> str:
    """Return the name by which crm_resource acts on the instance of one node: not the clone's."""
    return str(found[0].get("id", resource)).partition(":")[0]


def _runs_on(instance: ET.Element, node: str) -> bool:
    nodes = [each.get("name") for each in instance.iterfind("./node")]
    return node in nodes and instance.get("role") == "Started" and instance.get("failed") != "true"
