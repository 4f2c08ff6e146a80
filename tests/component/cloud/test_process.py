"""The simulated cloud as a process of its own."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from medevac.core.wire import encode
from medevac.sandbox.cloud.client import SiteClient
from tests.component.cloud.conftest import SITE
from tests.fixtures.waiting import until


@pytest.mark.parametrize("how", ["terminate", "interrupt", "end of input"])
def test_it_says_where_it_is_and_ends_without_a_trace(tmp_path: Path, how: str) -> None:
    plan, ready = tmp_path / "site.json", tmp_path / "ready"
    plan.write_bytes(encode(SITE))
    options = ["--ready-file", str(ready), "--site", str(plan), "--evacuate-seconds", "0", "--watch-stdin"]
    command = [sys.executable, "-m", "medevac.sandbox.cloud", *options]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        addresses = json.loads(process.stdout.readline())
        assert until(ready.exists)
        assert json.loads(ready.read_text()) == addresses
        assert len(SiteClient(addresses["side_door"]).servers()) == 4
        assert Path(addresses["fence_agent"]).stat().st_mode & 0o111
        if how == "end of input":
            process.stdin.close()
        else:
            process.send_signal({"terminate": signal.SIGTERM, "interrupt": signal.SIGINT}[how])
        assert process.wait(30) == 0
    assert not Path(addresses["clouds_yaml"]).parent.exists()
