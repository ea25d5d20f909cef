#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
# setcap.sh HELPER: gives the installed helper its one capability. Packagers, who install under DESTDIR, do the same
# on the user's machine: setcap cap_net_admin=p HELPER
# setcap.sh --remove HELPER: takes it away before that file is replaced or removed, which frees only its name: whoever has it
# open, or a hard link to it, could go on running it.
set -eu
PATH=$PATH:/usr/sbin:/sbin

# The helper's second name, in a folder that is closed to all but root: `meson install` replaces the helper before it calls this, and what was
# replaced is still found here.
kept_folder=$(dirname "${2:-$1}")/virt-tap/kept
kept=$kept_folder/virt-tap-helper

# drop FILE: takes the capability from it, if it is there and has one
drop() {
  [ ! -e "$1" ] || setcap -q -r "$1" 2>/dev/null || true
}

drop "$kept"
if [ "$1" = --remove ]; then
  drop "$2"
  rm -rf "$kept_folder"
  exit
fi

helper=$1
setcap cap_net_admin=p "$helper" || {
  echo "virt-tap: $helper did not get its file capability, so it can do nothing." >&2
  echo "virt-tap: needed: root, and a file system that keeps extended attributes." >&2
  exit 1
}
install -d -m 700 "$kept_folder"
ln -f "$helper" "$kept"
