"""A client without manners: requests to the simulated cloud, byte for byte as the test wants them."""

from __future__ import annotations

from typing import Any, Self

import requests

from medevac.sandbox.cloud.server import RunningCloud


class Wire:
    """Talks HTTP to a simulated cloud as its administrator."""

    def __init__(self, cloud: RunningCloud, password: str = "medevac") -> None:
        self.http = requests.Session()
        self._url = cloud.addresses.url
        domain = {"id": "default"}
        user = {"name": "admin", "domain": domain, "password": password}
        auth = {
            "identity": {"methods": ["password"], "password": {"user": user}},
            "scope": {"project": {"name": "admin", "domain": domain}},
        }
        self.login = self.http.post(f"{self._url}/identity/v3/auth/tokens", json={"auth": auth}, timeout=60)
        self.http.headers["X-Auth-Token"] = self.login.headers.get("X-Subject-Token", "")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.http.close()

    def ask(self, method: str, path: str, version: str | None = "2.90", **more: Any) -> requests.Response:
        headers = {} if version is None else {"OpenStack-API-Version": f"compute {version}"}
        url = path if path.startswith("http") else f"{self._url}{path}"
        return self.http.request(method, url, headers=headers, timeout=more.pop("timeout", 10), **more)

    def nova(self, method: str, path: str, version: str | None = "2.90", **more: Any) -> requests.Response:
        return self.ask(method, f"/compute/v2.1{path}", version, **more)

    def act(self, server_id: str, verb: str, body: object = None, version: str = "2.90") -> requests.Response:
        return self.nova("POST", f"/servers/{server_id}/action", version, json={verb: body})
