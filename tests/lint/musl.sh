#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
# musl.sh BUILD: whether the privileged program, and the folders that it links, compile with musl. Only the syntax is checked: no libnl is
# there for musl. BUILD has config.h and helper/help.h. The kernel's headers and libnl's are those of the system, and none of glibc's.
set -eu
cd "$(dirname "$0")/../.."
build=$1
command -v musl-gcc >/dev/null || {
  echo 'musl: no musl-gcc: install musl-tools' >&2
  exit 1
}
headers=$(mktemp -d)
trap 'rm -rf "$headers"' EXIT
ln -s /usr/include/linux /usr/include/asm-generic "$headers"
asm=/usr/include/$(gcc -print-multiarch)/asm
[ -e "$asm" ] || asm=/usr/include/asm
ln -s "$asm" "$headers/asm"
failed=0
for file in helper/*.c base/*.c net/*.c policy/*.c; do
  musl-gcc -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Werror -fsyntax-only -include base/musl.h -I. -I"$build" -I"$build/helper" -isystem "$headers" \
    -isystem /usr/include/libnl3 "$file" || failed=1
done
exit "$failed"
