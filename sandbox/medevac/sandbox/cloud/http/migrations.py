"""GET /os-migrations."""

from __future__ import annotations

from medevac.sandbox.cloud.http import paging
from medevac.sandbox.cloud.http.call import Answer, Call, Route
from medevac.sandbox.cloud.http.stamps import naive, parse
from medevac.sandbox.cloud.model import listing
from medevac.sandbox.cloud.model.errors import bad_request
from medevac.sandbox.cloud.model.listing import MigrationFilter
from medevac.sandbox.cloud.model.migration import Migration

_KNOWN = frozenset(("hidden", "host", "instance_uuid", "source_compute", "status", "migration_type"))
_KNOWN_SINCE_259 = _KNOWN | {"limit", "marker", "changes-since"}


def _list(call: Call) -> Answer:
    paged = call.version >= (2, 59)
    if paged:
        _check_query(call)
    found = listing.migrations(call.world, _filter(call, paged=paged))
    if not paged:
        return Answer({"migrations": [_view(call, record) for record in found]})
    page = paging.asked(call)
    found = listing.cut(sorted(found, key=lambda record: (record.created_at, record.id), reverse=True), page)
    body: dict[str, object] = {"migrations": [_view(call, record) for record in found]}
    link = paging.next_link(call, "/os-migrations", page, [record.uuid for record in found])
    if link:
        body["migrations_links"] = link
    return Answer(body)


def _check_query(call: Call) -> None:
    known = _KNOWN_SINCE_259
    known = known | {"changes-before"} if call.version >= (2, 66) else known
    known = known | {"user_id", "project_id"} if call.version >= (2, 80) else known
    if unknown := sorted(set(call.query) - known):
        raise bad_request(f"Additional properties are not allowed ({', '.join(map(repr, unknown))} was unexpected)")


def _filter(call: Call, *, paged: bool) -> MigrationFilter:
    query = call.query
    since = query.get("changes-since") if paged else None
    return MigrationFilter(
        host=query.get("host"),
        source=query.get("source_compute"),
        status=query.get("status"),
        server_id=query.get("instance_uuid"),
        kind=query.get("migration_type"),
        project_id=query.get("project_id"),
        changed_since=None if since is None else parse(since, "changes-since"),
    )


def _view(call: Call, record: Migration) -> dict[str, object]:
    body: dict[str, object] = {
        "id": record.id,
        "instance_uuid": record.server_id,
        "status": record.status,
        "source_compute": record.source,
        "source_node": record.source,
        "dest_compute": record.destination,
        "dest_node": None if record.status in ("accepted", "error") else record.destination,
        "dest_host": None,
        "old_instance_type_id": None,
        "new_instance_type_id": None,
        "created_at": naive(record.created_at),
        "updated_at": naive(record.updated_at),
    }
    if call.version >= (2, 23):
        body["migration_type"] = record.kind
    if call.version >= (2, 59):
        body["uuid"] = record.uuid
    if call.version >= (2, 80):
        body |= {"user_id": record.user_id, "project_id": record.project_id}
    return body


ROUTES: tuple[Route, ...] = (("GET", "/os-migrations", _list),)
