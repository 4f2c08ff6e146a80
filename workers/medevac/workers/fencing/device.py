"""FenceDevice: which agent switches which hosts off, and with what."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from medevac.core.errors import FencingError

_ALWAYS_OFF = ("missing_as_off", "missing-as-off")


@dataclass(frozen=True, slots=True)
class FenceDevice:
    """One entry of the site's fencing configuration.

    In the values of `options`, `{host}` stands for the host's name in Nova and `{plug}` for its plug.
    """

    agent: str
    """The executable: a path, or a name to be found on PATH."""
    hosts: tuple[str, ...]
    """Glob patterns of the hosts that it can fence."""
    options: Mapping[str, str] = field(default_factory=dict)
    """Options as the agent's man page names them for standard input: ip, username, lanplus ..."""
    secret_options: Mapping[str, str] = field(default_factory=dict)
    """Options whose values are secret: env:NAME or file:/path in place of the value, read at each run."""
    plugs: Mapping[str, str] = field(default_factory=dict)
    """Host to plug, where the plug cannot be derived from the host's name."""
    plug: str = "{host}"
    """The plug of a host that `plugs` does not name.  Empty: the device cannot fence such a host."""
    plug_option: str = "plug"
    """The option that takes the plug.  Empty: none (fence_ipmilan: one address a host, `ip={plug}`)."""
    timeout: float = 60.0
    """Seconds after which one run of the agent is killed."""
    reads: int = 10
    """How often the power state is read back after an order, until it is off."""
    interval: float = 1.0
    """Seconds between two readings."""
    terse: bool = False
    """The agent tells the state by its exit code alone.  Otherwise an exit code of 2 without the word "off" beside
    it is not believed: a shell or Python that cannot run the agent ends with 2 as well."""

    def __post_init__(self) -> None:
        """Raise ValueError for what could pass a host off as dead."""
        for name, value in {**self.options, **self.secret_options}.items():
            if name.lower() in _ALWAYS_OFF:
                message = f"option '{name}' makes the agent call a plug that does not exist off: remove it"
                raise ValueError(message)
            if name == "action" or "\n" in name + value or "=" in name:
                message = f"option '{name}' is not one that a fence device can be given"
                raise ValueError(message)

    @property
    def name(self) -> str:
        """Return the agent's name without its folder, as evidence names it."""
        return Path(self.agent).name

    def covers(self, host: str) -> bool:
        """Tell whether this device can fence *host*; a name that could smuggle a line into the request it cannot."""
        return (
            host.isprintable()
            and bool(self._plug_of(host))
            and any(fnmatchcase(host, pattern) for pattern in self.hosts)
        )

    def secrets(self) -> dict[str, str]:
        """Return the secret options, read now.  Raises FencingError that names the reference, not the value."""
        return {name: read_secret(name, reference) for name, reference in self.secret_options.items()}

    def request(self, host: str, action: str, secrets: Mapping[str, str]) -> str:
        """Return what the agent is given on standard input."""
        plug = self._plug_of(host)
        told = {"action": action, **({self.plug_option: plug} if self.plug_option else {})}
        filled = {name: value.replace("{host}", host).replace("{plug}", plug) for name, value in self.options.items()}
        return "".join(f"{name}={value}\n" for name, value in {**told, **filled, **secrets}.items())

    def _plug_of(self, host: str) -> str:
        return self.plugs.get(host) or self.plug.replace("{host}", host)


def read_secret(option: str, reference: str) -> str:
    """Return what stands at *reference*, env:NAME or file:/path; raise FencingError that names the place alone."""
    kind, _, where = reference.partition(":")
    try:
        value = {"env": os.environ.__getitem__, "file": _read_file}[kind](where)
    except (KeyError, OSError) as error:
        message = f"the secret option '{option}' cannot be read from {reference}: give env:NAME or file:/path"
        raise FencingError(message) from error
    if not value or "\n" in value:
        message = f"the secret option '{option}' from {reference} is empty or longer than one line"
        raise FencingError(message)
    return value


def _read_file(path: str) -> str:
    return Path(path).read_text(encoding="utf-8").rstrip("\r\n")
