#!/usr/bin/env bash
# Does the program do with what the container gives it: no root, no capabilities, no new privileges, a root file system that
# can't be written, and a small /tmp in memory? Runs the demo so, without a container engine. Needs root, for the mounts.
#
#   scripts/check_sandbox.sh [PROGRAM]
set -euo pipefail
program=$(realpath "${1:-target/release/offerstream}")
[ "$(id -u)" -eq 0 ] || { echo "check_sandbox.sh: root is needed, to make the mounts" >&2; exit 1; }

unshare --mount bash -euo pipefail -c '
    mount --make-rprivate /
    mount --bind / /mnt
    mount -o remount,bind,ro /mnt
    mount -t proc proc /mnt/proc
    mount -t tmpfs -o size=16m,mode=1777,noexec,nosuid,nodev tmpfs /mnt/tmp
    mkdir /mnt/tmp/bin
    mount -t tmpfs -o size=256m tmpfs /mnt/tmp/bin
    cp "$1" /mnt/tmp/bin/offerstream
    mount -o remount,ro /mnt/tmp/bin
    exec chroot /mnt setpriv --reuid=10001 --regid=10001 --clear-groups --inh-caps=-all --bounding-set=-all --no-new-privs \
        env -i PATH=/usr/bin:/bin bash -euo pipefail -c "
            ! touch /var/lib/here 2>/dev/null || { echo \"the root can be written\" >&2; exit 1; }
            grep -q \"^CapEff:[[:space:]]*0*\$\" /proc/self/status
            cd /
            /tmp/bin/offerstream demo --seconds 5 --port 9469
        "
' check "$program"
echo "check_sandbox.sh: the demo ran without root, capabilities or a disk to write to"
