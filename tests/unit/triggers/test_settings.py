"""Where the agent takes its settings from."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from medevac.triggers.settings import Settings, settings_from


def test_defaults_hold_where_nothing_is_said() -> None:
    assert settings_from({}) == Settings(
        zookeeper="", spool="/var/spool/medevac", log="/var/log/medevac/alert.log", timeout=2.0
    )


def test_the_recipient_precedes_the_variable_which_precedes_the_file(tmp_path: Path) -> None:
    file = tmp_path / "alert.conf"
    file.write_text('# ours\n\nMEDEVAC_ZOOKEEPER="file:1/a"\nMEDEVAC_SPOOL = /s\nMEDEVAC_TIMEOUT=3\n')
    environment = {"MEDEVAC_CONF": str(file)}
    assert settings_from(environment) == Settings(
        zookeeper="file:1/a", spool="/s", log="/var/log/medevac/alert.log", timeout=3.0
    )
    environment["MEDEVAC_ZOOKEEPER"] = "variable:1/a"
    assert settings_from(environment).zookeeper == "variable:1/a"
    environment["CRM_alert_recipient"] = "zk://recipient:1/a"
    assert settings_from(environment).zookeeper == "recipient:1/a"


def test_what_cannot_be_read_is_complained_about_and_costs_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "alert.conf"
    file.write_text("ZOOKEEPER=x\nMEDEVAC_ZOOKEEPER=zk:1/a\n")
    settings = settings_from({"MEDEVAC_CONF": str(file), "MEDEVAC_TIMEOUT": "an hour"})
    assert (settings.zookeeper, settings.timeout) == ("zk:1/a", 2.0)
    assert "alert.conf:1: expected one of MEDEVAC_ZOOKEEPER" in settings.complaint
    assert "MEDEVAC_TIMEOUT must be" in settings.complaint
    assert "cannot be read" in settings_from({"MEDEVAC_CONF": "/nowhere/alert.conf"}).complaint


@given(st.text(max_size=20))
def test_no_timeout_can_make_the_agent_wait_longer_than_pacemaker_does(value: str) -> None:
    assert 0.1 <= settings_from({"MEDEVAC_TIMEOUT": value}).timeout <= 25
