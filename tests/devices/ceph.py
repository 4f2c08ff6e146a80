"""A real Ceph cluster, as far as a blocklist goes: one monitor on loopback, and a user who may do no more than that."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.devices.process import Daemon, Device

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


class Monitor(Device):
    """One monitor, in quorum with itself."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.configuration = str(folder / "ceph.conf")
        Path(self.configuration).write_text(_CONFIGURATION.format(port=port, folder=folder))

    def start(self) -> Daemon:
        keyring = str(self.folder / "keyring")
        self._made("ceph-authtool", "--create-keyring", keyring, "--gen-key", "-n", "mon.", "--cap", "mon", "allow *")
        for name, capabilities in (("admin", "allow *"), ("medevac", CAPABILITIES)):
            self._made("ceph-authtool", keyring, "--gen-key", "-n", f"client.{name}", "--cap", "mon", capabilities)
        self._made("ceph-mon", "-c", self.configuration, "--mkfs", "-i", "a", "--keyring", keyring)
        return Daemon(["ceph-mon", "-c", self.configuration, "-i", "a", "-f"], self.folder)

    def blocklist(self) -> list[str]:
        """Return the entries, as the monitor prints them."""
        printed = self._asked("osd", "blocklist", "ls")
        return [line.split()[0] for line in printed.splitlines()]

    def block(self, address: str, seconds: int) -> None:
        """Put *address* on the blocklist, as somebody else would."""
        self._asked("osd", "blocklist", "add", address, str(seconds))

    def answers(self) -> bool:
        command = ["ceph", "-c", self.configuration, "--connect-timeout", "5", "quorum_status"]
        return subprocess.run(command, capture_output=True, timeout=60, check=False).returncode == 0

    def _asked(self, *words: str) -> str:
        return self._made("ceph", "-c", self.configuration, "--connect-timeout", "30", *words)

    def _made(self, *command: str) -> str:
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout
