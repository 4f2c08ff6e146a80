"""Programs that stand in for what fences at a site, each in front of the sandbox's controllers.

Pacemaker's speak the XML that a real cluster printed (tests/data/pacemaker-status); they differ from it in the names,
times and outcomes that the sandbox gives them.
"""

from __future__ import annotations

import sys
from pathlib import Path

CAPTURED = Path(__file__).parents[2] / "data" / "pacemaker-status" / "fenced.xml"

_BMC = """
import json, pathlib, re, socket, sys, time
FOLDER = pathlib.Path(__file__).parent
PORT, PASSWORD = {port}, {password!r}

def bmc(action, plug):
    with socket.create_connection(("127.0.0.1", PORT), 5) as connection:
        connection.settimeout(2.5)
        connection.sendall(json.dumps(
            {{"action": action, "plug": plug, "user": "root", "password": PASSWORD}}).encode() + b"\\n")
        line = connection.makefile("rb").readline()
    answer = json.loads(line)
    if not answer.get("ok"):
        raise OSError(answer["error"])
    return answer["state"]
"""

_COMMAND = """
told = json.loads(sys.stdin.readline())
if told["action"] == "prove":
    print(json.dumps({"state": "ok", "detail": "the BMC answers " + bmc("status", told["host"])}))
else:
    state = bmc("off" if told["action"] == "fence" else "status", told["host"])
    print(json.dumps({"state": state, "detail": "BMC " + state, "unknown": "ignored"}))
"""

_STONITH_ADMIN = """
words = sys.argv[1:]
history = FOLDER / "history"
if words[0] == "--list":
    print('<pacemaker-result><list name="fence device" count="1"><item name="device">f-compute</item></list>'
          '<status code="0" message="OK"/></pacemaker-result>')
elif words[0] == "--fence" and words[2:] == ["--timeout", "1", "--tag", "medevac"]:
    try:
        state = bmc("off", words[1])
    except OSError:
        state = "unknown"
    if state != "off":
        sys.exit("stonith_admin: Couldn't fence " + words[1] + ": No data available")
    with history.open("a") as file:
        file.write(words[1] + " " + time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime()) + "\\n")
else:
    sys.exit(64)
"""

_CRM_MON = """
assert sys.argv[1:] == ["-1", "--output-as=xml", "--fence-history=2"], sys.argv
text = (FOLDER / "captured.xml").read_text().replace("compute1", "node-of-compute-1").replace("compute2", "compute-2")
history = FOLDER / "history"
done = [line.split(" ", 1) for line in history.read_text().splitlines()] if history.exists() else []
events = "".join(
    '<fence_event action="off" target="%s" client="stonith_admin.7.medevac" origin="node1" status="success" '
    'delegate="node2" completed="%s" />' % tuple(each) for each in reversed(done))
text = re.sub("<fence_history>.*?</fence_history>", "<fence_history>" + events + "</fence_history>", text, flags=re.S)
if not done:
    text = text.replace('id="node-of-compute-1" online="false"', 'id="node-of-compute-1" online="true"')
print(text)
"""


def write(folder: Path, port: int, password: str) -> None:
    """Write command, stonith_admin and crm_mon, which order what the BMC at *port* then does, to *folder*."""
    head = _BMC.format(port=port, password=password)
    # Pacemaker's name of the host is another than Nova's, which is the BMC's.
    admin = _STONITH_ADMIN.replace("words[1])\n    except", 'words[1].removeprefix("node-of-"))\n    except')
    for name, body in (("command", _COMMAND), ("stonith_admin", admin), ("crm_mon", _CRM_MON)):
        path = folder / name
        path.write_text(f"#!{sys.executable} -IS\n{head}{body}")
        path.chmod(0o755)
    (folder / "captured.xml").write_text(CAPTURED.read_text())
