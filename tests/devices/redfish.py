"""A real Redfish service: sushy-tools' emulator with its own machine, over TLS, with a user and a password."""

from __future__ import annotations

import base64
import importlib
import json
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from tests.devices.process import Daemon, Device

USER = "medevac"
SYSTEM = "27946b59-9e44-4fa7-8e91-f3527a1ef094"
_CONFIGURATION = """\
SUSHY_EMULATOR_LISTEN_IP = "127.0.0.1"
SUSHY_EMULATOR_LISTEN_PORT = {port}
SUSHY_EMULATOR_SSL_CERT = "{folder}/certificate.pem"
SUSHY_EMULATOR_SSL_KEY = "{folder}/key.pem"
SUSHY_EMULATOR_AUTH_FILE = "{folder}/users"
SUSHY_EMULATOR_STATE_DIR = "{folder}"
SUSHY_EMULATOR_FAKE_DRIVER = True
SUSHY_EMULATOR_FAKE_SYSTEMS = [{{"uuid": "{system}", "name": "dead", "power_state": "On", "nics": []}}]
"""


class Emulator(Device):
    """The service; its machine takes up to eleven seconds to obey, as real ones do."""

    def __init__(self, folder: Path, port: int, password: str) -> None:
        """Raise ModuleNotFoundError without sushy-tools."""
        importlib.import_module("sushy_tools")
        bcrypt = importlib.import_module("bcrypt")
        self.port = port
        self.folder = folder
        self._token = base64.b64encode(f"{USER}:{password}".encode()).decode()
        digest = bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()
        (folder / "users").write_text(f"{USER}:{digest}\n")
        (folder / "emulator.py").write_text(_CONFIGURATION.format(port=port, folder=folder, system=SYSTEM))

    def start(self) -> Daemon:
        self._make_certificate()
        emulator = str(Path(sys.executable).parent / "sushy-emulator")
        return Daemon([emulator, "--config", str(self.folder / "emulator.py")], self.folder)

    def is_on(self) -> bool:
        """Ask it, without an agent."""
        return bool(self._asked(f"/redfish/v1/Systems/{SYSTEM}")["PowerState"] == "On")

    def said(self) -> str:
        """Return its log of requests."""
        return self._daemon.log.read_text()

    def _make_certificate(self) -> None:
        subject = ["-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
        files = ["-keyout", str(self.folder / "key.pem"), "-out", str(self.folder / "certificate.pem")]
        command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *files, *subject]
        subprocess.run(command, check=True, capture_output=True, timeout=60)

    def answers(self) -> bool:
        try:
            return bool(self._asked("/redfish/v1"))
        except (urllib.error.URLError, OSError):
            return False

    def _asked(self, path: str) -> Any:
        context = ssl.create_default_context(cafile=str(self.folder / "certificate.pem"))
        headers = {"Authorization": f"Basic {self._token}"}
        request = urllib.request.Request(f"https://127.0.0.1:{self.port}{path}", headers=headers)
        with urllib.request.urlopen(request, timeout=20, context=context) as answer:  # noqa: S310 - it is https
            return json.load(answer)


def rung(port: int, *, secret: str = "DEVICES_PASSWORD", more: str = "", options: str = ', ssl_insecure: "1"') -> str:
    """Return a rung of fence_redfish for the service at *port*, as it stands in a ladder."""
    return (
        f"      - agent: fence_redfish\n"
        f'        options: {{ip: 127.0.0.1, ipport: "{port}", username: {USER}{options}}}\n'
        f"        secrets: {{password: {{env: {secret}}}}}\n"
        f"        timeout: 90s\n"
        f"{more}"
    )
