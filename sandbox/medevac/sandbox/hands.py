"""Hands of the sandbox on live hosts, as a program: what the site file names under `hypervisor` and `services`.

Without arguments it is the program of `hypervisor: {program: ...}`: a question in JSON on standard input.  With some
it stands before Pacemaker's commands, as `services: {through: ...}` wants it: crm_mon and crm_resource.  Both go to the
side door of the simulated cloud.  Standard library only, because it is also copied out and run alone.
"""

import json
import sys
import urllib.error
import urllib.request
from typing import Any

SIDE_DOOR = "http://SIDE-DOOR"
_LIMIT = 60.0


def main() -> int:
    """Pass the question on, print the answer, and return the exit code."""
    if len(sys.argv) > 1:
        told = _post("/cluster", {"words": sys.argv[1:]})
        sys.stdout.write(str(told.get("output", "")))
        return int(told.get("code", 1))
    told = _post("/hypervisor", json.loads(sys.stdin.read()))
    if "refused" in told:
        sys.stderr.write(f"{told['refused']}\n")
        return 1
    sys.stdout.write(json.dumps(told))
    return 0


def _post(path: str, body: object) -> dict[str, Any]:
    request = urllib.request.Request(  # noqa: S310 - the sandbox's own address
        f"{SIDE_DOOR}/_sandbox{path}", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=_LIMIT) as answer:  # noqa: S310 - as above
            told = json.loads(answer.read())
    except (OSError, ValueError) as error:
        return {"refused": f"the sandbox does not answer: {error}", "code": 1}
    return told if isinstance(told, dict) else {"refused": "the sandbox makes no sense", "code": 1}


if __name__ == "__main__":
    sys.exit(main())
