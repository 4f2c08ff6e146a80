"""A stand between a client and a real Nova that does to calls what networks and proxies do."""

from __future__ import annotations

import http.client
import http.server
import socket
import struct
import threading
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

_RESET = struct.pack("ii", 1, 0)
_OURS = {"connection", "transfer-encoding", "content-length"}
"""Headers of one connection alone."""


class Between:
    """Forwards to *endpoint*; a context manager.

    Writes to *path* go wrong: `lost` (done, and never answered), `status` (done, and answered with a 503), or `reset`
    (not done, and the connection reset).
    """

    def __init__(self, endpoint: str, kind: str, path: str) -> None:
        self._there = urlsplit(endpoint)
        self._kind = kind
        self._path = path
        self._over = threading.Event()
        stand = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                stand.answer(self)

            do_PUT = do_POST = do_DELETE = do_GET  # noqa: N815 - http.server's names

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    @property
    def endpoint(self) -> str:
        """Return where clients find Nova now."""
        return f"http://127.0.0.1:{self._server.server_port}{self._there.path}"

    def answer(self, call: http.server.BaseHTTPRequestHandler) -> None:
        """Forward one call, or let it go wrong."""
        wrong = self._kind if call.command == "PUT" and self._path in call.path else ""
        if wrong == "reset":
            call.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            call.connection.close()
            return
        status, headers, body = self._forwarded(call)
        if wrong == "lost":
            self._over.wait()
            return
        if wrong == "status":
            status, headers, body = 503, [], b"a proxy's page"
        call.send_response(status)
        for name, value in headers:
            call.send_header(name, value)
        call.send_header("Content-Length", str(len(body)))
        call.end_headers()
        call.wfile.write(body)

    def _forwarded(self, call: http.server.BaseHTTPRequestHandler) -> tuple[int, list[tuple[str, str]], bytes]:
        sent = call.rfile.read(int(call.headers.get("Content-Length", 0)))
        headers = {name: value for name, value in call.headers.items() if name.lower() != "connection"}
        there = http.client.HTTPConnection(self._there.netloc, timeout=120)
        try:
            there.request(call.command, call.path, sent or None, headers)
            answer = there.getresponse()
            kept = [each for each in answer.getheaders() if each[0].lower() not in _OURS]
            return answer.status, kept, answer.read()
        finally:
            there.close()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
