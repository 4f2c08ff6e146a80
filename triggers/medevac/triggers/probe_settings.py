"""Settings of medevac-probe: a TOML file on the compute node."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from medevac.core.errors import MedevacError
from medevac.triggers import toml_file
from medevac.triggers.probe_rules import Patience
from medevac.triggers.telling import ROLES

CONFIGURATION = "/etc/medevac/probe.toml"
MATCHES = ("name", "project", "flavor", "uuid")
"""What of Nova's metadata in a domain's XML a guest probe can ask for."""
WAYS = {"agent-ping": (), "file": ("path", "age"), "exec": ("command",), "tcp": ("port",), "http": ("port", "path")}
"""The ways of looking, and what each wants to know."""


class ProbeSettingsError(MedevacError):
    """The settings cannot be used; the sentence names the setting."""


@dataclass(frozen=True, slots=True)
class GuestProbe:
    """How the guests are looked at that match."""

    way: str
    match: Mapping[str, str] = field(default_factory=dict)
    """Patterns by name, uuid, project or flavor, of which all must fit as a whole; none: every server."""
    every: float = 10.0
    timeout: float = 5.0
    failures: int = 3
    successes: int = 2
    path: str = ""
    """file: the file in the guest; http: what is asked for."""
    age: float = 60.0
    """file: seconds within which its content must change."""
    command: tuple[str, ...] = ()
    port: int = 0
    network: str = ""
    """tcp, http: only addresses of the server's within this network, such as 192.0.2.0/24."""

    @property
    def patience(self) -> Patience:
        """Return how often in a row it must fail, and be well again."""
        return Patience(self.failures, self.successes)

    def fits(self, facts: Mapping[str, str]) -> bool:
        """Tell whether a server of these *facts* (name, uuid, project, flavor) is looked at."""
        return all(re.fullmatch(pattern, facts.get(name, "")) for name, pattern in self.match.items())


@dataclass(frozen=True, slots=True)
class NetworkProbe:
    """How one network of the host is looked at."""

    role: str
    interface: str = ""
    """Its carrier is looked at, and questions go through it; empty: wherever the routes lead."""
    reach: tuple[str, ...] = ()
    """address:port of others on that network: switches, gateways, storage, other hosts."""
    need: int = 1
    """How many of them must be reached."""
    every: float = 5.0
    timeout: float = 2.0
    failures: int = 3
    successes: int = 2

    @property
    def patience(self) -> Patience:
        """Return how often in a row it must fail, and be well again."""
        return Patience(self.failures, self.successes)


@dataclass(frozen=True, slots=True)
class ProbeSettings:
    """What medevac-probe is told."""

    zookeeper: str = ""
    """host:port,host:port/path; without it, events stay in the spool."""
    host: str = ""
    """This host's name in Nova; empty: the machine's own."""
    uri: str = "qemu:///system"
    spool: str = "/var/lib/medevac-probe/spool"
    workers: int = 4
    """Guests that are asked at a time: libvirtd serves 5 calls of one client."""
    list_every: float = 10.0
    """Seconds between two looks at which guests run."""
    guests: tuple[GuestProbe, ...] = ()
    networks: tuple[NetworkProbe, ...] = ()


T = TypeVar("T", GuestProbe, NetworkProbe, ProbeSettings)


def load(path: Path) -> ProbeSettings:
    """Read *path*; raises ProbeSettingsError."""
    return settings_from(toml_file.read(path, ProbeSettingsError))


def settings_from(told: Mapping[str, Any]) -> ProbeSettings:
    """Return the settings that a document says; raises ProbeSettingsError."""
    named = {"guest": "guests", "network": "networks"}
    tables = {name: told.get(name, []) for name in named}
    for name, table in tables.items():
        if not isinstance(table, list) or not all(isinstance(each, dict) for each in table):
            raise ProbeSettingsError(f"{name} must be [[{name}]] tables")
    made = {name: value for name, value in told.items() if name not in named}
    if set(made) & set(named.values()):
        raise ProbeSettingsError("write [[guest]] and [[network]]")
    guests = tuple(_guest(each, f"guest {number}") for number, each in enumerate(tables["guest"], 1))
    networks = tuple(_network(each, f"network {number}") for number, each in enumerate(tables["network"], 1))
    roles = [each.role for each in networks]
    if len(set(roles)) != len(roles):
        raise ProbeSettingsError("one [[network]] a role: give it more than one address to reach instead")
    return _made(ProbeSettings, {**made, "guests": guests, "networks": networks}, "the file")


