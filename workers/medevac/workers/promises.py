"""Promises: the last good policy set of a directory, read again when a file changes."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

from medevac.core.errors import MedevacError
from medevac.flows.policy.language import PolicySet
from medevac.flows.policy.reader import read_policies

log = logging.getLogger(__name__)

Signature = tuple[tuple[str, int, int], ...]


class Promises:
    """What holds now.  A broken file keeps the last good set, and says so loudly."""

    def __init__(self, folder: Path) -> None:
        """Read *folder*; raises PolicyProblems when it is broken from the start."""
        self._folder = folder
        self._lock = threading.Lock()
        self._signature = _signature(folder)
        self._good = read_policies(folder)
        self._problem = ""

    @property
    def problem(self) -> str:
        """Return what is wrong with the files as they are now; empty when the set that holds is theirs."""
        return self._problem

    def current(self) -> PolicySet:
        """Return the last good policy set, looking first whether a file has changed."""
        with self._lock:
            signature = _signature(self._folder)
            if signature != self._signature:
                self._signature = signature
                self._read_again()
            return self._good

    def _read_again(self) -> None:
        try:
            self._good = read_policies(self._folder)
        except MedevacError as error:
            self._problem = str(error)
            log.critical(
                "the policies in %s are broken, set %s still holds: %s", self._folder, self._good.digest, error
            )
        else:
            self._problem = ""
            log.info("policies %s hold now", self._good.digest)


def _signature(folder: Path) -> Signature:
    """Return what changes when a file below *folder* is written, added or removed."""
    files = sorted(folder.rglob("*.y*ml")) if folder.is_dir() else [folder]
    return tuple(_look(file) for file in files)


def _look(file: Path) -> tuple[str, int, int]:
    try:
        stat = file.stat()
    except OSError:
        return str(file), 0, 0  # removed since it was listed; the reader says what is wrong
    return str(file), stat.st_mtime_ns, stat.st_size
