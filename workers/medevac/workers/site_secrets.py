"""Secrets of the site file: it names the places from which they are read, and never holds one."""

from __future__ import annotations

import re
from dataclasses import dataclass

from medevac.flows.policy import binding
from medevac.flows.policy.binding import Binder
from medevac.flows.policy.document import Entries, Node
from medevac.flows.policy.problems import Place

_SECRET_WORD = re.compile(r"passw|secret|token|credential", re.IGNORECASE)
_SECRET_PLACE = re.compile(r"_(script|file)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class SecretSource:
    """Where a secret is read from, each time it is needed; exactly one of the two is set."""

    file: str = ""
    """The absolute path of a file that holds nothing else."""
    env: str = ""
    """The name of an environment variable."""

    @property
    def reference(self) -> str:
        """Return env:NAME or file:/path, as fence devices take it."""
        return f"env:{self.env}" if self.env else f"file:{self.file}"


def read_source(binder: Binder, node: Node, path: binding.Path) -> SecretSource | None:
    """Read where a secret is.  No message repeats a word of it: it may be the secret itself, in the wrong place."""
    if isinstance(node, Entries) and len(node.entries) == 1 and node.entries[0].key.value in ("file", "env"):
        key = node.entries[0].key.value
        text = binder.text(node.entries[0].value, (*path, key))
        return SecretSource(**{key: text.value}) if text else None
    message = "a secret never stands in this file, only the place from which it is read"
    binder.problems.error(
        Place(node.place.line, node.place.column), message, "write {file: /etc/medevac/NAME} or {env: NAME}"
    )
    return None


def sounds_secret(key: str) -> bool:
    """Tell whether what stands under *key* may be a secret."""
    return bool(_SECRET_WORD.search(key)) and not _SECRET_PLACE.search(key)
