"""Webhook: the door at which monitoring systems hand in what they see.

One request a connection, each in a thread of its own, all of it within a deadline; what is not asked for with a
token is not read.  http.server is enough for that and comes with Python (docs/decisions/0011-webhook.md).
"""

from __future__ import annotations

import contextlib
import hmac
import json
import logging
import os
import socket
import ssl
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from medevac.core.errors import SpoolError
from medevac.core.event import Event
from medevac.triggers.log import one_line
from medevac.triggers.outbox import Outbox
from medevac.triggers.telling import TellingError, event_of
from medevac.triggers.webhook_messages import Heard, alertmanager, allowed, ours, parse
from medevac.triggers.webhook_settings import WebhookSettings, WebhookSettingsError, tokens

log = logging.getLogger(__name__)

EVENTS, ALERTS, HEALTH = "/v1/events", "/v1/alertmanager", "/v1/health"
MOST_WAITING = 10_000
"""Events that may wait in the spool; more are refused, so that a storm does not fill the disk."""
LINGER = 1.0
"""Seconds without a byte after which a refused request is no longer listened to."""
MOST_DRAINED = 64
"""Pieces of 64 KiB."""
REMEMBERED = 10_000
"""Ids of events that were posted, which need no second time."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request is answered with."""

    status: HTTPStatus
    document: dict[str, Any]


class Refusal(Exception):  # noqa: N818 - it is an answer, and no error of ours
    """The request is not what it should be; its sentence goes to who asked."""

    def __init__(self, status: HTTPStatus, sentence: str) -> None:
        """Answer with *status*."""
        super().__init__(sentence)
        self.status = status


class Counter:
    """Turns what was heard into events, and hands them over."""

    def __init__(self, settings: WebhookSettings, outbox: Outbox) -> None:
        """Take what *settings* allow."""
        self._settings = settings
        self._outbox = outbox
        self._posted: OrderedDict[str, None] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, path: str, body: bytes) -> Answer:
        """Return what became of *body*; raises Refusal and TellingError."""
        reporter = os.uname().nodename
        document = parse(body)
        if path == EVENTS:
            heard = ours(document, reporter)
            return self._answer(
                heard, [event_of(allowed(each, self._settings.kinds), time.time()) for each in heard.told]
            )
        heard = alertmanager(document, self._settings.rules, reporter)
        events, refused = [], []
        for told in heard.told:
            try:
                events.append(event_of(allowed(told, self._settings.kinds), time.time()))
            except TellingError as error:
                refused.append(f"{told.facts['alert']}: {error}")
        return self._answer(Heard((), (*heard.ignored, *refused)), events)

    def _answer(self, heard: Heard, events: list[Event]) -> Answer:
        states = self._hand_over(events)
        document: dict[str, Any] = {"events": [{"id": event.id, "state": states[event.id]} for event in events]}
        if heard.ignored:
            document["ignored"] = list(heard.ignored[:100])
        if not events:
            return Answer(HTTPStatus.OK, document)
        if "spooled" in states.values():
            return Answer(HTTPStatus.ACCEPTED, document)
        return Answer(HTTPStatus.CREATED if "posted" in states.values() else HTTPStatus.OK, document)

    def _hand_over(self, events: list[Event]) -> dict[str, str]:
        """Keep what is new on disk, and say for each whether ZooKeeper has it."""
        with self._lock:
            known = {event.id for event in events if event.id in self._posted}
        new = [event for event in events if event.id not in known]
        try:
            self._make_sure_of_room()
            for event in new:
                self._outbox.keep(event)
        except (SpoolError, OSError) as error:
            log.error("nothing can be kept: %s", error)  # noqa: TRY400 - foreseen
            raise Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "events cannot be kept now: try again later") from error
        end = time.monotonic() + self._settings.patience
        states = dict.fromkeys(known, "known")
        for event in new:
            posted = self._outbox.posted(event.id, max(0.0, end - time.monotonic()))
            states[event.id] = "posted" if posted else "spooled"
        with self._lock:
            self._posted.update(dict.fromkeys(each for each in states if states[each] == "posted"))
            while len(self._posted) > REMEMBERED:
                self._posted.popitem(last=False)
        return states

    def _make_sure_of_room(self) -> None:
        if len(list(Path(self._settings.spool).iterdir())) > MOST_WAITING:
            raise SpoolError(f"{MOST_WAITING} events wait already")


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: WebhookServer
    protocol_version = "HTTP/1.1"
    default_request_version = "HTTP/1.1"
    """That in which a request is answered that could not be read: 0.9 has no status."""
    server_version = "medevac"
    sys_version = ""

    def finish(self) -> None:
        """End, also where the other side has gone already."""
        with contextlib.suppress(OSError):
            super().finish()

    def handle(self) -> None:
        """Answer one request, and no more on this connection."""
        with contextlib.suppress(OSError):
            self.handle_one_request()

    def do_POST(self) -> None:
        """Take events."""
        try:
            answer = self._take()
        except Refusal as refusal:
            self._send(Answer(refusal.status, {"error": str(refusal)}))
            self._drain()
            return
        except TellingError as error:
            answer = Answer(HTTPStatus.BAD_REQUEST, {"error": str(error)})
        self._send(answer)

    def _drain(self) -> None:
        """Read what is still coming, for a while: closing before would take our answer from who sends it."""
        self.wfile.flush()
        self.connection.settimeout(LINGER)
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
            for _ in range(MOST_DRAINED):
                if not self.connection.recv(65536):
                    return

    def _take(self) -> Answer:
        if self.path not in {EVENTS, ALERTS}:
            raise Refusal(HTTPStatus.NOT_FOUND, f"post to {EVENTS} or {ALERTS}")
        if not self.server.opens(self.headers.get_all("Authorization") or []):
            raise Refusal(HTTPStatus.UNAUTHORIZED, "Authorization: Bearer with a token that is known here")
        return self.server.counter.take(self.path, self._body())

    def _body(self) -> bytes:
        lengths = self.headers.get_all("Content-Length") or []
        if len(lengths) != 1 or self.headers.get_all("Transfer-Encoding"):
            raise Refusal(HTTPStatus.LENGTH_REQUIRED, "one Content-Length, and no Transfer-Encoding")
        if not lengths[0].isascii() or not lengths[0].isdigit():
            raise Refusal(HTTPStatus.BAD_REQUEST, "Content-Length is no number")
        if len(lengths[0]) > len(str(self.server.settings.largest)) or int(lengths[0]) > self.server.settings.largest:
            raise Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"more than {self.server.settings.largest} bytes")
        body = self.rfile.read(int(lengths[0]))
        if len(body) != int(lengths[0]):
            raise Refusal(HTTPStatus.BAD_REQUEST, "the body ends before its length")
        return body

    def do_GET(self) -> None:
        """Say that the webhook lives."""
        found = self.path == HEALTH
        status = HTTPStatus.OK if found else HTTPStatus.NOT_FOUND
        self._send(Answer(status, {"alive": True} if found else {"error": f"only {HEALTH} can be read"}))

    def _send(self, answer: Answer) -> None:
        body = json.dumps(answer.document).encode()
        self.send_response(answer.status)
        for name, value in (("Content-Type", "application/json"), ("Content-Length", str(len(body)))):
            self.send_header(name, value)
        if answer.status is HTTPStatus.UNAUTHORIZED:
            self.send_header("WWW-Authenticate", "Bearer")
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer in JSON what http.server itself refuses."""
        del explain
        self._send(Answer(HTTPStatus(code), {"error": message or HTTPStatus(code).phrase}))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Log one line a request."""
        log.info("%s %s", self.client_address[0], one_line(format % args))


