"""A real Ceph cluster, as far as a blocklist goes: one monitor on loopback, and a user who may do no more than that."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.devices.process import Daemon

CAPABILITIES = 'allow r, allow command "osd blocklist"'
"""Of the user for medevac, as docs/fencing.md has them."""
_CONFIGURATION = """\
[global]
fsid = 6b0e5f0a-1111-4222-8333-444455556666
mon_host = v2:127.0.0.1:{port}/0
mon_initial_members = a
keyring = {folder}/keyring
run_dir = {folder}
log_file = {folder}/log
mon_cluster_log_file = {folder}/cluster.log
admin_socket = {folder}/$name.asok
mon_data = {folder}/mon
mon_data_avail_crit = 1
"""


class Monitor:
    """One monitor, in quorum with itself."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.configuration = str(folder / "ceph.conf")
        Path(self.configuration).write_text(_CONFIGURATION.format(port=port, folder=folder))

    def __enter__(self) -> Self:
        keyring = str(self.folder / "keyring")
        self._made("ceph-authtool", "--create-keyring", keyring, "--gen-key", "-n", "mon.", "--cap", "mon", "allow *")
        for name, capabilities in (("admin", "allow *"), ("medevac", CAPABILITIES)):
            self._made("ceph-authtool", keyring, "--gen-key", "-n", f"client.{name}", "--cap", "mon", capabilities)
        self._made("ceph-mon", "-c", self.configuration, "--mkfs", "-i", "a", "--keyring", keyring)
        self._daemon = Daemon(["ceph-mon", "-c", self.configuration, "-i", "a", "-f"], self.folder)
        self._daemon.wait_for(self._answers)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._daemon.stop()

    def blocklist(self) -> list[str]:
        """Return the entries, as the monitor prints them."""
        printed = self._asked("osd", "blocklist", "ls")
        return [line.split()[0] for line in printed.splitlines()]

    def block(self, address: str, seconds: int) -> None:
        """Put *address* on the blocklist, as somebody else would."""
        self._asked("osd", "blocklist", "add", address, str(seconds))

    def version(self) -> Any:
        return json.loads(self._asked("version", "--format", "json"))["version"]

    def _answers(self) -> bool:
        command = ["ceph", "-c", self.configuration, "--connect-timeout", "5", "quorum_status"]
        return subprocess.run(command, capture_output=True, timeout=60, check=False).returncode == 0

    def _asked(self, *words: str) -> str:
        return self._made("ceph", "-c", self.configuration, "--connect-timeout", "30", *words)

    def _made(self, *command: str) -> str:
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout
