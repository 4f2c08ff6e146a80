"""Still out: a host that was proven off may have power again, and what it runs now must not be started elsewhere.

Pacemaker's default is to *reboot*: the host is back as soon as it has booted, and nova-compute with it.  Whoever is
about to start servers elsewhere therefore looks again.  A reboot did end what ran there; what must not be is that
nova-compute works there again, since its owners' servers may run there by now.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from medevac.core.errors import HostReturnedError, NoEvidenceError
from medevac.core.evidence import SLACK, FenceEvidence, Life, objection
from medevac.core.wire import from_plain
from medevac.flows.brief import Brief
from medevac.flows.patience import patiently
from medevac.flows.ports import HostService, Ports

BEATS = 20.0
"""Seconds: nova-compute reports every ten, so that after these without a report it is silent."""
BOOTS = BEATS + SLACK
"""Seconds in which no host comes back: nova-compute of one that was proven off more recently is not looked for.

Its silence could not be told by then without a wait, in which those that arrive make no room for the next.
"""
GLANCE = 2.5
"""Seconds between two looks while it is waited for a report."""


def life_of(brief: Brief) -> Life:
    """Return the incarnation of the host whose end *brief* is about."""
    return Life(brief.host, brief.incident, brief.opened_at)


def still_out(ports: Ports, brief: Brief, evidence: FenceEvidence | Mapping[str, Any] | None = None) -> None:
    """Return if nothing has changed since the host was proven off; call it right before servers are evacuated.

    *evidence* is the fence step's result; what is stored with the incident counts if there is none.  One read of
    ZooKeeper and one of Nova; up to 20 s longer where it cannot be told who touched the compute service last.
    Raises NoEvidenceError when the evidence does not hold, HostReturnedError when nova-compute may work there again.
    """
    proof = _read(evidence) or ports.log.evidence()
    if proof is None:
        message = f"the evidence that {brief.host} was off is gone: nothing more is evacuated"
        raise NoEvidenceError(message)
    if against := objection(proof, life_of(brief)):
        ports.log.drop_evidence(proof)
        message = f"the evidence that {brief.host} was off does not hold: {against}"
        raise NoEvidenceError(message)
    _mind_a_return(ports, brief, proof)


def has_returned(ports: Ports, brief: Brief, proof: FenceEvidence) -> bool:
    """Tell whether nova-compute has reported from the host since *proof*."""
    return ports.clock.now() - proof.at > BOOTS and _reports(ports, brief, proof.at, _service(ports, brief))


def silent_since(ports: Ports, host: str, at: float) -> bool | None:
    """Tell whether nova-compute on *host* has reported nothing since *at*; None: Nova does not know.

    Waits where that is not clear yet, for at most BEATS.  updated_at moves with reports, and with what anybody changes
    of the service (we, when we take it out): so only a move that is seen to happen, beyond the first, is a report.
    """
    return _silent(ports, host, at, ports.cloud.host_service(host))


def _silent(ports: Ports, host: str, at: float, service: HostService | None) -> bool | None:
    """Return the same where *service* is how it stands now."""
    first = _touched(service)
    if first is None:
        return None
    if first <= at - BEATS:
        return True
    while ports.clock.now() - max(first, at) <= BEATS:
        ports.clock.wait(GLANCE)
        latest = _touched(ports.cloud.host_service(host))
        if latest is None:
            return None
        if latest > max(first, at):
            return False
    return True


def _mind_a_return(ports: Ports, brief: Brief, proof: FenceEvidence) -> None:
    if ports.clock.now() - proof.at <= BOOTS:
        return
    service = _service(ports, brief)
    if service is not None and not service.forced_down:
        message = (
            f"nova-compute on {brief.host} is not forced down any more: somebody has let it in again, so nothing "
            f"more is evacuated from it"
        )
        raise HostReturnedError(message)
    if _reports(ports, brief, proof.at, service):
        raise HostReturnedError(returned(brief, proof))


def returned(brief: Brief, proof: FenceEvidence) -> str:
    """Return the sentence about a host that works again."""
    return (
        f"{brief.host} works again since it was fenced ({proof.action}, on the word of {proof.source}): nova-compute "
        f"reports from it. Its servers were powered off with it: nothing more is evacuated from it, and what is off is "
        f"started there when it is taken back"
    )


def _service(ports: Ports, brief: Brief) -> HostService | None:
    patience = brief.settings.patience
    return patiently(lambda: ports.cloud.host_service(brief.host), ports.clock, patience, lambda _: None)


def _reports(ports: Ports, brief: Brief, at: float, service: HostService | None) -> bool:
    patience = brief.settings.patience
    silent = patiently(lambda: _silent(ports, brief.host, at + SLACK, service), ports.clock, patience, lambda _: None)
    return silent is False


def _touched(service: HostService | None) -> float | None:
    return None if service is None else service.updated_at


def _read(evidence: FenceEvidence | Mapping[str, Any] | None) -> FenceEvidence | None:
    if isinstance(evidence, Mapping):
        return from_plain(FenceEvidence, evidence, "result of fence")
    return evidence
