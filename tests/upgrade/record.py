"""Record what a release leaves in ZooKeeper when it dies in the middle of a recovery.

Run it once for each release, from the repository's root, and commit the folder that it writes:

    python -m tests.upgrade.record

test_resume.py lets today's code go on from every recording that there is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from kazoo.client import KazooClient

from medevac.sandbox.zookeeper import ZookeeperServer
from medevac.workers.zookeeper import bounded
from tests.crash.points import Point, recorded
from tests.crash.stage import Stage, staged
from tests.crash.zygote import Zygote

HERE = Path(__file__).parent
SITUATIONS: Mapping[str, str] = {
    "seen": "before http GET /identity",
    "posted": "before zookeeper setdata /board/job",
    "fencing": "after fencer order",
    "planned": "after zookeeper checkversion /board/job* + setdata plan SUCCESS",
    "evacuating": "after http POST /compute/v2.1/servers/*/action evacuate #4",
    "verified": "after zookeeper checkversion /board/job* + setdata verify:everyone SUCCESS",
}
"""What a recording is called, and how the point begins at which the process died."""


@dataclass(frozen=True, slots=True)
class Recording:
    """What was left."""

    release: str
    situation: str
    died: str
    """The point, for people."""
    znodes: Mapping[str, str]
    """Path to content, parents before children; no ephemeral ones: the session was closed."""
    power_off: bool
    forced_down: bool
    disabled_reason: str
    evacuated: tuple[str, ...]
    """The ids of the servers that Nova had evacuated, in the order of their records."""


def main() -> None:
    """Record every situation for the release that is installed."""
    folder = HERE / version("medevac")
    folder.mkdir(exist_ok=True)
    with ZookeeperServer(fsync=False) as zookeeper, Zygote() as zygote:
        points = _points(zookeeper.hosts, zygote)
        for situation, beginning in SITUATIONS.items():
            point = next(point for point in points if str(point).startswith(beginning))
            found = _record(zookeeper.hosts, zygote, situation, point)
            text = json.dumps({name: getattr(found, name) for name in Recording.__slots__}, indent=1)
            (folder / f"{situation}.json").write_text(text + "\n", encoding="utf-8")


def _points(zookeeper: str, zygote: Zygote) -> list[Point]:
    with staged(zookeeper) as stage:
        stage.post()
        assert zygote.run(stage.told("first")) == 0
        return recorded(stage.told("first").file("points"))


def _record(zookeeper: str, zygote: Zygote, situation: str, point: Point) -> Recording:
    with staged(zookeeper) as stage:
        stage.post()
        assert zygote.run(stage.told("first", point)) < 0
        stage.close_session("first")
        return _recording(stage, situation, point)


def _recording(stage: Stage, situation: str, point: Point) -> Recording:
    with stage.cloud.world.settled() as world:
        host = world.hosts["compute-1"]
        return Recording(
            release=version("medevac"),
            situation=situation,
            died=str(point),
            znodes=dict(_znodes(stage.client, "/")),
            power_off=not host.powered,
            forced_down=host.forced_down,
            disabled_reason=host.disabled_reason or "",
            evacuated=tuple(record.server_id for record in world.migrations.values()),
        )


def _znodes(client: KazooClient, path: str) -> Iterator[tuple[str, str]]:
    data, stat = bounded(client.get_async(path))
    if not stat.ephemeralOwner:
        yield path, (data or b"").decode()
    for name in sorted(bounded(client.get_children_async(path))):
        yield from _znodes(client, f"{path.rstrip('/')}/{name}")


if __name__ == "__main__":
    main()
