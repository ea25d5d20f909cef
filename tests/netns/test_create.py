#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""Taps that stay: create and delete, whose they are, and who may open them."""
import errno
import fcntl
import os
import struct

import netcase
import sandbox
from bridgehelper import IFF_MULTI_QUEUE, IFF_NO_PI, IFF_TAP, IFF_VNET_HDR, TUNSETIFF, TUNSETOWNER, TUNSETPERSIST, attach
from netcase import POLICY
from sandbox import OTHER, USER, USERS

PLAIN = IFF_TAP | IFF_NO_PI
UUID = "8d0f1b2c-3e4f-4a5b-9c6d-7e8f90a1b2c3"


def open_tap(name, flags=PLAIN):
    """Attach to a tap as root; returns the descriptor."""
    fd = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), flags))
    return fd


class Create(netcase.NetCase):
    def test_is_whole_and_stays(self):
        sandbox.run("ip", "link", "set", "br0", "mtu", "1400")
        self.create("vtap-a", "--vnet-hdr", f"--domain={UUID.upper()}", "--mac=52:54:00:AA:bb:01")
        tap = netcase.link("vtap-a")
        info = tap["linkinfo"]["info_data"]
        self.assertEqual((tap["master"], tap["mtu"], tap["address"]), ("br0", 1400, "fe:54:00:aa:bb:01"))
        self.assertEqual(tap["ifalias"], f"virt-tap v=1 uid={USER} domain={UUID} stays mac=fe:54:00:aa:bb:01")
        self.assertEqual(tap["altnames"], [f"virt-tap.br0.{USER}.x{tap['ifindex']}", "virt-tap-mac.br0.525400aabb01"])
        self.assertEqual((info["user"], info["persist"], info["vnet_hdr"], info["multi_queue"], info["pi"]),
                         (USERS[USER], True, True, False, False))
        self.assertIn("UP", tap["flags"])
        self.assertNotIn("vtap-a", sandbox.run("ip", "-o", "-6", "addr").stdout)
        self.delete("--name=vtap-a")
        self.assertNotIn("vtap-a", sandbox.links())

    def test_a_guests_mac_that_begins_as_ours_do(self):
        for mac in ("fe:54:00:aa:bb:01", "FE:00:00:00:00:00"):
            for words in (("--name=vtap-a",), ("--name=vtap-a", "--multi-queue", "--isolated")):
                self.denied("create", "--bridge=br0", f"--mac={mac}", *words, says=[f"--mac={mac}", "begins with fe", "52:54:00:12:34:56"])
            self.refuse(f"--mac={mac}", says="begins with fe")

    def test_only_its_owner_opens_it(self):
        for options, flags in (((), PLAIN), (("--vnet-hdr",), PLAIN | IFF_VNET_HDR),
                               (("--multi-queue", "--vnet-hdr"), PLAIN | IFF_VNET_HDR | IFF_MULTI_QUEUE)):
            self.create("vtap-a", *options)
            self.assertEqual(attach("vtap-a", flags, USER), 0)
            self.assertEqual(attach("vtap-a", flags, OTHER), errno.EPERM)
            self.delete("--name=vtap-a")

    def test_several_queues(self):
        self.create("vtap-a", "--multi-queue")
        fds = [open_tap("vtap-a", PLAIN | IFF_MULTI_QUEUE) for _ in range(4)]
        self.assertEqual(netcase.link("vtap-a")["linkinfo"]["info_data"]["numqueues"], 4)
        for fd in fds:
            os.close(fd)
        self.delete("--name=vtap-a")

    def test_policy_is_asked(self):
        sandbox.write(POLICY, f"allow br0 user={USER} quota=2 name=vtap-web*\n")
        self.denied("create", "--bridge=br0", "--name=vtap-a", says=["--name=vtap-a", f"{POLICY}:1", "vtap-web*"])
        self.denied("create", "--bridge=br0", "--name=vtap-web", uid=OTHER, says="no rule")
        self.create("vtap-web1")
        with self.grant("--name=vtap-web2"):
            self.denied("create", "--bridge=br0", "--name=vtap-web3", says=["quota=2", "virt-tap list"])
        self.create("vtap-web3")
        self.refuse("--name=vtap-web4", says="quota=2")
        self.delete("--name=vtap-web1")
        with self.grant("--name=vtap-web4"):
            pass
        self.delete("--name=vtap-web3")

    def test_macs(self):
        for macs in ("52:54:00", "52:54:00:AB:cd:01"):
            sandbox.write(POLICY, f"allow br0 macs={macs}\n")
            self.create("vtap-a", "--mac=52:54:00:ab:CD:01")
            self.delete("--name=vtap-a")
            self.denied("create", "--bridge=br0", "--name=vtap-a", says=[f"{POLICY}:1", "--mac=MAC", macs])
            self.denied("create", "--bridge=br0", "--name=vtap-a", "--mac=52:54:01:00:00:01", says=[f"{POLICY}:1", macs])
            with self.grant("--mac=52:54:00:ab:cd:01"):
                pass
            self.refuse(says=[f"{POLICY}:1", "--mac=MAC"])

    def test_names_that_are_taken(self):
        self.create("vtap-a")
        for uid in (USER, OTHER, 0):
            for options in ((), ("--multi-queue",)):
                self.denied("create", "--bridge=br0", "--name=vtap-a", *options, uid=uid, says=["'vtap-a' is taken", "ip -d link"])
        sandbox.run("ip", "link", "add", "vtap-v", "type", "veth", "peer", "name", "vtap-w")
        self.denied("create", "--bridge=br0", "--name=vtap-v", says="'vtap-v' is taken")
        sandbox.run("ip", "link", "delete", "vtap-v")
        self.delete("--name=vtap-a")

    def test_no_descriptor_survives(self):
        """A tap that stays and nobody holds has no carrier."""
        self.create("vtap-a")
        self.assertIn("NO-CARRIER", netcase.link("vtap-a")["flags"])
        self.delete("--name=vtap-a")


