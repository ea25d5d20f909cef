#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
# build.sh deb|rpm: packages of the files that git knows, as they are in the tree, in build/deb or build/rpm. Needs what packaging/debian/control
# or packaging/rpm/virt-tap.spec name, and no root. Two runs make the same packages, bit for bit.
set -eu
cd "$(dirname "$0")/.."
version=$(sed -n "s/^  version: '\(.*\)',\$/\1/p" meson.build)

# files: their names, each with a null behind it; in a tarball, which has no git, all but builds
files() {
  if git ls-files --error-unmatch meson.build >/dev/null 2>&1; then
    git ls-files -z
  else
    find . '(' -path './build*' -o -name '.?*' -o -name __pycache__ ')' -prune -o -type f -print0
  fi
}

# archive SECONDS: the tree as a tar archive, all of that time, in a folder virt-tap-VERSION
archive() {
  files | LC_ALL=C sort -z | tar -c --null --no-recursion -T - --format=gnu --mtime="@$1" --owner=0 --group=0 --numeric-owner --mode=go=rX,u+rw \
    --transform="flags=r;s,^\(\./\)*,virt-tap-$version/,"
}

deb() {
  rm -rf build/deb
  mkdir -p build/deb
  archive "$(dpkg-parsechangelog -l packaging/debian/changelog -S Timestamp)" | tar -x -C build/deb
  cd "build/deb/virt-tap-$version"
  cp -Rp packaging/debian debian
  dpkg-buildpackage -us -uc -b
  cd ..
  echo "built in build/deb:" ./*.deb
}

rpm() {
  rm -rf build/rpm
  mkdir -p build/rpm/SOURCES
  SOURCE_DATE_EPOCH=$(date -u +%s -d "$(sed -n '/^%changelog/,$s/^\* \(.*\) virt-tap authors.*/\1/p' packaging/rpm/virt-tap.spec | head -n 1)")
  export SOURCE_DATE_EPOCH
  archive "$SOURCE_DATE_EPOCH" | gzip -n >"build/rpm/SOURCES/virt-tap-$version.tar.gz"
  # Debian's database of RPMs knows nothing of what is installed.
  depends=
  [ -n "$(rpmdb_knows)" ] || depends=--nodeps
  # The folder of this build is in no program; in optflags it would be in the packages.
  flags="$(command rpm --eval '%{?build_cflags}%{!?build_cflags:%{optflags}}') -ffile-prefix-map=$PWD/build/rpm=/usr/src"
  rpmbuild -bb $depends --define "_topdir $PWD/build/rpm" --define "build_cflags $flags" --define 'use_source_date_epoch_as_buildtime 1' --define '_buildhost localhost' \
    --define 'clamp_mtime_to_source_date_epoch 1' packaging/rpm/virt-tap.spec
  echo "built in build/rpm:" build/rpm/RPMS/*/*.rpm
}

rpmdb_knows() {
  command rpm -q rpm 2>/dev/null | grep -v 'not installed' || true
}

case ${1:-} in
  deb) deb ;;
  rpm) rpm ;;
  *)
    echo 'Usage: packaging/build.sh deb|rpm' >&2
    exit 2
    ;;
esac
