#!/bin/sh
# Configure the alert with pcs 0.11; run once, on one full node, while the cluster runs.  It acts at once.
# First install on every full node (docs/triggers.md).  ZOOKEEPER="zk1:2181,.../medevac" sh pcs.sh
set -eu
: "${ZOOKEEPER:?set it to host:port,host:port/path of the site}"
AGENT=${AGENT:-/opt/medevac/bin/medevac-alert}

pcs alert create path="$AGENT" id=medevac \
    options MEDEVAC_CONF=/etc/medevac/alert.conf \
    meta timeout=10s timestamp-format="%Y-%m-%dT%H:%M:%S.%06N%z"
pcs alert recipient add medevac value="$ZOOKEEPER" id=medevac-zookeeper
# pcs 0.11 has no word for this: all but attribute alerts, which are many and start nothing.
cibadmin --modify --scope alerts \
    --xml-text '<alert id="medevac"><select><select_fencing/><select_nodes/><select_resources/></select></alert>'
