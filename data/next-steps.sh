#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
# next-steps.sh HELPER: what to type after the installation
set -eu
helper=$1

# Names that a shell or QEMU would not take as they are, and bridges of Docker and libvirt, are not offered.
bridge=$(ip -brief link show type bridge 2>/dev/null | awk '$1 !~ /^(docker|br-[0-9a-f]+$|virbr)|[^A-Za-z0-9_.-]/ { print $1; exit }')
user=$(id -un)
[ "$user" != root ] || user=${SUDO_USER:-USER}
case $user in *[!A-Za-z0-9_.-]*) user=USER ;; esac
policy=/etc/virt-tap/policy.conf
rule="allow ${bridge:-br0} user=$user"
if [ -e /etc/qemu/bridge.conf ] && [ ! -e "$policy" ]; then
  policy=/etc/qemu/bridge.conf # stays in force until there is a policy.conf; it cannot name users
  rule="allow ${bridge:-br0}"
fi
mac=52:54:00$(od -An -N3 -tx1 /dev/urandom | tr ' ' :)

# The NIC of the default route, which a bridge takes over unless it is Wi-Fi: an access point drops frames from guests' addresses.
nic=$(ip -4 route show default 2>/dev/null | sed -n 's/.* dev \([A-Za-z0-9_.-]*\) .*/\1/p;q')
[ -n "$nic" ] || nic=NIC

echo 'virt-tap is installed. What to type next: all in one command, which shows its steps and asks once,'
echo
echo "       sudo virt-tap setup $user"
echo
echo 'or step by step:'
echo
if [ -n "$bridge" ]; then
  echo "  1. A bridge: this host has $bridge. All of them:"
  echo "       virt-tap show"
elif [ -e "/sys/class/net/$nic/phy80211" ] || [ -e "/sys/class/net/$nic/wireless" ]; then
  echo "  1. A bridge: this host has none. Its network is Wi-Fi ($nic), which no bridge can take over, so one with NAT:"
  echo "       sudo virt-tap bridge persist br0 --nat --apply"
else
  echo "  1. A bridge: this host has none. With the network card $nic as its uplink, until the next start of this host:"
  echo "       sudo virt-tap bridge create br0 --uplink=$nic"
fi
cat <<TEXT
  2. Who may use it (nobody, by default):
       echo '$rule' | sudo tee -a $policy
  3. Whether it works, and what to do if not:
       virt-tap check --bridge=${bridge:-br0}
  4. QEMU, as that user; each guest needs a MAC of its own:
       qemu-system-x86_64 ... -netdev tap,id=n0,br=${bridge:-br0},helper=$helper \\
         -device virtio-net,netdev=n0,mac=$mac
  5. libvirt, as that user (qemu:///session):
       mkdir -p ~/.config/libvirt
       echo 'bridge_helper = "$helper"' >> ~/.config/libvirt/qemu.conf
     A session daemon that is running must be started again: end libvirtd or virtqemud, or log out and in.
  6. QEMU under -sandbox on, in containers, in Flatpak, where this program's capability has no effect:
       sudo virt-tap broker enable
TEXT
