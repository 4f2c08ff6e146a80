"""Fallen: the servers that died with a host that is back: it was fenced and works again before anybody could act.

Nothing is evacuated then: the host lives, and who would start its servers elsewhere could make second copies.  Each
server that Nova has as running and that its hypervisor has off is a failure of its own, which its policy answers there.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from kazoo.client import TransactionRequest

from medevac.core import layout
from medevac.core.errors import HypervisorUnavailableError, NoHypervisorError
from medevac.core.event import Event, EventKind, Subject, SubjectKind
from medevac.core.evidence import ACKNOWLEDGED, FenceEvidence
from medevac.core.wire import encode
from medevac.flows.guests import OFF
from medevac.flows.ports import HostService, Server
from medevac.workers.desk import Desk, NotYetError
from medevac.workers.opinion import HOST_FENCED

RETURN = "return"
"""What holds the incident of a host that works again, until it has been looked what is left of its servers."""
POLL = 10.0
"""Seconds until it is looked again whether nova-compute works there."""
PATIENCE = 600.0
"""Seconds after a host's return for which it is waited for that."""
NAMED = 5
"""How many servers a reason names before it only counts."""


@dataclass(frozen=True, slots=True)
class Fallen:
    """What is left of the servers that ran on a host when it was fenced."""

    host: str
    off: tuple[Server, ...] = ()
    """Nova has them as running, and their hypervisor has them off."""
    unclear: str = ""
    """What only people can tell, as a sentence; empty: nothing."""

    @property
    def told(self) -> str:
        """Return what becomes of them, as a sentence."""
        if self.unclear:
            return self.unclear
        if not self.off:
            return "what ran there runs again, or was not to run"
        return f"off there, and answered one by one: {_names(self.off)}"

    def tell(self, transaction: TransactionRequest, actor: str, now: float) -> None:
        """Add an event for each server that is off."""
        for server in self.off:
            subject = Subject(SubjectKind.SERVER, server.id)
            facts = {"host": self.host, "cause": HOST_FENCED}
            # Not a random id: a play of seeds must come out the same way each time.
            event_id = f"{int(now * 1_000_000):016x}-{server.id}"
            event = Event(event_id, EventKind.SERVER_CRASHED, subject, "triage", actor, now, facts)
            transaction.create(layout.event(event.id), encode(event))


def died(evidence: FenceEvidence | None) -> bool:
    """Tell whether the guests of the host ended for certain: a device said so, and not a person."""
    return evidence is not None and evidence.action != ACKNOWLEDGED


def look(desk: Desk, service: HostService, died_at: float, back_at: float) -> Fallen:
    """Return what is left of the servers of a host that died at *died_at* and that the cluster reached at *back_at*.

    Raises NotYetError until nova-compute works there: only then has it started what it starts by itself.
    """
    host = service.host
    servers = [each for each in desk.cloud.servers_on(host) if each.launched]
    ran = [each for each in servers if each.vm_state in ("active", "error")]
    shut = tuple(each for each in servers if each.vm_state == "stopped" and _novas_doing(desk, each, died_at))
    asked_for = _asked_for(desk, host, died_at) if shut or ran else frozenset[str]()
    try:
        off = _off(desk, service, ran, back_at)
    except HypervisorUnavailableError as error:
        told = f"Whether they run again is not known ({error}): {_names(ran)}. Start those that do not"
        return Fallen(host, tuple(each for each in shut if each.id not in asked_for), _unclear(host, told))
    return _sorted(host, shut, off, asked_for)


def _sorted(host: str, shut: Sequence[Server], off: Sequence[Server], asked_for: Collection[str]) -> Fallen:
    """Return what becomes of those that Nova has *shut* off by itself, and those that are *off* though it says not."""
    strays = [each for each in (*shut, *off) if each.id in asked_for]
    broken = [each for each in off if each.vm_state == "error" and each not in strays]
    told = []
    if strays:
        told.append(
            f"Off, and maybe elsewhere, since Nova was asked to evacuate them: {_names(strays)}. Look before a start"
        )
    if broken:
        told.append(
            f"Off, and in ERROR by Nova, which a policy does not answer: {_names(broken)}. Start those that are to run"
        )
    answered = tuple(each for each in (*shut, *off) if each not in strays and each not in broken)
    return Fallen(host, answered, _unclear(host, ". ".join(told)) if told else "")


def _asked_for(desk: Desk, host: str, since: float) -> frozenset[str]:
    """Return the servers that Nova was asked to evacuate: it may have started one of them and forgotten it."""
    return frozenset(record.server_id for record in desk.cloud.evacuations_from(host, since))


def _unclear(host: str, told: str) -> str:
    return f"{host} was fenced and is back, and its servers died with it. {told}"


def _novas_doing(desk: Desk, server: Server, died_at: float) -> bool:
    """Tell whether Nova has shut *server* off by itself, having found its guest off when the host was back."""
    since = [stop for stop in desk.cloud.stops(server.id) if stop.at > died_at]
    return bool(since) and not any(stop.by_user for stop in since)


def _off(desk: Desk, service: HostService, servers: Sequence[Server], back_at: float) -> tuple[Server, ...]:
    """Return those of *servers* whose guests are off.  Raises HypervisorUnavailableError when that cannot be told."""
    if not servers:
        return ()
    try:
        _require_nova_compute(service, back_at)
        domains = desk.hypervisor.domains(service.host)
    except NoHypervisorError:
        raise
    except HypervisorUnavailableError as error:
        now = desk.clock.now()
        if now < back_at + PATIENCE:
            raise NotYetError(str(error), now + POLL) from error
        raise
    return tuple(each for each in servers if each.id not in domains or domains[each.id].state == OFF)


def _require_nova_compute(service: HostService, back_at: float) -> None:
    if service.state != "up" or (service.updated_at or 0.0) <= back_at:
        message = f"nova-compute on {service.host} has not reported since the host is back"
        raise HypervisorUnavailableError(message)


def _names(servers: Sequence[Server]) -> str:
    more = f" and {len(servers) - NAMED} more" if len(servers) > NAMED else ""
    return ", ".join(sorted(each.name for each in servers)[:NAMED]) + more
