"""What libvirt's numbers mean to us: only one of them is off."""

from __future__ import annotations

import importlib.util

import pytest

from medevac.core.errors import HypervisorUnavailableError
from medevac.workers.hypervisor import words
from medevac.workers.hypervisor.libvirt_hypervisor import LibvirtHypervisor


@pytest.mark.parametrize(
    ("state", "reason", "told"),
    [
        (1, 1, ("running", "booted")),
        (3, 1, ("paused", "user")),
        (3, 5, ("paused", "ioerror")),
        (3, 6, ("paused", "watchdog")),
        (5, 1, ("off", "shutdown")),
        (5, 2, ("off", "destroyed")),
        (5, 3, ("off", "crashed")),
        (6, 1, ("paused", "panicked")),
        (4, 1, ("running", "user")),
        (0, 0, ("running", "unknown")),
        (99, 99, ("running", "unknown")),
    ],
)
def test_a_state_and_its_reason_are_told_in_words(state: int, reason: int, told: tuple[str, str]) -> None:
    assert (words.state_word(state), words.reason_word(state, reason)) == told


def test_only_one_state_is_off() -> None:
    assert [state for state in range(100) if words.state_word(state) == "off"] == [words.SHUTOFF]


@pytest.mark.skipif(importlib.util.find_spec("libvirt") is not None, reason="libvirt-python is installed")
def test_without_the_library_the_error_says_what_to_install() -> None:
    with pytest.raises(HypervisorUnavailableError, match=r"medevac\[libvirt\]"):
        LibvirtHypervisor("qemu:///system").domains("h1")
