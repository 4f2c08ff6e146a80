"""A real IPMI BMC: OpenIPMI's simulator on loopback, whose power switch is a file."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.devices.process import Daemon, Device

USER = "medevac"
_LAN = """\
name "bmc"
set_working_mc 0x20
  startlan 1
    addr 127.0.0.1 {port}
    priv_limit admin
    allowed_auths_callback none md2 md5 straight
    allowed_auths_user none md2 md5 straight
    allowed_auths_operator none md2 md5 straight
    allowed_auths_admin none md2 md5 straight
    guid a123456789abcdefa123456789abcdef
  endlan
  chassis_control "{folder}/chassis 0x20"
  startnow false
  user 1 true "" "" user 10 none md2 md5 straight
  user 2 true "{user}" "{password}" admin 10 none md2 md5 straight
"""
_EMULATION = """\
mc_setbmc 0x20
mc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02
sel_enable 0x20 1000 0x0a
mc_enable 0x20
"""
_CHASSIS = """\
#!/bin/sh
# What the simulator calls to read and to throw the switch; "mode" says how it lies.
cd {folder}
mode=$(cat mode)
case "$2 $3 $mode" in
"get power dark") echo power:0 ;;
"get power "*) echo "power:$(cat power)" ;;
"set power deaf" | "set power dark") echo "$4" >>orders ;;
"set power "*) echo "$4" >>orders; echo "$4" >power ;;
esac
"""


class Bmc(Device):
    """The BMC of a machine that is on."""

    def __init__(self, folder: Path, port: int, password: str) -> None:
        self.port = port
        self.folder = folder / "bmc"
        self.folder.mkdir()
        self._password = password
        (self.folder / "lan.conf").write_text(_LAN.format(port=port, folder=self.folder, user=USER, password=password))
        (self.folder / "bmc.emu").write_text(_EMULATION)
        (self.folder / "power").write_text("1\n")
        (self.folder / "orders").touch()
        self.behave("obey")
        chassis = self.folder / "chassis"
        chassis.write_text(_CHASSIS.format(folder=self.folder))
        chassis.chmod(0o755)

    def start(self) -> Daemon:
        command = ["ipmi_sim", "-n", "-c", "lan.conf", "-f", "bmc.emu", "-s", str(self.folder / "state")]
        return Daemon(command, self.folder)

    def stop(self) -> None:
        """Let it die."""
        self._daemon.stop()

    def behave(self, mode: str) -> None:
        """Obey; be deaf: take orders and do nothing; or go dark: say off whatever is."""
        assert mode in ("obey", "deaf", "dark")
        (self.folder / "mode").write_text(mode)

    def power(self, state: str) -> None:
        """Switch the machine by hand."""
        (self.folder / "power").write_text({"on": "1\n", "off": "0\n"}[state])

    def is_on(self) -> bool:
        return (self.folder / "power").read_text().strip() == "1"

    def orders(self) -> list[str]:
        """Return what it was ordered to."""
        return (self.folder / "orders").read_text().split()

    def answers(self) -> bool:
        session = ["-I", "lanplus", "-C", "3", "-N", "1", "-R", "1", "-H", "127.0.0.1", "-p", str(self.port)]
        asked = ["ipmitool", *session, "-U", USER, "-f", "/dev/stdin", "power", "status"]
        ended = subprocess.run(asked, input=self._password, text=True, capture_output=True, timeout=30, check=False)
        return "Chassis Power" in ended.stdout


def rung(
    port: int, *, secret: str = "DEVICES_PASSWORD", more: str = "", timeout: str = "60s", options: str = ""
) -> str:
    """Return a rung of fence_ipmilan for the BMC at *port*, as it stands in a ladder."""
    return (
        f"      - agent: fence_ipmilan\n"
        f'        options: {{ip: 127.0.0.1, ipport: "{port}", username: {USER}, lanplus: "1", cipher: "3"{options}}}\n'
        f"        secrets: {{password: {{env: {secret}}}}}\n"
        f"        timeout: {timeout}\n"
        f"{more}"
    )