class Owner(netcase.NetCase):
    def test_root_makes_one_for_a_user_as_that_user(self):
        sandbox.write(POLICY, f"include {POLICY}.members\n")
        sandbox.write(f"{POLICY}.members", f"allow br0 group={USERS[OTHER]} quota=1\n", mode=0o640, gid=OTHER)
        self.create("vtap-a", f"--owner={OTHER}", uid=0)
        tap = netcase.link("vtap-a")
        self.assertEqual(tap["linkinfo"]["info_data"]["user"], USERS[OTHER])
        self.assertEqual(tap["altnames"], [f"virt-tap.br0.{OTHER}.0"])
        self.assertEqual(attach("vtap-a", PLAIN, OTHER), 0)
        self.denied("create", "--bridge=br0", "--name=vtap-b", f"--owner={OTHER}", uid=0, says="quota=1")
        # root could read the file, USER cannot: the verdict is USER's
        self.denied("create", "--bridge=br0", "--name=vtap-b", f"--owner={USER}", uid=0, says="no rule")
        self.delete("--name=vtap-a", uid=OTHER)
        os.unlink(f"{POLICY}.members")

    def test_nobody_else_may(self):
        for uid in (OTHER, 0, USER):
            self.denied("create", "--bridge=br0", "--name=vtap-a", f"--owner={uid}", says=["only root", f"uid {USER}"])

    def test_a_user_that_there_is_not(self):
        self.denied("create", "--bridge=br0", "--name=vtap-a", "--owner=64399", uid=0, says=["64399", "no such user", "getent"])


