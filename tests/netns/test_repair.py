#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""virt-tap repair: a tap that lost its bridge, its port options or its port filter has them again, and is otherwise left as it is.

Needs VIRT_TAP_HELPER, VIRT_TAP_CLI and VIRT_TAP_PORTJUDGE.
"""
import fcntl
import itertools
import os
import re
import shutil
import signal
import struct
import subprocess

import bridgehelper
import netcase
import portframes
import sandbox
from applycase import ADDRESS, FORGED, FRAMES, GOOD, ApplyCase, Seen, kernel
from faults import inject, stopped_child
from netcase import POLICY
from rounds import rounds
from sandbox import OTHER, USER
from test_protect import GUEST, NEIGHBOUR, SIOCSIFHWADDR, port

BRIDGES = "/etc/virt-tap/bridges.conf"
AGAIN = f"changed by {POLICY}:1: on bridge 'br0' again"


def run_all(*commands):
    """Run commands of `ip`, `tc` and `bridge`."""
    for command in commands:
        sandbox.run(*command.split())


class Lost(ApplyCase):
    """What was lost is there again, as the helper made it; a plan changes nothing."""
    OPTIONS = (f"--mac={GUEST}", f"--ip={ADDRESS}")

    def setUp(self):
        super().setUp()
        self.rule("allow br0 mac=lock ip=lock isolated=yes")
        self.create("vtap-a", *self.OPTIONS)
        self.assertEqual(self.repair(), {})

    def repaired(self, says, *words):
        before = kernel()
        self.assertEqual(self.repair("--dry-run", *words), {"vtap-a": says.replace("changed", "would be changed", 1)})
        self.assertEqual(kernel(), before)
        self.assertEqual(self.repair(*words), {"vtap-a": says})
        self.settled()

    def test_filter(self):
        everything = ["bytecode", "1,6 0 0 4294967295"]
        for change in ("tc qdisc del dev vtap-a clsact".split(), "tc filter del dev vtap-a ingress pref 2".split(),
                       "tc filter del dev vtap-a ingress pref 1".split(), "tc filter del dev vtap-a ingress".split(),
                       [*"tc filter replace dev vtap-a ingress protocol all pref 2 handle 1 bpf".split(), *everything],
                       [*"tc filter replace dev vtap-a ingress protocol all pref 1 handle 1 bpf".split(), *everything]):
            with self.subTest(change):
                sandbox.run(*change)
                self.repaired(f"changed by {POLICY}:1: port filter", "vtap-a")
        self.like_new("vtap-a", *self.OPTIONS)

    def test_filters_of_others(self):
        """They are told, and not removed; the tap's own are there again."""
        for change in ("pref 3", "pref 1 handle 2"):
            sandbox.run("tc", "filter", "add", "dev", "vtap-a", "ingress", "protocol", "all", *change.split(), "bpf", "bytecode", "1,6 0 0 4294967295")
            self.assertIn("the port has other filters, too; `tc filter show", self.repair(status=1)["virt-tap repair"])
            sandbox.run("tc", "filter", "del", "dev", "vtap-a", "ingress", "pref", change.split()[1])
        self.repaired(f"changed by {POLICY}:1: port filter")

    def test_options(self):
        for change, says in (("locked off", "mac=lock"), ("isolated off", "isolated"), ("learning on flood on", "port options")):
            with self.subTest(change):
                sandbox.run("bridge", "link", "set", "dev", "vtap-a", *change.split())
                self.repaired(f"changed by {POLICY}:1: {says}", "br0")
        self.like_new("vtap-a", *self.OPTIONS)

    def test_changed_policy(self):
        """A changed rule is one that the port does not have, too, as virt-tap(1) says; an error in the policy changes nothing."""
        before = kernel()
        sandbox.write(POLICY, "allow br0 mac=lock isolated=maybe\n")
        self.assertIn("nothing was changed: ", self.repair(status=1)["virt-tap repair"])
        self.assertEqual(kernel(), before)
        sandbox.write(POLICY, "allow br0 mac=lock\n")
        self.assertIn("isolated", self.repair()["vtap-a"])

    def test_entry(self):
        for change in ("del", "replace"):  # static, and not sticky
            sandbox.run("bridge", "fdb", change, GUEST, "dev", "vtap-a", "master", "static")
            self.repaired(f"changed by {POLICY}:1: FDB entry")
        self.like_new("vtap-a", *self.OPTIONS)

    def test_off_the_bridge(self):
        for change in (["nomaster"], ["nomaster", "down"], ["master", "br1"]):
            with self.subTest(change):
                sandbox.run("ip", "link", "add", "br1", "type", "bridge")
                sandbox.run("ip", "link", "set", "vtap-a", *change)
                self.assertEqual(self.apply(status=1), {"vtap-a": "not on its bridge 'br0'; to put it back: virt-tap repair vtap-a"})
                self.repaired(AGAIN)
                sandbox.run("ip", "link", "delete", "br1")
        self.like_new("vtap-a", *self.OPTIONS)

    def test_bridge_made_again(self):
        sandbox.run("ip", "link", "delete", "br0")
        for words in (("repair",), ("repair", "br0"), ("policy", "apply")):
            if words[-1] != "br0":
                said = self.verb(*words, status=1)[f"virt-tap {' '.join(words)}"]
                self.assertIn("tap 'vtap-a' is not on its bridge: there is no bridge 'br0' on this host", said)
        self.assertIsNone(netcase.link("vtap-a").get("master"))
        sandbox.make_bridge("br0")
        self.repaired(AGAIN)
        self.like_new("vtap-a", *self.OPTIONS)

    def test_another_device_of_the_bridges_name(self):
        """Or the name as another bridge's alternative one, which a deny would not match."""
        sandbox.run("ip", "link", "delete", "br0")
        sandbox.run("ip", "tuntap", "add", "br0", "mode", "tap")
        self.assertIn("not a bridge", self.repair(status=1)["virt-tap repair"])
        sandbox.run("ip", "link", "delete", "br0")
        sandbox.run("ip", "link", "add", "br1", "type", "bridge")
        sandbox.run("ip", "link", "property", "add", "dev", "br1", "altname", "br0")
        self.assertIn("alternative name", self.repair(status=1)["virt-tap repair"])
        sandbox.run("ip", "link", "delete", "br1")
        sandbox.make_bridge("br0")
        self.repaired(AGAIN)

    def test_bridge_on_demand(self):
        """It comes with the next tap on it, not with repair."""
        sandbox.write(BRIDGES, "bridge br-lab\n")
        self.addCleanup(os.unlink, BRIDGES)
        self.rule("allow br0 mac=lock ip=lock isolated=yes\nallow br-lab isolated=yes")
        self.create("vtap-b", bridge="br-lab")
        sandbox.run("ip", "link", "delete", "br-lab")
        said = self.repair(status=1)["virt-tap repair"]
        self.assertIn("tap 'vtap-b' is not on its bridge: bridge 'br-lab', which /etc/virt-tap/bridges.conf declares, does not exist now", said)
        self.assertRegex(said, r"or with: \S+/virt-tap-helper bridge --bridge=br-lab; then run this again\Z")
        self.assertEqual(self.ask("bridge", "--bridge=br-lab").status, 0)
        self.assertEqual(self.repair("br-lab"), {"vtap-b": f"changed by {POLICY}:2: on bridge 'br-lab' again"})
        self.settled()
        run_all("ip link delete br-lab", "ip tuntap add br-lab mode tap")
        self.assertIn("is a network device, but not a bridge", self.repair(status=1)["virt-tap repair"])

    def test_renamed(self):
        """It is the same tap, unless the rule, or the helper without one, would not give it that name."""
        run_all("ip link set vtap-a nomaster", "ip link set vtap-a down name vtap-b")
        self.assertEqual(self.repair("vtap-b"), {"vtap-b": AGAIN})
        run_all("ip link set vtap-b nomaster", "ip link set vtap-b down name eth7")
        self.assertIn("allows only names like vtap-*", self.repair(status=1)["eth7"])
        self.assertIsNone(netcase.link("eth7").get("master"))

    def test_in_another_namespace(self):
        sandbox.run("ip", "netns", "add", "other")
        self.addCleanup(sandbox.run, "ip", "netns", "delete", "other")
        sandbox.run("ip", "link", "set", "vtap-a", "netns", "other")
        self.assertEqual(self.repair(), {})
        sandbox.run("ip", "-n", "other", "link", "set", "vtap-a", "netns", "1")
        self.repaired(AGAIN + ", port filter")
        self.like_new("vtap-a", *self.OPTIONS)

    def test_holder_and_mac(self):
        """A guest goes on; and the tap joins with the MAC that the helper gave it, whatever its holder set meanwhile."""
        self.holds("vtap-a")
        sandbox.run("ip", "link", "set", "vtap-a", "nomaster")
        fcntl.ioctl(self.fds[0], SIOCSIFHWADDR, struct.pack("16sH6s16x", b"vtap-a", 1, bytes.fromhex(NEIGHBOUR.replace(":", ""))))
        self.repaired(AGAIN)
        self.assertEqual(netcase.link("vtap-a")["address"], "fe:54:00:00:00:01")
        with self.far_end() as far:
            self.forwards("vtap-a")
            for frame in (FORGED, GOOD):
                os.write(self.fds[0], frame)
            seen = Seen(far, GOOD, FORGED)
            self.assertTrue(seen.all_of(GOOD))
            self.assertEqual(seen(FORGED), [0])

    def test_mtu_and_ipv6(self):
        """They stay as they are, and no address is made for the tap."""
        sandbox.run("ip", "link", "set", "vtap-a", "nomaster", "mtu", "1400")
        sandbox.run("ip", "link", "set", "vtap-a", "addrgenmode", "eui64")
        self.repaired(AGAIN)
        self.assertEqual(netcase.link("vtap-a")["mtu"], 1400)
        self.assertEqual(netcase.link("vtap-a")["inet6_addr_gen_mode"], "none")


