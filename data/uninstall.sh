#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
# uninstall.sh COMMAND HOOKS [--force] <FILES: run as root by ./dev uninstall. COMMAND is the installed virt-tap, HOOKS the
# folder of its hooks, FILES what was installed, each name ended by a NUL. Removes them, and what `hooks enable` made of them.
set -eu
command=$1
hooks=$2
force=${3:-}

# domains OWNER FOLDER: a line if domains that are defined there have taps of virt-tap. What the files are and how large is their
# owner's choice: so they are bounded in size, memory and time, and nothing of them is shown but their number.
domains() {
  [ -d "$2" ] || return 0
  count=$(timeout 10 prlimit --as=1073741824 find "$2" -maxdepth 1 -type f -size -8192k -name '*.xml' \
    -exec grep -qsF -D skip 'urn:virt-tap' '{}' ';' -printf x | wc -c)
  [ "$count" = 0 ] || echo "  $1: $count"
}

all_domains() {
  domains 'qemu:///system' /etc/libvirt/qemu
  getent passwd | while IFS=: read -r user _ _ _ _ home _; do
    case $home in /?*) domains "qemu:///session of $user" "$home/.config/libvirt/qemu" ;; esac
  done
}

pointing=$(all_domains)
if [ -n "$pointing" ] && [ "$force" != --force ]; then
  cat >&2 <<TEXT
These domains have taps of virt-tap, and would not start without it:
$pointing
Nothing was removed, neither programs nor hooks. First give them their interfaces back:
  virt-tap domain restore --all                                  # each of those users
  sudo virt-tap domain restore --all --connect qemu:///system
or remove virt-tap all the same: ./dev uninstall --force
TEXT
  cat >/dev/null
  exit 1
fi

# Links of this installation only; its command also takes back what it wrote into AppArmor's profile.
for driver in qemu network daemon; do
  folder=/etc/libvirt/hooks/$driver.d
  [ "$(readlink "$folder/50-virt-tap")" = "$hooks/$driver" ] || continue
  "$command" hooks disable || true
  rm -f "$folder/50-virt-tap"
done

xargs -0 rm -f
for folder in "$hooks" "$(dirname "$hooks")" "$(dirname "$command")/../share/doc/virt-tap"; do
  [ ! -d "$folder" ] || rmdir --ignore-fail-on-non-empty "$folder"
done
rm -f /run/virt-tap/*.reloaded
sh "$(dirname "$0")/etc.sh" remove
cat <<TEXT
virt-tap is removed. Files that you wrote in /etc/virt-tap stay, and so do taps and bridges until the next start of this host.
Remove the line bridge_helper of each ~/.config/libvirt/qemu.conf that names virt-tap-helper.
TEXT
