"""A fake of the Prober port: tests say from when on a port or a guest answers."""

from __future__ import annotations

from medevac.flows.ports import Clock


class FakeProber:
    """Implements Prober; a port that was never opened is closed, and a guest of which nothing was said unknown."""

    def __init__(self, clock: Clock) -> None:
        """Tell by *clock* what is open already."""
        self._clock = clock
        self._ports: dict[tuple[str, int], float] = {}
        self._guests: dict[str, float] = {}

    def open(self, address: str, port: int, at: float = 0.0) -> None:
        """Let *port* of *address* take connections from *at* on, in seconds since the epoch."""
        self._ports[address, port] = at

    def let_guest_speak(self, server_id: str, at: float = 0.0) -> None:
        """Let the guest agent of a server say that it is ready from *at* on."""
        self._guests[server_id] = at

    def port_open(self, address: str, port: int, timeout: float) -> bool:
        """Tell whether the port is open by now; one that is not costs *timeout*, as behind a firewall."""
        is_open = self._ports.get((address, port), float("inf")) <= self._clock.now()
        if not is_open:
            self._clock.wait(timeout)
        return is_open

    def guest_ready(self, server_id: str) -> bool | None:
        """Tell what the guest agent says by now."""
        at = self._guests.get(server_id)
        return None if at is None else at <= self._clock.now()