class Others(ApplyCase):
    """What is left alone."""

    def test_not_allowed(self):
        self.rule("allow br0")
        self.create("vtap-a")
        sandbox.run("ip", "link", "set", "vtap-a", "nomaster")
        self.rule("deny br0")
        before = kernel()
        self.assertIn("not allowed any more: ", self.repair(status=1)["vtap-a"])
        self.assertEqual(kernel(), before)
        self.rule("nonsense")
        self.assertIn("nothing was changed: ", self.repair(status=1)["virt-tap repair"])

    def test_named_only(self):
        sandbox.make_bridge("br1")
        self.rule("allow all")
        self.create("vtap-a")
        self.create("vtap-b")
        self.create("vtap-c", bridge="br1")
        for name in "abc":
            sandbox.run("ip", "link", "set", f"vtap-{name}", "nomaster")
        self.assertEqual(list(self.repair("vtap-b")), ["vtap-b"])
        self.assertEqual(list(self.repair("br1")), ["vtap-c"])
        self.assertEqual(list(self.repair("br0")), ["vtap-a"])
        self.assertEqual(self.repair("br0"), {})
        self.assertEqual(self.said, "taps 2, changed 0, not allowed 0, left alone 0, failed 0\n")

    def test_what_is_not_ours(self):
        self.rule("allow br0")
        sandbox.run("ip", "tuntap", "add", "vtap-x", "mode", "tap", "user", str(USER))
        before = kernel()
        self.assertEqual(self.repair(), {})
        self.assertEqual(self.repair("br0"), {})
        self.assertIn("'vtap-x' is not a tap made by virt-tap", self.repair("vtap-x", status=1)["virt-tap repair"])
        self.assertIn("there is no tap or bridge 'vtap-y'", self.repair("vtap-y", status=1)["virt-tap repair"])
        self.assertEqual(kernel(), before)

    def test_users(self):
        self.rule("allow br0")
        self.create("vtap-a")
        sandbox.run("ip", "link", "set", "vtap-a", "nomaster")
        for words in ((), ("vtap-a",), ("--dry-run",)):
            self.assertEqual(self.verb("repair", *words, status=1, uid=USER),
                             {"virt-tap repair": "only root can change the taps of users; type: sudo virt-tap repair"})
        self.verb("repair", "vtap-a", "br0", status=2)

    def test_options_that_are_not_the_policys(self):
        """An unprotected tap is put back as it would be made: root's own options of it are lost with the bridge."""
        self.rule("allow br0")
        self.create("vtap-a")
        sandbox.run("bridge", "link", "set", "dev", "vtap-a", "learning", "off")
        sandbox.run("ip", "link", "set", "vtap-a", "nomaster")
        self.assertEqual(self.repair(), {"vtap-a": AGAIN})
        self.like_new("vtap-a")

    def test_mac_that_the_bridge_has_elsewhere(self):
        self.rule("allow br0")
        self.create("vtap-a", f"--mac={GUEST}")
        sandbox.run("ip", "link", "set", "vtap-a", "nomaster")
        self.rule(f"allow br0 user={USER} mac=lock\nallow br0")
        with self.grant(uid=OTHER, vnet=False) as other:
            self.forwards(other.tap()[0])
            os.write(other.fds[0], GOOD)
            before = kernel()
            self.assertIn("has that MAC at another port", self.repair(status=1)["virt-tap repair"])
            self.assertEqual(kernel(), before)
        self.assertEqual(list(self.repair()), ["vtap-a"])

    def test_cannot_be_protected(self):
        """Then it is where it was."""
        self.rule("allow br0")
        self.create("vtap-a", f"--mac={GUEST}")
        sandbox.run("ip", "link", "set", "vtap-a", "nomaster")
        self.rule("allow br0 guard=yes")
        before = kernel()
        self.assertIn("guard=yes of", self.repair(status=1)["virt-tap repair"])
        self.assertEqual(kernel(), before)


