"""A yard for each test, and commands that find it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kazoo.client import KazooClient

from medevac.workers.site_brakes import BrakeSettings
from tests.component.brakes.yard import Yard

MakeYard = Callable[..., Yard]


@pytest.fixture
def make_yard(zk: KazooClient, tmp_path: Path) -> MakeYard:
    """Return what makes a yard of so many hosts, with brakes of these settings."""

    def make(az1: int = 10, az2: int = 10, **settings: Any) -> Yard:
        return Yard.built(zk, tmp_path, {"az1": az1, "az2": az2}, BrakeSettings(**settings))

    return make


@pytest.fixture
def known_to_commands(zk: KazooClient, zk_hosts: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let commands find the site of the test, and nothing that this machine knows of another."""
    del zk  # it makes the site
    for name in [*(each for each in os.environ if each.startswith("OS_")), "SUDO_USER", "MEDEVAC_SITE"]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MEDEVAC_ZOOKEEPER", zk_hosts)
