"""The smallest guest that can crash, hang and shut itself down: Debian's kernel, and busybox in a ram disk."""

from __future__ import annotations

import os
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
    "virtio_blk", "pvpanic", "pvpanic-mmio", "watchdog", "i6300esb",
)  # fmt: skip
INIT = """#!/bin/busybox sh
/bin/busybox --install -s /bin 2>/dev/null
mount -t proc p /proc; mount -t sysfs s /sys; mount -t devtmpfs d /dev
exec 0</dev/ttyS0 1>/dev/ttyS0 2>&1
for n in 1 2; do for k in MODULES; do insmod /mod/$k.ko heartbeat=4 2>/dev/null || insmod /mod/$k.ko 2>/dev/null; done
done
echo "GUEST-READY"
while read -r l; do eval "$l"; done
sleep 999999
"""
XML = """<domain type='qemu'><name>{name}</name><uuid>{uuid}</uuid><memory unit='MiB'>128</memory><vcpu>1</vcpu>
<os><type arch='x86_64' machine='pc'>hvm</type><kernel>{cache}/vmlinuz</kernel><initrd>{cache}/initrd.gz</initrd>
<cmdline>console=ttyS0 quiet</cmdline></os><features><acpi/></features><cpu mode='custom'><model>qemu64</model></cpu>
<on_crash>destroy</on_crash><devices><emulator>/usr/bin/qemu-system-x86_64</emulator>
<serial type='unix'><source mode='bind' path='{serial}'/></serial><controller type='usb' model='none'/>
{disk}<panic model='isa'/><watchdog model='i6300esb' action='pause'/><memballoon model='none'/></devices></domain>"""
DISK = """<disk type='file' device='disk'><driver name='qemu' type='raw' cache='writeback' error_policy='stop'/>
<source file='{path}'/><target dev='vda' bus='virtio'/></disk>"""
_KIND = f"{zlib.crc32((INIT + ' '.join(MODULES)).encode()):08x}"
CACHE = Path(os.environ.get("MEDEVAC_TEST_GUEST") or Path(tempfile.gettempdir()) / f"medevac-guest-{_KIND}")


def build() -> None:
    """Make kernel and ram disk once; raises CalledProcessError or OSError where that cannot be done."""
    if (CACHE / "initrd.gz").exists():
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        _unpack_kernel(folder)
        made = _ram_disk(folder)
        CACHE.mkdir(parents=True, exist_ok=True)
        shutil.copy(next((folder / "kernel" / "boot").glob("vmlinuz-*")), CACHE / "vmlinuz")
        shutil.move(made, CACHE / "initrd.gz")


def _unpack_kernel(folder: Path) -> None:
    depends = subprocess.run(
        ["apt-cache", "depends", "linux-image-amd64"], check=True, capture_output=True, text=True
    ).stdout
    package = next(line.split()[-1] for line in depends.splitlines() if "Depends:" in line)
    subprocess.run(["apt-get", "-q", "download", package], check=True, cwd=folder, capture_output=True)
    archive = next(folder.glob("*.deb"))
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
    init.write_text(INIT.replace("MODULES", " ".join(MODULES)))
    init.chmod(0o755)
    made = folder / "initrd.gz"
    subprocess.run(f"find . | cpio -o -H newc --quiet | gzip -1 > {made}", shell=True, check=True, cwd=root)  # noqa: S602 - our own words
    return made


class Serial:
    """A guest's console.  It is read all the time: qemu crawls when nobody empties the socket."""

    def __init__(self, path: Path) -> None:
        self._seen = b""
        self._socket = socket.socket(socket.AF_UNIX)
        end = time.monotonic() + 10
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