class Forged(ApplyCase):
    """What users make in namespaces of their own, where they may set claims and aliases, is nobody's here, and cannot come here."""

    def test_in_a_users_namespace(self):
        self.rule("allow br0")
        claim, alias = "virt-tap.br0.0.0", "virt-tap v=1 uid=0 stays mac=fe:54:00:00:00:01"
        script = (f"ip tuntap add vtap-x mode tap && ip link property add dev vtap-x altname {claim} && ip link set vtap-x alias '{alias}' && "
                  "ip link set vtap-x up && echo made && read go && ! ip link set vtap-x netns 1 && echo stays")
        words = ["unshare", "--user", "--map-root-user", "--net", "sh", "-c", script]
        with bridgehelper.start(words, uid=USER, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
            self.assertEqual(process.stdout.readline(), "made\n")
            before = kernel()
            self.assertEqual(self.repair(), {})
            self.assertIn("there is no tap or bridge 'vtap-x'", self.repair("vtap-x", status=1)["virt-tap repair"])
            self.assertEqual(process.communicate("\n", timeout=20)[0], "stays\n")
        self.assertEqual(kernel(), before)

    def test_what_looks_like_ours(self):
        """An alias without a claim, a claim of another kind of device, claims that the helper does not write."""
        self.rule("allow br0")
        run_all("ip tuntap add vtap-x mode tap", "ip tuntap add vtap-y mode tap", "ip link add vtap-z type veth peer name far-z")
        sandbox.run("ip", "link", "set", "vtap-x", "alias", f"virt-tap v=1 uid={USER} stays mac=fe:54:00:00:00:01")
        run_all("ip link property add dev vtap-z altname virt-tap.br0.0.0",
                *(f"ip link property add dev vtap-y altname virt-tap.{words}" for words in ("br0", "br0.0", "br0.0.01", "br0.-1.0", "br0.0.0.", "br0.0.0x")))
        for name in ("vtap-y", "vtap-z"):
            sandbox.run("ip", "link", "set", name, "alias", f"virt-tap v=1 uid={USER} stays mac=fe:54:00:00:00:01")
        before = kernel()
        for words in ((), ("br0",)):
            self.assertEqual(self.repair(*words), {})
        for name in ("vtap-x", "vtap-y", "vtap-z"):
            self.assertIn(f"'{name}' is not a tap made by virt-tap", self.repair(name, status=1)["virt-tap repair"])
        self.assertEqual(kernel(), before)


class Meanwhile(ApplyCase):
    """Between each two requests of repair to the kernel, another takes the place of the tap or of the bridge: nothing is done to that one."""

    def stopped(self, nth):
        """repair, stopped before its nth request; None: it has not so many."""
        trace = f"{sandbox.RUN}/trace"
        sandbox.write(trace, "")
        process = bridgehelper.start(["strace", "-qq", "-o", trace, "-e", f"inject=sendmsg:signal=SIGSTOP:when={nth}", self.program, "repair"],
                                     stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.addCleanup(process.kill)  # which ends what it has stopped, too
        self.assertTrue(bridgehelper.await_(lambda: process.poll() is not None or stopped_child(process.pid, trace)))
        if process.poll() is None:
            return process, stopped_child(process.pid, trace)
        process.communicate()
        return None

    def walk(self, prepare, change, untouched):
        step = 1 if os.environ.get("VIRT_TAP_WALK") == "all" else 5
        for nth in itertools.count(1, step):
            prepare()
            stopped = self.stopped(nth)
            if not stopped:
                break
            change()
            before = kernel()
            os.kill(stopped[1], signal.SIGCONT)
            said = stopped[0].communicate(timeout=30)[0]
            with self.subTest(nth=nth, said=said):
                untouched(before, said)
        self.assertGreater(nth, 15)

    def test_tap(self):
        self.rule(f"allow br0 user={USER} mac=lock\nallow br0 user={OTHER}")

        def prepare():
            if "vtap-a" in sandbox.links():
                sandbox.run("ip", "link", "delete", "vtap-a")
            self.create("vtap-a", f"--mac={GUEST}")
            sandbox.run("ip", "link", "set", "vtap-a", "nomaster")

        def change():
            sandbox.run("ip", "link", "delete", "vtap-a")
            run_all("ip tuntap add vtap-a mode tap", "ip link set vtap-a up")
        self.walk(prepare, change, lambda before, said: self.assertEqual(kernel(), before))

    def test_bridge(self):
        """Another bridge with its name is the same bridge; another kind of device is none."""
        self.rule("allow br0 mac=lock")
        self.create("vtap-a", f"--mac={GUEST}")

        def prepare():
            run_all("ip link delete br0", "ip link set vtap-a up")
            sandbox.make_bridge("br0")

        def change():
            run_all("ip link delete br0", "ip link add br0 type veth peer name far-b", "ip link set br0 up")

        def untouched(_before, _said):
            tap = netcase.link("vtap-a")
            self.assertIsNone(tap.get("master"))
            self.assertIn("UP", tap["flags"])
        self.walk(prepare, change, untouched)
        prepare()


class Frames(ApplyCase):
    """Nothing forged crosses while a tap is taken off and put back, again and again, and its guest floods."""

    def test_put_back_under_a_flood(self):
        self.rule("allow br0 mac=lock")
        self.create("vtap-a", f"--mac={GUEST}")
        forged = (FORGED, FRAMES["BPDU"], portframes.ethernet(portframes.ip4(portframes.udp(1, 2)), source=portframes.FOREIGN))
        with self.far_end() as far, self.flood("vtap-a", GOOD, *forged):
            seen = Seen(far, GOOD, *forged)
            for number in range(rounds(20, 400)):
                run_all("ip link set vtap-a nomaster", *(["tc qdisc del dev vtap-a clsact"] if number % 2 else []))
                seen.forget()
                self.assertEqual(list(self.repair()), ["vtap-a"])
                self.assertTrue(seen.all_of(GOOD))
                self.assertEqual(seen(*forged), [0, 0, 0])


class AtOnce(ApplyCase):
    def test_two_repairs(self):
        """As by a hook and by hand: the second waits, or they would take taps off under each other."""
        self.rule("allow br0 mac=lock quota=20")
        names = [f"vtap-{number}" for number in range(20)]
        for number, name in enumerate(names):
            self.create(name, f"--mac=52:54:00:00:01:{number:02x}")
        for _ in range(rounds(3, 50)):
            sandbox.run("ip", "link", "delete", "br0")
            sandbox.make_bridge("br0")
            running = [subprocess.Popen([self.program, "repair"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for _ in range(2)]
            for process in running:
                said = process.communicate(timeout=60)[0]
                self.assertEqual(process.returncode, 0, said)
            self.assertEqual({netcase.link(name).get("master") for name in names}, {"br0"})
        self.settled()

    def test_many(self):
        """What is asked of the kernel for one tap does not grow with the number of taps: no list of all interfaces for each."""
        self.rule("allow br0 quota=20")
        lists = []
        for names in (["vtap-0", "vtap-1"], [f"vtap-{number}" for number in range(2, 8)]):
            for name in names:
                self.create(name)
            sandbox.run("ip", "link", "delete", "br0")
            sandbox.make_bridge("br0")
            trace = f"{sandbox.RUN}/trace"
            done = sandbox.run("strace", "-qq", "-xx", "-s", "8", "-o", trace, "-e", "trace=sendmsg", self.program, "repair")
            with open(trace, encoding="ascii") as file:  # struct nlmsghdr: RTM_GETLINK with NLM_F_DUMP and NLM_F_REQUEST
                lists.append(len(re.findall(r"x12.x00.x0[15].x03", file.read())))
            self.assertIn("changed " + str(len(sandbox.links() & {f"vtap-{number}" for number in range(8)})), done.stdout)
        self.assertEqual(lists[0], lists[1])
        self.assertGreater(lists[0], 0)

    def test_json(self):
        """What policy apply says is compared wherever a test calls it; all of this is only repair's."""
        self.rule("allow br0 mac=lock")
        self.create("vtap-a", f"--mac={GUEST}")
        sandbox.run("ip", "link", "set", "vtap-a", "nomaster")
        seen = {"name": "vtap-a", "bridge": "br0", "uid": USER, "result": "changed", "rule": f"{POLICY}:1", "changes": ["bridge"]}
        planned = self.repair("--dry-run")
        self.assertEqual(self.as_json(planned, "repair", "--dry-run")["results"], [{**seen, "text": planned["vtap-a"]}])
        sandbox.run("tc", "qdisc", "del", "dev", "vtap-a", "clsact")
        done = self.as_json({"vtap-a": f"{AGAIN}, port filter"}, "repair")
        self.assertEqual((done["dry_run"], done["taps"], done["changed"]), (False, 1, 1))
        self.assertEqual(done["results"][0]["changes"], ["bridge", "filter"])
        self.assertEqual(self.as_json({}, "repair")["results"], [])
        sandbox.run("bridge", "link", "set", "dev", "vtap-a", "learning", "on")
        self.assertEqual(self.as_json({"vtap-a": f"changed by {POLICY}:1: port options"}, "repair", "vtap-a")["results"][0]["changes"], ["port"])
        with open("/dev/full", "w", encoding="ascii") as full:
            done = bridgehelper.run([self.program, "repair", "--json"], stdout=full, stderr=subprocess.PIPE, text=True)
        self.assertEqual((done.returncode, done.stderr), (1, "virt-tap repair: cannot write to standard output: No space left on device\n"))
        for words in (("nobody",), ("--json=1",)):
            done = bridgehelper.run([self.program, "repair", "--json", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            self.assertNotEqual(done.returncode, 0)
            self.assertEqual(done.stdout, "")
            self.assertEqual(len(done.stderr.splitlines()), 1)

    def test_a_plan_waits_for_nobody(self):
        self.rule("allow br0")
        os.makedirs("/run/virt-tap", exist_ok=True)
        with open("/run/virt-tap/.apply", "w", encoding="ascii") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            self.assertEqual(self.repair("--dry-run"), {})
            with self.assertRaises(subprocess.TimeoutExpired):
                subprocess.run([self.program, "repair"], timeout=1, check=False)
        self.assertEqual(self.repair(), {})
        self.assertEqual(os.stat("/run/virt-tap/.apply").st_uid, 0)

    def test_umask(self):
        """The folder that it may make is where everybody reaches the broker: systemd runs it with a umask of 077."""
        self.rule("allow br0")
        shutil.rmtree("/run/virt-tap", ignore_errors=True)
        sandbox.run("sh", "-c", 'umask 077; exec "$@"', "sh", self.program, "repair")
        self.assertEqual(os.stat("/run/virt-tap").st_mode & 0o777, 0o755)

    def test_a_folder_that_others_can_change(self):
        """Whoever could replace the lock's file could have two work at once."""
        self.rule("allow br0")
        os.makedirs("/run/virt-tap", exist_ok=True)
        self.addCleanup(os.chmod, "/run/virt-tap", 0o755)
        os.chmod("/run/virt-tap", 0o777)
        for words in (("repair",), ("policy", "apply"), ("policy", "edit")):
            done = sandbox.run(self.program, *words, check=False)
            self.assertEqual(done.returncode, 1, words)
            self.assertIn("cannot lock", done.stdout)
            self.assertIn("nothing was changed", done.stdout)


class CallsFail(ApplyCase):
    """Each request to the kernel refused once: never is a tap up on its bridge with less than it is granted, and the next call mends it."""

    def walk(self, words, prepare, safe):
        """A verb, after prepare(), with its first sendmsg() refused, the second, and so on; after each, safe() must be."""
        trace = f"{sandbox.RUN}/trace"
        for nth in itertools.count(1):
            prepare()
            done = sandbox.run(*inject(trace, "sendmsg", nth, "error=EIO"), self.program, *words, check=False)
            with open(trace, encoding="ascii") as file:
                if "INJECTED" not in file.read():
                    break
            with self.subTest(nth=nth, said=done.stdout):
                self.assertEqual(done.returncode, 1)
                self.assertIn("virt-tap " + " ".join(words), done.stdout)
                safe()
                self.verb(*words)
                self.settled()
        self.assertGreater(nth, 15)

    def is_protected(self):
        return self.bound("vtap-a", portframes.MAC_LOCK) == (True, True) and all(port("vtap-a")[key] for key in ("locked", "isolated"))

    def test_put_back(self):
        self.rule("allow br0 mac=lock isolated=yes")
        self.create("vtap-a", f"--mac={GUEST}")

        def safe():
            tap = netcase.link("vtap-a")
            self.assertIn("UP", tap["flags"])
            self.assertTrue("master" not in tap or self.is_protected())
        self.walk(["repair"], lambda: run_all("ip link set vtap-a up nomaster", "tc qdisc replace dev vtap-a clsact", "tc qdisc del dev vtap-a clsact"), safe)

    def test_ended_by_a_signal(self):
        """As by Ctrl-C, or by the limit of a hook, at each request to the kernel: the tap is up, on its bridge or off."""
        self.rule("allow br0 mac=lock isolated=yes")
        self.create("vtap-a", f"--mac={GUEST}")
        trace = f"{sandbox.RUN}/trace"
        for nth in itertools.count(1):
            run_all("ip link set vtap-a up nomaster")
            done = sandbox.run(*inject(trace, "sendmsg", nth, "signal=SIGTERM"), self.program, "repair", check=False)
            with self.subTest(nth=nth, said=done.stdout):
                tap = netcase.link("vtap-a")
                self.assertIn("UP", tap["flags"])
                self.assertTrue("master" not in tap or self.is_protected())
                self.repair()
                self.settled()
            if done.returncode == 0:
                break
        self.assertGreater(nth, 15)

    def test_terms_exchanged(self):
        self.rule("allow br0 mac=lock isolated=yes serve=ra")
        self.create("vtap-a", f"--mac={GUEST}")

        def prepare():
            self.rule("allow br0 mac=lock isolated=yes serve=ra")
            self.verb("policy", "apply")
            self.rule("allow br0 mac=lock isolated=yes")

        def safe():
            self.assertTrue(port("vtap-a")["locked"] and port("vtap-a")["isolated"])
            self.assertTrue(self.bound("vtap-a", portframes.MAC_LOCK)[0])
        self.walk(["policy", "apply"], prepare, safe)

    def test_locked_and_released(self):
        self.rule("allow br0")
        self.create("vtap-a", f"--mac={GUEST}")

        def prepare(before, after):
            self.rule(f"allow br0 {before}")
            self.verb("policy", "apply")
            self.rule(f"allow br0 {after}")
        for before, after in (("", "mac=lock"), ("mac=lock", "")):
            self.walk(["policy", "apply"], lambda before=before, after=after: prepare(before, after), lambda: None)


if __name__ == "__main__":
    netcase.main()
