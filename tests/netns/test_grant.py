#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""What the helper grants: the contract with QEMU and libvirt, and what the tap is like, with a real kernel."""
import fcntl
import os
import re
import select
import socket
import struct
import time

import bridgehelper
import netcase
import sandbox
from bridgehelper import IFF_NO_PI, IFF_TAP, IFF_VNET_HDR
from sandbox import OTHER, USER


class Contract(netcase.NetCase):
    def test_one_byte_one_descriptor_exit_zero(self):
        with self.grant() as answer:
            name, flags = answer.tap()
            self.assertEqual(name, "vtap-0")
            self.assertEqual(flags & (IFF_TAP | IFF_NO_PI | IFF_VNET_HDR), IFF_TAP | IFF_NO_PI | IFF_VNET_HDR)

    def test_no_vnet_header_unless_asked(self):
        with self.grant(vnet=False) as answer:
            self.assertEqual(answer.tap()[1] & IFF_VNET_HDR, 0)

    def test_root_is_a_caller_like_any_other(self):
        with self.grant(uid=0) as answer:
            self.assertIn("virt-tap v=1 uid=0", netcase.link(answer.tap()[0])["ifalias"])
        self.refuse(uid=0, bridge="br1", says="allow br1")

    def test_the_tap_goes_with_its_last_descriptor(self):
        with self.grant() as answer:
            copy = os.dup(answer.fds[0])
            answer.close()
            self.assertIn("vtap-0", sandbox.links())
            os.close(copy)
        self.assertNotIn("vtap-0", sandbox.links())

    def test_names_begin_with_the_lowest_free_ones(self):
        with self.grant() as first, self.grant() as second:
            self.assertEqual([first.tap()[0], second.tap()[0]], ["vtap-0", "vtap-1"])
            first.close()
            with self.grant() as third:
                self.assertEqual(third.tap()[0], "vtap-0")

    def test_a_name_of_the_callers(self):
        with self.grant("--name=vtap-web") as answer:
            self.assertEqual(answer.tap()[0], "vtap-web")

    def test_other_socket_kinds(self):
        for kind in (socket.SOCK_SEQPACKET, socket.SOCK_DGRAM):
            ours, theirs = socket.socketpair(socket.AF_UNIX, kind)
            with ours, theirs:
                done = sandbox.run(self.helper, "--br=br0", f"--fd={theirs.fileno()}", pass_fds=[theirs.fileno()])
                self.assertEqual((done.returncode, done.stdout), (0, ""))
                data, fds, _flags, _address = socket.recv_fds(ours, 8, 4)
                self.assertEqual((data, len(fds)), (b"\0", 1))
                os.close(fds[0])

    def test_environment_is_not_read(self):
        env = {"NLCB": "debug", "NLDBG": "7", "LD_DEBUG": "all", "MALLOC_CHECK_": "3", "TMPDIR": "/nonexistent"}
        with self.grant(env=env):
            pass
        with self.grant(env={"NLCB": "debug", "NLDBG": "7"}, uid=0):  # root: nothing is taken out by the loader
            pass

    def test_closed_standard_streams(self):
        """With descriptors 0 to 2 closed, words of ours must not get into a file that took their number."""
        command = ["/bin/sh", "-c", 'exec "$0" "$@" <&- >&- 2>&-', self.helper]
        with bridgehelper.call(command, uid=0) as answer:
            self.assertTrue(answer.granted, answer)
        with bridgehelper.call(command, uid=0, bridge="br1") as answer:
            self.assertEqual((answer.status, answer.fds), (1, []))

    def test_help_and_version(self):
        done = sandbox.run(self.helper, "--help")
        self.assertIn("--br=BRIDGE", done.stdout)
        self.assertRegex(sandbox.run(self.helper, "--version").stdout, r"\Avirt-tap-helper \d+\.\d+\.\d+\n\Z")


