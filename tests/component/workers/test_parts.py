"""A worker of which a part has ended ends too, and says why: it would be listed as working, and do nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from kazoo.client import KazooClient
from kazoo.security import ACL, ANYONE_ID_UNSAFE, Permissions

from medevac.core import layout
from medevac.workers.worker import LOST

READERS = [ACL(Permissions.READ | Permissions.ADMIN, ANYONE_ID_UNSAFE)]
CLOUD = {
    "OS_AUTH_URL": "http://127.0.0.1:1/v3",
    "OS_USERNAME": "medevac",
    "OS_PASSWORD": "x",
    "OS_PROJECT_NAME": "admin",
    "OS_USER_DOMAIN_ID": "default",
    "OS_PROJECT_DOMAIN_ID": "default",
}
POLICY = "policy: everyone\nmatch: everyone\nwhen:\n  host.down: [fence, disable, evacuate, verify]\n"


def test_a_worker_that_may_not_run_for_leader_ends_and_says_so(zk: KazooClient, zk_hosts: str, tmp_path: Path) -> None:
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "everyone.yaml").write_text(POLICY, encoding="utf-8")
    (tmp_path / "medevac.yaml").write_text(f"zookeeper: {zk_hosts}\npolicies: policies\n", encoding="utf-8")
    zk.set_acls(layout.LEADER, READERS)
    ended = subprocess.run(
        [
            sys.executable,
            "-c",
            "from medevac.cli.main import main; main()",
            "worker",
            "--role",
            "triage",
            "--site",
            tmp_path / "medevac.yaml",
        ],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
        env=CLOUD,
    )
    assert ended.returncode == LOST, ended.stderr
    assert "its triage has ended: NoAuthError" in ended.stderr
