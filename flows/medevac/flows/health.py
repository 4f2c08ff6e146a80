"""Health: whether what failed on a live host still fails.  Nova alone is late; the cluster alone sees processes."""

from __future__ import annotations

from medevac.core.errors import CloudError, HypervisorUnavailableError, NoHypervisorError, ServiceControlError
from medevac.flows.brief import Brief
from medevac.flows.guests import LIBVIRT, NOVA_COMPUTE
from medevac.flows.policy.words import SERVER_FAILURES
from medevac.flows.ports import Ports

SERVICES = {"nova-compute.down": NOVA_COMPUTE, "libvirt.down": LIBVIRT}
"""The failures that are over when a service runs again."""
NOTICED = 75.0
"""Seconds after its last heartbeat (service_down_time 60 s, report_interval 10 s) Nova knows that a service is down."""


def service_runs(ports: Ports, host: str, service: str, failed_at: float) -> bool:
    """Tell whether *service* of *host* runs, having failed at *failed_at* (seconds since the epoch).

    What nobody can tell now counts as not running: the next look may tell.  Raises nothing.
    """
    told = _told_by_cluster(ports, host, service)
    if told is False:
        return False
    if service == LIBVIRT:
        return _libvirt_answers(ports, host, told)
    return _nova_sees_up(ports, host) and (told is True or ports.clock.now() - failed_at > NOTICED)


def is_over(ports: Ports, brief: Brief) -> bool:
    """Tell whether the failure is known to be over; of most failures that cannot be seen from here."""
    service = SERVICES.get(brief.failure)
    return service is not None and service_runs(ports, brief.host, service, brief.opened_at)


def what_goes_on(brief: Brief) -> str:
    """Return the failure as the subject of a sentence: "nova-compute on compute-3 is still down"."""
    service = SERVICES.get(brief.failure)
    if service is not None:
        return f"{service} on {brief.host} is still down"
    return f"{brief.failure} of {'it' if brief.failure in SERVER_FAILURES else brief.host} is not known to be over"


def over_sentence(brief: Brief) -> str:
    """Return what is said when the failure is over: "nova-compute on compute-3 runs again"."""
    return f"{SERVICES.get(brief.failure, brief.failure)} on {brief.host} runs again"


def _told_by_cluster(ports: Ports, host: str, service: str) -> bool | None:
    try:
        return ports.services.state(host, service)
    except ServiceControlError:
        return None


def _libvirt_answers(ports: Ports, host: str, told: bool | None) -> bool:  # noqa: FBT001 - what was said of it
    """Tell whether libvirt answers a call: a process that hangs is none that runs."""
    try:
        ports.hypervisor.domains(host)
    except NoHypervisorError:
        return told is True
    except HypervisorUnavailableError:
        return False
    return True


def _nova_sees_up(ports: Ports, host: str) -> bool:
    try:
        service = ports.cloud.host_service(host)
    except CloudError:
        return False
    return service is not None and service.state == "up"
