#!/bin/sh
# The administrator's folder. `install`: makes it, with an example, and never changes what is there.
# `remove`: takes away the example that is unchanged, and the folder if nothing else is in it.
set -eu
folder=${DESTDIR:-}/etc/virt-tap
example=$(dirname "$0")/policy.conf.example

case $1 in
  install)
    [ -d "$folder" ] || install -d -m 755 "$folder"
    [ -e "$folder/policy.conf.example" ] || install -m 644 "$example" "$folder/policy.conf.example"
    ;;
  remove)
    if cmp -s "$example" "$folder/policy.conf.example"; then rm "$folder/policy.conf.example"; fi
    if [ -d "$folder" ]; then rmdir --ignore-fail-on-non-empty "$folder"; fi
    ;;
esac
