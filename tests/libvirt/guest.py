"""The smallest guest that can crash, hang and shut itself down: Debian's kernel, and busybox in a ram disk."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import zlib
from pathlib import Path

MODULES = (
    "virtio_ring", "virtio", "virtio_pci_legacy_dev", "virtio_pci_modern_dev", "virtio_pci",
    "virtio_blk", "virtio_console", "pvpanic", "pvpanic-mmio", "watchdog", "i6300esb",
)  # fmt: skip
INIT = """#!/bin/busybox sh
/bin/busybox --install -s /bin 2>/dev/null
mount -t proc p /proc; mount -t sysfs s /sys; mount -t devtmpfs d /dev
exec 0</dev/ttyS0 1>/dev/ttyS0 2>&1
for n in 1 2; do for k in AT_START; do insmod /mod/$k.ko heartbeat=4 2>/dev/null || insmod /mod/$k.ko 2>/dev/null; done
done
echo "GUEST-READY"
while read -r l; do eval "$l"; done
sleep 999999
"""
XML = """<domain type='qemu'><name>{name}</name><uuid>{uuid}</uuid><memory unit='MiB'>128</memory><vcpu>1</vcpu>
<os><type arch='x86_64' machine='pc'>hvm</type><kernel>{cache}/vmlinuz</kernel><initrd>{cache}/{initrd}</initrd>
<cmdline>console=ttyS0 quiet</cmdline></os><features><acpi/></features><cpu mode='custom'><model>qemu64</model></cpu>
<on_crash>destroy</on_crash><devices><emulator>/usr/bin/qemu-system-x86_64</emulator>
<serial type='unix'><source mode='bind' path='{serial}'/></serial><controller type='usb' model='none'/>
{disk}<panic model='isa'/><watchdog model='i6300esb' action='pause'/><memballoon model='none'/></devices></domain>"""
AGENT = """<controller type='virtio-serial'/>
<channel type='unix'><source mode='bind'/><target type='virtio' name='org.qemu.guest_agent.0'/></channel>"""
START_AGENT = (
    "insmod /mod/virtio_console.ko; mkdir -p /tmp; "
    "/usr/sbin/qemu-ga -d -t /tmp -f /tmp/agent.pid -m virtio-serial -p /dev/vport*p1"
)
DISK = """<disk type='file' device='disk'><driver name='qemu' type='raw' cache='writeback' error_policy='stop'/>
<source file='{path}'/><target dev='vda' bus='virtio'/></disk>"""
_KIND = f"{zlib.crc32((INIT + ' '.join(MODULES)).encode()):08x}"
INITRD, AGENT_INITRD = "initrd.gz", "initrd-agent.gz"
CACHE = Path(os.environ.get("MEDEVAC_TEST_GUEST") or Path(tempfile.gettempdir()) / f"medevac-guest-{_KIND}")


def build() -> None:
    """Make kernel and ram disk once; raises CalledProcessError or OSError where that cannot be done."""
    if (CACHE / AGENT_INITRD).exists():
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        _unpack_kernel(folder)
        made, agent = _ram_disk(folder), _agent(folder)
        CACHE.mkdir(parents=True, exist_ok=True)
        shutil.copy(next((folder / "kernel" / "boot").glob("vmlinuz-*")), CACHE / "vmlinuz")
        shutil.copy(made, CACHE / INITRD)
        # A kernel takes several archives one behind the other.
        both = folder / "both"
        both.write_bytes(made.read_bytes() + agent.read_bytes())
        shutil.move(both, CACHE / AGENT_INITRD)


def _unpack_kernel(folder: Path) -> None:
    depends = subprocess.run(
        ["apt-cache", "depends", "linux-image-amd64"], check=True, capture_output=True, text=True
    ).stdout
    package = next(line.split()[-1] for line in depends.splitlines() if "Depends:" in line)
    subprocess.run(["apt-get", "-q", "download", package], check=True, cwd=folder, capture_output=True)
    archive = next(folder.glob("linux-image*.deb"))
    subprocess.run(["dpkg", "-x", archive, folder / "kernel"], check=True)


def _ram_disk(folder: Path) -> Path:
    root = folder / "root"
    for name in ("bin", "proc", "sys", "dev", "mod"):
        (root / name).mkdir(parents=True)
    shutil.copy("/bin/busybox", root / "bin")
    for module in MODULES:
        for found in (folder / "kernel").rglob(f"{module}.ko"):
            shutil.copy(found, root / "mod")
    init = root / "init"
    at_start = [module for module in MODULES if module != "virtio_console"]
    init.write_text(INIT.replace("AT_START", " ".join(at_start)))
    init.chmod(0o755)
    return _packed(root, folder / "initrd.gz")


def _agent(folder: Path) -> Path:
    """Return an archive of qemu-ga and what it is linked with, as this machine has it."""
    subprocess.run(["apt-get", "-q", "download", "qemu-guest-agent"], check=True, cwd=folder, capture_output=True)
    root = folder / "agent"
    program = folder / "unpacked" / "usr" / "sbin" / "qemu-ga"
    subprocess.run(["dpkg", "-x", next(folder.glob("qemu-guest-agent*.deb")), folder / "unpacked"], check=True)
    linked = subprocess.run(["ldd", program], check=True, capture_output=True, text=True).stdout
    for library in re.findall(r"(/\S+)", linked):
        (root / library[1:]).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(library, root / library[1:])
    (root / "usr" / "sbin").mkdir(parents=True)
    shutil.copy(program, root / "usr" / "sbin")
    return _packed(root, folder / "agent.gz")


def _packed(root: Path, made: Path) -> Path:
    subprocess.run(f"find . | cpio -o -H newc --quiet | gzip -1 > {made}", shell=True, check=True, cwd=root)  # noqa: S602 - our own words
    return made


class Serial:
    """A guest's console.  It is read all the time: qemu crawls when nobody empties the socket."""

    def __init__(self, path: Path) -> None:
        self._seen = b""
        self._socket = socket.socket(socket.AF_UNIX)
        end = time.monotonic() + 60
        while True:
            try:
                self._socket.connect(str(path))
                break
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        while True:
            try:
                data = self._socket.recv(65536)
            except OSError:
                return
            if not data:
                return
            self._seen += data

    def close(self) -> None:
        self._socket.close()

    def is_ready(self) -> bool:
        return b"GUEST-READY" in self._seen

    def type(self, line: str) -> None:
        self._socket.sendall(line.encode() + b"\n")
