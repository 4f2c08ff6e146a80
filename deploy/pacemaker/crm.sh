#!/bin/sh
# Configure the alert with crmsh 4.4; run once, on one full node, while the cluster runs.  It acts at once.
# First install on every full node (docs/triggers.md).  ZOOKEEPER="zk1:2181,.../medevac" sh crm.sh
set -eu
: "${ZOOKEEPER:?set it to host:port,host:port/path of the site}"
AGENT=${AGENT:-/opt/medevac/bin/medevac-alert}

crm -F configure alert medevac "$AGENT" \
    meta timeout=10s 'timestamp-format="%Y-%m-%dT%H:%M:%S.%06N%z"' \
    attributes MEDEVAC_CONF=/etc/medevac/alert.conf \
    select nodes fencing resources \
    to '{' "$ZOOKEEPER" '}'
