"""Guard: the last question before anything leaves this process, whether it still may.

A process can be frozen anywhere, also between the proof that a job is its own and the call that the proof was for.
What sends things (HTTP requests, fence agents) therefore asks the guard at the last moment.  A few instructions
remain between the answer and the wire; only the receiver could close those.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_guard: ContextVar[Callable[[], None]] = ContextVar("guard", default=lambda: None)


@contextmanager
def guarded(may_still: Callable[[], None]) -> Iterator[None]:
    """Let *may_still*, which raises for no, be asked before everything that this thread sends meanwhile.

    Whoever was to be asked before is asked too, after *may_still*.
    """
    outer = _guard.get()

    def both() -> None:
        may_still()
        outer()

    token = _guard.set(both)
    try:
        yield
    finally:
        _guard.reset(token)


def ask_guard() -> None:
    """Return if the guard, where there is one, has nothing against it; raise what it raises."""
    _guard.get()()
