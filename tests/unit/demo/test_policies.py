from __future__ import annotations

from importlib import resources
from pathlib import Path

EXAMPLES = Path(__file__).parents[3] / "examples" / "policies" / "demo"


def test_the_policies_in_the_package_are_those_of_the_examples() -> None:
    packaged = resources.files("medevac.sandbox.demo") / "policies"

    assert {file.name: file.read_text() for file in packaged.iterdir()} == {
        file.name: file.read_text() for file in EXAMPLES.glob("*.yaml")
    }
    assert sum(1 for _ in packaged.iterdir()) == 3
