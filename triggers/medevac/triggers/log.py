"""The alert agent's log: Pacemaker drops what an agent prints, so each run appends one line to a file."""

from __future__ import annotations

import os
import time

_LONGEST = 2000


class Log:
    """A file that several agents append to at once; the system's log where the file cannot be written."""

    def __init__(self, path: str) -> None:
        """Name the file; its folder must exist."""
        self._path = path

    def write(self, message: str) -> None:
        """Append *message* as one line, with the time (UTC) and our process id; never raises."""
        line = f"{_stamp(time.time())} medevac-alert[{os.getpid()}]: {one_line(message)}\n"
        try:
            descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
        except (OSError, ValueError):
            _to_system_log(one_line(message))
            return
        try:
            os.write(descriptor, line.encode("utf-8", "backslashreplace"))  # in one call, so that lines never mix
        except OSError:
            _to_system_log(one_line(message))
        finally:
            os.close(descriptor)


def one_line(message: str) -> str:
    """Return *message* in one printable line of bounded length: values in it come from outside."""
    cut = message[:_LONGEST]
    return "".join(character if character.isprintable() else " " for character in cut)


def _stamp(now: float) -> str:
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(now))}.{int(now % 1 * 1000):03d}Z"


def _to_system_log(message: str) -> None:
    import syslog  # noqa: PLC0415 - only wanted when there is trouble

    syslog.openlog("medevac-alert", syslog.LOG_PID, syslog.LOG_DAEMON)
    syslog.syslog(syslog.LOG_WARNING, message)
