"""Views: the live picture in a terminal, and plain lines where there is none."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from textwrap import wrap
from typing import Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from medevac.sandbox.demo.narrate import TOGETHER, Line
from medevac.sandbox.demo.scene import HostDrawn, Scene, ServerDrawn, Standing, StepDrawn

LETTERS = {"pet": "P", "payments": "$", "everyone": "o"}
_STYLES = {
    Standing.HOME: "default",
    Standing.STRUCK: "red",
    Standing.MOVING: "bold yellow",
    Standing.BACK: "bold green",
    Standing.TWICE: "bold white on red",
}
_HOLD = 2 * TOGETHER
"""Seconds for which a plain line is held back, so that lines come out whole and in order."""
_FIXED = 9
"""Lines of the picture that are neither hosts nor story."""
_SCENERY = 34
"""Columns of a host's row before its servers."""


class View(Protocol):
    """Something that shows the story as it goes on."""

    def show(self, scene: Scene) -> None:
        """Show one more moment."""

    def close(self, lines: Iterable[Line]) -> None:
        """Show what is left of *lines*, the whole story, and leave the terminal as it was."""


class PlainView:
    """One line of text for each line of the story, with the time of day."""

    def __init__(self, console: Console) -> None:
        """Write to *console*."""
        self._console = console
        self._told: set[tuple[float, str]] = set()

    def show(self, scene: Scene) -> None:
        """Write the lines that will not change any more."""
        hold = _HOLD if scene.hosts else 0.0
        self._tell(line for line in scene.lines if line.at <= scene.at - hold)

    def close(self, lines: Iterable[Line]) -> None:
        """Write the rest."""
        self._tell(lines)

    def _tell(self, lines: Iterable[Line]) -> None:
        for line in lines:
            if (line.at, line.who) not in self._told:
                self._told.add((line.at, line.who))
                moment = datetime.fromtimestamp(line.at).astimezone().strftime("%H:%M:%S.%f")[:-3]
                self._console.print(
                    f"{moment}  {line.who:<9} {line.text}", soft_wrap=True, highlight=False, markup=False
                )


class LiveView:
    """A picture of the whole site that is drawn again in place."""

    def __init__(self, console: Console) -> None:
        """Draw on *console*, a terminal."""
        self._console = console
        self._live = Live(console=console, auto_refresh=False, transient=True, vertical_overflow="crop")
        self._live.start()

    def show(self, scene: Scene) -> None:
        """Draw *scene*."""
        self._live.update(self.picture(scene), refresh=True)

    def close(self, lines: Iterable[Line]) -> None:
        """Take the picture away: the report comes in its place."""
        del lines
        self._live.stop()

    def picture(self, scene: Scene) -> Group:
        """Return the picture, as high as the terminal and no higher."""
        width, height = self._console.size
        story = height - _FIXED - max(len(scene.hosts), 1)
        if not scene.hosts:
            return Group(_headline(scene, width), Text(), *_story(scene, max(story, 3), width))
        return Group(
            _headline(scene, width),
            Text(),
            _hosts(scene.hosts, width),
            _legend(),
            Text(),
            _steps(scene.steps),
            _workers(scene),
            Text(),
            *_story(scene, max(story, 3), width),
        )


def _headline(scene: Scene, width: int) -> Text:
    clock = f"{scene.elapsed:6.1f} s"
    return Text.assemble(
        (scene.headline[: width - len(clock) - 1].ljust(width - len(clock) - 1), "bold"), " ", (clock, "cyan")
    )


def _hosts(hosts: Iterable[HostDrawn], width: int) -> Table:
    table = Table.grid(padding=(0, 2), expand=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, min_width=19)
    table.add_column(no_wrap=True, overflow="crop")
    for host in hosts:
        style = "red" if host.dead else "default"
        table.add_row(Text(host.name, style), Text(host.state, style), _servers(host.servers, width - _SCENERY))
    return table


def _servers(servers: Iterable[ServerDrawn], room: int) -> Text:
    drawn = sorted(servers, key=lambda each: (list(LETTERS).index(each.kind), each.name))
    gap = " " if 2 * len(drawn) <= room else ""
    text = Text()
    for server in drawn:
        text.append(LETTERS[server.kind], _STYLES[server.standing] + (" dim underline" if server.stopped else ""))
        text.append(gap)
    return text


def _legend() -> Text:
    return Text.assemble(
        ("P pet  $ payments  o everyone  underlined: stopped   ", "dim"),
        ("struck", "red"),
        " ",
        ("moving", "bold yellow"),
        " ",
        ("back", "bold green"),
    )


def _steps(steps: Iterable[StepDrawn]) -> Text:
    text = Text("Steps    ", "dim", no_wrap=True)
    for step in steps:
        mark, style = ("✓", "green") if step.done else ("▶", "bold yellow") if step.running else ("·", "dim")
        text.append(f"{mark} {step.name}  ", style)
    return text


def _workers(scene: Scene) -> Text:
    text = Text("Workers  ", "dim", no_wrap=True)
    for name, doing in scene.workers.items():
        style = {"works": "bold yellow", "KILLED": "bold red"}.get(doing, "default")
        text.append(f"{name} {doing}   ", style)
    return text


def _story(scene: Scene, room: int, width: int) -> list[Text]:
    shown: list[Text] = []
    start = scene.at - scene.elapsed
    for line in scene.lines[-room:]:
        style = "bold" if line.who == "demo" else "default"
        whole = f"{line.at - start:+6.1f}  {line.who:<9} {line.text}"
        shown += [Text(row, style, no_wrap=True) for row in wrap(whole, width, subsequent_indent=" " * 18)]
    return shown[-room:]
