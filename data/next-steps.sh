#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
# next-steps.sh HELPER: what to type after the installation
set -eu
helper=$1

policy=/etc/virt-tap/policy.conf
if [ -e /etc/qemu/bridge.conf ] && [ ! -e "$policy" ]; then
  policy=/etc/qemu/bridge.conf # which goes on being read, until there is a policy.conf
fi
cat <<TEXT
virt-tap is installed. What to type next:

  1. Who may use which bridge (nobody, unless you say so):
       echo 'allow br0' | sudo tee -a $policy
  2. QEMU, as any user:
       qemu-system-x86_64 ... -netdev tap,id=n0,br=br0,helper=$helper -device virtio-net,netdev=n0
  3. libvirt, as any user (qemu:///session):
       mkdir -p ~/.config/libvirt
       echo 'bridge_helper = "$helper"' >> ~/.config/libvirt/qemu.conf
TEXT
