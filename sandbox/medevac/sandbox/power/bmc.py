"""Bmc: the simulated baseboard management controllers of all hosts, which may refuse, hang or lie by order."""

from __future__ import annotations

import hmac
from collections import Counter
from dataclasses import dataclass

from medevac.sandbox.cloud.model import machines
from medevac.sandbox.cloud.model.mishaps import ANY
from medevac.sandbox.cloud.model.world import World

USER = "root"
MODES = ("obey", "refuse", "hang", "lie", "unreachable", "reboot", "bounce")
BMC = "bmc"
"""The device that every host has; others, such as a pdu, may be asked by names of their own."""
POWER_ACTIONS = ("on", "off", "reboot")


class BmcError(Exception):
    """The BMC refuses; the message says why."""


class BmcHangError(Exception):
    """The BMC never answers."""


class BmcUnreachableError(Exception):
    """The BMC does not even accept the connection."""


@dataclass(slots=True)
class Mood:
    """How the BMC of a host behaves, for the next *count* commands or until a time."""

    mode: str
    count: int = ANY
    until: float | None = None


class Bmc:
    """The BMCs of all hosts: the way to take their power, on a network of its own."""

    def __init__(self, world: World) -> None:
        """Stand beside *world*."""
        self.world = world
        self.commands: dict[str, Counter[str]] = {}
        """Host to how often each action reached its BMC, whatever came of it."""
        self._moods: dict[tuple[str, str], Mood] = {}

    def order(self, host: str, mode: str, count: int = ANY, seconds: float | None = None, *, via: str = BMC) -> None:
        """Let the BMC of *host*, or its other device *via*, behave as *mode* says.  Raises ValueError for others.

        refuse: answers with an error.  hang: never answers.  unreachable: closes the connection.  lie: says "off" and
        does nothing.  reboot: switches the host on again at once after it was ordered off.  bounce: does so once it
        was asked how the host is.  obey: as a BMC should.
        """
        if mode not in MODES:
            raise ValueError(f"unknown mode {mode!r}: one of {', '.join(MODES)}")
        self._moods[via, host] = Mood(mode, count, None if seconds is None else self.world.now + seconds)

    def log_in(self, user: str, password: str) -> None:
        """Check who asks.  Raises BmcError."""
        if user != USER or not hmac.compare_digest(password.encode(), self.world.settings.bmc_password.encode()):
            raise BmcError("wrong user name or password")

    def command(self, host: str, action: str, *, via: str = BMC) -> str:
        """Carry out on, off, reboot or status, and return the power state: on or off.

        Raises BmcError, BmcHangError or BmcUnreachableError.
        """
        if host not in self.world.hosts:
            raise BmcError(f"no plug named {host}")
        self.commands.setdefault(host, Counter())[action] += 1
        mode = self._mode(host, via)
        if mode == "refuse":
            raise BmcError("the BMC refuses: internal error 0xC3")
        if mode == "hang":
            raise BmcHangError
        if mode == "unreachable":
            raise BmcUnreachableError
        if mode == "lie":
            return "off"
        state = self._obey(host, action)
        if state == "off" and (mode, action) in (("reboot", "off"), ("bounce", "status")):
            machines.power_on(self.world, host)
        return state

    def plugs(self) -> tuple[str, ...]:
        """Return the names of all hosts that have a BMC."""
        return tuple(self.world.hosts)

    def power_commands(self) -> dict[str, dict[str, int]]:
        """Return host to action to how often it was ordered."""
        return {host: dict(counts) for host, counts in self.commands.items()}

    def _mode(self, host: str, via: str) -> str:
        mood = self._moods.get((via, host))
        if mood is None or mood.count == 0 or (mood.until is not None and self.world.now >= mood.until):
            return "obey"
        mood.count -= mood.count > 0
        return mood.mode

    def _obey(self, host: str, action: str) -> str:
        if action in ("off", "reboot"):
            machines.power_off(self.world, host, "the BMC switched the host off")
        if action in ("on", "reboot"):
            machines.power_on(self.world, host)
        return "on" if self.world.hosts[host].powered else "off"
