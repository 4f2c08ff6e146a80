"""What all tests share: the fixture modules, each of which holds one kind of thing."""

from __future__ import annotations

import os
import sys
from pathlib import Path

# The fixture modules import each other, and child processes of tests import them, by these names.
sys.path.insert(0, str(Path(__file__).parent.parent))

# Coverage is taken in the processes of pytest, and not in the four hundred that tests start: to load it takes each of
# them as long as what most of them do.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.pop("COVERAGE_PROCESS_CONFIG", None)

pytest_plugins = ["tests.fixtures.zookeeper", "tests.fixtures.agent"]
