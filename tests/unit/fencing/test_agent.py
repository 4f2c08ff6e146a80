from __future__ import annotations

import time
from pathlib import Path

import pytest

from medevac.core.errors import FencingError
from medevac.workers.fencing.agent import FenceAgent
from medevac.workers.fencing.device import FenceDevice
from medevac.workers.fencing.fencer import AgentFencer
from tests.fixtures.waiting import until
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
    started = time.monotonic()
    with pytest.raises(FencingError, match="may have reached the device"):
        FenceAgent(FenceDevice(agent, ALL, timeout=0.5), "h").off()
    assert time.monotonic() - started < 60
    child = int((tmp_path / "child").read_text())
    assert until(lambda: not _runs(child)), "the agent's child survived it"


def test_a_child_that_left_the_group_does_not_hold_us_up(script: Script) -> None:
    agent = script("setsid sleep 20 & wait")
    started = time.monotonic()
    with pytest.raises(FencingError):
        FenceAgent(FenceDevice(agent, ALL, timeout=0.3), "h").off()
    assert time.monotonic() - started < 20


def test_the_state_is_read_back_until_it_is_off(script: Script, tmp_path: Path) -> None:
    agent = script(
        'if [ $action = off ]; then echo "Success: Powered OFF"; exit 0; fi\n'
        "echo x >> reads\n"
        'if [ $(wc -l < reads) -lt 3 ]; then echo "Status: ON"; else echo "Status: OFF"; exit 2; fi'
    )
    fencer = AgentFencer([FenceDevice(agent, ALL, interval=0.01)])
    fencer.power_off("h")
    assert len((tmp_path / "reads").read_text().split()) == 3
    evidence = fencer.is_off("h")
    assert evidence is not None
    assert (evidence.source, evidence.action, evidence.detail) == ("agent:fence_shell", "off", "Status: OFF")


def test_a_reading_that_fails_is_repeated(script: Script) -> None:
    agent = script(
        "if [ $action = off ]; then exit 0; fi\n"
        "echo x >> reads\n"
        'if [ $(wc -l < reads) -lt 2 ]; then exit 1; else echo "Status: OFF"; exit 2; fi'
    )
    AgentFencer([FenceDevice(agent, ALL, interval=0.01)]).power_off("h")


def test_success_while_the_host_stays_on_is_a_refusal(script: Script) -> None:
    agent = script('if [ $action = off ]; then echo "Success: Powered OFF"; else echo "Status: ON"; fi')
    with pytest.raises(FencingError, match="still on"):
        AgentFencer([FenceDevice(agent, ALL, reads=3, interval=0.01)]).power_off("h")


def test_the_first_device_that_covers_the_host_is_asked(script: Script, tmp_path: Path) -> None:
    good = script('echo "Status: ON"')
    fencer = AgentFencer(
        [
            FenceDevice("/nowhere/other", ("other-*",)),
            FenceDevice(good, ("rack1-*",), plugs={"rack1-1": "7"}),
            FenceDevice("/nowhere/last", ALL),
        ]
    )
    assert fencer.is_off("rack1-1") is None
    assert "plug=7" in (tmp_path / "options").read_text()
    with pytest.raises(FencingError, match="/nowhere/last"):
        fencer.is_off("rack2-1")


def _runs(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
