"""How often a service failed lately on a host: one small file a service, since each alert is a process of its own."""

# os instead of pathlib: see medevac.core.spool.
# ruff: noqa: PTH103, PTH123

from __future__ import annotations

import os
import re

WINDOW = 600.0
"""Seconds for which a failure is remembered."""
_KEPT = 4096
"""Bytes that are looked at; a failure takes 16."""


class Failures:
    """The failures that agents of this node were told of."""

    def __init__(self, folder: str) -> None:
        """Remember them in *folder*, which is made when it is first needed."""
        self._folder = folder

    def note(self, host: str, service: str, at: float) -> int:
        """Remember a failure at *at* (seconds since the epoch); return how many there were in the last WINDOW.

        Raises OSError where nothing can be remembered.
        """
        os.makedirs(self._folder, mode=0o700, exist_ok=True)
        # One path for each pair: what is no part of a file's name is written as its number.
        name = "@".join(
            re.sub(r"[^A-Za-z0-9_.-]", lambda found: f"%{ord(found[0]):x}", each) for each in (service, host)
        )
        path = f"{self._folder}/{name[:200]}"
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        with open(descriptor, "r+b") as file:
            file.write(f"{at:.3f}\n".encode())
            file.flush()
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _KEPT))
            recent = [line for line in file.read().split(b"\n") if _is_recent(line, at)]
            if size > _KEPT:
                file.truncate(0)
                file.write(b"".join(line + b"\n" for line in recent))
        return len(recent)


def _is_recent(line: bytes, now: float) -> bool:
    try:
        return abs(now - float(line)) <= WINDOW
    except ValueError:
        return False
