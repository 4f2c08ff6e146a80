"""A make-believe compute node: a real libvirtd in namespaces of its own, so that it meets nothing of the machine's."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import uuid
from pathlib import Path

from tests.fixtures.waiting import until

SPACES = """
mount --make-rprivate / && ip link set lo up; mount -t tmpfs tmpfs /run && mkdir -p /run/lock /run/libvirt
mount --bind {d}/etc /etc/libvirt && mount --bind {d}/lib /var/lib/libvirt && mount --bind {d}/log /var/log/libvirt
mount --bind {d}/cache /var/cache/libvirt && mount --bind {d}/run /run/libvirt && echo made > {d}/made
exec sleep infinity
"""
LIBVIRTD = """
listen_tls = 0
listen_tcp = 0
unix_sock_rw_perms = "0700"
auth_unix_rw = "none"
auth_unix_ro = "none"
host_uuid = "{uuid}"
log_outputs = "3:file:{d}/log/libvirtd.log"
"""
QEMU = """
user = "root"
group = "root"
dynamic_ownership = 0
remember_owner = 0
security_driver = "none"
cgroup_controllers = [ ]
namespaces = [ ]
stdio_handler = "file"
seccomp_sandbox = 0
"""


class Hypervisor:
    """One libvirtd that can be killed, frozen and started again while its guests live on."""

    def __init__(self, like: Hypervisor | None = None) -> None:
        """Make one that need not find out again what *like* knows of qemu, which takes seconds."""
        self.folder = Path(tempfile.mkdtemp(prefix="lv-"))
        if like:
            shutil.copytree(like.folder / "cache", self.folder / "cache")
        for name in ("etc/qemu", "lib", "log", "cache", "run"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        (self.folder / "etc/libvirtd.conf").write_text(LIBVIRTD.format(d=self.folder, uuid=uuid.uuid4()))
        (self.folder / "etc/qemu.conf").write_text(QEMU)
        script = SPACES.format(d=self.folder)
        self._spaces = subprocess.Popen(["unshare", "-m", "-u", "-n", "-i", "bash", "-ec", script])
        assert until((self.folder / "made").exists), "the namespaces cannot be made"
        self._daemon: subprocess.Popen[bytes] | None = None

    @property
    def socket(self) -> Path:
        return self.folder / "run" / "libvirt-sock"

    def uri(self, driver: str = "qemu", path: str = "system") -> str:
        return f"{driver}+unix:///{path}?socket={self.socket}"

    def start(self) -> None:
        """Start libvirtd, and wait until it answers."""
        command = self._inside("/usr/sbin/libvirtd", "--config", str(self.folder / "etc/libvirtd.conf"))
        with (self.folder / "log" / "console").open("ab") as console:
            self._daemon = subprocess.Popen(command, stdout=console, stderr=console)
        assert until(self._answers, 30), "libvirtd does not answer"

    def mend(self) -> None:
        """Start libvirtd where it does not run or does not answer."""
        assert self._daemon
        if self._daemon.poll() is None:
            self.send(signal.SIGCONT)
            if until(self._answers, 30):
                return
            self.send(signal.SIGKILL)
        self.start()

    def _inside(self, *command: str) -> list[str]:
        return ["nsenter", "-t", str(self._spaces.pid), "-m", "-u", "-n", "-i", "--", *command]

    def small_disk(self) -> Path:
        """Return a disk of 64 MiB on a file system of two."""
        folder = Path(tempfile.mkdtemp(prefix="small-", dir=self.folder))
        for command in (f"mount -t tmpfs -o size=2m tmpfs {folder}", f"truncate -s 64M {folder}/disk"):
            subprocess.run(self._inside(*command.split()), check=True)
        return folder / "disk"

    def make_room(self, disk: Path) -> None:
        """Let the file system of *disk* be large enough for it."""
        subprocess.run(self._inside("mount", "-o", "remount,size=80m", str(disk.parent)), check=True)

    def _answers(self) -> bool:
        asked = ["virsh", "-c", self.uri(), "version"]
        return self.socket.exists() and subprocess.run(asked, capture_output=True, check=False).returncode == 0

    def send(self, number: signal.Signals) -> None:
        """Send libvirtd a signal, and wait for its end where that follows."""
        assert self._daemon
        self._daemon.send_signal(number)
        if number in {signal.SIGKILL, signal.SIGTERM}:
            self._daemon.wait(20)

    @property
    def process(self) -> int:
        """Return libvirtd's process."""
        assert self._daemon
        return self._daemon.pid

    def qemu(self, name: str) -> int:
        """Return the process of a guest."""
        return int((self.folder / "run" / "qemu" / f"{name}.pid").read_text())

    def close(self) -> None:
        """End everything that was started here."""
        for file in (self.folder / "run" / "qemu").glob("*.pid"):
            with contextlib.suppress(OSError, ValueError):
                number = int(file.read_text())
                if str(self.folder) in Path(f"/proc/{number}/cmdline").read_text():
                    os.kill(number, signal.SIGKILL)
        for process in filter(None, (self._daemon, self._spaces)):
            process.kill()
            process.wait(20)
        shutil.rmtree(self.folder, ignore_errors=True)
