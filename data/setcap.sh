#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
# setcap.sh HELPER: gives the installed helper its one capability. Packagers, who install under DESTDIR, do the same
# on the user's machine: setcap cap_net_admin=p HELPER
# setcap.sh --remove HELPER: takes it away before that file is replaced or removed, which frees only its name: whoever has it
# open, or a hard link to it, could go on running it.
set -eu
PATH=$PATH:/usr/sbin:/sbin

if [ "$1" = --remove ]; then
  [ ! -e "$2" ] || setcap -q -r "$2" 2>/dev/null || true
  exit
fi

helper=$1
setcap cap_net_admin=p "$helper" || {
  echo "virt-tap: $helper did not get its file capability, so it can do nothing." >&2
  echo "virt-tap: needed: root, and a file system that keeps extended attributes." >&2
  exit 1
}