class Tap(netcase.NetCase):
    def test_is_a_port_of_the_bridge_and_up(self):
        with self.grant() as answer:
            tap = netcase.link(answer.tap()[0])
            self.assertEqual(tap["master"], "br0")
            self.assertIn("UP", tap["flags"])
            self.assertEqual(tap["address"][:3], "fe:")
            self.assertEqual(tap["linkinfo"]["info_data"]["user"], sandbox.USERS[USER])
            self.assertFalse(tap["linkinfo"]["info_data"]["persist"])
            self.assertEqual(tap["ifalias"], f"virt-tap v=1 uid={USER} mac={tap['address']}")
            self.assertEqual(tap["altnames"], [f"virt-tap.br0.{USER}.x{tap['ifindex']}"])

    def test_has_the_bridges_mtu(self):
        for mtu in (1200, 1400, 9000):  # under 1280 the kernel takes IPv6 away, and refuses to hear of it
            sandbox.run("ip", "link", "set", "br0", "mtu", str(mtu))
            with self.grant() as answer:
                self.assertEqual(netcase.link(answer.tap()[0])["mtu"], mtu)

    def test_bridge_keeps_its_address(self):
        sandbox.run("ip", "link", "add", "br1", "type", "bridge")  # no address of its own: its ports' lowest
        sandbox.write(netcase.QEMU_ACL, "allow all\n")
        sandbox.run("ip", "link", "add", "up0", "address", "52:54:00:00:00:01", "type", "veth")
        sandbox.run("ip", "link", "set", "up0", "master", "br1")
        with self.grant(bridge="br1"):
            self.assertEqual(netcase.link("br1")["address"], "52:54:00:00:00:01")
        sandbox.run("ip", "link", "delete", "up0")
        sandbox.run("ip", "link", "delete", "br1")

    def test_works_without_ipv6(self):
        with open("/proc/sys/net/ipv6/conf/default/disable_ipv6", "w", encoding="ascii") as file:
            file.write("1")
        try:
            with self.grant() as answer:
                self.assertEqual(netcase.link(answer.tap()[0])["master"], "br0")
        finally:
            with open("/proc/sys/net/ipv6/conf/default/disable_ipv6", "w", encoding="ascii") as file:
                file.write("0")

    def test_the_host_says_nothing_to_the_guest_by_it(self):
        """No IPv6 address, so no MLD or DAD from the tap itself; what the bridge floods comes from the bridge's MAC."""
        with self.grant(vnet=False) as answer:
            name = answer.tap()[0]
            tap, seen = netcase.link(name), []
            end = time.monotonic() + 2.5
            while (left := end - time.monotonic()) > 0:
                if select.select(answer.fds, [], [], left)[0]:
                    seen.append(os.read(answer.fds[0], 65536)[6:12].hex(":"))
            self.assertNotIn(tap["address"], seen)
            self.assertNotIn(name, sandbox.run("ip", "-o", "-6", "addr").stdout)
            self.assertIn("br0", sandbox.run("ip", "-o", "-6", "addr").stdout)  # IPv6 was there to be had

    def test_frames_cross_the_bridge(self):
        frame = bytes.fromhex("525400000002 525400000001 88b5") + b"virt-tap" * 8
        with self.grant(vnet=False) as one, self.grant(vnet=False, uid=OTHER) as two:
            os.write(one.fds[0], frame)
            self.assertTrue(bridgehelper.await_(lambda: frame in drain(two.fds[0])), "the frame did not arrive")


def drain(fd):
    frames = []
    while select.select([fd], [], [], 0)[0]:
        frames.append(os.read(fd, 65536))
    return frames


class HolderIsNotTrusted(netcase.NetCase):
    def test_persistence_by_its_holder_changes_no_evidence(self):
        answer = self.grant()
        before = netcase.link("vtap-0")
        fcntl.ioctl(answer.fds[0], bridgehelper.TUNSETPERSIST, 1)
        fcntl.ioctl(answer.fds[0], bridgehelper.TUNSETOWNER, OTHER)
        answer.close()
        after = netcase.link("vtap-0")
        self.assertTrue(after["linkinfo"]["info_data"]["persist"])
        for key in ("altnames", "ifalias", "master", "mtu"):
            self.assertEqual(after[key], before[key])
        sandbox.run("ip", "link", "delete", "vtap-0")

    def test_claim_and_alias_are_not_its_holders_to_change(self):
        with self.grant():
            for change in (["property", "del", "dev", "vtap-0", "altname", netcase.link("vtap-0")["altnames"][0]],
                           ["set", "vtap-0", "alias", "x"], ["set", "vtap-0", "nomaster"], ["set", "vtap-0", "mtu", "1000"],
                           ["delete", "vtap-0"]):
                done = sandbox.run("setpriv", f"--reuid={USER}", "--clear-groups", "ip", "link", *change, check=False)
                self.assertIn("Operation not permitted", done.stdout)


