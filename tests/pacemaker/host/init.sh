#!/bin/bash
# The init (pid 1) of one host of the test's cluster: init.sh NAME RUN REMOTED, where RUN is the cluster's folder and
# REMOTED the pacemaker-remoted to run ("" makes it a full cluster node).  It lives in a mount, UTS, IPC, PID and
# network namespace of its own, and ends when it is killed.
set -u
NAME=$1 RUN=$2 REMOTED=$3
HERE=$(cd "$(dirname "$0")" && pwd)
D=$RUN/$NAME
mount --make-rprivate /
hostname "$NAME"
# Pacemaker's panic of a node must never reach the machine's kernel.
[ -e /proc/sysrq-trigger ] && mount --bind /dev/null /proc/sysrq-trigger
mkdir -p "$D"/{lib_pacemaker,lib_corosync,log,etc_corosync,etc_pacemaker,medevac}
for d in cib cores pengine blackbox; do mkdir -p "$D/lib_pacemaker/$d"; chown hacluster:haclient "$D/lib_pacemaker/$d"; done
install -d -m 700 -o hacluster -g haclient "$D/medevac/spool"
chown hacluster:haclient "$D/log" "$D/medevac"
chmod 770 "$D/log"
mount -t tmpfs tmpfs /dev/shm
mount -t tmpfs tmpfs /run
mkdir -p /run/lock /run/resource-agents /run/crm /run/medevac
chown hacluster:haclient /run/crm
chmod 750 /run/crm
mount --bind "$D/medevac" /run/medevac
mount --bind "$D/lib_pacemaker" /var/lib/pacemaker
[ -d /var/lib/corosync ] && mount --bind "$D/lib_corosync" /var/lib/corosync
mount --bind "$D/log" /var/log/pacemaker
mount --bind "$D/etc_corosync" /etc/corosync
mount --bind "$D/etc_pacemaker" /etc/pacemaker
mount --bind "$RUN/hosts" /etc/hosts
# The fence agent appears in this host alone.
mount -t overlay overlay -o "lowerdir=$HERE/sbin:/usr/sbin" /usr/sbin
# Where Python or the product lie below a folder that is closed to others, such as root's home, hacluster could not run
# the agent: in this host, nothing of such a folder ($CLOSED) is left but them ($OPENED).
n=0
for path in $OPENED; do
    n=$((n + 1))
    mkdir -p "/run/opened/$n"
    mount --bind "$path" "/run/opened/$n"
done
for path in $CLOSED; do mount -t tmpfs -o mode=755 tmpfs "$path"; done
n=0
for path in $OPENED; do
    n=$((n + 1))
    mkdir -p "$path"
    mount --bind "/run/opened/$n" "$path"
done
install -m 640 -o root -g haclient "$RUN/authkey" /etc/pacemaker/authkey
ip link set lo up
export PCMK_logfile=/var/log/pacemaker/pacemaker.log PCMK_logfacility=none PCMK_stderr=0
export PCMK_authkey_location=/etc/pacemaker/authkey MEDEVAC_TEST_BMC=$RUN/bmc.sock
trap : TERM HUP INT
if [ -n "$REMOTED" ]; then
    "$REMOTED" >>"$D/remoted.out" 2>&1 &
else
    cp "$RUN/corosync.conf" /etc/corosync/corosync.conf
    corosync -f >>"$D/corosync.out" 2>&1 &
    for _ in $(seq 100); do
        timeout 2 corosync-cmapctl -g runtime.config.totem.token >/dev/null 2>&1 && break
        sleep 0.1
    done
    pacemakerd -f >>"$D/pacemakerd.out" 2>&1 &
fi
while :; do
    wait -n 2>/dev/null
    sleep 1
done
