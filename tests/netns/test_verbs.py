#!/usr/bin/env python3
"""The command's verbs tap and list, as an ordinary user calls them."""
import json
import os

import bridgehelper
import netcase
import sandbox
from netcase import POLICY
from sandbox import OTHER, USER, USERS

UUID = "8d0f1b2c-3e4f-4a5b-9c6d-7e8f90a1b2c3"


class Verbs(netcase.NetCase):
    def setUp(self):
        super().setUp()
        self.cli = sandbox.install(os.environ["VIRT_TAP_CLI"], caps=None)

    def virt_tap(self, *words, uid=USER, status=0, helper=None):
        done = sandbox.run(self.cli, *words, check=False, env={"VIRT_TAP_HELPER": helper or self.helper},
                           preexec_fn=lambda: bridgehelper.become(uid))
        self.assertEqual(done.returncode, status, done.stdout)
        return done.stdout

    def test_create_and_delete(self):
        self.assertEqual(self.virt_tap("tap", "create", "vt-a", "--bridge", "br0", "--multi-queue", "--vnet-hdr",
                                       "--mac=52:54:00:00:00:01", "--domain", UUID), "")
        tap = netcase.link("vt-a")
        self.assertEqual((tap["master"], tap["address"], tap["ifalias"]),
                         ("br0", "fe:54:00:00:00:01", f"virt-tap uid={USER} domain={UUID}"))
        info = tap["linkinfo"]["info_data"]
        self.assertTrue(info["multi_queue"] and info["vnet_hdr"] and info["persist"])
        self.assertIn(f"belongs to uid {USER}", self.virt_tap("tap", "delete", "vt-a", "--force", uid=OTHER, status=1))
        self.assertEqual(self.virt_tap("tap", "delete", "vt-a"), "")

    def test_for_another_user(self):
        for owner in (USERS[USER], str(USER)):
            self.virt_tap("tap", "create", "--bridge=br0", "--owner", owner, "vt-a", uid=0)
            self.assertEqual(netcase.link("vt-a")["linkinfo"]["info_data"]["user"], USERS[USER])
            self.virt_tap("tap", "delete", "vt-a", uid=0)
        for owner in ("nosuchuser", ""):
            self.assertIn("no such user", self.virt_tap("tap", "create", "vt-a", "--bridge=br0", "--owner", owner, uid=0, status=1))
        self.assertIn("only root", self.virt_tap("tap", "create", "vt-a", "--bridge=br0", f"--owner={OTHER}", status=1))

    def test_refusals_are_the_helpers(self):
        said = self.virt_tap("tap", "create", "vt-a", "--bridge=br1", status=1)
        self.assertRegex(said, r"\Avirt-tap-helper: no rule [^\n]+ br1\n\Z")

    def test_usage(self):
        for words, says in ((["tap"], "no verb"), (["tap", "make"], "no verb 'make'"), (["nonsense"], "no verb 'nonsense'"), ([], "no verb"),
                            (["tap", "create", "vt-a"], "--br=BRIDGE"), (["tap", "create", "--bridge=br0"], "one NAME"),
                            (["tap", "create", "vt-a", "vt-b", "--bridge=br0"], "one NAME, not 2"),
                            (["tap", "create", "vt-a", "--bridge=br0", "--bridge=br1"], "--bridge is given twice"),
                            (["tap", "create", "vt-a", "--bogus"], "bogus"), (["tap", "delete"], "one NAME"),
                            (["tap", "delete", "vt-a", "--bridge=br0"], "bridge"), (["list", "vt-a"], "'vt-a'"),
                            (["list", "--bogus"], "bogus")):
            self.assertIn(says, self.virt_tap(*words, status=2))

    def test_help(self):
        for words in (["--help"], ["help"], ["tap", "--help"], ["tap", "create", "--help"], ["list", "-h"]):
            self.assertTrue(self.virt_tap(*words).startswith("Usage: virt-tap"))
        self.assertIn("No space left", sandbox.run("sh", "-c", f"{self.cli} help 2>&1 >/dev/full", check=False).stdout)

    def test_no_helper(self):
        said = self.virt_tap("tap", "delete", "vt-a", status=1, helper="/nonexistent/helper")
        self.assertRegex(said, r"\Avirt-tap tap delete: cannot start /nonexistent/helper: No such file[^\n]+\n\Z")

    def test_list(self):
        self.assertEqual(self.virt_tap("list"), "There are no taps of virt-tap's.\n")
        self.assertEqual(json.loads(self.virt_tap("list", "--json")), [])
        sandbox.write(POLICY, "allow br0 quota=4\n")
        sandbox.run("ip", "tuntap", "add", "vt-x", "mode", "tap")
        self.create("vt-b", "--multi-queue", f"--domain={UUID}", "--mac=52:54:00:00:00:01")
        self.create("vt-10", uid=OTHER)
        with self.grant("--name=vt-2"):
            listed = json.loads(self.virt_tap("list", "--json"))
            table = self.virt_tap("list").splitlines()
        self.assertEqual([tap["name"] for tap in listed], ["vt-2", "vt-10", "vt-b"])
        self.assertEqual(listed[2], {
            "name": "vt-b", "ifindex": sandbox.ifindex("vt-b"), "bridge": "br0", "owner": USERS[USER], "uid": USER, "domain": UUID,
            "claim": netcase.link("vt-b")["altnames"][0], "held": False, "multi_queue": True, "queues": 0, "vnet_hdr": False,
            "persistent": True, "mtu": 1500, "mac": "fe:54:00:00:00:01"})
        self.assertEqual([(tap["held"], tap["persistent"], tap["uid"], tap["queues"]) for tap in listed],
                         [(True, False, USER, 1), (False, True, OTHER, 0), (False, True, USER, 0)])
        self.assertEqual([line.split()[:4] for line in table],
                         [["NAME", "BRIDGE", "OWNER", "HELD"], ["vt-2", "br0", "vmuser", "yes"], ["vt-10", "br0", "vmother", "no"],
                          ["vt-b", "br0", "vmuser", "no"]])
        sandbox.run("ip", "link", "set", "vt-b", "nomaster")
        self.assertIsNone(json.loads(self.virt_tap("list", "--json"))[1]["bridge"])
        self.delete("--name=vt-b")
        self.delete("--name=vt-10", uid=OTHER)
        sandbox.run("ip", "link", "delete", "vt-x")


if __name__ == "__main__":
    netcase.main()
