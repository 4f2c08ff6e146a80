"""What is done to the service that stands for nova-compute: commands for a remote's shell."""

from __future__ import annotations

AGENT = "/usr/lib/ocf/resource.d/pacemaker/Dummy"
DIE = "rm /run/Dummy-service*.state || rm /run/*/Dummy-service*.state"
UNSTARTABLE = f"""cp {AGENT} /run/Dummy-real && printf '#!/bin/sh
[ "$1" != start ] || exit 1
exec /run/Dummy-real "$@"
' >/run/Dummy-unstartable && chmod 755 /run/Dummy-unstartable && mount --bind /run/Dummy-unstartable {AGENT}"""
