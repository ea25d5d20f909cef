# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
#
# shellcheck shell=sh disable=SC2034,SC2046,SC2086 # groups is dev's; packages are lists of words without blanks
#
# What ./dev installs, in groups, each with a reason, and what it says is missing. Part of ./dev, which has die(), as_root() and be_root().

# What each group needs, by the names of Debian's packages; those with a question mark only some releases have.
build_packages='gcc libc6-dev meson ninja-build pkgconf libnl-3-dev libjansson-dev libxml2-dev libvirt-dev libcmocka-dev'
guest_packages='python3 iproute2 libcap2-bin util-linux qemu-system-x86 busybox-static xz-utils lz4'
# git, mandoc and python3-yaml are for the tests of releases and of the forge's workflow.
test_packages="$guest_packages git mandoc python3-yaml qemu-system-common strace valgrind acl dbus-daemon dbus-system-bus-common nftables iptables
dnsmasq-base checkpolicy semodule-utils libvirt-daemon libvirt-daemon-driver-qemu ?libvirt-daemon-driver-network ?libvirt-daemon-driver-nwfilter libvirt-clients ifupdown netplan.io procps systemd virtinst zsh fish firejail bubblewrap podman crun uidmap"
machines_packages="$test_packages mmdebstrap e2fsprogs"
bench_packages="$test_packages xsltproc libxml2-utils"
# musl-tools compiles the privileged program with another C library.
lint_packages="$build_packages clang-format clang-tidy cppcheck flake8 shellcheck mandoc musl-tools"
# libclang-rt-dev has libFuzzer and the sanitizers of the clang that is Debian's default.
fuzz_packages="$build_packages clang libclang-rt-dev"
coverage_packages="$build_packages gcovr"
install_packages="$build_packages libcap2-bin"
# systemd has systemd.pc in Debian 12, systemd-dev in later ones.
deb_packages="$build_packages python3 procps debhelper dh-apparmor dpkg-dev systemd ?systemd-dev"
rpm_packages="$build_packages rpm"
packages_packages="mmdebstrap debian-archive-keyring e2fsprogs util-linux"
portability_packages="$build_packages $packages_packages python3 git binutils"
# Not one of $groups: Debian starts openssh-server as soon as it is installed, which only who asks for this suite should get.
fleet_packages="$test_packages ansible-core openssh-server openssh-client"
groups='build guest test machines packages portability lint bench fuzz coverage install deb rpm'

packages_of() {
  case $1 in
    build) echo "$build_packages" ;;
    guest) echo "$guest_packages" ;;
    test) echo "$test_packages" ;;
    lint) echo "$lint_packages" ;;
    machines) echo "$machines_packages" ;;
    bench) echo "$bench_packages" ;;
    fuzz) echo "$fuzz_packages" ;;
    coverage) echo "$coverage_packages" ;;
    install) echo "$install_packages" ;;
    deb) echo "$deb_packages" ;;
    rpm) echo "$rpm_packages" ;;
    packages) echo "$packages_packages" ;;
    portability) echo "$portability_packages" ;;
    fleet) echo "$fleet_packages" ;;
    *) die "there is no group '$1': $groups fleet" ;;
  esac
}

reason_of() {
  case $1 in
    build) echo 'the compiler and the libraries that virt-tap is built with' ;;
    guest) echo 'QEMU, and what makes its guests and their network namespaces' ;;
    test) echo 'the hypervisors, network managers and tools that the tests try, and the compiler of SELinux modules' ;;
    lint) echo 'what reads the sources and finds faults' ;;
    machines) echo 'what makes whole Debian machines' ;;
    bench) echo 'the programs that we measure ourselves against' ;;
    fuzz) echo 'clang with libFuzzer' ;;
    coverage) echo 'what counts the lines and branches that tests reach' ;;
    install) echo 'what virt-tap is built with, and setcap, which gives the helper its capability' ;;
    deb) echo 'what virt-tap is built with, and what makes Debian packages' ;;
    rpm) echo 'what virt-tap is built with, and rpmbuild' ;;
    packages) echo 'what makes a Debian to build packages on' ;;
    portability) echo 'what makes a Debian with other compilers' ;;
    fleet) echo 'Ansible, and the ssh by which it reaches the hosts' ;;
  esac
}

# known PACKAGE: apt can install it
known() {
  LC_ALL=C apt-cache policy "$1" 2>/dev/null | grep -q '^  Candidate: [^(]'
}

# missing PACKAGE...: prints those that are not installed, without those that this release does not have
missing() {
  for package; do
    name=${package#\?}
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null)" != installed ] || continue
    [ "$name" = "$package" ] || known "$name" || continue
    printf ' %s' "$name"
  done
}

# agreed: asks, if there is a terminal to ask on
agreed() {
  [ -t 0 ] && [ -t 2 ] || return 0
  printf 'dev: install these, and the packages that they depend on? [Y/n] ' >&2
  read -r answer || return 1
  case $answer in
    '' | y | Y | yes) ;;
    *) return 1 ;;
  esac
}

# setup GROUP...: lists what is missing, with the reason, asks, and installs it
setup() {
  wanted=
  if ! command -v dpkg-query >/dev/null; then
    echo "dev: not a Debian system; these Debian packages, by whatever name, must be here:" >&2
    for group; do echo "  $group:" $(packages_of "$group" | tr -d '?') >&2; done
    return 0
  fi
  for group; do
    absent=
    for package in $(missing $(packages_of "$group")); do
      case " $wanted " in *" $package "*) ;; *) absent="$absent $package" ;; esac
    done
    [ -n "$absent" ] || continue
    [ -n "$wanted" ] || echo 'dev: these Debian packages are missing:' >&2
    echo "$absent" | fold -s -w 76 | sed "1i\\  $group: $(reason_of "$group")
s/^ */    /" >&2
    wanted="$wanted$absent"
  done
  [ -n "$wanted" ] || return 0
  agreed || die 'nothing was installed'
  be_root 'installing packages'
  # It succeeds without a network, and may fail for a source that none of these packages is from.
  as_root apt-get -o Acquire::Retries=1 update >&2 || echo 'dev: apt-get update failed; trying with the lists that are here' >&2
  errors=$(mktemp)
  status=0
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -o Acquire::Retries=1 install -y --no-install-recommends $wanted >&2 2>"$errors" || status=$?
  cat "$errors" >&2
  cause=$(sed -n 's/^E: //p' "$errors" | head -n 1)
  rm -f "$errors"
  [ "$status" = 0 ] || die "the packages could not be installed: ${cause:-apt-get ended with status $status}"
}

# need GROUP: one line that says what is missing; this installs nothing
need() {
  command -v dpkg-query >/dev/null || return 0
  absent=$(missing $(packages_of "$1"))
  [ -z "$absent" ] || die "missing for '$1':$absent; run: ./dev setup $1"
}
