"""Listener: a compute node's ear on its libvirt.  The one module that imports libvirt.

Callbacks of libvirt run in its event loop's thread and only put what they got into a queue; whatever waits for
libvirt does so in a thread of its own, which may hang for ever without anybody else noticing.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import libvirt

from medevac.core.event import EventKind
from medevac.triggers.libvirt_canary import FROZEN_AFTER, Canary, Frozen, Silent, Thawed
from medevac.triggers.libvirt_codes import EventId
from medevac.triggers.libvirt_events import Finding, Sighting, Standing
from medevac.triggers.libvirt_keeper import Keeper
from medevac.triggers.libvirt_line import DOWN_LIMIT, Closed, Connected, Line, Refused
from medevac.triggers.notify import ALIVE, READY, STOPPING, Notifier
from medevac.triggers.outbox import Outbox

log = logging.getLogger(__name__)

Message = Sighting | Connected | Refused | Closed | Frozen | Thawed | Silent

BEAT = 1.0
"""Seconds between two signs of life of each loop."""
LONGEST_SILENCE = 10.0
"""Seconds after which a loop without a sign of life is taken for stuck, so that systemd is told no more."""
_CLOSE_REASONS = {0: "error", 1: "end of file: libvirt ended", 2: "keep-alive: libvirt does not answer", 3: "client"}


@dataclass(frozen=True, slots=True)
class Options:
    """What one listener is told."""

    uri: str
    host: str
    """The host's name in Nova."""
    state: Path
    """The file of the servers that were seen running."""
    keepalive: tuple[int, int] = (3, 3)
    """Seconds between two questions, and how many may go unanswered: hung is told after their product and one."""
    down_limit: float = DOWN_LIMIT
    canary: float = 30.0
    """Seconds between two rounds of questions to each qemu; 0: never."""
    frozen_after: float = FROZEN_AFTER


class Loop:
    """libvirt's event loop, in a thread that is never left."""

    def __init__(self) -> None:
        """Prepare it; this must come before the first connection."""
        self.beat = time.monotonic()
        # Errors arrive as exceptions; libvirt would print each one as well.
        libvirt.registerErrorHandler(lambda *_: None, None)
        libvirt.virEventRegisterDefaultImpl()
        libvirt.virEventAddTimeout(int(BEAT * 1000), self._lives, None)
        threading.Thread(target=self._run, name="libvirt-events", daemon=True).start()

    def _lives(self, *_: object) -> None:
        self.beat = time.monotonic()

    @staticmethod
    def _run() -> None:
        while True:
            try:
                libvirt.virEventRunDefaultImpl()
            except libvirt.libvirtError as error:
                log.error("libvirt's event loop: %s", error)  # noqa: TRY400 - foreseen, and the loop goes on
                time.sleep(BEAT)


class Attempt:
    """One try to connect, in a thread that may never come back."""

    def __init__(self, options: Options, number: int, inbox: queue.SimpleQueue[Message]) -> None:
        """Answer with a message in *inbox*."""
        self._options = options
        self._number = number
        self._inbox = inbox

    def start(self) -> None:
        """Begin."""
        threading.Thread(target=self._run, name=f"libvirt-open-{self._number}", daemon=True).start()

    def _run(self) -> None:
        try:
            self._inbox.put(self._connect())
        except libvirt.libvirtError as error:
            self._inbox.put(Refused(self._number, str(error)))
        except Exception as error:
            # An attempt that never answers would count as stuck, and too many of those end all attempts.
            log.exception("listening failed; please report this")
            self._inbox.put(Refused(self._number, f"{type(error).__name__}: {error}"))

    def _connect(self) -> Connected:
        connection = libvirt.openReadOnly(self._options.uri)
        try:
            return self._listen(connection)
        except libvirt.libvirtError:
            _close(connection)
            raise

    def _listen(self, connection: Any) -> Connected:  # noqa: ANN401 - libvirt has no types
        connection.registerCloseCallback(self._closed, None)
        connection.setKeepAlive(*self._options.keepalive)
        for event in EventId:
            connection.domainEventRegisterAny(None, event, self._seen, event)
        at = time.time()
        return Connected(self._number, connection, standings(connection), at)

    def _closed(self, _connection: Any, reason: int, _opaque: object) -> None:  # noqa: ANN401 - libvirt has no types
        self._inbox.put(Closed(self._number, _CLOSE_REASONS.get(reason, str(reason))))

    def _seen(self, _connection: Any, domain: Any, *told: Any) -> None:  # noqa: ANN401 - libvirt has no types
        *values, event = told
        codes = tuple(value for value in values if isinstance(value, int))
        self._inbox.put(Sighting(domain.UUIDString(), time.time(), event, codes, domain.ID(), _details(event, values)))


