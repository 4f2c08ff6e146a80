"""Pages: limit, marker and the link to the next one (api/openstack/common.py)."""

from __future__ import annotations

from urllib.parse import urlencode

from medevac.sandbox.cloud.http.call import Call
from medevac.sandbox.cloud.model.errors import bad_request
from medevac.sandbox.cloud.model.listing import Page


def asked(call: Call) -> Page:
    """Return the page that the call asks for; raise Nova's 400 for a limit that is not a number."""
    text = call.query.get("limit")
    most = call.world.settings.max_limit
    if text is None:
        return Page(most, call.query.get("marker"))
    if not text.isascii() or not text.isdigit():
        raise bad_request(f"Invalid input for query parameters limit. Value: {text}.")
    return Page(min(most, int(text)), call.query.get("marker"))


def next_link(call: Call, path: str, page: Page, ids: list[str]) -> list[dict[str, str]]:
    """Return the link to the next page, in a list; an empty one when this page is not full."""
    if not page.limit or len(ids) != page.limit:
        return []
    query = {key: value for key, value in call.query.items() if key != "marker"} | {"marker": ids[-1]}
    return [{"rel": "next", "href": f"{call.base}/compute/v2.1{path}?{urlencode(query)}"}]
