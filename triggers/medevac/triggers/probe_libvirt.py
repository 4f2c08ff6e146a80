"""The host's guests through its libvirt: a connection that may ask agents, opened again whenever it is lost."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from typing import Any

import libvirt
import libvirt_qemu

from medevac.triggers.probe_agent import NoAgentError, NoAnswerError

KEEPALIVE = (3, 3)
"""Seconds between two signs of life of libvirt, and how many may be missing: a frozen one ends every call."""
_SILENT = frozenset({libvirt.VIR_ERR_AGENT_UNRESPONSIVE, getattr(libvirt, "VIR_ERR_AGENT_COMMAND_TIMEOUT", 112)})
_NOBODY = ("not connected", "due to an error")
"""What libvirt says, under the same code, of an agent that was stopped or has never come (qemu_domain.c)."""


class LibvirtHost:
    """Implements Host; used by several threads."""

    def __init__(self, uri: str) -> None:
        """Connect to *uri* when first asked."""
        self._uri = uri
        self._connection: Any = None
        self._lock = threading.Lock()
        libvirt.registerErrorHandler(lambda *_: None, None)
        libvirt.virEventRegisterDefaultImpl()
        threading.Thread(target=_turn, name="libvirt-events", daemon=True).start()

    def running(self) -> Sequence[tuple[str, int, Any]]:
        """Return the guests that run."""
        try:
            domains = self._connect().listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_RUNNING)
            return [(domain.UUIDString(), domain.ID(), domain) for domain in domains]
        except libvirt.libvirtError as error:
            self._leave()
            raise NoAgentError(str(error)) from error

    def xml(self, guest: Any) -> str:  # noqa: ANN401 - libvirt has no types
        """Return the domain's XML."""
        try:
            return str(guest.XMLDesc())
        except libvirt.libvirtError as error:
            raise NoAgentError(str(error)) from error

    def ask(self, guest: Any, command: str, seconds: float) -> str:  # noqa: ANN401 - libvirt has no types
        """Ask its agent."""
        try:
            return str(libvirt_qemu.qemuAgentCommand(guest, command, max(1, math.ceil(seconds)), 0))
        except libvirt.libvirtError as error:
            silent = error.get_error_code() in _SILENT and not any(words in str(error) for words in _NOBODY)
            raise (NoAnswerError if silent else NoAgentError)(str(error)) from error

    def _connect(self) -> Any:  # noqa: ANN401 - libvirt has no types
        with self._lock:
            if self._connection is None:
                self._connection = libvirt.open(self._uri)
                self._connection.setKeepAlive(*KEEPALIVE)
            return self._connection

    def _leave(self) -> None:
        """Open another connection next time; this one may be closed in no time or never, so it is left to end."""
        with self._lock:
            self._connection = None


def _turn() -> None:
    while True:
        try:
            libvirt.virEventRunDefaultImpl()
        except libvirt.libvirtError:
            continue
