"""Ironic as a rung: its power state API (GET /v1/nodes/NODE, PUT /v1/nodes/NODE/states/power).

Ironic answers from its records, which are up to a minute old, or as old as the BMC's death: so it is ordered first
(which makes it ask the BMC, and changes nothing of a node that is off), and believed when its order has worked.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import quote

from keystoneauth1 import exceptions as keystone
from keystoneauth1.adapter import Adapter
from keystoneauth1.noauth import NoAuth
from keystoneauth1.session import Session

from medevac.core.errors import CloudNotConfiguredError, FencingError
from medevac.core.evidence import FenceEvidence
from medevac.flows.rung import Answer, Case
from medevac.workers.fencing.patterns import ForHosts
from medevac.workers.openstack.session import Bounds, GuardedAdapter, open_session, user_agent

OFF = "power off"
SERVICE = "baremetal"
VERSION = "1.42"
"""The first API version that tells of a node's fault (Rocky)."""
_HEADERS = {"X-OpenStack-Ironic-API-Version": VERSION}
_FIELDS = "power_state,target_power_state,maintenance,fault,last_error"
_LOCKED_PAUSE = 1.0
"""Seconds between two orders to a node that Ironic is busy with, such as by its own reading of the power state."""


@dataclass(frozen=True, slots=True)
class Where:
    """Which Ironic, and what it calls hosts."""

    cloud: str = ""
    """Of clouds.yaml; empty: that of OS_CLOUD or OS_*."""
    url: str = ""
    """Of an Ironic without Keystone, in place of a cloud."""
    node: str = "{host}"
    """Name or uuid of the node; {host} stands for nova's name of the host."""


class IronicMeans(ForHosts):
    """The Means of an Ironic."""

    suffices = True

    def __init__(self, hosts: Sequence[str], where: Where, timeout: float) -> None:
        """Fence *hosts*; an order that Ironic is too busy for is repeated for *timeout* seconds."""
        super().__init__(hosts)
        self.default_cloud = ""
        """The site's, where *where* names none."""
        self._where = where
        self._timeout = timeout
        self._lock = threading.Lock()
        self._api: Adapter | None = None

    def look(self, case: Case) -> Answer:
        """Read the power state; it is off when no order is under way, the last one worked, and the node has no fault.

        Of an order that failed Ironic keeps the error, beside the power state that it remembers from before: for as
        long as it takes its own rounds to notice that the BMC is dead, that may read "power off".
        """
        node = self._node(case.host)
        if node.get("target_power_state"):
            return Answer(words=f"Ironic is still at it (target: {node['target_power_state']})")
        if node.get("last_error"):
            message = f"Ironic could not do it: {node['last_error']}"
            raise FencingError(message)
        if node.get("power_state") != OFF:
            return Answer(words=f"Ironic says {node.get('power_state')}")
        return Answer(FenceEvidence(case.host, case.now, "ironic", "already-off", f"power_state: {OFF}"))

    def order(self, case: Case) -> None:
        """Set the target power off."""
        give_up = time.monotonic() + self._timeout
        path = f"{self._path(case.host)}/states/power"
        while True:
            try:
                self._ask(lambda api: api.put(path, json={"target": OFF}, headers=_HEADERS))
            except _BusyError:
                if time.monotonic() + _LOCKED_PAUSE > give_up:
                    raise
                time.sleep(_LOCKED_PAUSE)
            else:
                return

    def prove(self, host: str) -> str:
        """Read the power state."""
        return f"Ironic says {self._node(host).get('power_state')}"

    def _node(self, host: str) -> Mapping[str, Any]:
        """Return the node.  Raises FencingError also when Ironic has lost touch with it: its records are old then."""
        path = f"{self._path(host)}?fields={_FIELDS}"
        node = cast("Mapping[str, Any]", self._ask(lambda api: api.get(path, headers=_HEADERS)).json())
        if node.get("fault") == "power failure" or node.get("power_state") in (None, "error"):
            message = (
                f"Ironic does not reach its BMC: {node.get('last_error') or node.get('fault') or 'no power state'}"
            )
            raise FencingError(message)
        return node

    def _path(self, host: str) -> str:
        return f"/v1/nodes/{quote(self._where.node.replace('{host}', host), safe='')}"

    def _ask(self, call: Callable[[Adapter], Any]) -> Any:  # noqa: ANN401 - requests.Response, which has no types
        try:
            return call(self._adapter())
        except keystone.HttpError as error:
            if error.http_status == HTTPStatus.CONFLICT:
                raise _BusyError(f"Ironic is busy with the node: {_words(error)}") from error
            message = f"Ironic answers {error.http_status}: {_words(error)}"
            raise FencingError(message) from error
        except (keystone.ClientException, CloudNotConfiguredError, ValueError) as error:
            message = f"Ironic does not answer: {error}"
            raise FencingError(message) from error

    def _adapter(self) -> Adapter:
        with self._lock:
            if self._api is None:
                self._api = (
                    _standalone(self._where.url)
                    if self._where.url
                    else _in_cloud(self._where.cloud or self.default_cloud)
                )
            return self._api


class _BusyError(FencingError):
    """Ironic holds the node's lock."""


def _in_cloud(cloud: str) -> Adapter:
    found = open_session(cloud or None)
    url = found.session.get_endpoint(service_type=SERVICE, interface=found.interface, region_name=found.region)
    return Adapter(found.session, endpoint_override=_root(url or ""), user_agent=user_agent())


def _standalone(url: str) -> Adapter:
    bounds = Bounds()
    session = Session(auth=NoAuth(endpoint=url))
    session.timeout = (bounds.connect, bounds.read)  # type: ignore[assignment] # requests takes the pair
    for scheme in ("http://", "https://"):
        session.session.mount(scheme, GuardedAdapter())
    return Adapter(session, endpoint_override=_root(url), user_agent=user_agent())


def _words(error: keystone.HttpError) -> str:
    """Return what Ironic says of its refusal: a text in JSON, which is JSON itself and has the text as faultstring."""
    try:
        told = error.response.json()["error_message"] if error.response is not None else ""
        return str(json.loads(told)["faultstring"])
    except (KeyError, TypeError, ValueError):
        return str(error.message)


def _root(url: str) -> str:
    """Return *url* without the version that some catalogs write behind it."""
    return url.rstrip("/").removesuffix("/v1")