def _details(event: EventId, values: list[Any]) -> dict[str, str]:
    if event is not EventId.IO_ERROR_REASON:
        return {}
    path, device, _, reason = values
    return {"path": path or "", "device": device or "", "reason": reason or ""}


def standings(connection: Any) -> list[Standing]:  # noqa: ANN401 - libvirt has no types
    """Ask how every server stands now; raises libvirtError."""
    found = []
    for domain in connection.listAllDomains():
        at = time.time()
        try:
            state, reason = domain.state()
        except libvirt.libvirtError as error:
            if error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN:
                continue
            raise
        found.append(Standing(domain.UUIDString(), at, state, reason, domain.ID()))
    return found


def _canary(options: Options, inbox: queue.SimpleQueue[Message]) -> Canary:
    return Canary(inbox.put, libvirt.libvirtError, options.canary, options.frozen_after)


class Listener:
    """Puts everything together; `run` is the one thread that decides."""

    def __init__(self, options: Options, outbox: Outbox, notifier: Notifier) -> None:
        """Listen as *options* say, and hand events to *outbox*."""
        self._options = options
        self._inbox: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._keeper = Keeper(options.host, options.state, outbox.put)
        self._notifier = notifier
        self._loop = Loop()
        self._line = Line(self._attempt, time.monotonic(), down_limit=options.down_limit)
        self._canary = _canary(options, self._inbox) if options.canary else None
        self._stopping = threading.Event()
        self._handlers: dict[type, Callable[[Any], None]] = {
            Sighting: self._keeper.see,
            Connected: self._connected,
            Refused: lambda message: self._line.refused(message, time.monotonic()),
            Closed: self._closed,
            Frozen: lambda message: self._keeper.freeze(message.server, message.facts, time.time()),
            Thawed: lambda message: self._keeper.thaw(message.server),
            Silent: self._silent,
        }

    def _attempt(self, number: int) -> None:
        Attempt(self._options, number, self._inbox).start()

    def stop(self) -> None:
        """End `run` soon."""
        self._stopping.set()

    def run(self) -> None:
        """Listen until `stop` is called."""
        self._notifier.say(READY)
        while not self._stopping.is_set():
            self._take(self._pause())
            self._keeper.ripen(time.time())
            self._keeper.flush()
            if absence := self._line.tick(time.monotonic()):
                self._keeper.report_host(absence, time.time())
            if time.monotonic() - self._loop.beat < LONGEST_SILENCE:
                self._notifier.say(ALIVE, f"STATUS={self._status()}")
        self._notifier.say(STOPPING)

    def _pause(self) -> float:
        due = self._keeper.due
        pause = BEAT if self._line.up else BEAT / 4
        return pause if due is None else min(pause, max(0.0, due - time.time()))

    def _take(self, pause: float) -> None:
        """Handle what has come, waiting *pause* seconds for the first message."""
        try:
            message = self._inbox.get(timeout=pause)
            while True:
                self._handlers[type(message)](message)
                message = self._inbox.get_nowait()
        except queue.Empty:
            return

    def _connected(self, message: Connected) -> None:
        was_told_away = self._line.told
        if not self._line.connected(message):
            self._close(message.connection)
            return
        if was_told_away:
            self._keeper.report_host(Finding(EventKind.LIBVIRT_UP, {"cause": "it answers again"}), message.at)
        self._keeper.find(message.standings, message.at)
        self._keeper.flush()  # what runs is on disk before we say that we listen
        log.info("connected to %s; servers that run: %d", self._options.uri, self._keeper.running)
        if self._canary:
            self._canary.watch(message.attempt, message.connection)

    def _closed(self, message: Closed) -> None:
        connection = self._line.up.connection if self._line.up else None
        if self._line.closed(message, time.monotonic()):
            log.warning("lost %s (%s)", self._options.uri, message.reason)
            self._close(connection)

    def _silent(self, message: Silent) -> None:
        self._closed(Closed(message.attempt, "its driver does not answer"))

    @staticmethod
    def _close(connection: Any) -> None:  # noqa: ANN401 - libvirt has no types
        """Close in a thread of its own, for closing asks the other side as well."""
        threading.Thread(target=_close, args=(connection,), name="libvirt-close", daemon=True).start()

    def _status(self) -> str:
        return f"servers that run: {self._keeper.running}" if self._line.up else "libvirt is away"


def _close(connection: Any) -> None:  # noqa: ANN401 - libvirt has no types
    try:
        connection.close()
    except libvirt.libvirtError as error:
        log.debug("closing: %s", error)
