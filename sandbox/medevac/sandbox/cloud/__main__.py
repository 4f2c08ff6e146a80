"""Run the simulated cloud as a process: python -m medevac.sandbox.cloud."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import sys
import tempfile
import time
from dataclasses import fields
from pathlib import Path

from medevac.core.wire import from_plain, to_plain
from medevac.sandbox.cloud.model import site
from medevac.sandbox.cloud.model.settings import Settings
from medevac.sandbox.cloud.model.site import SiteSpec
from medevac.sandbox.cloud.model.world import World
from medevac.sandbox.cloud.server import serving
from medevac.sandbox.power.bmc import Bmc


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m medevac.sandbox.cloud", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="port of the API; 0: a free one")
    parser.add_argument("--directory", type=Path, help="where clouds.yaml and the fence agent go")
    parser.add_argument("--ready-file", type=Path, help="write the line with the addresses here as well")
    parser.add_argument("--site", type=Path, help="JSON file with the site to build (see model/site.py)")
    parser.add_argument("--watch-stdin", action="store_true", help="end when standard input does: with the parent")
    for knob in fields(Settings):
        flag = f"--{knob.name.replace('_', '-')}"
        parser.add_argument(flag, type=type(getattr(Settings(), knob.name)), default=getattr(Settings(), knob.name))
    return parser.parse_args()


def _world(arguments: argparse.Namespace) -> World:
    world = World(time.time, Settings(**{knob.name: getattr(arguments, knob.name) for knob in fields(Settings)}))
    document = arguments.site.read_text(encoding="utf-8") if arguments.site else '{"hosts": []}'
    with world.settled():
        site.build(world, from_plain(SiteSpec, json.loads(document), str(arguments.site)))
    return world


async def _serve(arguments: argparse.Namespace, directory: Path) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop.set)
    if arguments.watch_stdin:
        loop.add_reader(sys.stdin.fileno(), _stop_at_end, stop)
    async with serving(Bmc(_world(arguments)), directory, arguments.port) as addresses:
        line = json.dumps({**to_plain(addresses), "auth_url": addresses.auth_url, "pid": os.getpid()})
        if arguments.ready_file:
            unfinished = arguments.ready_file.with_suffix(".unfinished")
            unfinished.write_text(line, encoding="utf-8")
            unfinished.rename(arguments.ready_file)
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
        await stop.wait()


def _stop_at_end(stop: asyncio.Event) -> None:
    if not os.read(sys.stdin.fileno(), 4096):
        stop.set()


def main() -> None:
    """Serve until SIGINT or SIGTERM."""
    arguments = _arguments()
    with contextlib.ExitStack() as stack:
        directory = arguments.directory
        if directory is None:
            directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="medevac-cloud-")))
        directory.mkdir(parents=True, exist_ok=True)
        asyncio.run(_serve(arguments, directory))


if __name__ == "__main__":
    main()
