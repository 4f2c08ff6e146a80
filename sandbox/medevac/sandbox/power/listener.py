"""The network side of the simulated BMC: one JSON line in, one JSON line out, one command a connection."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

from medevac.sandbox.power.bmc import POWER_ACTIONS, Bmc, BmcError, BmcHangError, BmcUnreachableError


@contextlib.asynccontextmanager
async def listening(bmc: Bmc, port: int = 0) -> AsyncIterator[int]:
    """Accept connections on a loopback *port* (0: a free one) and yield its number."""
    open_ones: set[asyncio.StreamWriter] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_ones.add(writer)
        try:
            await _converse(bmc, reader, writer)
        except OSError:
            pass  # the agent's time was up; nothing is owed to it
        finally:
            open_ones.discard(writer)
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", port)
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        server.close()  # from Python 3.12 on, waiting for it to close would wait for BMCs that hang
        for writer in open_ones:
            writer.transport.abort()


async def _converse(bmc: Bmc, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    line = await reader.readline()
    try:
        answer = {"ok": True, **_answer(bmc, json.loads(line))}
    except BmcUnreachableError:
        return
    except BmcHangError:
        await reader.read()  # until the agent hangs up
        return
    except (BmcError, ValueError, KeyError) as error:
        answer = {"ok": False, "error": str(error)}
    writer.write(json.dumps(answer).encode() + b"\n")
    await writer.drain()


def _answer(bmc: Bmc, asked: dict[str, Any]) -> dict[str, Any]:
    with bmc.world.settled():
        bmc.log_in(str(asked.get("user", "")), str(asked.get("password", "")))
        action = asked["action"]
        if action == "list":
            return {"plugs": bmc.plugs()}
        if action not in (*POWER_ACTIONS, "status"):
            raise BmcError(f"unknown action {action}")
        return {"state": bmc.command(asked["plug"], action)}
