"""What the agent drags in: every module costs its start-up time, and every dependency its installation."""

from __future__ import annotations

import subprocess
import sys

LIST = "import sys; before = set(sys.modules); import {}; print(*sorted(set(sys.modules) - before))"


def imported_by(modules: str) -> set[str]:
    printed = subprocess.run([sys.executable, "-c", LIST.format(modules)], capture_output=True, text=True, check=True)
    return set(printed.stdout.split())


def test_the_agent_imports_the_standard_library_kazoo_core_and_triggers_alone() -> None:
    modules = imported_by("medevac.triggers.alert, medevac.triggers.post")
    known = {*sys.stdlib_module_names, "kazoo", "medevac", "puresasl"}
    assert {name for name in modules if name.partition(".")[0] not in known} == set()
    ours = {".".join(name.split(".")[:2]) for name in modules if name.startswith("medevac.")}
    assert ours == {"medevac.core", "medevac.triggers"}


def test_the_event_is_on_disk_before_kazoo_is_imported() -> None:
    assert not {name for name in imported_by("medevac.triggers.alert") if name.partition(".")[0] == "kazoo"}
