"""One keystoneauth session a process, from clouds.yaml or OS_* variables, as every OpenStack tool takes them."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import openstack.exceptions
from keystoneauth1 import exceptions as keystone
from keystoneauth1.session import Session, TCPKeepAliveAdapter
from openstack.config import OpenStackConfig
from openstack.config.cloud_region import CloudRegion

from medevac.core.errors import CloudNotConfiguredError
from medevac.workers.guard import ask_guard

AGENT = "medevac"
_NEEDED = {"password": ("password",), "token": ("token",)}
"""What keystoneauth's own plugins notice the lack of only at the first login, with a bare Exception."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How long one request may take, and how many connections are kept."""

    connect: float = 5.0
    """Seconds to make a connection."""
    read: float = 30.0
    """Seconds between two pieces of an answer."""
    connections: int = 32
    """Connections kept open to one endpoint; threads beyond that open one of their own."""


@dataclass(frozen=True, slots=True)
class CloudSession:
    """A session, and where in its catalog the cloud of our configuration is.  Thread-safe; make one a process."""

    session: Session
    name: str
    """The cloud's name in clouds.yaml; envvars when it came from OS_* variables."""
    region: str | None
    interface: str | None
    compute_endpoint: str | None
    """The endpoint that the configuration names instead of the catalog's."""
    identity_endpoint: str | None

    @property
    def agent(self) -> str:
        """Return what we call ourselves in the header User-Agent."""
        return user_agent()

    @property
    def home(self) -> str:
        """Return the address of its Keystone, and its region; less where it is reached without a Keystone."""
        keystone_at = str(getattr(self.session.auth, "auth_url", "") or self.compute_endpoint or "")
        return f"{keystone_at.rstrip('/').removesuffix('/v3')} {self.region or ''}"

    def close(self) -> None:
        """Close the connections that are kept open."""
        self.session.session.close()  # keystoneauth has a close() of its own only since 5.18


class GuardedAdapter(TCPKeepAliveAdapter):
    """keystoneauth's way to the network, which asks the guard before each request, at the last moment."""

    def send(self, *request: Any, **told: Any) -> Any:  # noqa: ANN401 - requests' own signature
        """Send one request, unless the guard raises."""
        ask_guard()
        return super().send(*request, **told)


def user_agent() -> str:
    """Return medevac/<version>."""
    return f"{AGENT}/{version(AGENT)}"


def open_session(cloud: str | None = None, bounds: Bounds | None = None) -> CloudSession:
    """Return a session for *cloud* of clouds.yaml, which the site file names, or for OS_CLOUD, or the OS_* variables.

    Nothing is sent before the first call.  Raises CloudNotConfiguredError with the remedy.
    """
    found = _configured(cloud)
    session: Session = found.get_session()
    bounds = bounds or Bounds()
    # requests takes the pair, keystoneauth's constructor only a number: one for both.
    session.timeout = (bounds.connect, bounds.read)  # type: ignore[assignment]
    for scheme in ("http://", "https://"):
        session.session.mount(scheme, GuardedAdapter(pool_maxsize=bounds.connections))
    return CloudSession(
        session=session,
        name=found.name,
        region=found.get_region_name("compute"),
        interface=_first(found.get_interface("compute")),
        compute_endpoint=found.get_endpoint("compute"),
        identity_endpoint=found.get_endpoint("identity"),
    )


def _first(interfaces: list[str] | str | None) -> str | None:
    return interfaces[0] if isinstance(interfaces, list) else interfaces


def _configured(cloud: str | None) -> CloudRegion:
    try:
        with warnings.catch_warnings():
            # The SDK announces the end of its own export to InfluxDB to everybody, used or not.
            warnings.simplefilter("ignore", PendingDeprecationWarning)
            found = OpenStackConfig(app_name=AGENT, app_version=version(AGENT)).get_one(cloud)
    except (openstack.exceptions.ConfigException, keystone.AuthPluginException) as error:
        raise _lacking(cloud, str(error).rstrip(".")) from error
    kind = str(found.config.get("auth_type", ""))
    missing = [key for key in _NEEDED.get(kind, ()) if not found.config.get("auth", {}).get(key)]
    if missing:
        raise _lacking(cloud, f"no {' and '.join(missing)} given")
    return found


def _lacking(cloud: str | None, what: str) -> CloudNotConfiguredError:
    """Return the error with the remedy for who named the cloud: the site file (*cloud*), or the environment."""
    if cloud is None:
        return CloudNotConfiguredError(f"the cloud of OS_CLOUD or OS_*: {what}. {CloudNotConfiguredError.__doc__}")
    return CloudNotConfiguredError(
        f"cloud '{cloud}' of the site file: {what}. Describe it in clouds.yaml, or let `cloud` name one that is there."
    )
