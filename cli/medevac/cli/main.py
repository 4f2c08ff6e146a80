"""The entry point: it starts without any extra, so that it can say which one is missing."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and exit: 0 done, 1 problems found, 2 usage, 3 cannot reach, 130 interrupted."""
    try:
        from medevac.cli.root import run  # noqa: PLC0415 - click comes with an extra that may be missing
    except ModuleNotFoundError as error:
        if error.name != "click":
            raise
        sys.exit("medevac: the command line needs click; install it with: pip install 'medevac[cli]'")
    sys.exit(run())