def _guest(told: Mapping[str, Any], where: str) -> GuestProbe:
    made = _made(GuestProbe, told, where)
    if made.way not in WAYS:
        raise ProbeSettingsError(f"{where}: {made.way!r} is no way to look; choose from {', '.join(WAYS)}")
    missing = [name for name in WAYS[made.way] if not getattr(made, name)]
    if missing:
        raise ProbeSettingsError(f"{where}: {made.way} wants {missing[0]}")
    for name, pattern in made.match.items():
        if name not in MATCHES or not isinstance(pattern, str):
            raise ProbeSettingsError(f"{where}: match takes a pattern for each of {', '.join(MATCHES)}")
        _try(lambda pattern=pattern: re.compile(pattern), where)
    if made.network:
        _try(lambda: ipaddress.ip_network(made.network), where)
    return made


def _network(told: Mapping[str, Any], where: str) -> NetworkProbe:
    made = _made(NetworkProbe, told, where)
    if made.role not in ROLES:
        raise ProbeSettingsError(f"{where}: {made.role!r} is no role; choose from {', '.join(ROLES)}")
    if not made.interface and not made.reach:
        raise ProbeSettingsError(f"{where}: interface or reach is wanted")
    if made.reach and not 1 <= made.need <= len(made.reach):
        raise ProbeSettingsError(f"{where}: need must be 1 to {len(made.reach)}, the number of addresses")
    for each in made.reach:
        _try(lambda each=each: target(each), where)
    return made


def target(text: str) -> tuple[str, int]:
    """Return address and port of "192.0.2.1:22" or "[2001:db8::1]:22"; raises ValueError."""
    address, colon, port = text.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or not 0 < int(port[:6]) < 1 << 16:
        raise ValueError(f"{text!r} is no address:port")
    return str(ipaddress.ip_address(address.removeprefix("[").removesuffix("]"))), int(port)


def _try(check: Any, where: str) -> None:  # noqa: ANN401 - anything that can be called
    try:
        check()
    except (ValueError, re.error) as error:
        raise ProbeSettingsError(f"{where}: {error}") from error


def _made(cls: type[T], told: Mapping[str, Any], where: str) -> T:
    known = {each.name: each for each in fields(cls)}
    unknown = set(told) - set(known)
    if unknown:
        raise ProbeSettingsError(f"{where}: {min(unknown)} is no setting; choose from {', '.join(known)}")
    values: dict[str, Any] = {}
    for name, value in told.items():
        default = known[name].default
        wanted = str if default is MISSING and known[name].default_factory is MISSING else type(default)
        values[name] = _value(value, wanted, f"{where}: {name}")
    missing = [name for name, each in known.items() if name not in told and _is_wanted(each)]
    if missing:
        raise ProbeSettingsError(f"{where}: {missing[0]} is wanted")
    return cls(**values)


def _is_wanted(each: Any) -> bool:  # noqa: ANN401 - dataclasses.Field has a parameter
    return each.default is MISSING and each.default_factory is MISSING


def _value(value: object, wanted: type, where: str) -> object:
    if wanted is float and isinstance(value, int | float) and not isinstance(value, bool) and value > 0:
        return float(value)
    if wanted is int and isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    if wanted is str and isinstance(value, str):
        return value
    if wanted is tuple and isinstance(value, list | tuple):
        return tuple(value)
    if isinstance(value, dict):
        return value
    raise ProbeSettingsError(f"{where} is not of the kind that is wanted, or not above zero: {value!r}")
