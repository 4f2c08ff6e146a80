"""A simulated Ironic over the simulated BMCs: as much of its API as fencing uses, with its habit of remembering.

GET answers from records; a BMC that stopped answering is a fault of the node once Ironic's own round has noticed it,
beside the last power state that was read.  PUT answers 202 at once, whatever comes of it: of an order that failed there
is only the error, which the next one takes away (seen with Ironic 39 and ipmitool, tests/devices/test_ironic.py).
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

from medevac.sandbox.power.bmc import Bmc, BmcError, BmcHangError, BmcUnreachableError

_NODES = "/v1/nodes/"
_POWER = "/states/power"


class SimulatedIronic:
    """The nodes of a simulated Ironic, by the names of the hosts."""

    def __init__(self, bmc: Bmc) -> None:
        """Manage all hosts of *bmc*."""
        self.bmc = bmc
        self.busy = 0
        """Set it to a number: so many orders are refused, because the node is locked."""
        self.notices = True
        """Its rounds have just been by; otherwise it answers from what it knew before."""
        self._read: dict[str, str] = {}
        self._errors: dict[str, str] = {}

    def node(self, name: str) -> dict[str, Any] | None:
        """Return the node; None when there is none."""
        if name not in self.bmc.plugs():
            return None
        fault = self._noticed(name) if self.notices else None
        return {
            "power_state": f"power {self._read.get(name, 'on')}",
            "target_power_state": None,
            "maintenance": fault is not None,
            "fault": fault,
            "last_error": self._errors.get(name),
        }

    def _noticed(self, name: str) -> str | None:
        try:
            with self.bmc.world.settled():
                self._read[name] = self.bmc.command(name, "status")
        except (BmcError, BmcHangError, BmcUnreachableError) as error:
            self._errors[name] = f"Failed to get power state for node {name}: {error}"
            return "power failure"
        return None

    def power_off(self, name: str) -> HTTPStatus:
        """Take the order."""
        if name not in self.bmc.plugs():
            return HTTPStatus.NOT_FOUND
        if self.busy:
            self.busy -= 1
            return HTTPStatus.CONFLICT
        self._errors.pop(name, None)
        try:
            with self.bmc.world.settled():
                self._read[name] = self.bmc.command(name, "off")
        except (BmcError, BmcHangError, BmcUnreachableError) as error:
            self._errors[name] = f"Failed to change power state to 'power off': {error}"
        return HTTPStatus.ACCEPTED


@contextlib.contextmanager
def serving(ironic: SimulatedIronic) -> Iterator[str]:
    """Serve *ironic* on loopback, without Keystone, and yield its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            node = ironic.node(_name(self.path))
            self._answer(HTTPStatus.OK if node else HTTPStatus.NOT_FOUND, node or _missing(self.path))

        def do_PUT(self) -> None:
            told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            path = urlsplit(self.path).path
            if not path.endswith(_POWER) or told != {"target": "power off"}:
                self._answer(HTTPStatus.BAD_REQUEST, _refusal("this Ironic only powers off"))
                return
            status = ironic.power_off(_name(path.removesuffix(_POWER)))
            self._answer(status, {} if status is HTTPStatus.ACCEPTED else _refusal(status.phrase))

        def _answer(self, status: HTTPStatus, body: dict[str, Any]) -> None:
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - http.server's name for it
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _name(path: str) -> str:
    return unquote(urlsplit(path).path.removeprefix(_NODES))


def _missing(path: str) -> dict[str, Any]:
    return _refusal(f"Node {_name(path)} could not be found.")


def _refusal(text: str) -> dict[str, Any]:
    """Return an error as Ironic words it: JSON, as a text in JSON."""
    return {"error_message": json.dumps({"faultcode": "Client", "faultstring": text, "debuginfo": None})}
