"""Fence agents of a few lines of shell."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

Script = Callable[[str], str]


@pytest.fixture
def script(tmp_path: Path) -> Script:
    """Return a function that makes an executable of shell commands and returns its path.

    The commands find the options in the file "options" beside them, and `$action`.
    """

    def write(body: str) -> str:
        path = tmp_path / "fence_shell"
        head = '#!/bin/sh\ncd "$(dirname "$0")"\ncat > options\naction=$(sed -n s/^action=//p options)\n'
        path.write_text(head + body)
        path.chmod(0o755)
        return str(path)

    return write
