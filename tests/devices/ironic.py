"""A real Ironic: API and conductor in one process, SQLite, and one node with the real IPMI BMC of ipmi.py."""

from __future__ import annotations

import json
import os
import subprocess
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from tests.devices.ipmi import USER
from tests.devices.process import Daemon, Device
from tests.fixtures.waiting import until

VERSION = "1.42"
_CONFIGURATION = """\
[DEFAULT]
auth_strategy = noauth
rpc_transport = none
host = localhost
my_ip = 127.0.0.1
enabled_hardware_types = ipmi
enabled_network_interfaces = noop
default_network_interface = noop
state_path = {folder}
[api]
host_ip = 127.0.0.1
port = {port}
[conductor]
automated_clean = false
sync_power_state_interval = {round}
power_state_sync_max_retries = 1
power_failure_recovery_interval = 2
[ipmi]
command_retry_timeout = 3
min_command_interval = 1
[database]
connection = sqlite:///{folder}/ironic.sqlite
[oslo_concurrency]
lock_path = {folder}
[deploy]
http_root = {folder}
"""
BIN = Path(os.environ.get("MEDEVAC_IRONIC", "/usr/local/bin"))
"""Where Ironic's programs are: an environment of its own."""


class Ironic(Device):
    """The service; its rounds come by every ten seconds."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.url = f"http://127.0.0.1:{port}"
        self._configuration = str(folder / "ironic.conf")
        Path(self._configuration).write_text(_CONFIGURATION.format(folder=folder, port=port, round=10))

    def start(self) -> Daemon:
        made = [str(BIN / "ironic-dbsync"), "--config-file", self._configuration, "create_schema"]
        subprocess.run(made, check=True, capture_output=True, timeout=120)
        return Daemon([str(BIN / "ironic"), "--config-file", self._configuration], self.folder)

    def enroll(self, name: str, bmc_port: int, password: str) -> None:
        """Take a machine under management, and wait until its power is known."""
        session = {"ipmi_address": "127.0.0.1", "ipmi_port": bmc_port, "ipmi_cipher_suite": "3"}
        information = {**session, "ipmi_username": USER, "ipmi_password": password}
        self._asked("POST", "/v1/nodes", {"name": name, "driver": "ipmi", "driver_info": information})
        self._asked("PUT", f"/v1/nodes/{name}/states/provision", {"target": "manage"})
        assert until(lambda: self.node(name)["power_state"] == "power on", 60.0), self.node(name)

    def node(self, name: str) -> Any:
        return self._asked("GET", f"/v1/nodes/{name}")

    def answers(self) -> bool:
        try:
            return bool(self._asked("GET", "/v1/nodes")["nodes"] is not None)
        except (urllib.error.URLError, OSError):
            return False

    def _asked(self, method: str, path: str, body: Any = None) -> Any:
        headers = {"X-OpenStack-Ironic-API-Version": VERSION, "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, headers, method=method)  # noqa: S310 - it is http
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - as above
            read = answer.read()
            return json.loads(read) if read else None
