"""BoardJob: one job as it lies on the board, and how a znode is read as one."""

from __future__ import annotations

from typing import Any

from kazoo.client import KazooClient
from kazoo.protocol.states import ZnodeStat
from oslo_serialization import jsonutils
from taskflow.jobs.backends.impl_zookeeper import ZookeeperJob, ZookeeperJobBoard
from taskflow.jobs.base import JobPriority
from taskflow.utils.misc import millis_to_datetime

from medevac.core.errors import MedevacError
from medevac.workers.engine.claim import Claim


class MalformedPostingError(MedevacError):
    """A znode on the board is no job."""


class BoardJob(ZookeeperJob):
    """A job, with what is needed to claim it in one round trip."""

    raw: bytes = b""
    """What its znode holds; never changes."""
    version: int = 0
    """Its znode's version when it was last read or claimed."""
    claim: Claim | None = None
    """Ours, on the copy of the job that was claimed."""


def parse(
    board: ZookeeperJobBoard,
    path: str,
    node: tuple[bytes, ZnodeStat],
    *,
    client: KazooClient,
    backend: object,
) -> BoardJob:
    """Return the job that the znode at *path* describes; raise MalformedPostingError, with the reason, if none."""
    raw, stat = node
    try:
        document = jsonutils.loads(raw)
        job = BoardJob(
            board,
            _field(document, "name", str),
            client,
            path,
            backend=backend,
            uuid=_field(document, "uuid", str),
            book_data=_book(document),
            details=_field(document, "details", dict, {}),
            created_on=millis_to_datetime(stat.ctime),
            priority=JobPriority.convert(_field(document, "priority", str, JobPriority.NORMAL.value)),
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        message = f"{path} is no job: {type(error).__name__}: {error}"
        raise MalformedPostingError(message) from error
    job.raw, job.version = raw, stat.version
    return job


def _book(document: dict[str, Any]) -> dict[str, Any]:
    book: dict[str, Any] = _field(document, "book", dict)
    _field(book, "uuid", str)
    return book


def _field(document: Any, name: str, kind: type, default: object = None) -> Any:  # noqa: ANN401 - JSON
    if not isinstance(document, dict):
        message = f"not a JSON object but {type(document).__name__}"
        raise TypeError(message)
    value = document.get(name, default)
    if not isinstance(value, kind):
        message = f"its {name} is not a {kind.__name__}"
        raise TypeError(message)
    return value
