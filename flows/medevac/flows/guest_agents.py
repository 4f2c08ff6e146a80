"""Guest agents: whether that of a server answers, asked by whichever way the site has."""

from __future__ import annotations

from medevac.core.errors import HypervisorUnavailableError
from medevac.flows.ports import Ports, Server

PATIENCE = 1.0
"""Seconds that one guest agent is given to answer."""


def guest_answers(ports: Ports, server: Server) -> bool:
    """Tell whether the guest agent of *server* answers now: by the site's prober, or through libvirt on its host.

    A host whose libvirt does not answer, or a server without an agent, is a guest that does not answer.
    """
    if ports.prober.guest_ready(server.id) is True:
        return True
    try:
        return ports.hypervisor.ping_guest(server.host, server.id, PATIENCE) is True
    except HypervisorUnavailableError:
        return False