class WebhookServer(ThreadingHTTPServer):
    """Listens; serve_forever until shutdown."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, settings: WebhookSettings, outbox: Outbox) -> None:
        """Bind at once; raises OSError, and WebhookSettingsError where tokens or certificate cannot be used."""
        self.settings = settings
        self.counter = Counter(settings, outbox)
        tokens(Path(settings.token_file))
        self._tls = _tls(settings)
        self._places = threading.BoundedSemaphore(settings.connections)
        super().__init__((settings.address, settings.port), Handler)

    def opens(self, given: list[str]) -> bool:
        """Tell whether the one Authorization header has a token; the file is read each time, so that it can change."""
        try:
            known = tokens(Path(self.settings.token_file))
        except WebhookSettingsError as error:
            log.error("nobody is let in: %s", error)  # noqa: TRY400 - foreseen
            return False
        scheme, _, word = (given[0] if len(given) == 1 else "").partition(" ")
        said = word.strip().encode("utf-8", "surrogateescape")
        # All are compared, each in constant time: how long it takes says nothing of what fits.
        fits = [hmac.compare_digest(said, each) for each in known]
        return scheme.lower() == "bearer" and any(fits)

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - socketserver's signature
        """Give the connection a thread, or turn it away."""
        if self._places.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            log.warning("%s: turned away, %d connections are open", client_address[0], self.settings.connections)
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as above
        """Serve one connection in its thread."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def finish_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as above
        """Shake hands where that is wanted, and answer."""
        with request if self._tls is None else _secured(self._tls, request) as connection:
            # The whole of it has a deadline: a socket's own time-out begins again with each byte.
            timer = threading.Timer(self.settings.deadline, self._cut, (connection, client_address))
            timer.daemon = True
            timer.start()
            try:
                connection.settimeout(self.settings.deadline)
                if isinstance(connection, ssl.SSLSocket):
                    connection.do_handshake()
                super().finish_request(connection, client_address)
            finally:
                timer.cancel()

    def _cut(self, connection: socket.socket, client_address: Any) -> None:  # noqa: ANN401 - as above
        log.warning("%s: cut off after %g s", client_address[0], self.settings.deadline)
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as above
        """Log what went wrong with one connection; the others go on."""
        del request
        log.warning("%s: connection failed", client_address[0], exc_info=log.isEnabledFor(logging.DEBUG))


def _secured(context: ssl.SSLContext, request: socket.socket) -> ssl.SSLSocket:
    return context.wrap_socket(request, server_side=True, do_handshake_on_connect=False)


def _tls(settings: WebhookSettings) -> ssl.SSLContext | None:
    if not settings.certificate:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(settings.certificate, settings.key)
    except (OSError, ssl.SSLError) as error:
        raise WebhookSettingsError(f"certificate and key cannot be used: {error}") from error
    return context
