"""Settings of the webhook: a TOML file, and the tokens in a file of their own."""

from __future__ import annotations

import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from medevac.core.errors import MedevacError
from medevac.core.event import EventKind
from medevac.triggers import toml_file
from medevac.triggers.telling import KINDS, TellingError, kind_of

CONFIGURATION = "/etc/medevac/webhook.toml"
SPOOL = "/var/lib/medevac-webhook/spool"
SHORTEST_TOKEN = 16
"""Characters; 32 random ones are advised (openssl rand -hex 16)."""
EVIDENCE = frozenset({EventKind.HOST_FENCED, EventKind.HOST_FENCING_FAILED})
"""Kinds that are taken from the webhook only where `kinds` names them: servers are started elsewhere on their word."""


class WebhookSettingsError(MedevacError):
    """The settings cannot be used; the sentence names the setting."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What an alert of Alertmanager's means whose labels match."""

    match: Mapping[str, re.Pattern[str]]
    kind: EventKind
    name: str = "instance"
    """The label that names the host, server or service; a port at its end is dropped."""
    host: str = ""
    """The label that names a server's host."""
    facts: Mapping[str, str] = field(default_factory=dict)
    """Facts of the event; "$label" is the value of that label."""


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    """What the webhook is told."""

    zookeeper: str = ""
    """host:port,host:port/path; without it, events stay in the spool."""
    address: str = "127.0.0.1"
    port: int = 8790
    """0: any that is free."""
    token_file: str = "/etc/medevac/webhook.tokens"  # noqa: S105 - where they are, and not what they are
    """One token a line, so that a new one can be given out before the old one is withdrawn."""
    certificate: str = ""
    """Files of the certificate (with its chain) and of its key; without them, HTTP."""
    key: str = ""
    spool: str = SPOOL
    deadline: float = 10.0
    """Seconds for one request, however slowly it comes."""
    patience: float = 2.0
    """Seconds for which an answer waits for ZooKeeper."""
    largest: int = 262144
    """Bytes of a request's body."""
    connections: int = 32
    """At a time; more are turned away."""
    kinds: frozenset[EventKind] = frozenset(KINDS.values()) - EVIDENCE
    rules: tuple[Rule, ...] = ()


def load(path: Path) -> WebhookSettings:
    """Read *path*; raises WebhookSettingsError."""
    return settings_from(toml_file.read(path, WebhookSettingsError))


def settings_from(told: Mapping[str, Any]) -> WebhookSettings:
    """Return the settings that a document says; raises WebhookSettingsError."""
    made: dict[str, Any] = {}
    for name, value in told.items():
        if name in {"kinds", "rules"} or name not in WebhookSettings.__dataclass_fields__:
            continue
        wanted = type(getattr(WebhookSettings(), name))
        if isinstance(value, bool) or not isinstance(value, (int, float) if wanted is float else wanted):
            raise WebhookSettingsError(f"{name} must be a {_WORDS[wanted]}, and is {value!r}")
        made[name] = wanted(value)
    unknown = set(told) - set(WebhookSettings.__dataclass_fields__) - {"alert"} | ({"rules"} & set(told))
    if unknown:
        raise WebhookSettingsError(f"{min(unknown)} is no setting of the webhook")
    if "kinds" in told:
        made["kinds"] = frozenset(_kind(word, "kinds") for word in _list(told["kinds"], "kinds"))
    alerts = _list(told.get("alert", []), "alert")
    made["rules"] = tuple(_rule(each, f"alert {number}") for number, each in enumerate(alerts, 1))
    settings = WebhookSettings(**made)
    if bool(settings.certificate) != bool(settings.key):
        raise WebhookSettingsError("certificate and key belong together: give both, or neither")
    if not 0 <= settings.patience < settings.deadline:
        raise WebhookSettingsError("patience must be less than deadline: an answer has to come before the end")
    return settings


_WORDS = {str: "text", int: "whole number", float: "number"}


def _list(value: object, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise WebhookSettingsError(f"{where} must be a list")
    return value


def _kind(word: object, where: str) -> EventKind:
    try:
        return kind_of(str(word))
    except TellingError as error:
        raise WebhookSettingsError(f"{where}: {error}") from error


def _rule(told: object, where: str) -> Rule:
    if not isinstance(told, dict) or not told.get("match") or "kind" not in told:
        raise WebhookSettingsError(f"{where} needs match (labels and what they must be) and kind")
    unknown = set(told) - {"match", "kind", "name", "host", "facts"}
    if unknown:
        raise WebhookSettingsError(f"{where}: {min(unknown)} is no setting; choose from match, kind, name, host, facts")
    texts = {name: _texts(told.get(name, {}), f"{where}: {name}") for name in ("match", "facts")}
    try:
        match = {label: re.compile(pattern) for label, pattern in texts["match"].items()}
    except re.error as error:
        raise WebhookSettingsError(f"{where}: match is no pattern: {error}") from error
    labels = _texts({name: told[name] for name in ("name", "host") if name in told}, where)
    return Rule(match, _kind(told["kind"], where), **labels, facts=texts["facts"])


def _texts(told: object, where: str) -> dict[str, str]:
    if not isinstance(told, dict) or not all(isinstance(value, str) for value in told.values()):
        raise WebhookSettingsError(f"{where} must be names with a text each")
    return told


def tokens(path: Path) -> tuple[bytes, ...]:
    """Return the tokens in *path*, each of which opens the door; raises WebhookSettingsError, never naming one."""
    try:
        if stat.S_IMODE(path.stat().st_mode) & 0o007:
            raise WebhookSettingsError(f"{path} is open to everybody: chmod 640, and give it to the webhook's group")
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise WebhookSettingsError(f"{path} cannot be read: {error.strerror}") from error
    found = tuple(line.strip() for line in lines if line.strip() and not line.startswith(b"#"))
    if not found or min(map(len, found)) < SHORTEST_TOKEN:
        raise WebhookSettingsError(f"{path} needs a token of {SHORTEST_TOKEN} characters or more a line")
    return found
