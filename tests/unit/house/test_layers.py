"""What import-linter cannot say: "nothing but"; and where packages begin."""

from __future__ import annotations

import ast
import sys

from tests.unit.house import tree


def strangers(room: str, known: set[str]) -> dict[str, set[str]]:
    """Return what the files of *room* import beyond the standard library, their own component and *known*."""
    own = f"medevac.{room}"
    found = {}
    for path in tree.sources(room):
        others = {m for m in tree.imports(path) if m.partition(".")[0] not in sys.stdlib_module_names}
        others = {m for m in others if not any(m == k or m.startswith(f"{k}.") for k in {own, *known})}
        if others:
            found[tree.name(path)] = others
    return found


def test_core_imports_the_standard_library_alone() -> None:
    assert strangers("core", set()) == {}


def test_triggers_import_core_kazoo_and_libvirt_alone() -> None:
    assert strangers("triggers", {"medevac.core", "kazoo", "libvirt", "libvirt_qemu"}) == {}


def test_flows_import_core_taskflow_and_yaml_alone() -> None:
    assert strangers("flows", {"medevac.core", "taskflow", "yaml"}) == {}


def test_components_are_namespaces_so_that_six_of_them_can_be_one_medevac() -> None:
    assert [tree.name(path) for path in tree.ROOT.glob("*/medevac/__init__.py")] == []
    assert [tree.name(path) for path in tree.ROOT.glob("*/medevac/*/__init__.py")] == []


def test_every_package_below_says_in_one_line_what_it_is_for() -> None:
    packages = [p for p in tree.sources(*tree.COMPONENTS) if p.name == "__init__.py"]
    assert [tree.name(p) for p in packages if not ast.get_docstring(tree.parsed(p))] == []
