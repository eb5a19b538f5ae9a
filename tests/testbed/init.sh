#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# /init of the test guest: mounts what programs expect, then becomes the guest agent.

export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts -o mode=0620,ptmxmode=0666 devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
mount -t tmpfs tmpfs /tmp
mount -t tmpfs tmpfs /run
mount -t debugfs debugfs /sys/kernel/debug
mount -t tracefs tracefs /sys/kernel/tracing
ln -sf /proc/self/fd /dev/fd
ln -sf /proc/self/fd/0 /dev/stdin
ln -sf /proc/self/fd/1 /dev/stdout
ln -sf /proc/self/fd/2 /dev/stderr
chmod 1777 /tmp /dev/shm

# From here on all of the kernel's messages go to the console, which the host keeps.
echo 8 >/proc/sys/kernel/printk
ip link set lo up
hostname guest
for m in $(cat /etc/modules); do
	modprobe "$m"
done
exec /usr/sbin/guest-agent
