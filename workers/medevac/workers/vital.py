"""Vital threads: without one of them a worker only looks alive, so whoever starts one hears when it ends."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

log = logging.getLogger(__name__)


def start(name: str, run: Callable[[], None], ended: Callable[[str], None]) -> threading.Thread:
    """Run *run* in a thread called *name*; *ended* is told, in that thread, by what sentence it has ended."""

    def live() -> None:
        sentence = f"its {name} has ended"
        try:
            run()
        except Exception as error:
            log.exception("%s failed", name)
            sentence += f": {type(error).__name__}: {error}"
        ended(sentence)

    thread = threading.Thread(target=live, name=name, daemon=True)
    thread.start()
    return thread
