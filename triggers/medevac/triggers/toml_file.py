"""Settings files in TOML, read whole."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from medevac.core.errors import MedevacError


def read(path: Path, refusal: type[MedevacError]) -> dict[str, Any]:
    """Return what *path* says; raise *refusal* when it cannot be read or is no TOML."""
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise refusal(f"{path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise refusal(f"{path} is no TOML: {error}") from error
