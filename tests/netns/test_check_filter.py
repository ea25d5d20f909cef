#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""virt-tap check: the frames that it sends through a bridge are seen by nobody else, and nothing of the trial is left."""
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import unittest

import bridgehelper
import checkcase
import sandbox
from sandbox import RUN, links, run

CHECK = [f"{RUN}/virt-tap", "check", "net", "--bridge", "br0", "--json"]
ETH_P_ALL = 3
FLOOD = r"""
import socket
far = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
far.bind(("far", 0))
print(flush=True)
while True:
    try:
        far.send(b"\xff" * 6 + b"\x02" * 54)
    except OSError:
        pass
"""


def read(what, name="br0"):
    with open(f"/sys/class/net/{name}/{what}", encoding="ascii") as file:
        return file.read().strip()


class Filter(unittest.TestCase):
    def setUp(self):
        checkcase.install()
        for name in ("br0", "eth0"):
            run("ip", "link", "del", name, check=False)
        run("ip", "link", "add", "br0", "type", "bridge")
        run("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "far")
        for name in ("far", "br0"):
            run("ip", "link", "set", name, "up")
        run("ip", "link", "set", "eth0", "up", "master", "br0")
        self.assertTrue(bridgehelper.await_(lambda: read("carrier") == "1"))

    def check(self):
        done = run(*CHECK, check=False)
        return {finding["id"]: finding["seen"] for finding in json.loads(done.stdout)["findings"] if "net.filter" in finding["id"]}

    def taps(self):
        return [name for name in links() if name.startswith("vtap-")]

    def test_no_other_port_sees_a_frame(self):
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL)) as far:
            far.bind(("far", 0))
            far.settimeout(0.3)
            self.assertEqual(list(self.check()), ["net.filter"])
            run("iptables-nft", "-A", "FORWARD", "-j", "REJECT")
            self.addCleanup(run, "iptables-nft", "-F", "FORWARD")
            self.assertEqual(list(self.check()), ["net.filter.drop"])
            seen = []
            try:
                while True:
                    seen.append(far.recv(2048))
            except TimeoutError:
                pass
        own = [frame for frame in seen if frame[:2] == b"\x33\x33"]  # IPv6's, of the devices: their MACs are random, and can begin like the probe's
        self.assertEqual([frame.hex() for frame in seen if frame not in own and (frame[6] == 0x52 or frame[0] == 0x52)], [])

    def test_somebody_floods_the_bridge(self):
        """Between the tap's start and the first frame of the trial, on a slow machine, a thousand others came, which is what its queue holds."""
        flood = subprocess.Popen([sys.executable, "-c", FLOOD], stdout=subprocess.PIPE)
        self.addCleanup(flood.stdout.close)
        self.addCleanup(flood.wait, 20)
        self.addCleanup(flood.kill)
        flood.stdout.readline()
        slow = ["strace", "-qq", "-f", "-o", "/dev/null", "-e", "trace=sendmsg", "-e", "inject=sendmsg:delay_exit=50000"]
        done = run(*slow, *CHECK, check=False)
        self.assertEqual([f["id"] for f in json.loads(done.stdout)["findings"] if "net.filter" in f["id"]], ["net.filter"])

    def test_the_bridge_stays_as_it_is(self):
        """Its MAC, though the lowest of its ports', and its MTU, though the lowest of theirs; while the taps are there, too."""
        run("ip", "link", "set", "far", "mtu", "9000")
        run("ip", "link", "set", "eth0", "mtu", "9000")
        before = (read("address"), read("mtu"), sorted(os.listdir("/sys/class/net/br0/brif")))
        monitor = subprocess.Popen(["ip", "-o", "monitor", "link"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        time.sleep(0.3)
        self.assertEqual(list(self.check()), ["net.filter"])
        time.sleep(0.3)
        monitor.terminate()
        told = monitor.communicate(timeout=10)[0]
        self.assertEqual((read("address"), read("mtu"), sorted(os.listdir("/sys/class/net/br0/brif"))), before)
        self.assertIn("vtap-", told)  # it was really there
        about = [line for line in told.splitlines() if " br0: " in line]
        self.assertEqual([line for line in about if "mtu 9000" not in line or before[0] not in line], [])
        self.assertEqual(self.taps(), [])

    def test_a_port_with_the_highest_mac(self):
        """The taps' MACs would be lower, and so the bridge's."""
        run("ip", "link", "set", "eth0", "down")
        run("ip", "link", "set", "eth0", "address", "fe:ff:ff:ff:ff:ff", "up")
        self.assertTrue(bridgehelper.await_(lambda: read("carrier") == "1" and read("address") == "fe:ff:ff:ff:ff:ff"))
        with subprocess.Popen(["ip", "-o", "monitor", "link", "dev", "br0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as monitor:
            time.sleep(0.3)
            self.assertEqual(list(self.check()), ["net.filter"])
            time.sleep(0.3)
            monitor.terminate()
            told = monitor.communicate(timeout=10)[0]
        self.assertEqual(set(re.findall(r"link/ether (\S+)", told)) - {"fe:ff:ff:ff:ff:ff"}, set())

    def test_an_mtu_too_small_for_ipv6(self):
        for name in ("eth0", "br0"):
            run("ip", "link", "set", name, "mtu", "1000")
        self.assertNotIn("not supported", str(self.check()))

    def helper(self, policy):
        """What check says of the helper, which is where it is looked for."""
        run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/usr/local")
        self.addCleanup(run, "umount", "/usr/local")
        os.makedirs(os.path.dirname(checkcase.helper_path()))
        shutil.copy(checkcase.HELPER, checkcase.helper_path())
        run("setcap", "cap_net_admin=p", checkcase.helper_path())
        sandbox.write("/etc/virt-tap/policy.conf", policy)
        self.addCleanup(os.unlink, "/etc/virt-tap/policy.conf")
        command = [f"{RUN}/virt-tap", "check", "helper", "--user", sandbox.USERS[sandbox.USER], "--json"]
        return lambda: {finding["id"]: finding["seen"] for finding in json.loads(run(*command, check=False).stdout)["findings"]}

    def test_the_helper_is_not_tried_on_a_bridge_that_would_lose_its_mac(self):
        run("ip", "link", "set", "eth0", "nomaster")
        run("ip", "link", "del", "br0")
        run("ip", "link", "add", "br0", "type", "bridge")
        before = read("address")
        check = self.helper("allow br0\n")
        self.assertIn("would lose the one it has", check()["helper.untried"])
        self.assertEqual(read("address"), before)
        run("ip", "link", "set", "br0", "address", "52:54:00:77:00:fe")  # fixed
        self.assertIn("made a tap on br0", check()["helper.works"])

    def test_the_helper_under_a_rule_with_macs(self):
        """Which one is free is not known."""
        found = self.helper("allow br0 mac=lock macs=52:54:01\n")()
        self.assertRegex(found["helper.untried"], "no tap was made: .* allows only MACs that begin with 52:54:01")
        self.assertNotIn("helper.refused", found)

    def test_a_comment_names_no_port(self):
        run("iptables-nft", "-A", "FORWARD", "-m", "comment", "--comment", "hello eth0 there", "-j", "DROP")
        self.addCleanup(run, "iptables-nft", "-F", "FORWARD")
        self.assertEqual(list(self.check()), ["net.filter.drop"])
        run("iptables-nft", "-I", "FORWARD", "-i", "eth0", "-j", "ACCEPT")
        self.assertEqual(list(self.check()), ["net.filter.partly"])

    def test_killed_at_any_time_it_leaves_nothing(self):
        run("iptables-nft", "-A", "FORWARD", "-j", "DROP")  # so that it waits
        self.addCleanup(run, "iptables-nft", "-F", "FORWARD")
        met = 0
        for number in range(24):
            check = subprocess.Popen(CHECK, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
            if number % 2:  # while the taps are there
                met += bridgehelper.await_(lambda: len(self.taps()) == 2, seconds=2, step=0.001)
            else:
                time.sleep(number * 0.01)
            check.send_signal(signal.SIGKILL)
            check.wait(timeout=10)
            self.assertTrue(bridgehelper.await_(lambda: not self.taps(), seconds=5), self.taps())
        self.assertGreater(met, 6)

    def test_several_at_a_time(self):
        """They do not take each other's frames, nor names."""
        checks = [subprocess.Popen(CHECK, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) for _ in range(6)]
        for check in checks:
            found = json.loads(check.communicate(timeout=60)[0])["findings"]
            self.assertEqual([finding["id"] for finding in found if "net.filter" in finding["id"]], ["net.filter"])
        self.assertEqual(self.taps(), [])


if __name__ == "__main__":
    sandbox.enter()
    sys.exit(not unittest.main(verbosity=1, exit=False).result.wasSuccessful())
