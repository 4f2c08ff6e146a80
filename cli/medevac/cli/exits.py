"""Exit codes: what a command's end means to a shell."""

from __future__ import annotations

PROBLEMS = 1
"""Done as asked, and something is wrong; or it could not be done."""
UNREACHABLE = 3
"""ZooKeeper, the cloud or the cluster did not answer."""
INTERRUPTED = 130
"""Ctrl-C, as shells count it. 2 is click's own: the command was not understood."""
