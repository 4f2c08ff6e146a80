"""Watching: which processes of the machine show a secret on their command lines or in their environments."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Seen:
    """What was seen, by the names of programs."""

    programs: set[str] = field(default_factory=set)
    """All that ran."""
    arguments: set[str] = field(default_factory=set)
    """Those that had the secret on their command line."""
    environments: set[str] = field(default_factory=set)


@contextmanager
def watched(secret: str) -> Iterator[Seen]:
    """Look at every process of the machine, as often as it goes, while the block runs."""
    seen, stop = Seen(), threading.Event()
    thread = threading.Thread(target=_watch, args=(secret.encode(), seen, stop))
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join()


def _watch(secret: bytes, seen: Seen, stop: threading.Event) -> None:
    while not stop.is_set():
        for process in Path("/proc").iterdir():
            if process.name.isdecimal():
                _look(process, secret, seen)
        stop.wait(0.02)


def _look(process: Path, secret: bytes, seen: Seen) -> None:
    try:
        words = (process / "cmdline").read_bytes().split(b"\0")
        environment = (process / "environ").read_bytes()
    except OSError:
        return  # it has ended
    scripts = [word for word in words[1:3] if word.startswith(b"/")]  # what Python or a shell was told to run
    names = {Path(word.decode(errors="replace")).name for word in (words[0], *scripts)}
    seen.programs |= names
    if any(secret in word for word in words):
        seen.arguments |= names
    if secret in environment:
        seen.environments |= names
