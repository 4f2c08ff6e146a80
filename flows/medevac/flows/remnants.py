"""Remnants: guests that failed evacuations may have left running where they went.

Nova takes an evacuation for failed, and the server for one in ERROR on its old host, also where the guest runs by then
and something else failed after it.  So does every destination while no nova-scheduler is there: its message to the
schedulers finds no exchange (measured on Nova 34: the fault is MessageDeliveryFailure).  Nova forgets such a guest, and
whoever evacuates the server again makes a second copy, on the same disk.
"""

from __future__ import annotations

from collections.abc import Iterable

from medevac.core.errors import HypervisorUnavailableError, NoHypervisorError
from medevac.flows.estate import EVACUATION
from medevac.flows.guests import OFF
from medevac.flows.journey import FAILED
from medevac.flows.plan import PlannedServer
from medevac.flows.ports import Ports
from medevac.flows.selection import ERROR

LOST_TOUCH = (
    "MessageDeliveryFailure",
    "MessagingTimeout",
    "RemoteError",
    "DBConnectionError",
    "Conflict updating instance",
    "already exists",
)
"""Faults of Nova that say nothing of the hypervisor: it may have started the guest before.

The first four are names of classes: Nova shows no more of an exception that is not its own (compute/utils.py,
exception_to_dict).  The fifth is UnexpectedTaskStateError, and the last InstanceExists.
"""


def of_earlier(ports: Ports, server: PlannedServer) -> frozenset[str]:
    """Return the hosts on which evacuations of a server in ERROR have failed, in earlier recoveries too.

    What they left there was named in a report, and may run still when its host dies once more.
    """
    if server.vm_state != ERROR:
        return frozenset()
    records = ports.cloud.migrations_of(server.id)
    return frozenset(each.destination for each in records if each.kind == EVACUATION and each.status == FAILED)


def clear(ports: Ports, server_id: str, hosts: Iterable[str]) -> str:
    """Kill what runs of the server on *hosts*, where its evacuations failed; return what was killed, if anything.

    Raises HypervisorUnavailableError where a guest may run there and nobody can tell, and ClaimLostError.
    """
    killed = []
    for host in sorted(filter(None, hosts)):
        try:
            domain = ports.hypervisor.domain(host, server_id)
            if domain is not None and (domain.state != OFF or domain.autostart):
                ports.log.assert_owned()
                ports.hypervisor.kill(host, server_id)
                killed.append(host)
        except NoHypervisorError:
            _assert_not_started(ports, server_id, host)
    return f"its guest on {', '.join(killed)}, which Nova had started and forgotten, was killed" if killed else ""


def _assert_not_started(ports: Ports, server_id: str, host: str) -> None:
    seen = ports.cloud.server(server_id)
    fault = seen.fault if seen else ""
    if any(words in fault for words in LOST_TOUCH):
        message = (
            f"Nova failed on {host} for a reason of its own ({fault}) and its guest may run there: look (virsh list) "
            "and end it; with 'hypervisor' in medevac.yaml that is done for you"
        )
        raise HypervisorUnavailableError(message)
