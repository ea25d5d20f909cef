# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
#
# shellcheck shell=sh disable=SC2154 # work is the script's that reads this
#
# Debian packages that are fetched but not installed: for guest-kernel and unpacked, which have die() and a folder $work.

# download PACKAGE...: into $work. On a terminal apt shows its progress, elsewhere a line every four seconds does,
# from a loop whose last sleep outlives it, and so must hold no pipe that somebody reads to its end.
download() {
  if [ -t 2 ]; then ticker=; else
    while sleep 4 >/dev/null 2>&1 && [ -d "$work" ]; do echo "  $(du -sm "$work" | cut -f 1) MB so far" >&2; done &
    ticker=$!
  fi
  failed=
  (cd "$work" && LC_ALL=C apt-get download "$@" >&2 2>errors) || failed=yes
  [ -z "$ticker" ] || kill "$ticker"
  [ -z "$failed" ] || die "cannot download $* (apt-get update may help): $(sed -n 's/^E: //p' "$work/errors" | head -n 1)"
}

# release: what this system is, so that what was unpacked for another one is not used
release() {
  sed -n 's/^\(PRETTY_NAME\|VERSION_CODENAME\)=//p' /etc/os-release | tr -d '"\n'
}
