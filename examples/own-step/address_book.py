"""A step of one's own: an address book, one line for each server that came back, and where it runs now.

Put a call of your DNS, your load balancer or your inventory in the place of the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from medevac.flows.extension import ServerResult, Step, StepContext, said


@dataclass(frozen=True, slots=True)
class AddressBook(Step):
    """Write where each recovered server runs into a file."""

    word: ClassVar[str] = "address-book"
    """How policies write the step; its entry point has the same name."""
    short: ClassVar[str] = "file"
    """The parameter that may be written without its name: `address-book: /srv/addresses`."""

    file: str = field(metadata=said("The file, one line `NAME HOST` for each server."))

    def execute(self, context: StepContext) -> Iterable[ServerResult]:
        """Write all servers that are back in one go.

        A worker that takes over after another died here carries it out again: the lines are then the same.
        """
        book = _read(Path(self.file))
        back = {server.planned.name: server.host for server in context.servers if server.back}
        context.ports.log.assert_owned()  # before each side effect: the job may be somebody else's by now
        _write(Path(self.file), {**book, **back})
        context.say(f"{len(back)} servers are in {self.file}")
        for server in context.servers:
            yield context.done(server) if server.back else context.skipped(server, "it is not back")

    def revert(self, context: StepContext) -> None:
        """Take the lines out again; called where the policy says `on_failure: revert`."""
        undone = {server.planned.name for server in context.servers}
        context.ports.log.assert_owned()
        book = _read(Path(self.file))
        _write(Path(self.file), {name: host for name, host in book.items() if name not in undone})


def _read(file: Path) -> dict[str, str]:
    if not file.exists():
        return {}
    lines = file.read_text(encoding="utf-8").splitlines()
    return {name: host for name, _, host in (line.partition(" ") for line in lines if line)}


def _write(file: Path, book: Mapping[str, str]) -> None:
    """Replace the file in one move, so that nobody reads half of it."""
    new = file.with_suffix(".new")
    new.write_text("".join(f"{name} {host}\n" for name, host in sorted(book.items())), encoding="utf-8")
    new.replace(file)
