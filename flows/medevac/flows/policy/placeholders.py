"""Placeholders: what stands in braces in a message and is replaced by what it says."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from medevac.flows.policy.language import Notify, Page, Step, walk
from medevac.flows.policy.problems import did_you_mean

PLACEHOLDERS = ("host", "incident", "failure", "policy", "servers", "recovered", "failed", "reason", "names", "meaning")
"""What may stand in braces."""
_BRACES = re.compile(r"\{([a-z]+)\}")


def filled(text: str, facts: Mapping[str, str]) -> str:
    """Return *text* with its placeholders filled from *facts*; braces around anything else stay as they are."""
    return _BRACES.sub(lambda found: facts.get(found[1], found[0]), text).strip()


def meaningless(step: Step) -> Iterator[tuple[str, str]]:
    """Yield, with a hint, each word in braces that stands for nothing in a message of *step* or of what it holds."""
    for inner in walk((step,)):
        text = inner.text if isinstance(inner, Notify | Page) else ""
        for word in dict.fromkeys(_BRACES.findall(text)):
            if word not in PLACEHOLDERS:
                yield f"'{{{word}}}' stands for nothing in a message", did_you_mean(word, PLACEHOLDERS)
