"""Records: how a row gets into Nova's migrations table, and what happens to it."""

from __future__ import annotations

from medevac.sandbox.cloud.model.migration import Migration
from medevac.sandbox.cloud.model.server import Server
from medevac.sandbox.cloud.model.world import World


def record(world: World, server: Server, kind: str, status: str) -> Migration:
    """Return a new record of *server*, which leaves the host that it is on."""
    migration = Migration(
        id=world.new_number("migrations"),
        uuid=world.new_id(),
        server_id=server.id,
        project_id=server.project_id,
        user_id=server.user_id,
        source=server.host or "",
        created_at=world.now,
        status=status,
        kind=kind,
    )
    world.migrations[migration.id] = migration
    world.migrations_of.setdefault(server.id, []).append(migration)
    return migration


def set_status(world: World, migration: Migration, status: str) -> None:
    """Give *migration* another status."""
    migration.status = status
    migration.updated_at = world.now
