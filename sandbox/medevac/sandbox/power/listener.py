"""The network side of the simulated BMC: one JSON line in, one JSON line out, one command a connection."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from medevac.sandbox.power.bmc import POWER_ACTIONS, Bmc, BmcError, BmcHangError, BmcUnreachableError

_HANG_SECONDS = 3600.0


async def listen(bmc: Bmc, port: int = 0) -> asyncio.Server:
    """Accept connections on a loopback *port* (0: a free one)."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await _converse(bmc, reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the agent's time was up; nothing is owed to it
        finally:
            writer.close()

    return await asyncio.start_server(connected, "127.0.0.1", port)


async def _converse(bmc: Bmc, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    line = await reader.readline()
    try:
        answer = {"ok": True, **_answer(bmc, json.loads(line))}
    except BmcUnreachableError:
        return
    except BmcHangError:
        await asyncio.wait_for(reader.read(), _HANG_SECONDS)
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
