#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
# setcap.sh HELPER: gives the installed helper its one capability. Packagers, who install under DESTDIR, do the same
# on the user's machine: setcap cap_net_admin=p HELPER
set -eu
helper=$1
PATH=$PATH:/usr/sbin:/sbin

setcap cap_net_admin=p "$helper" || {
  echo "virt-tap: $helper did not get its file capability, so it can do nothing." >&2
  echo "virt-tap: needed: root, and a file system that keeps extended attributes." >&2
  exit 1
}
