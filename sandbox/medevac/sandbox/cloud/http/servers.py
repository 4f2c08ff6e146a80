"""GET and DELETE /servers."""

from __future__ import annotations

from http import HTTPStatus

from medevac.sandbox.cloud.http import paging, server_views
from medevac.sandbox.cloud.http.call import Answer, Call, Route
from medevac.sandbox.cloud.http.stamps import parse
from medevac.sandbox.cloud.model import actions, listing
from medevac.sandbox.cloud.model.errors import Refusal, bad_request, no_server
from medevac.sandbox.cloud.model.listing import ServerFilter
from medevac.sandbox.cloud.model.server import STATUS_TO_STATE, Server

_TRUE = ("1", "true", "t", "yes", "y", "on", "")


def _all_tenants(call: Call) -> bool:
    return "all_tenants" in call.query and call.query["all_tenants"].lower() in _TRUE


def _filter(call: Call) -> ServerFilter:
    query = call.query
    statuses = tuple(status.upper() for status in call.queries("status"))
    if call.version >= (2, 38) and statuses and not any(s in STATUS_TO_STATE or s == "REBUILD" for s in statuses):
        raise bad_request("Invalid status value")
    project = query.get("project_id") or query.get("tenant_id")
    since = query.get("changes-since")
    return ServerFilter(
        host=query.get("host"),
        project_id=project if _all_tenants(call) else call.project_id,
        status=statuses,
        vm_state=query.get("vm_state"),
        name=query.get("name"),
        changed_since=None if since is None else parse(since, "changes-since"),
        deleted=query.get("deleted", "false").lower() in _TRUE or statuses == ("DELETED",),
    )


def _list(call: Call) -> Answer:
    return _listed(call, detail=False)


def _detail(call: Call) -> Answer:
    return _listed(call, detail=True)


def _listed(call: Call, *, detail: bool) -> Answer:
    page = paging.asked(call)
    found = listing.cut(listing.servers(call.world, _filter(call)), page)
    view = server_views.full if detail else server_views.brief
    body: dict[str, object] = {
        "servers": [view(call, server) for server in found] + _of_down_cells(call, detail=detail)
    }
    path = "/servers/detail" if detail else "/servers"
    link = paging.next_link(call, path, page, [server.id for server in found])
    if link:
        body["servers_links"] = link
    return Answer(body)


def _of_down_cells(call: Call, *, detail: bool) -> list[dict[str, object]]:
    """Return minimal records of servers in cells that are down: from 2.69 on, and only where nothing is filtered."""
    filtered = set(call.query) - {"all_tenants"}
    if call.version < (2, 69) or filtered or not call.world.down_cells:
        return []
    hidden = (s for s in call.world.servers.values() if call.world.cell_is_down(s.host) and not s.deleted)
    mine = (s for s in hidden if _all_tenants(call) or s.project_id == call.project_id)
    return [server_views.unknown(call, server, detail=detail) for server in mine]


def find(call: Call) -> Server:
    """Return the server that the path names; raise Nova's 404, or its 500 for one whose cell is down."""
    server = call.world.server(call.parts["id"])
    if call.world.cell_is_down(server.host):
        raise Refusal(
            HTTPStatus.INTERNAL_SERVER_ERROR,
            "Cell is not responding or returned an exception, hence instance info is not available.",
        )
    return server


def _show(call: Call) -> Answer:
    server = call.world.servers.get(call.parts["id"])
    if server is None or server.deleted:
        raise no_server(call.parts["id"])
    if call.version >= (2, 69) and call.world.cell_is_down(server.host):
        return Answer({"server": server_views.unknown(call, server, detail=True)})
    return Answer({"server": server_views.full(call, find(call), groups=True)})


def _delete(call: Call) -> Answer:
    actions.delete(call.world, find(call).id)
    return Answer(status=HTTPStatus.NO_CONTENT)


ROUTES: tuple[Route, ...] = (
    ("GET", "/servers", _list),
    ("GET", "/servers/detail", _detail),
    ("GET", "/servers/{id}", _show),
    ("DELETE", "/servers/{id}", _delete),
)
