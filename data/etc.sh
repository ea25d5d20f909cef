#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
# The administrator's folder. `install`: makes it, with examples, and never changes what is there.
# `remove`: takes away the examples that are unchanged, and the folder if nothing else is in it.
set -eu
folder=/etc/virt-tap
here=$(dirname "$0")

case $1 in
  install)
    for needed in "$folder" "$folder/policy.d"; do # the second: for include policy.d/*.conf
      [ -d "$needed" ] || install -d -m 755 "$needed"
    done
    for example in policy.conf.example bridges.conf.example; do
      [ -e "$folder/$example" ] || install -m 644 "$here/$example" "$folder/$example"
    done
    ;;
  remove)
    for example in policy.conf.example bridges.conf.example; do
      if cmp -s "$here/$example" "$folder/$example"; then rm "$folder/$example"; fi
    done
    if [ -d "$folder/policy.d" ]; then rmdir --ignore-fail-on-non-empty "$folder/policy.d"; fi
    if [ -d "$folder" ]; then rmdir --ignore-fail-on-non-empty "$folder"; fi
    ;;
esac
