"""python-novaclient over our session: microversions agreed once, every page of a list, every error in our words."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

import novaclient
from novaclient import client as novaclient_client

from medevac.core.errors import CloudUnavailableError
from medevac.workers.openstack.answers import answered
from medevac.workers.openstack.convert import Json
from medevac.workers.openstack.session import CloudSession
from medevac.workers.openstack.versions import Version, Versions, agree, text


class NovaClient:
    """The calls of novaclient that recovery needs.  Logs in and agrees on microversions at the first call.

    Raises the errors of the Cloud port.  Novaclient's resource objects are not used for reading: an attribute that
    they lack makes them send a request of their own.
    """

    def __init__(self, cloud: CloudSession) -> None:
        """Speak with the compute service of *cloud*."""
        self._cloud = cloud
        self._agreeing = threading.Lock()
        self._agreed: Versions | None = None
        self._clients: dict[Version, Any] = {}

    @property
    def versions(self) -> Versions:
        """Return the microversions in use, asking Nova for its own the first time."""
        with self._agreeing:
            if self._agreed is None:
                self._agreed = self._negotiate()
            return self._agreed

    def get(self, path: str, key: str, doing: str) -> Any:  # noqa: ANN401 - JSON
        """Return what the JSON object at *path* of the compute endpoint has under *key*."""
        return self._get(path, key, doing)[key]

    def pages(self, path: str, key: str, query: Mapping[str, str], marker: str, doing: str) -> Iterator[list[Json]]:
        """Yield the pages of the list *key* at *path*; *marker* is the field that names an entry for paging.

        Follows Nova's "next" links: they are there when, and only when, a page is as long as the site allows, so
        that a list of one page costs one request.
        """
        asked = dict(query)
        while True:
            body = self._get(f"{path}?{urlencode(asked)}", key, doing)
            page: list[Json] = body[key]
            yield page
            if not page or not _continues(body.get(f"{key}_links")):
                return
            asked["marker"] = str(page[-1][marker])

    def put(self, path: str, body: Json, doing: str, limit: float | None = None) -> None:
        """Send *body* to *path*; the caller vouches that sending it twice does no harm.

        *limit*: seconds to wait for the answer, where that is less than usual.
        """
        client = self._client(self.versions.acts)
        bounds = {} if limit is None else {"timeout": limit}
        with answered(doing):
            client.client.put(path, body=body, **bounds)

    def groups(self, doing: str) -> Iterator[list[Json]]:
        """Yield the pages of the server groups of all projects.

        They alone are paged by offset and without links, so that only an empty page is known to be the last.
        """
        offset = 0
        while True:
            query = urlencode({"all_projects": "True", "offset": offset})
            page: list[Json] = self._get(f"/os-server-groups?{query}", "server_groups", doing)["server_groups"]
            if not page:
                return
            yield page
            offset += len(page)

    def act(
        self, action: Callable[[Any], object], doing: str, *, once: bool = False, version: Version | None = None
    ) -> None:
        """Call *action* with novaclient's client, at *version* or at that of all actions.  *once*: see `answered`."""
        client = self._client(version or self.versions.acts)
        self.log_in(doing)
        with answered(doing, once=once):
            action(client)

    def log_in(self, doing: str) -> None:
        """Make sure that there is a valid token, so that a Keystone that does not answer is not mistaken for Nova."""
        with answered(doing):
            self._cloud.session.get_auth_headers()

    def _get(self, path: str, key: str, doing: str) -> Json:
        client = self._client(self.versions.reads)
        with answered(doing):
            _, body = client.client.get(path)
        if not isinstance(body, dict) or key not in body:
            message = f"{doing}: this is not Nova's answer (a proxy's page, or cut short): it has no '{key}'"
            raise CloudUnavailableError(message)
        return body

    def _negotiate(self) -> Versions:
        doing = "ask Nova for its microversions"
        with answered(doing):
            data = self._adapter().get_endpoint_data()
        if data is None or not data.max_microversion:
            message = f"{doing}: the catalog of cloud '{self._cloud.name}' has no compute endpoint that tells them"
            raise CloudUnavailableError(message)
        known = novaclient.API_MAX_VERSION
        return agree(data.min_microversion, data.max_microversion, (known.ver_major, known.ver_minor))

    def _adapter(self) -> Any:  # noqa: ANN401 - novaclient has no type hints
        return self._client((2, 1)).client

    def _client(self, version: Version) -> Any:  # noqa: ANN401 - novaclient has no type hints
        if version not in self._clients:
            self._clients[version] = novaclient_client.Client(
                text(version),
                session=self._cloud.session,
                region_name=self._cloud.region,
                endpoint_type=self._cloud.interface,
                endpoint_override=self._cloud.compute_endpoint,
                user_agent=self._cloud.agent,
            )
        return self._clients[version]


def _continues(links: object) -> bool:
    return isinstance(links, list) and any(link.get("rel") == "next" for link in links)
