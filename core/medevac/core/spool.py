"""Spool: a folder of events that ZooKeeper has not acknowledged yet, one file an event.

Writers and readers are separate short-lived processes that run at the same time and may be killed at any
instruction: a file appears under its own name whole or not at all, and whoever finds a file may post it, since
creating the same event twice is seen.  Source of the file operations' guarantees: rename(2), fsync(2).
"""

# os instead of pathlib: the alert agent would pay several milliseconds for that import before its event is safe.
# ruff: noqa: PTH103, PTH104, PTH108, PTH116, PTH123, PTH208

from __future__ import annotations

import contextlib
import os
import stat
import time
from collections.abc import Iterator

from medevac.core.errors import MalformedDocumentError, SpoolError
from medevac.core.event import Event
from medevac.core.wire import decode, encode

SUFFIX = ".json"
BAD = "bad"
"""The sub-folder for files that are no events; beside each lies <name>.reason."""
ORPHAN_AGE = 60.0
"""Seconds after which an unfinished file's writer is taken for dead: Pacemaker kills agents far earlier."""
MAXIMUM_SIZE = 512 * 1024
"""Bytes; half of what ZooKeeper accepts.  The agent bounds its events to a few kilobytes."""

_TEMPORARY = ".tmp"


class Spool:
    """The events in one folder, which belongs to one user and is created when first written to."""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        """Name the folder; nothing is touched yet."""
        self.folder = os.fspath(folder)

    def put(self, event: Event) -> str:
        """Store *event* durably and return its file's path; raise SpoolError when that is impossible."""
        path = self.path(event.id)
        temporary = f"{path}{_TEMPORARY}"
        try:
            self.prepare()
            _write_through(temporary, encode(event))
            os.rename(temporary, path)
            _sync_folder(self.folder)
        except OSError as error:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise SpoolError(f"{self.folder} cannot take events: {error.strerror or error}") from error
        return path

    def prepare(self) -> None:
        """Make the folder, for its owner only; raise SpoolError when it cannot be made or `check` refuses it."""
        try:
            os.makedirs(self.folder, mode=0o700, exist_ok=True)
        except OSError as error:
            raise SpoolError(f"{self.folder} cannot be made: {error.strerror}") from error
        self.check()

    def check(self) -> None:
        """Raise SpoolError unless the folder is there, ours, and closed to other writers."""
        try:
            found = os.lstat(self.folder)
        except OSError as error:
            raise SpoolError(f"{self.folder} cannot be used: {error.strerror}") from error
        if found.st_uid != os.geteuid():
            raise SpoolError(f"{self.folder} belongs to user {found.st_uid}, and this is user {os.geteuid()}")
        if not stat.S_ISDIR(found.st_mode) or found.st_mode & 0o022:
            raise SpoolError(f"{self.folder} must be a real folder that only its owner can write to (chmod 700)")

    def path(self, event_id: str) -> str:
        """Return where the event of this id lies or would lie; raise ValueError for what is no file name."""
        if not event_id or event_id.startswith(".") or "/" in event_id or "\0" in event_id:
            raise ValueError(f"not an event id: {event_id!r}")
        return f"{self.folder}/{event_id}{SUFFIX}"

    def waiting(self) -> list[str]:
        """Return the ids of the events that wait, oldest first; raise SpoolError when the folder is unreadable.

        What a killed writer left unfinished is taken up first: whole, it is an event; torn, it goes to `bad`.
        """
        names = self._names()
        for name in names:
            if name.endswith(_TEMPORARY):
                self._adopt(name)
        return sorted(name.removesuffix(SUFFIX) for name in self._names() if _is_event_file(name))

    def read(self, event_id: str) -> Event | None:
        """Return the event, or None when it is gone or was no event (and lies in `bad` now)."""
        path = self.path(event_id)
        try:
            event = decode(Event, _read_bounded(path), path)
        except FileNotFoundError:
            return None
        except MalformedDocumentError as error:
            self._set_aside(f"{event_id}{SUFFIX}", str(error))
            return None
        except OSError as error:
            raise SpoolError(f"{path} cannot be read: {error.strerror}") from error
        if event.id != event_id:
            self._set_aside(f"{event_id}{SUFFIX}", f"the event calls itself {event.id!r}")
            return None
        return event

    def events(self) -> Iterator[Event]:
        """Yield the events that wait, oldest first; files that are no events go to `bad` on the way.

        A file that cannot be read holds up no other: its SpoolError is raised when all others were yielded.
        """
        unreadable: SpoolError | None = None
        for event_id in self.waiting():
            try:
                event = self.read(event_id)
            except SpoolError as error:
                unreadable = unreadable or error
                continue
            if event is not None:
                yield event
        if unreadable is not None:
            raise unreadable

    def remove(self, event_id: str) -> None:
        """Forget an event that was acknowledged; one that is gone already is no error.

        The removal is not synced: after a power cut the event may be posted again, which is harmless.
        """
        try:
            os.unlink(self.path(event_id))
        except FileNotFoundError:
            return
        except OSError as error:
            raise SpoolError(f"{self.path(event_id)} cannot be removed: {error.strerror}") from error

    def _names(self) -> list[str]:
        try:
            return os.listdir(self.folder)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise SpoolError(f"{self.folder} cannot be read: {error.strerror}") from error

    def _adopt(self, temporary: str) -> None:
        path = f"{self.folder}/{temporary}"
        try:
            if time.time() - os.stat(path).st_mtime < ORPHAN_AGE:
                return
            decode(Event, _read_bounded(path), path)
            os.rename(path, path.removesuffix(_TEMPORARY))
        except MalformedDocumentError as error:
            self._set_aside(temporary, f"its writer died: {error}")
        except OSError:
            return  # another process takes it up, or may not: either way it stays for the next time

    def _set_aside(self, name: str, reason: str) -> None:
        """Move a file to `bad`, its reason beside it; it keeps its place when even that fails."""
        bad = f"{self.folder}/{BAD}"
        try:
            os.makedirs(bad, mode=0o700, exist_ok=True)
            kept = f"{bad}/{name}"
            if os.path.lexists(kept):
                kept = f"{kept}.{time.time_ns()}"
            _write_through(f"{kept}.reason", f"{reason}\n".encode("utf-8", "backslashreplace"))
            os.rename(f"{self.folder}/{name}", kept)
        except OSError:
            return


def _is_event_file(name: str) -> bool:
    return name.endswith(SUFFIX) and not name.startswith(".")


def _write_through(path: str, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    with open(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(descriptor)


def _sync_folder(folder: str) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read_bounded(path: str) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    with open(descriptor, "rb") as file:
        data = file.read(MAXIMUM_SIZE + 1)
    if len(data) > MAXIMUM_SIZE:
        raise MalformedDocumentError(f"{path}: larger than {MAXIMUM_SIZE} bytes")
    return data
