"""Glance, as far as recovery needs it: the properties of an image."""

from __future__ import annotations

import requests

from medevac.core.errors import CloudUnavailableError, NotFoundError
from medevac.workers.openstack.answers import answered
from medevac.workers.openstack.convert import Json
from medevac.workers.openstack.session import CloudSession


def image_properties(cloud: CloudSession, image_id: str) -> dict[str, str]:
    """Return the properties of an image that are texts: one request.  None when there is no such image any more.

    Raises as the reads of the Cloud port do.
    """
    doing = f"read the properties of image {image_id}"
    where = {"service_type": "image", "interface": cloud.interface, "region_name": cloud.region, "version": 2}
    try:
        with answered(doing):
            answer = cloud.session.get(
                f"/images/{image_id}",
                endpoint_filter=where,
                user_agent=cloud.agent,
                headers={"Accept": "application/json"},
            )
    except NotFoundError:
        return {}
    return {name: value for name, value in _read(answer, doing).items() if isinstance(value, str)}


def _read(answer: requests.Response, doing: str) -> Json:
    try:
        body = answer.json()
    except ValueError:
        body = None
    if not isinstance(body, dict) or "id" not in body:
        message = f"{doing}: this is not Glance's answer (a proxy's page, or cut short)"
        raise CloudUnavailableError(message)
    return body
