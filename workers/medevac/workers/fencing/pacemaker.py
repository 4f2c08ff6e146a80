"""Pacemaker as a rung: what it has fenced already, and what it is asked to fence.

Runs Pacemaker's own commands, here or through a command such as ssh that runs them on a cluster node.  Facts (measured
on 2.1.5): `--history HOST` without --verbose shows the *oldest* success, so the whole history is read; `completed` is
exact to the second; a fencing whose delegate is "a human" switched nothing off; a node is unclean for as long as its
fencing has not succeeded; a remote that is online again was powered on since, or Pacemaker is only trying to reach it.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from medevac.core.cluster import Fencing, Node, Status, StatusError, parse_document, parse_status
from medevac.core.errors import FencingError
from medevac.core.evidence import SLACK, FenceEvidence
from medevac.flows.rung import Answer, Case
from medevac.workers.fencing.patterns import ForHosts
from medevac.workers.fencing.process import Ran, presentable, run

TAG = "medevac"
"""Marks our own requests in the cluster's log and alerts."""
LOOK_LIMIT = 20.0
"""Seconds for one look; they answer within one unless the cluster is electing."""
GRACE = 10.0
"""Seconds beyond Pacemaker's own time-out before stonith_admin itself is given up on."""
_NODE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", re.ASCII)
_CUTTING = frozenset({"off", "reboot"})
_STATUS = ("crm_mon", "-1", "--output-as=xml", "--fence-history=2")


@dataclass(frozen=True, slots=True)
class Cluster:
    """How the cluster is reached, and what it calls hosts."""

    through: tuple[str, ...] = ()
    """The words before each command, such as ssh controller-1; none: the commands are on this machine."""
    name_of: Callable[[str], str] = str
    """Nova's name of a host to the cluster's name of its node."""

    def node(self, host: str) -> str:
        """Return the cluster's name of *host*.  Raises FencingError for one that a shell on the way could misread."""
        name = self.name_of(host)
        if not _NODE.fullmatch(name):
            message = f"{name!r} cannot be the name of a node"
            raise FencingError(message)
        return name

    def ask(self, command: Sequence[str], limit: float) -> Ran:
        """Run one of Pacemaker's commands.  Raises FencingError when there is no answer."""
        words = (*self.through, *command)
        try:
            return run(words, "", limit)
        except OSError as error:
            message = f"{words[0]} cannot be run ({error.strerror}): conductors need Pacemaker's commands, or 'through'"
            raise FencingError(message) from error
        except subprocess.TimeoutExpired as error:
            message = f"{command[0]} did not answer in {limit:g} s"
            raise FencingError(message) from error

    def status(self) -> Status:
        """Return what the cluster says of itself.  Raises FencingError when it does not say."""
        ran = self.ask(_STATUS, LOOK_LIMIT)
        if ran.code:
            message = f"crm_mon {ran.ending}: {_complaints(ran)}"
            raise FencingError(message)
        try:
            return parse_status(ran.output.decode(errors="replace"))
        except StatusError as error:
            raise FencingError(str(error)) from error

    def find(self, host: str) -> Node:
        """Return the node of *host* as it stands now.  Raises FencingError when nobody says, or there is none."""
        return self.found_in(self.status(), host)

    def found_in(self, status: Status, host: str) -> Node:
        """Return the node of *host* in *status*.  Raises FencingError when there is none."""
        name = self.node(host)
        if name not in status.nodes:
            message = f"the cluster knows no node called {name}; if it has another name there, see host_names"
            raise FencingError(message)
        return status.nodes[name]


class EvidenceMeans(ForHosts):
    """Pacemaker's own fencing of this incarnation, read from its history; it orders nothing."""

    suffices = True

    def __init__(self, hosts: Sequence[str], cluster: Cluster) -> None:
        """Read the history of the nodes of *hosts*."""
        super().__init__(hosts)
        self.cluster = cluster

    def look(self, case: Case) -> Answer:
        """Return the newest fencing of the node that succeeded since the failure, while it has not come back."""
        status = self.cluster.status()
        node = self.cluster.found_in(status, case.host)
        if node.unclean:
            return Answer(words="Pacemaker has not fenced it yet: it is unclean")
        if node.online:
            return Answer(words="Pacemaker reaches it: it is online")
        return _newest(node.name, status, case)

    def order(self, case: Case) -> None:
        """Raise FencingError: this only reads."""
        message = f"the history of {case.host} can be read, not made"
        raise FencingError(message)

    def prove(self, host: str) -> str:
        """Ask the cluster whether it knows the node."""
        return f"the cluster knows {self.cluster.find(host).name}"


class PacemakerMeans(EvidenceMeans):
    """The same, and what is missing in the history is asked for."""

    def __init__(self, hosts: Sequence[str], cluster: Cluster, timeout: float) -> None:
        """Give Pacemaker *timeout* seconds for a fencing."""
        super().__init__(hosts, cluster)
        self._timeout = timeout

    def order(self, case: Case) -> None:
        """Ask Pacemaker to fence the node with the action off; returns when Pacemaker has done so."""
        name = self.cluster.node(case.host)
        command = ("stonith_admin", "--fence", name, "--timeout", f"{self._timeout:.0f}", "--tag", TAG)
        ran = self.cluster.ask(command, self._timeout + GRACE)
        if ran.code:
            message = f"stonith_admin {ran.ending} on --fence {name}: {ran.words() or 'it said nothing'}"
            raise FencingError(message)

    def prove(self, host: str) -> str:
        """Ask which devices can fence the node."""
        name = self.cluster.node(host)
        ran = self.cluster.ask(("stonith_admin", "--list", name, "--output-as=xml"), LOOK_LIMIT)
        devices = _devices(ran)
        if ran.code or not devices:
            message = f"Pacemaker has no device that can fence {name}: {ran.words()[-100:] or 'it said nothing'}"
            raise FencingError(message)
        return f"Pacemaker can fence {name} with {', '.join(devices)}"


def _newest(name: str, status: Status, case: Case) -> Answer:
    ours = [each for each in status.fencings if each.target == name and each.action in _CUTTING and each.success]
    # The time is that of the second's beginning.
    fresh = [each for each in ours if each.completed + 1.0 >= case.failed_at - SLACK]
    real = [each for each in fresh if not each.human]
    if real:
        return Answer(_evidence(case, real[0]))
    if fresh:
        return Answer(words="in Pacemaker only a human has confirmed it (stonith_admin --confirm): no power was cut")
    return Answer(words="Pacemaker has fenced nothing of that name since the failure")


def _evidence(case: Case, fencing: Fencing) -> FenceEvidence:
    detail = f"{fencing.action} of {fencing.target} by {fencing.delegate} for {fencing.client}@{fencing.origin}: OK"
    return FenceEvidence(case.host, fencing.completed, "pacemaker", fencing.action, detail)


def _complaints(ran: Ran) -> str:
    """Return what stands in the <error> elements of a command's XML, or all that it said."""
    try:
        root = parse_document(ran.output.decode(errors="replace"), "crm_mon's answer")
    except StatusError:
        return ran.words() or "it said nothing"
    told = [found.text.strip() for found in root.iter("error") if found.text]
    return presentable("; ".join(told)) if told else ran.words()


def _devices(ran: Ran) -> list[str]:
    try:
        root = parse_document(ran.output.decode(errors="replace"), "stonith_admin's answer")
    except StatusError:
        return []
    return [found.text or found.get("name") or "?" for found in root.iter("item")]
