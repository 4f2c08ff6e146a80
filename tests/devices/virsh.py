"""A machine of virtual hosts: a real libvirtd with a guest of qemu, reached through a real sshd.

sshd listens on loopback, and has a mount namespace of its own, in which root has a password and a key: nothing of the
machine's is touched.
"""

from __future__ import annotations

import socket
import subprocess
import time
from pathlib import Path

from tests.devices.process import Daemon, Device
from tests.libvirt.hypervisor import Hypervisor

GUEST = "dead"
"""The domain's name: that of the host which the tests fence."""
_SSHD = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/authorized_keys
PidFile none
UsePAM no
StrictModes no
PermitRootLogin yes
PasswordAuthentication yes
MaxAuthTries 20
SetEnv LIBVIRT_DEFAULT_URI={uri}
"""
_SPACE = """
mount --make-rprivate / && mount -t tmpfs tmpfs /run && mkdir -m 755 /run/sshd
mount --bind {folder}/shadow /etc/shadow && exec /usr/sbin/sshd -D -e -f {folder}/sshd_config
"""
_SSH = """\
#!/bin/sh
exec /usr/bin/ssh -o UserKnownHostsFile={folder}/known_hosts -o StrictHostKeyChecking=yes "$@"
"""
_DOMAIN = """<domain type='qemu'><name>{name}</name><memory unit='MiB'>32</memory><vcpu>1</vcpu>
<os><type arch='x86_64' machine='pc'>hvm</type></os><cpu mode='custom'><model>qemu64</model></cpu>
<devices><emulator>/usr/bin/qemu-system-x86_64</emulator><controller type='usb' model='none'/>
<memballoon model='none'/></devices></domain>"""


class VirtualHosts(Device):
    """Where the guest runs that is fenced."""

    def __init__(self, folder: Path, port: int, password: str) -> None:
        self.port = port
        self.folder = folder / "sshd"
        self.folder.mkdir()
        self._hypervisor = Hypervisor()
        self._write_keys(password)
        config = _SSHD.format(port=port, folder=self.folder, uri=self._hypervisor.uri())
        (self.folder / "sshd_config").write_text(config)
        (self.folder / "domain.xml").write_text(_DOMAIN.format(name=GUEST))
        ssh = self.folder / "ssh"
        ssh.write_text(_SSH.format(folder=self.folder))
        ssh.chmod(0o755)

    def _write_keys(self, password: str) -> None:
        for name in ("host_key", "key", "other_key"):
            made = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.folder / name)]
            subprocess.run(made, check=True, capture_output=True, timeout=30)
        (self.folder / "authorized_keys").write_text((self.folder / "key.pub").read_text())
        known = f"[127.0.0.1]:{self.port} {(self.folder / 'host_key.pub').read_text()}"
        (self.folder / "known_hosts").write_text(known)
        crypt = ["openssl", "passwd", "-6", "-stdin"]
        hashed = subprocess.run(crypt, input=password, text=True, check=True, capture_output=True, timeout=30).stdout
        shadow = self.folder / "shadow"
        shadow.write_text(f"root:{hashed.strip()}:{int(time.time()) // 86_400}:0:99999:7:::\n")
        shadow.chmod(0o600)

    def start(self) -> Daemon:
        self._hypervisor.start()
        self.virsh("define", str(self.folder / "domain.xml"))
        return Daemon(["unshare", "-m", "sh", "-ec", _SPACE.format(folder=self.folder)], self.folder)

    def close(self) -> None:
        """End the guest and libvirtd."""
        if self.is_on():
            self.virsh("destroy", GUEST)
        self._hypervisor.close()

    def answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def virsh(self, *words: str) -> str:
        """Return what virsh says to *words*."""
        asked = ["virsh", "-q", "-c", self._hypervisor.uri(), *words]
        return subprocess.run(asked, check=True, text=True, capture_output=True, timeout=60).stdout.strip()

    def power_on(self) -> None:
        """Let the guest run, where it does not."""
        if not self.is_on():
            self.virsh("start", GUEST)

    def is_on(self) -> bool:
        return self.virsh("domstate", GUEST) == "running"


def rung(
    machine: VirtualHosts,
    *,
    port: int = 0,
    secret: str = "DEVICES_PASSWORD",
    plug: str = "{host}",
    times: int = 1,
    options: str = "",
    more: str = "",
) -> str:
    """Return a rung of fence_virsh for *machine*, as it stands in a ladder; without *secret*, with a key."""
    secrets = f"        secrets: {{password: {{env: {secret}}}}}\n" if secret else ""
    return (
        f"      - agent: fence_virsh\n"
        f'        options: {{ip: 127.0.0.1, ipport: "{port or machine.port}", username: root,'
        f" ssh_path: {machine.folder}/ssh{options}}}\n"
        f"{secrets}"
        f'        plug: "{plug}"\n'
        f"        timeout: 90s\n"
        f"        times: {times}\n"
        f"{more}"
    )
