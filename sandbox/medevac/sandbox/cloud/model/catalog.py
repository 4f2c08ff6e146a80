"""What servers are made of and sorted into: flavors, projects, aggregates, server groups, users."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Flavor:
    """A size of servers."""

    id: str
    name: str
    vcpus: int
    ram_mb: int
    disk_gb: int


@dataclass(frozen=True, slots=True)
class Project:
    """A Keystone project."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class User:
    """A Keystone user; all users of the simulated cloud are administrators."""

    id: str
    name: str


@dataclass(slots=True)
class Aggregate:
    """A host aggregate; with a zone it makes its hosts members of that availability zone."""

    id: int
    uuid: str
    name: str
    zone: str | None
    hosts: list[str]
    metadata: dict[str, str]


@dataclass(slots=True)
class ServerGroup:
    """A server group."""

    id: str
    name: str
    policy: str
    """affinity, anti-affinity, soft-affinity or soft-anti-affinity."""
    project_id: str
    members: set[str] = field(default_factory=set)
