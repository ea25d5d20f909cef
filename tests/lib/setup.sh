# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
#
# shellcheck shell=sh disable=SC2034,SC2046,SC2086 # groups is dev's; packages are lists of words without blanks
#
# What ./dev installs, in groups, each with a reason, and what it says is missing. Part of ./dev, which has die() and as_root().

# What each group needs, by the names of Debian's packages.
build_packages='gcc libc6-dev meson ninja-build pkgconf libnl-3-dev libjansson-dev libxml2-dev libvirt-dev libcmocka-dev'
guest_packages='python3 iproute2 libcap2-bin util-linux qemu-system-x86 busybox-static'
test_packages="$guest_packages qemu-system-common strace valgrind acl dbus-daemon dbus-system-bus-common nftables iptables
dnsmasq-base libvirt-daemon libvirt-daemon-driver-qemu libvirt-clients ifupdown netplan.io procps systemd"
bench_packages="$test_packages xsltproc virtinst libxml2-utils"
lint_packages="$build_packages clang-format clang-tidy cppcheck flake8 shellcheck mandoc"
# libclang-rt-dev has libFuzzer and the sanitizers of the clang that is Debian's default.
fuzz_packages="$build_packages clang libclang-rt-dev"
coverage_packages="$build_packages gcovr"
install_packages="$build_packages libcap2-bin"
groups='build guest test lint bench fuzz coverage install'

packages_of() {
  case $1 in
    build) echo "$build_packages" ;;
    guest) echo "$guest_packages" ;;
    test) echo "$test_packages" ;;
    lint) echo "$lint_packages" ;;
    bench) echo "$bench_packages" ;;
    fuzz) echo "$fuzz_packages" ;;
    coverage) echo "$coverage_packages" ;;
    install) echo "$install_packages" ;;
    *) die "there is no group '$1': $groups" ;;
  esac
}

reason_of() {
  case $1 in
    build) echo 'the compiler and the libraries that virt-tap is built with' ;;
    guest) echo 'QEMU, and what makes its guests and their network namespaces' ;;
    test) echo 'the hypervisors, network managers and tools that the tests try' ;;
    lint) echo 'what reads the sources and finds faults' ;;
    bench) echo 'the programs that we measure ourselves against' ;;
    fuzz) echo 'clang with libFuzzer' ;;
    coverage) echo 'what counts the lines and branches that tests reach' ;;
    install) echo 'setcap, which gives the helper its capability' ;;
  esac
}

# missing PACKAGE...: prints those that are not installed
missing() {
  for package; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || printf ' %s' "$package"
  done
}

# setup GROUP...: installs what is missing, and says first what and why
setup() {
  wanted=
  for group; do
    packages=$(packages_of "$group")
    if ! command -v dpkg-query >/dev/null; then
      echo "dev: not a Debian system; these Debian packages, by whatever name, must be here:" $packages >&2
      continue
    fi
    absent=$(missing $packages)
    [ -n "$absent" ] || continue
    echo "dev: installing for '$group' ($(reason_of "$group")):$absent" >&2
    wanted="$wanted $absent"
  done
  [ -n "$wanted" ] || return 0
  as_root apt-get update >&2 || die "apt-get update failed; is the network there?"
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $wanted >&2
}

# need GROUP: one line that says what is missing; this installs nothing
need() {
  command -v dpkg-query >/dev/null || return 0
  absent=$(missing $(packages_of "$1"))
  [ -z "$absent" ] || die "missing for '$1':$absent; run: ./dev setup $1"
}
