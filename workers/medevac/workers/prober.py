"""Prober: what a server shows of itself, looked at from where the worker runs."""

from __future__ import annotations

import socket


class NetworkProber:
    """The Prober port over the network of this machine.  It sees what the machine's routes and firewalls let it see."""

    def port_open(self, address: str, port: int, timeout: float) -> bool:
        """Tell whether *port* takes a TCP connection; the connection is closed at once and nothing is sent."""
        try:
            with socket.create_connection((address, port), timeout):
                return True
        except (OSError, UnicodeError):
            return False

    def guest_ready(self, server_id: str) -> bool | None:
        """Return None: nobody speaks with guest agents in this release."""
        del server_id
        return None