class Delete(netcase.NetCase):
    def test_in_use(self):
        for options, flags in (((), PLAIN), (("--multi-queue",), PLAIN | IFF_MULTI_QUEUE)):
            self.create("vtap-a", *options)
            fd = open_tap("vtap-a", flags)
            for uid in (USER, 0):
                self.denied("delete", "--name=vtap-a", uid=uid, says=["'vtap-a' is in use", "--force"])
            os.close(fd)
            self.delete("--name=vtap-a")
            self.create("vtap-a", *options)
            fd = open_tap("vtap-a", flags)
            self.delete("--name=vtap-a", "--force")
            os.close(fd)

    def test_in_use_without_carrier(self):
        """Whoever holds a tap may say that it has no carrier; it is in use all the same."""
        self.create("vtap-a")
        fd = open_tap("vtap-a")
        fcntl.ioctl(fd, 0x400454E2, struct.pack("i", 0))  # TUNSETCARRIER
        self.denied("delete", "--name=vtap-a", says="in use")
        os.close(fd)
        self.delete("--name=vtap-a")

    def test_of_qemus_form(self):
        with self.grant() as answer:
            self.denied("delete", "--name=vtap-0", says="in use")
            fcntl.ioctl(answer.fds[0], TUNSETPERSIST, 1)
            fcntl.ioctl(answer.fds[0], TUNSETOWNER, OTHER)
        self.denied("delete", "--name=vtap-0", uid=OTHER, says=f"belongs to uid {USER}")
        self.delete("--name=vtap-0")

    def test_of_another_user(self):
        self.create("vtap-a", uid=OTHER)
        for force in ((), ("--force",)):
            self.denied("delete", "--name=vtap-a", *force, says=[f"belongs to uid {OTHER}", f"this is uid {USER}"])
        self.delete("--name=vtap-a", uid=0)

    def test_of_what_is_not_ours(self):
        sandbox.run("ip", "tuntap", "add", "vtap-a", "mode", "tap", "user", str(USER))
        sandbox.run("ip", "link", "add", "vtap-v", "type", "veth", "peer", "name", "vtap-w")
        for claim in ("virt-tap.x", f"virt-tap.2.{USER}", f"virt-tap.2.{USER}.0x", f"virt-tap.2.+{USER}.0",
                      f"virt-tap..{USER}.0", f"virt-tap.2.0{USER}.0"):
            sandbox.run("ip", "link", "property", "add", "dev", "vtap-a", "altname", claim)
            for name in ("vtap-a", "vtap-v", "br0", "lo"):
                for uid in (USER, 0):
                    self.denied("delete", f"--name={name}", "--force", uid=uid, says=f"'{name}' is not a tap made by virt-tap")
            sandbox.run("ip", "link", "property", "del", "dev", "vtap-a", "altname", claim)
        self.denied("delete", "--name=vtap-z", says=["no tap 'vtap-z'", "virt-tap list"])
        for name in ("vtap-a", "vtap-v"):
            sandbox.run("ip", "link", "delete", name)

    def test_by_an_alternative_name(self):
        self.create("vtap-a")
        sandbox.run("ip", "link", "property", "add", "dev", "vtap-a", "altname", "vtap-alt")
        self.denied("delete", "--name=vtap-alt", says="no tap 'vtap-alt'")
        self.delete("--name=vtap-a")

    def test_neither_policy_nor_bridge_is_asked(self):
        self.create("vtap-a")
        sandbox.write(POLICY, "nonsense\n")
        sandbox.run("ip", "link", "delete", "br0")
        self.delete("--name=vtap-a")
        self.before -= {"br0"}

    def test_of_a_domain(self):
        other = UUID.replace("8", "9")
        for name, domain in (("vtap-a", UUID), ("vtap-b", UUID), ("vtap-c", other)):
            self.create(name, f"--domain={domain}")
        self.create("vtap-d")
        self.create("vtap-e", f"--domain={UUID}", uid=OTHER)
        self.denied("delete", "--name=vtap-c", f"--domain={UUID}", says=["was not made for domain", other])
        self.denied("delete", "--name=vtap-d", f"--domain={UUID}", says=["was not made for domain", f"uid={USER} stays"])
        self.delete(f"--domain={UUID.upper()}")
        self.assertEqual(sandbox.links() - self.before, {"vtap-c", "vtap-d", "vtap-e"})
        self.delete(f"--domain={UUID}")  # nothing is left of it: that is no failure
        self.delete(f"--domain={UUID}", uid=0)  # root's own: another user's domain may have the same UUID
        self.denied("delete", "--name=vtap-e", f"--domain={UUID}", uid=0, says=[f"uid {OTHER}", "omit --domain"])
        self.assertEqual(sandbox.links() - self.before, {"vtap-c", "vtap-d", "vtap-e"})
        self.delete("--name=vtap-e", uid=0)
        self.delete(f"--domain={other}", "--name=vtap-c")
        self.delete("--name=vtap-d")

    def test_of_a_domain_in_use(self):
        """The others go all the same."""
        self.create("vtap-a", f"--domain={UUID}")
        self.create("vtap-b", f"--domain={UUID}")
        fd = open_tap("vtap-a")
        answer = self.ask("delete", f"--domain={UUID}")
        self.is_refusal(answer, "'vtap-a' is in use")
        self.assertEqual(sandbox.links() - self.before, {"vtap-a"})
        os.close(fd)
        self.delete(f"--domain={UUID}")

    def test_a_thousand(self):
        """The list comes in many pieces."""
        sandbox.make_bridge("br1")
        sandbox.write(netcase.QEMU_ACL, "allow all\n")
        for i in range(150):
            self.create(f"vtap-{i}", f"--domain={UUID}", bridge=f"br{i % 2}")
        self.delete(f"--domain={UUID}")
        sandbox.run("ip", "link", "delete", "br1")


class Usage(netcase.NetCase):
    def test_what_is_missing_or_too_much(self):
        for words, says in ((["create", "--bridge=br0"], "--name=NAME"), (["create", "--name=vtap-a"], "--bridge=BRIDGE"),
                            (["create", "--bridge=br0", "--name=vtap-a", "--fd=3"], "does not take the option"),
                            (["create", "--bridge=br0", "--name=vtap-a", "--force"], "does not take the option"),
                            (["delete"], "--name=NAME or --domain=UUID"), (["delete", "--force"], "--name=NAME or"),
                            (["delete", "--name=vtap-a", "--bridge=br0"], "does not take the option"),
                            (["delete", "--name=vtap-a", "--name=vtap-b"], "given twice"),
                            (["delete", "--domain=1"], "virsh domuuid"), (["delete", "vtap-a"], "no such option"),
                            (["create", "delete"], "no such option")):
            self.denied(*words, says=says, status=2)

    def test_macs_that_no_guest_can_have(self):
        self.denied("create", "--bridge=br0", "--name=vtap-a", "--mac=01:00:5e:00:00:01", says="multicast")
        self.denied("create", "--bridge=br0", "--name=vtap-a", "--mac=00:00:00:00:00:00", says="all zeros")
        self.denied("create", "--bridge=br0", "--name=vtap-a", "--mac=52:54:00:00:00", says="not '52:54:00:00:00'", status=2)


if __name__ == "__main__":
    netcase.main()
