"""Step: what every word of a flow is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a flow.  Its parameters are the fields of its class; own steps will be such classes too."""

    word: ClassVar[str] = ""
    """How the step is written in a policy file."""
    short: ClassVar[str] = ""
    """The parameter that may be written without its name: `wait: 30s` is `wait: {time: 30s}`."""

    def branches(self) -> tuple[tuple[Step, ...], ...]:
        """Return the lists of steps that it holds; only controls hold any."""
        return ()
