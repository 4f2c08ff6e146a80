from __future__ import annotations

import io

import pytest
from rich.console import Console

from medevac.sandbox.demo.cast import draw
from medevac.sandbox.demo.narrate import Line
from medevac.sandbox.demo.observe import HostSeen, ServerSeen, Snapshot
from medevac.sandbox.demo.scene import Scene, Standing, hosts_drawn, steps_drawn
from medevac.sandbox.demo.view import LiveView, PlainView

CAST = draw(5, 40, 1)


def _server(name: str, host: str, *, stopped: bool, runs_on: tuple[str, ...] | None = None) -> ServerSeen:
    places = (() if stopped else (host,)) if runs_on is None else runs_on
    return ServerSeen(name, name, host, "stopped" if stopped else "active", "", False, not stopped, places)  # noqa: FBT003 - locked


def _snapshot(*, twice: str = "") -> Snapshot:
    hosts = [
        HostSeen(spec.name, spec.name != CAST.victim, spec.name != CAST.victim, spec.name == CAST.victim, False, "")  # noqa: FBT003 - disabled
        for spec in CAST.spec.hosts
    ]
    servers = [
        _server(
            spec.name,
            spec.host,
            stopped=CAST.roles[spec.name].stopped,
            runs_on=(spec.host, "compute-1") if spec.name == twice else None,
        )
        for spec in CAST.spec.servers
    ]
    return Snapshot(hosts, servers, None, [], [])


def _scene(snapshot: Snapshot) -> Scene:
    struck = [spec.name for spec in CAST.spec.servers if spec.host == CAST.victim]
    return Scene(
        at=120.0,
        elapsed=20.0,
        headline=f"{CAST.victim} is lost",
        hosts=hosts_drawn(CAST, snapshot),
        steps=steps_drawn(CAST, struck, snapshot),
        workers={"triage 1": "up", "triage 2": "up", "conductor 1": "KILLED", "conductor 2": "works"},
        lines=[Line(100.0 + n, "evacuate", f"line {n} " + "long " * (n % 30)) for n in range(19)],
    )


@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 40)])
def test_the_picture_fits_the_terminal(width: int, height: int) -> None:
    console = Console(
        file=io.StringIO(), width=width, height=height, force_terminal=True, color_system=None, legacy_windows=False
    )
    view = LiveView(console)
    view.close([])

    rows = console.render_lines(view.picture(_scene(_snapshot())), pad=False)

    assert len(rows) <= height
    texts = ["".join(segment.text for segment in row) for row in rows]
    assert max(len(text) for text in texts) <= width
    assert any("everyone 0/6" in text for text in texts)
    assert any("line 18" in text for text in texts)


def test_two_copies_are_drawn_on_both_hosts() -> None:
    twice = next(spec.name for spec in CAST.spec.servers if spec.host == CAST.victim and spec.vm_state == "active")

    hosts = hosts_drawn(CAST, _snapshot(twice=twice))

    drawn = [(host.name, each.standing) for host in hosts for each in host.servers if each.name == twice]
    assert sorted(drawn) == sorted([("compute-1", Standing.TWICE), (CAST.victim, Standing.TWICE)])


def test_plain_lines_are_told_once_in_order_and_whole() -> None:
    console = Console(file=io.StringIO(), width=40)
    view = PlainView(console)
    scene = _scene(_snapshot())

    view.show(scene)
    view.show(scene)
    view.close(scene.lines)

    file = console.file
    assert isinstance(file, io.StringIO)
    told = file.getvalue().splitlines()
    assert [line.split("line ")[1].split()[0] for line in told] == [str(n) for n in range(19)]
