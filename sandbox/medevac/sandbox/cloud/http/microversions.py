"""Microversions: what the compute API agrees on with a client (nova/api/openstack/wsgi.py)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus

from medevac.sandbox.cloud.http.call import Answer, Call, Route, Version
from medevac.sandbox.cloud.model.errors import Refusal, bad_request

MINIMUM: Version = (2, 1)
_HEADER = "OpenStack-API-Version"
_OLD_HEADER = "X-OpenStack-Nova-API-Version"


def parse(text: str) -> Version:
    """Return the version that *text* (2.96) says; raise Nova's 400."""
    match = re.fullmatch(r"([1-9]\d*)\.([1-9]\d*|0)", text)
    if match is None:
        raise bad_request(f"API Version String {text} is of invalid format. Must be of format MajorNum.MinorNum.")
    return int(match[1]), int(match[2])


def negotiate(headers: Mapping[str, str], maximum: str) -> Version:
    """Return the version that the headers ask for; raise Nova's 400 or 406."""
    asked = _asked(headers)
    if asked is None:
        return MINIMUM
    if asked == "latest":
        return parse(maximum)
    version = parse(asked)
    if not MINIMUM <= version <= parse(maximum):
        raise Refusal(
            HTTPStatus.NOT_ACCEPTABLE,
            f"Version {asked} is not supported by the API. Minimum is 2.1 and maximum is {maximum}.",
        )
    return version


def _asked(headers: Mapping[str, str]) -> str | None:
    for part in headers.get(_HEADER, "").split(","):
        service, _space, version = part.strip().partition(" ")
        if service.lower() == "compute" and version:
            return version.strip()
    return headers.get(_OLD_HEADER)


def headers_for(version: Version) -> dict[str, str]:
    """Return the headers that tell the client which version it got."""
    text = f"{version[0]}.{version[1]}"
    return {_HEADER: f"compute {text}", _OLD_HEADER: text, "Vary": f"{_HEADER}, {_OLD_HEADER}"}


def _document(call: Call) -> dict[str, object]:
    return {
        "id": "v2.1",
        "status": "CURRENT",
        "version": call.world.settings.max_microversion,
        "min_version": "2.1",
        "updated": "2013-07-23T11:33:21Z",
        "links": [{"rel": "self", "href": f"{call.base}/compute/v2.1/"}],
    }


def _all(call: Call) -> Answer:
    return Answer({"versions": [_document(call)]})


def _one(call: Call) -> Answer:
    return Answer({"version": _document(call)})


OPEN_ROUTES: tuple[Route, ...] = (("GET", "", _all), ("GET", "/v2.1", _one))
"""These need no token."""
