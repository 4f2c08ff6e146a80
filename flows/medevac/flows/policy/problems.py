"""Problem: what is wrong with a file that a person wrote, where, and what to write instead."""

from __future__ import annotations

import difflib
import enum
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from medevac.core.errors import MedevacError

_LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
"""Exactly what YAML 1.1 counts as a line break; str.splitlines knows more of them, and the numbers would differ."""

MOST_PROBLEMS = 100
"""In one file; what comes after is not told."""

_SHOWN_BEFORE = 60
_SHOWN = 100
_QUOTED = 40


class Severity(enum.StrEnum):
    """An error stops a file from being used; a warning does not."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands in a file: line and column count from 1, line 0 means the file as a whole."""

    line: int
    column: int
    length: int = 1


WHOLE_FILE = Place(0, 0)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, said so that its author can mend it."""

    file: str
    line: int
    """Counts from 1; 0 means the file as a whole."""
    column: int
    """Counts characters from 1; 0 means the file as a whole."""
    length: int
    message: str
    hint: str = ""
    """What to write instead; may be empty."""
    severity: Severity = Severity.ERROR
    source_line: str | None = None
    """The line of the file; None where there is none, or where it must not be shown."""

    def __str__(self) -> str:
        """Return it as the checker prints it: place and message, the line, a caret under the place, the hint."""
        return "\n".join([self._headline(), *self._excerpt()])

    def _headline(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        kind = "warning: " if self.severity is Severity.WARNING else ""
        return f"{place}: {kind}{self.message}"

    def _excerpt(self) -> list[str]:
        if not self.line or self.source_line is None:
            return [f"  hint: {self.hint}"] if self.hint else []
        shown, before, marked = _window(self.source_line, self.column - 1, self.length)
        number = f"{self.line:>5}"
        caret = " " * before + "^" * marked
        return [f"{number} | {shown}".rstrip(), f"{'':>5} | {caret} {self.hint}".rstrip()]


def _window(line: str, start: int, length: int) -> tuple[str, int, int]:
    """Return the part of *line* to show, and in terminal cells: what stands before the caret, the caret's width."""
    first = max(0, start - _SHOWN_BEFORE)
    shown = line[first : first + _SHOWN]
    start -= first
    marked = _cells(shown[start : start + length])
    return "".join(_printable(char) for char in shown), _cells(shown[:start]), max(1, marked)


def _cells(text: str) -> int:
    return sum(_cell_width(char) for char in text)


def _cell_width(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def _printable(char: str) -> str:
    if char == "\t":
        return " "
    return char if char.isprintable() else "\N{REPLACEMENT CHARACTER}"


class ProblemsError(MedevacError):
    """A file that a person wrote has errors, so nothing of it is used. Mend them: `medevac policy check` lists all."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        """Carry *problems*, warnings included; the message is all of them as the checker prints them."""
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class Problems:
    """Everything that is wrong with one file, collected while it is read, so that all is told at once."""

    def __init__(self, file: str, text: str = "") -> None:
        """Collect for *file*, whose content is *text*."""
        self.file = file
        self._lines = _LINE_BREAK.split(text)
        self._found: list[Problem] = []
        self.lines_shown = True
        """False: the file may hold a secret, so that none of its lines must be shown."""

    def error(self, place: Place, message: str, hint: str = "") -> None:
        """Note an error."""
        self._note(place, message, hint, Severity.ERROR)

    def warning(self, place: Place, message: str, hint: str = "") -> None:
        """Note a warning."""
        self._note(place, message, hint, Severity.WARNING)

    @property
    def failed(self) -> bool:
        """Tell whether there is an error among them."""
        return any(problem.severity is Severity.ERROR for problem in self._found)

    def listed(self) -> tuple[Problem, ...]:
        """Return all problems in the order of the file, each with the line that it is about."""
        with_lines = (self._with_line(problem) for problem in self._found)
        return tuple(sorted(with_lines, key=lambda problem: (problem.line, problem.column)))

    @property
    def full(self) -> bool:
        """Tell whether so much is wrong that to look further would help nobody."""
        return len(self._found) > MOST_PROBLEMS

    def _note(self, place: Place, message: str, hint: str, severity: Severity) -> None:
        if self.full:
            return
        if len(self._found) == MOST_PROBLEMS:
            message, hint, severity = "there are more problems", f"mend the first {MOST_PROBLEMS}", Severity.ERROR
        message, hint = ("".join(map(_printable, text)) for text in (message, hint))  # both may repeat what is there
        self._found.append(Problem(self.file, place.line, place.column, place.length, message, hint, severity))

    def _with_line(self, found: Problem) -> Problem:
        known = self.lines_shown and 0 < found.line <= len(self._lines)
        line = self._lines[found.line - 1] if known else None
        return Problem(
            found.file, found.line, found.column, found.length, found.message, found.hint, found.severity, line
        )


def quoted(text: str) -> str:
    """Return *text* in quotes, shortened, on one line and safe for a terminal."""
    short = text if len(text) <= _QUOTED else text[: _QUOTED - 1] + "\N{HORIZONTAL ELLIPSIS}"
    return repr(short)


def closest(choices: Iterable[str], word: str, synonyms: Mapping[str, str] = MappingProxyType({})) -> str:
    """Return the choice that *word* was probably meant to be; empty when none is close."""
    known = {choice.lower(): choice for choice in choices}
    if synonyms.get(word) in known:
        return known[synonyms[word]]
    close = difflib.get_close_matches(word.lower()[:_QUOTED], known, n=1)
    return known[close[0]] if close else ""


def did_you_mean(word: str, choices: Iterable[str], synonyms: Mapping[str, str] = MappingProxyType({})) -> str:
    """Return "did you mean 'x'?" for the choice closest to *word*; when none is close, all of them."""
    known = tuple(choices)
    meant = closest(known, word, synonyms)
    return f"did you mean '{meant}'?" if meant else "known are: " + ", ".join(known)
