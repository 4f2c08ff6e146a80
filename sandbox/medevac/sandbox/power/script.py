"""Programs as executable files that a site file can name: the fence agent, and hands for live hosts."""

from __future__ import annotations

import sys
from pathlib import Path

from medevac.sandbox import hands
from medevac.sandbox.power import agent

NAME = "fence_sandbox"
HANDS = "sandbox-hands"


def write_agent(directory: Path) -> Path:
    """Write the fence agent to *directory* and return its path.

    It is a copy of agent.py, run by this interpreter without site-packages: it starts in a third of the time.
    """
    return _write(directory / NAME, agent.__file__)


def write_hands(directory: Path, side_door: str) -> Path:
    """Write the program that acts on live hosts through *side_door* to *directory* and return its path."""
    return _write(directory / HANDS, hands.__file__, (hands.SIDE_DOOR, side_door))


def _write(path: Path, source: str, change: tuple[str, str] = ("", "")) -> Path:
    body = Path(source).read_text(encoding="utf-8").replace(*change)
    path.write_text(f"#!{sys.executable} -IS\n{body}", encoding="utf-8")
    path.chmod(0o755)
    return path