class Privileges(netcase.NetCase):
    def test_effective_only_around_the_kernel_calls(self):
        """Reads /proc/PID/status of the helper stopped at each system call, by strace."""
        trace = sandbox.RUN + "/trace"
        call = bridgehelper.call(["strace", "-u", sandbox.USERS[USER], "-o", trace, "-e",
                                  "trace=capset,prctl,openat,socket,sendmsg,execve,ioctl", self.helper])
        call.close()
        with open(trace, encoding="ascii") as file:
            lines = file.read().splitlines()
        os.unlink(trace)
        nnp = next(i for i, line in enumerate(lines) if "PR_SET_NO_NEW_PRIVS" in line)
        raised = [i for i, line in enumerate(lines) if "effective=1<<CAP_NET_ADMIN" in line]
        self.assertEqual(len(raised), 2, lines)
        lowered = [next(i for i, line in enumerate(lines) if i > begin and "effective=0, permitted=1<<CAP_NET_ADMIN" in line)
                   for begin in raised]
        policy = next(i for i, line in enumerate(lines) if f'"{netcase.QEMU_ACL}"' in line)
        answer = next(i for i, line in enumerate(lines) if "SCM_RIGHTS" in line)
        self.assertTrue(nnp < policy < raised[0] < lowered[0] < raised[1] < lowered[1] < answer, lines)
        opening, granting = (lines[begin + 1:end] for begin, end in zip(raised, lowered))
        self.assertEqual([line.partition(",")[0] for line in opening], ["socket(AF_NETLINK"])
        self.assertEqual(" ".join(granting).count("openat("), 1)
        self.assertIn('"/dev/net/tun"', " ".join(granting))
        outside = " ".join(lines[nnp:raised[0]] + lines[lowered[0]:raised[1]] + lines[lowered[1]:])
        self.assertNotIn("AF_NETLINK", outside)
        self.assertEqual(" ".join(lines).count("execve("), 1)

    def test_not_effective_when_a_refusal_is_spoken(self):
        trace = sandbox.RUN + "/trace"
        sandbox.run("ip", "link", "add", "vtap-x", "type", "veth", "peer", "name", "vtap-y")
        answer = bridgehelper.call(["strace", "-u", sandbox.USERS[USER], "-o", trace, "-e", "trace=capset,write,ioctl",
                                    self.helper], "--name=vtap-x")
        self.assertEqual(answer.status, 1)
        with open(trace, encoding="ascii") as file:
            acts = [line for line in file.read().splitlines() if line.startswith(("capset", 'write(2, "virt-tap-helper: '))]
        self.assertIn("effective=0", acts[-2])
        self.assertTrue(acts[-1].startswith("write(2"), acts)
        sandbox.run("ip", "link", "delete", "vtap-x")

    def test_clean_under_valgrind(self):
        bare = sandbox.install(netcase.HELPER, "bare", caps=None)  # valgrind starts none with capabilities; root has them
        command = ["valgrind", "-q", "--error-exitcode=99", "--leak-check=full", bare]
        with bridgehelper.call(command, uid=0) as answer:
            self.assertTrue(answer.granted, answer)
            self.assertEqual(answer.stderr, "")
        answer = bridgehelper.call(command, uid=0, bridge="br1")
        self.assertEqual((answer.status, answer.stderr.count("\n")), (1, 1), answer)


class ManyAtOnce(netcase.NetCase):
    def test_64_callers(self):
        calls = [bridgehelper.Call([self.helper, "--use-vnet", "--br=br0", "--fd={fd}"], (USER, OTHER)[i % 2])
                 for i in range(64)]
        answers = [call.finish() for call in calls]
        try:
            self.assertTrue(all(answer.granted for answer in answers), answers)
            names = {answer.tap()[0] for answer in answers}
            self.assertEqual(len(names), 64)
            self.assertTrue(names > {f"vtap-{i}" for i in range(8)}, names)
            self.assertTrue(all(re.fullmatch(r"vtap-\d{1,8}", name) for name in names), names)
        finally:
            for answer in answers:
                answer.close()


assert struct.calcsize("16sH22x") == 40  # struct ifreq
if __name__ == "__main__":
    netcase.main()
