from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from medevac.core.errors import FencingError, NoEvidenceError
from medevac.flows.rung import Case
from medevac.workers.fencing.agent import FenceAgent, agent_step
from medevac.workers.fencing.device import FenceDevice
from medevac.workers.fencing.fencer import LadderFencer
from tests.fixtures.waiting import until
from tests.unit.fencing.climbing import Climbing
from tests.unit.fencing.conftest import Script

ALL = ("*",)


def test_exit_code_0_is_on_and_2_is_off(script: Script) -> None:
    assert FenceAgent(FenceDevice(script('echo "Status: ON"'), ALL), "h").is_off() is None
    assert FenceAgent(FenceDevice(script('echo "Status: OFF"; exit 2'), ALL), "h").is_off() == "Status: OFF"


@pytest.mark.parametrize(
    "body",
    [
        "exit 1",
        "exit 2",
        "exit 3",
        'echo "cannot open offline.py"; exit 2',
        'echo "Status: OFF" >&2; exit 2',
        'echo "Status: OFF"; exit 1',
        'echo "Status: OFF"; kill -9 $$',
    ],
)
def test_anything_else_is_unknown(script: Script, body: str) -> None:
    with pytest.raises(FencingError):
        FenceAgent(FenceDevice(script(body), ALL), "h").is_off()


def test_a_terse_agent_is_believed_by_its_exit_code(script: Script) -> None:
    assert FenceAgent(FenceDevice(script("exit 2"), ALL, terse=True), "h").is_off() == "exit code 2"


def test_options_go_to_standard_input_and_nowhere_else(
    script: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BMC_PASSWORD", "hunter2")
    monkeypatch.setenv("OS_PASSWORD", "cloud secret")
    agent = script('echo "$#" > arguments; env > environment; echo "Status: ON"')
    device = FenceDevice(agent, ALL, options={"ip": "bmc"}, secret_options={"password": "env:BMC_PASSWORD"})
    FenceAgent(device, "h").is_off()
    assert (tmp_path / "options").read_text() == "action=status\nplug=h\nip=bmc\npassword=hunter2\n"
    assert (tmp_path / "arguments").read_text() == "0\n"
    environment = (tmp_path / "environment").read_text()
    assert "hunter2" not in environment
    assert "cloud secret" not in environment


def test_secrets_are_masked_in_what_the_agent_says(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BMC_PASSWORD", "hunter2")
    agent = script("cat options; cat options >&2; exit 1")
    device = FenceDevice(agent, ALL, secret_options={"password": "env:BMC_PASSWORD"})
    with pytest.raises(FencingError, match=r"password=\*\*\*") as caught:
        FenceAgent(device, "h").off()
    assert "hunter2" not in str(caught.value)


def test_long_words_are_shortened_to_their_end(script: Script) -> None:
    agent = script('yes noise | head -n 1000; echo "Status: OFF"; exit 2')
    words = FenceAgent(FenceDevice(agent, ALL), "h").is_off()
    assert words is not None
    assert len(words) <= 300
    assert words.endswith("Status: OFF")


def test_an_agent_that_is_not_installed_is_an_error_with_the_remedy() -> None:
    with pytest.raises(FencingError, match="Install it"):
        FenceAgent(FenceDevice("/nowhere/fence_ipmilan", ALL), "h").is_off()


def test_an_agent_that_hangs_is_killed_with_its_children(script: Script, tmp_path: Path) -> None:
    agent = script("sleep 600 & echo $! > child; wait")
    with pytest.raises(FencingError, match="may have reached the device"):
        FenceAgent(FenceDevice(agent, ALL, timeout=1.5), "h").off()
    child = int((tmp_path / "child").read_text())
    assert until(lambda: not _runs(child)), "the agent's child survived it"


def test_a_child_that_left_the_group_does_not_hold_us_up(script: Script, tmp_path: Path) -> None:
    agent = script("setsid sleep 600 & echo $! > child; wait")
    with pytest.raises(FencingError):
        FenceAgent(FenceDevice(agent, ALL, timeout=1.5), "h").off()
    child = int((tmp_path / "child").read_text())
    try:
        assert _runs(child), "we have waited for its end"
    finally:
        os.kill(child, signal.SIGKILL)


def test_the_state_is_read_back_until_it_is_off(script: Script, tmp_path: Path) -> None:
    agent = script(
        'if [ $action = off ]; then echo "Success: Powered OFF"; exit 0; fi\n'
        "echo x >> reads\n"
        'if [ $(wc -l < reads) -lt 4 ]; then echo "Status: ON"; else echo "Status: OFF"; exit 2; fi'
    )
    evidence = climbing(FenceDevice(agent, ALL)).fence()
    assert len((tmp_path / "reads").read_text().split()) == 4
    assert (evidence.source, evidence.action, evidence.detail) == ("agent:fence_shell", "off", "Status: OFF")


def test_a_reading_that_fails_is_repeated(script: Script) -> None:
    agent = script(
        "if [ $action = off ]; then exit 0; fi\n"
        "echo x >> reads\n"
        "case $(wc -l < reads) in 1) echo 'Status: ON' ;; 2) exit 1 ;; *) echo 'Status: OFF'; exit 2 ;; esac"
    )
    assert climbing(FenceDevice(agent, ALL)).fence().action == "off"


def test_success_while_the_host_stays_on_is_a_refusal(script: Script) -> None:
    agent = script('if [ $action = off ]; then echo "Success: Powered OFF"; else echo "Status: ON"; fi')
    with pytest.raises(NoEvidenceError):
        climbing(FenceDevice(agent, ALL, reads=3)).fence()


def test_a_host_has_the_rungs_of_the_devices_that_cover_it_and_its_plug_is_asked_for(
    script: Script, tmp_path: Path
) -> None:
    good = FenceDevice(script('echo "Status: ON"'), ("rack1-*",), plugs={"rack1-1": "7"})
    fencer = LadderFencer([agent_step(FenceDevice("/nowhere/other", ("other-*",)), "other"), agent_step(good, "good")])
    (rung,) = fencer.ladder("rack1-1")
    assert rung.name == "good"
    assert fencer.look(Case("rack1-1", "host.down:rack1-1:1", failed_at=0.0, now=0.0), rung).evidence is None
    assert "plug=7" in (tmp_path / "options").read_text()


def climbing(device: FenceDevice) -> Climbing:
    """Return a host whose ladder is *device* alone, and is climbed once."""
    case = Climbing(fencer=LadderFencer([agent_step(device, "shell")]))
    case.brief = replace(case.brief, settings=replace(case.brief.settings, fence_timeout=0.5))
    return case


def _runs(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
