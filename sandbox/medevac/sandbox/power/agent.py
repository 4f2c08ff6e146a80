"""A fence agent for the simulated BMC, in the standard fence-agents protocol.

Options come as key=value lines on standard input, or on the command line when there is one.  Exit codes as those of
fence-agents: 0 done (status and monitor: the host is on), 2 status: the host is off, 1 anything else.  Standard
library only, because it is also copied out and run alone.
"""

import argparse
import json
import socket
import sys

_EXIT_DONE, _EXIT_FAILED, _EXIT_OFF = 0, 1, 2
_ALIASES = {
    "ipaddr": "ip",
    "login": "username",
    "passwd": "password",
    "port": "plug",
    "option": "action",
    "shell_timeout": "power_timeout",
}
_METADATA = """<?xml version="1.0" ?>
<resource-agent name="fence_sandbox" shortdesc="Fence agent for medevac's simulated BMC">
<longdesc>Switches hosts of medevac's sandbox off and on.</longdesc>
<vendor-url>http://localhost</vendor-url>
<parameters>
  <parameter name="action" unique="0" required="1">
    <getopt mixed="-o, --action=[action]"/><content type="string" default="reboot"/>
    <shortdesc lang="en">Fencing action</shortdesc></parameter>
  <parameter name="ip" unique="0" required="1">
    <getopt mixed="-a, --ip=[ip]"/><content type="string"/>
    <shortdesc lang="en">Address of the BMC</shortdesc></parameter>
  <parameter name="ipport" unique="0" required="1">
    <getopt mixed="-u, --ipport=[port]"/><content type="integer"/>
    <shortdesc lang="en">TCP port of the BMC</shortdesc></parameter>
  <parameter name="username" unique="0" required="0">
    <getopt mixed="-l, --username=[name]"/><content type="string"/>
    <shortdesc lang="en">Login name</shortdesc></parameter>
  <parameter name="password" unique="0" required="0">
    <getopt mixed="-p, --password=[password]"/><content type="string"/>
    <shortdesc lang="en">Login password</shortdesc></parameter>
  <parameter name="plug" unique="0" required="1">
    <getopt mixed="-n, --plug=[id]"/><content type="string"/>
    <shortdesc lang="en">Name of the host</shortdesc></parameter>
  <parameter name="power_timeout" unique="0" required="0">
    <getopt mixed="--power-timeout=[seconds]"/><content type="second" default="20"/>
    <shortdesc lang="en">Longest wait for the BMC</shortdesc></parameter>
</parameters>
<actions>
  <action name="on" automatic="0"/><action name="off"/><action name="reboot"/><action name="status"/>
  <action name="list"/><action name="monitor"/><action name="metadata"/>
</actions>
</resource-agent>
"""


def main() -> int:
    """Do what the options say and return the exit code."""
    options = _from_arguments() if len(sys.argv) > 1 else _from_stdin()
    action = options.get("action", "reboot")
    if action == "metadata":
        sys.stdout.write(_METADATA)
        return _EXIT_DONE
    try:
        return _act(action, options)
    except (OSError, ValueError, KeyError, TypeError) as error:
        sys.stderr.write(f"Failed: {type(error).__name__}: {error}\n")
        return _EXIT_FAILED


def _from_stdin() -> dict[str, str]:
    options = {}
    for line in sys.stdin:
        key, equals, value = line.strip().partition("=")
        if equals and not key.startswith("#"):
            options[_ALIASES.get(key, key)] = value
    return options


def _from_arguments() -> dict[str, str]:
    parser = argparse.ArgumentParser(prog="fence_sandbox", allow_abbrev=False)
    parser.add_argument("-o", "--action")
    parser.add_argument("-a", "--ip")
    parser.add_argument("-u", "--ipport")
    parser.add_argument("-l", "--username")
    parser.add_argument("-p", "--password")
    parser.add_argument("-n", "--plug")
    parser.add_argument("--power-timeout", dest="power_timeout")
    return {key: value for key, value in vars(parser.parse_args()).items() if value is not None}


def _act(action: str, options: dict[str, str]) -> int:
    answer = _ask("list" if action in ("list", "list-status", "monitor") else action, options)
    if not answer.get("ok"):
        sys.stderr.write(f"Failed: {answer.get('error', 'no reason given')}\n")
        return _EXIT_FAILED
    if action in ("list", "list-status"):
        sys.stdout.writelines(f"{plug},{plug}\n" for plug in _plugs(answer))
        return _EXIT_DONE
    if action == "monitor":
        return _EXIT_DONE
    return _report(action, str(answer["state"]))


def _plugs(answer: dict[str, object]) -> list[str]:
    plugs = answer["plugs"]
    return [str(plug) for plug in plugs] if isinstance(plugs, list) else []


def _report(action: str, state: str) -> int:
    if action == "status":
        sys.stdout.write(f"Status: {state.upper()}\n")
        return _EXIT_DONE if state == "on" else _EXIT_OFF
    wanted = "off" if action == "off" else "on"
    if state != wanted and action != "reboot":
        sys.stderr.write(f"Failed: the host is {state} after {action}\n")
        return _EXIT_FAILED
    sys.stdout.write(
        {"on": "Success: Powered ON\n", "off": "Success: Powered OFF\n"}.get(action, "Success: Rebooted\n")
    )
    return _EXIT_DONE


def _ask(action: str, options: dict[str, str]) -> dict[str, object]:
    asked = {
        "action": action,
        "plug": options.get("plug", ""),
        "user": options.get("username", ""),
        "password": options.get("password", ""),
    }
    address = (options["ip"], int(options["ipport"]))
    with socket.create_connection(address, float(options.get("power_timeout", "20"))) as connection:
        connection.sendall(json.dumps(asked).encode() + b"\n")
        with connection.makefile("rb") as stream:
            line = stream.readline()
    if not line:
        raise OSError("the BMC closed the connection without an answer")
    answer = json.loads(line)
    if not isinstance(answer, dict):
        raise TypeError("the BMC's answer is not an object")
    return answer


if __name__ == "__main__":
    sys.exit(main())
