"""The webhook's settings and tokens: what is understood, and how mistakes are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from medevac.core.event import EventKind
from medevac.triggers.webhook_settings import (
    WebhookSettings,
    WebhookSettingsError,
    load,
    settings_from,
    tokens,
)

EXAMPLE = Path(__file__).parents[3] / "deploy" / "webhook" / "webhook.toml"
RULE = {"match": {"alertname": "Fan"}, "kind": "host.degraded"}


def test_the_example_for_deployment_is_understood() -> None:
    settings = load(EXAMPLE)
    assert len(settings.rules) >= 3
    assert EventKind.HOST_FENCED not in settings.kinds


def test_nothing_said_is_the_defaults() -> None:
    assert settings_from({}) == WebhookSettings()


@pytest.mark.parametrize(
    ("told", "complaint"),
    [
        ({"prot": 1}, "prot is no setting"),
        ({"rules": []}, "rules is no setting"),
        ({"port": "80"}, "port must be a whole number"),
        ({"port": True}, "port must be a whole number"),
        ({"deadline": "soon"}, "deadline must be a number"),
        ({"patience": 10}, "patience must be less than deadline"),
        ({"certificate": "/etc/c.pem"}, "belong together"),
        ({"kinds": "host.down"}, "kinds must be a list"),
        ({"kinds": ["host.dwn"]}, "Did you mean host.down"),
        ({"alert": [{"kind": "host.down"}]}, "alert 1 needs match"),
        ({"alert": [RULE, RULE | {"kind": "no"}]}, "alert 2: nothing of the kind"),
        ({"alert": [RULE | {"match": {"a": "("}}]}, "is no pattern"),
        ({"alert": [RULE | {"match": {"a": 1}}]}, "names with a text each"),
        ({"alert": [RULE | {"name": 1}]}, "names with a text each"),
        ({"alert": [RULE | {"lable": "x"}]}, "lable is no setting"),
    ],
)
def test_a_mistake_is_named(told: dict[str, object], complaint: str) -> None:
    with pytest.raises(WebhookSettingsError, match=complaint.replace("(", r"\(")):
        settings_from(told)


def test_files_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    with pytest.raises(WebhookSettingsError, match="cannot be read"):
        load(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("port = ")
    with pytest.raises(WebhookSettingsError, match="is no TOML"):
        load(tmp_path / "bad.toml")


def test_tokens_are_lines_and_their_file_is_for_few(tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    file.write_text("# monitoring\n0123456789abcdef\n\nfedcba9876543210\n")
    file.chmod(0o640)
    assert tokens(file) == (b"0123456789abcdef", b"fedcba9876543210")
    file.chmod(0o644)
    with pytest.raises(WebhookSettingsError, match="open to everybody"):
        tokens(file)


@pytest.mark.parametrize("content", ["", "# only this\n", "5ec2e7\n", "0123456789abcdef\n5ec2e7\n"])
def test_short_or_missing_tokens_are_refused_and_never_repeated(tmp_path: Path, content: str) -> None:
    file = tmp_path / "tokens"
    file.write_text(content)
    file.chmod(0o600)
    with pytest.raises(WebhookSettingsError) as caught:
        tokens(file)
    assert "5ec2e7" not in str(caught.value)
