#!/bin/sh
# setcap.sh HELPER: gives the installed helper its one capability, and says what to do next. Packagers, who install
# under DESTDIR, do the same on the user's machine: setcap cap_net_admin=p HELPER
set -eu
helper=$1
PATH=$PATH:/usr/sbin:/sbin

setcap cap_net_admin=p "$helper" || {
  echo "virt-tap: $helper did not get its file capability, so it can do nothing." >&2
  echo "virt-tap: needed: root, and a file system that keeps extended attributes." >&2
  exit 1
}

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
