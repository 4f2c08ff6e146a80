"""What all tests share: the fixture modules, each of which holds one kind of thing."""

from __future__ import annotations

import sys
from pathlib import Path

# The fixture modules import each other, and child processes of tests import them, by these names.
sys.path.insert(0, str(Path(__file__).parent.parent))

pytest_plugins = ["tests.fixtures.zookeeper", "tests.fixtures.agent"]
