#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
# uninstall.sh COMMAND HOOKS [--force] <FILES: run as root by ./dev uninstall. COMMAND is the installed virt-tap, HOOKS the
# folder of its hooks, FILES what was installed, a name on each line. Removes them, and what `hooks enable` and
# `broker enable` made of them.
set -eu
command=$1
hooks=$2
force=${3:-}
case $force in '' | --force) ;; *)
  echo "uninstall: unknown option $force" >&2
  exit 2
  ;;
esac

# How many files in folder $1 are domains with taps of virt-tap, an x for each.
# shellcheck disable=SC2016 # expanded by the shell that it is for
look='[ -d "$1" ] || exit 0
exec find "$1/" -maxdepth 1 -type f -size -8192k -name "*.xml" -exec grep -qs -D skip -e urn:virt-tap -e "<target dev=.vtap-" "{}" ";" -printf x'

# domains OWNER FOLDER [COMMAND...]: a line if there are some, or if that cannot be told. COMMAND runs what looks, as the user whose
# files they are: what they are, how large, and whether their file system answers is that user's choice, so it is bounded in memory,
# time and output, too. The user may also trace it, so that only KILL ends it, and leave a process that keeps the pipe open: only a
# dot at the end means that it was read.
domains() {
  owner=$1
  folder=$2
  shift 2
  found=$({ timeout -k 1 10 "$@" prlimit --as=1073741824 sh -c "$look" sh "$folder" </dev/null 2>/dev/null && echo .; } |
    timeout 15 head -c 4096) || found=
  case $found in
    .) ;;
    *.) echo "  $owner: $((${#found} - 1))" ;;
    *) echo "  $owner: could not be checked" ;;
  esac
}

all_domains() {
  domains 'qemu:///system' /etc/libvirt/qemu
  getent passwd | while IFS=: read -r user _ uid gid _ home _; do
    case $home in /?*) ;; *) continue ;; esac
    domains "qemu:///session of $user" "$home/.config/libvirt/qemu" setsid -w setpriv --reuid="$uid" --regid="$gid" --clear-groups
  done
}

pointing=$(all_domains)
if [ -n "$pointing" ] && [ "$force" != --force ]; then
  cat >&2 <<TEXT
Domains that use taps of virt-tap, and would not start without it:
$pointing
Nothing was removed, neither programs nor hooks. First restore their interfaces:
  virt-tap domain restore --all                                  # as each of those users
  sudo virt-tap domain restore --all --connect qemu:///system
Domains that name a tap vtap-... without having been rewritten are changed by hand: virsh edit.
To remove virt-tap anyway: ./dev uninstall --force
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

# Likewise the broker, if its units are of this installation.
files=$(cat)
case $files in
  */virt-tap-broker.socket*)
    [ ! -d /run/systemd/system ] || "$command" broker disable || true
    rm -f /run/virt-tap/broker
    ;;
esac

# The profile of a helper that is gone.
if [ -e /etc/apparmor.d/virt-tap-helper ] && [ "$(cat /sys/module/apparmor/parameters/enabled 2>/dev/null)" = Y ]; then
  apparmor_parser -R /etc/apparmor.d/virt-tap-helper || true
fi

printf '%s\n' "$files" | grep '/virt-tap-helper$' | xargs -r -d '\n' -n 1 sh "$(dirname "$0")/setcap.sh" --remove
doc=$(dirname "$command")/../share/doc/virt-tap
printf '%s\n' "$files" | xargs -d '\n' rm -f
[ ! -d /run/systemd/system ] || systemctl daemon-reload || true
for folder in "$hooks" "$(dirname "$hooks")" "$doc/examples" "$doc"; do
  [ ! -d "$folder" ] || rmdir --ignore-fail-on-non-empty "$folder"
done
# Folders of a manager that is not there: they were made for the files that are gone.
for sign in NetworkManager/NetworkManager.conf apparmor.d/tunables network/interfaces; do
  folder=/etc/$(dirname "$sign")
  [ -e "/etc/$sign" ] || [ ! -d "$folder" ] || find "$folder" -depth -type d -empty -delete
done
rm -f /run/virt-tap/*.reloaded /run/virt-tap/.policy /run/virt-tap/.apply /run/virt-tap/.persist
[ ! -d /run/virt-tap ] || rmdir --ignore-fail-on-non-empty /run/virt-tap
sh "$(dirname "$0")/etc.sh" remove
cat <<TEXT
virt-tap is removed. Files that you wrote in /etc/virt-tap stay, and so do taps and bridges until the next start of this host.
Remove the line bridge_helper of each ~/.config/libvirt/qemu.conf that names virt-tap-helper.
TEXT
