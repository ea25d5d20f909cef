#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""The broker: whoever has no file capability gets through it what the helper itself would give, in the same words."""
import contextlib
import os
import random
import re
import signal
import socket
import shutil
import stat
import subprocess
import time

import bridgeconf
import brokercase
import bridgehelper
import netcase
import sandbox
from brokercase import PATH, TAP, ask, message
from netcase import POLICY, QEMU_ACL
from rounds import THOROUGH, rounds
from sandbox import OTHER, USER, USERS

ACTIVATE = "/usr/bin/systemd-socket-activate"
HINT = "; or turn the broker on: sudo virt-tap broker enable (/run/virt-tap/broker: "


class Forms(brokercase.BrokerCase):
    def test_qemus(self):
        with self.grant("--mac=52:54:00:12:34:56") as answer:
            name, flags = answer.tap()
            tap = netcase.link(name)
            self.assertTrue(flags & bridgehelper.IFF_VNET_HDR)
            self.assertEqual((tap["master"], tap["linkinfo"]["info_data"]["user"], "UP" in tap["flags"]), ("br0", USERS[USER], True))
            self.assertIn(f"virt-tap.br0.{USER}.x{tap['ifindex']}", tap["altnames"])
            self.assertIn("virt-tap-mac.br0.525400123456", tap["altnames"])

    def test_libvirts_and_the_commands(self):
        self.create("vtap-a", "--vnet-hdr", "--multi-queue")
        self.assertEqual(netcase.link("vtap-a")["linkinfo"]["info_data"]["user"], USERS[USER])
        self.assertEqual(bridgehelper.attach("vtap-a", bridgehelper.IFF_TAP | bridgehelper.IFF_NO_PI | bridgehelper.IFF_MULTI_QUEUE |
                                             bridgehelper.IFF_VNET_HDR, uid=USER), 0)
        self.denied("delete", "--name=vtap-a", uid=OTHER, says=f"belongs to uid {USER}, and this is uid {OTHER}")
        self.delete("--name=vtap-a")

    def test_bridges_on_demand(self):
        sandbox.write(POLICY, "allow br-lab quota=4\n")
        sandbox.write("/etc/virt-tap/bridges.conf", "bridge br-lab address=10.66.0.1/24 address=fd66::1/64\n")
        self.addCleanup(os.unlink, "/etc/virt-tap/bridges.conf")
        for words in (["bridge", "--bridge=br-lab"], ["create", "--bridge=br-lab", "--name=vtap-a"]):
            answer = self.ask(*words)
            self.assertEqual((answer.status, answer.stderr), (0, ""))
            self.assertIn("br-lab", sandbox.links())
            sandbox.run("ip", "link", "delete", "br-lab")
            if "vtap-a" in sandbox.links():
                self.delete("--name=vtap-a")
        with self.grant(bridge="br-lab"):
            pass
        sandbox.run("ip", "link", "delete", "br-lab")

    def test_no_new_privs(self):
        """As under QEMU's -sandbox on, or in a unit with NoNewPrivileges=yes."""
        with self.call(wrap=["setpriv", "--no-new-privs", self.direct]) as answer:
            self.assertEqual(answer.status, 2)  # the client is no option: this was the direct one, with its words
        self.helper = self.direct
        with self.grant(no_new_privs=True) as answer:
            self.assertEqual(netcase.link(answer.tap()[0])["master"], "br0")

    def test_bounding_set_and_user_namespaces(self):
        """Root of a container without CAP_NET_ADMIN, and somebody whom the namespace knows no number for, are who they are here."""
        as_user = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups"]
        bounded = ["setpriv", "--bounding-set=-net_admin"]
        for wrap in ([*bounded, *as_user], [*as_user, "unshare", "--user", "--map-root-user", *bounded], [*as_user, "unshare", "--user"]):
            with self.grant(wrap=wrap, uid=0) as answer:
                self.assertEqual(netcase.link(answer.tap()[0])["linkinfo"]["info_data"]["user"], USERS[USER])

    def test_log(self):
        log = netcase.system_log(self)

        def said(**who):
            with self.call("--name=vtap-a", **who):
                pass
            self.call(bridge="br9", **who).close()
            self.ask("create", "--bridge=br0", "--name=vtap-a", "--ip=10.0.0.1", **who)
            self.call("--mac=01:00:00:00:00:00", **who).close()
            lines = []
            with contextlib.suppress(BlockingIOError):
                while True:
                    lines.append(log.recv(4096).split(b": ", 1)[1])
            return lines
        through = said()
        self.helper = self.direct
        self.assertEqual(through, said())
        self.assertEqual(len(through), 4)

    def test_pid_in_the_log(self):
        """That of the program that asked, if it still runs (SO_PEERPIDFD, Linux 6.5 and newer)."""
        log = netcase.system_log(self)
        known = tuple(map(int, os.uname().release.split(".")[:2])) >= (6, 5)

        def pid():
            return int(re.match(rb"<85>virt-tap-helper\[(\d+)\]: refused to uid ", log.recv(4096))[1])

        client = bridgehelper.Call([self.helper, "--fd={fd}", "--br=br9"], USER)
        self.assertEqual(client.finish().status, 1)
        self.assertEqual(pid() == client.process.pid, known)
        self.assertEqual(ask(USER, *TAP[:1], "--br=br9", "--fd=3")[0], 1)
        self.assertEqual(pid() == os.getpid(), known)
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as peer:
            child = os.fork()
            if child == 0:
                with bridgehelper.acting_as(USER):
                    os._exit(peer.connect_ex(PATH))
            self.assertEqual(os.waitpid(child, 0)[1], 0)
            peer.send(message(*TAP[:1], "--br=br9", "--fd=3"))
            self.assertEqual(brokercase.answer(peer)[0], 1)
        self.assertNotIn(pid(), (child, os.getpid()))

    def test_whose_bridge_it_is_when_nobody_listens(self):
        self.stop_broker()
        self.refuse(says=["the file capability is missing", "setcap cap_net_admin=p", HINT + "Connection refused)"])
        os.unlink(PATH)
        self.refuse(says=HINT + "No such file or directory)")
        self.denied("create", "--bridge=br0", "--name=vtap-a", says=HINT)
        self.helper = self.direct
        self.refuse(no_new_privs=True, says=["no_new_privs is set", "-sandbox on", HINT])
        self.start_broker()

    def test_a_bad_socket_is_not_asked_for(self):
        """As without a broker: nothing is made that cannot be handed over."""
        for words in (["--br=br0", "--fd=99"], ["--br=br0", "--fd=0"], ["--br=br0"], ["--br=br0", "--fd=3", "--bogus"], ["delete"], []):
            through = bridgehelper.Call([self.helper, *words], USER, pass_socket=False).finish()
            direct = bridgehelper.Call([self.direct, *words], USER, pass_socket=False).finish()
            self.assertEqual((through.status, through.stderr), (direct.status, direct.stderr))
            self.assertIn(through.status, (1, 2))
        ours, theirs = socket.socketpair()
        ours.close()
        done = bridgehelper.run([self.helper, "--br=br0", f"--fd={theirs.fileno()}"], USER, pass_fds=[theirs.fileno()], stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True)
        theirs.close()
        self.assertEqual(done.returncode, 1)
        self.assertIn("could not be handed over", done.stdout)
        self.assertEqual(sandbox.links(), self.before)

    def test_a_request_that_is_too_long(self):
        """The most that the helper can be asked fits in."""
        addresses = [f"--ip=fd66:1111:2222:3333:4444:5555:6666:{n:x}" for n in range(0x7700, 0x7740)]
        self.refuse(*addresses, says="ip=lock")
        self.refuse(*addresses, "--name=vtap-" + "x" * 4000, says="vtap-xxx")  # refused here: it is no name
        self.is_refusal(self.ask("delete", *(["--force"] * 600), "--name=vtap-a"), "a request is one message of up to 4 kB")


class Start(netcase.NetCase):
    """What the broker requires."""

    def fails(self, *words, says, status=1, **more):
        self.is_refusal(bridgehelper.Call([self.helper, "broker", *words], pass_socket=False, **more).finish(), says, status)

    def test_only_root(self):
        self.fails("--listen", PATH, uid=USER, says="broker: needs root, CAP_NET_ADMIN, CAP_SETUID, CAP_SETGID and CAP_KILL")
        for lacking in ("net_admin", "setuid", "setgid", "kill"):
            done = sandbox.run("setpriv", f"--bounding-set=-{lacking}", self.helper, "broker", "--listen", PATH, check=False)
            self.assertEqual(done.returncode, 1)
            self.assertRegex(done.stdout, r"\Avirt-tap-helper: (broker: needs root|\S+ has no CAP_NET_ADMIN)[^\n]*\n\Z")

    def test_words(self):
        self.fails("--listen", status=2, says="no such option: '--listen'")
        self.fails("--listen", PATH, "x", status=2, says="no such option")
        self.fails("x", status=2, says="no such option: 'x'")
        self.assertIn("broker [--listen PATH]", sandbox.run(self.helper, "broker", "--help").stdout)

    def test_socket(self):
        self.fails(says="broker: no socket from systemd: Bad file descriptor; or use --listen PATH")
        self.fails("--listen", "/run/" + "x" * 200, says="longer than a socket's path can be")
        self.fails("--listen", "/run/none/broker", says="No such file or directory; is its folder there?")
        sandbox.write("/run/vt/file", "")
        self.fails("--listen", "/run/vt/file", says="Address already in use")
        self.assertTrue(os.path.isfile("/run/vt/file"))

    def test_one_at_a_time_and_an_old_socket(self):
        def start():
            broker = subprocess.Popen([self.helper, "broker", "--listen", PATH], stdin=subprocess.DEVNULL, umask=0o077)
            self.addCleanup(broker.wait)
            self.addCleanup(broker.kill)
            return broker

        def answers():
            with contextlib.suppress(ConnectionRefusedError, FileNotFoundError):
                return ask(USER, "delete", "--name=vtap-x")[0] == 1
        shutil.rmtree("/run/virt-tap", ignore_errors=True)
        first = start()
        self.assertTrue(bridgehelper.await_(answers))
        self.assertEqual(stat.S_IMODE(os.stat(PATH).st_mode), 0o777)
        self.assertEqual(stat.S_IMODE(os.stat("/run/virt-tap").st_mode), 0o755)
        self.fails("--listen", PATH, says="another broker listens there")
        first.kill()  # as if the machine's power had failed: the socket stays
        first.wait()
        second = start()
        self.assertTrue(bridgehelper.await_(answers))
        second.terminate()
        second.wait(20)


class Passed(netcase.NetCase):
    """A socket from systemd: the broker takes it, and ends when idle."""

    def serve(self, broker):
        """What starts the broker for the first connection, as systemd does; returns the process."""
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        os.makedirs(os.path.dirname(PATH), exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(PATH)
        listener.bind(PATH)
        os.chmod(PATH, 0o666)
        listener.listen(64)
        self.addCleanup(listener.close)

        def pass_it():
            os.dup2(listener.fileno(), 3)
            os.set_inheritable(3, True)
        process = subprocess.Popen(broker, stdin=subprocess.DEVNULL, preexec_fn=pass_it, close_fds=False)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def test_what_has_begun_outlives_a_restart(self):
        process = self.serve([self.helper, "broker"])
        self.assertEqual(ask(USER, "delete", "--name=vtap-x")[0], 1)
        slow = brokercase.connect(OTHER)  # has begun when the broker is told to end
        self.addCleanup(slow.close)
        self.assertTrue(bridgehelper.await_(lambda: brokercase.children_of(process.pid, OTHER), step=0.01))
        process.terminate()
        self.assertEqual(process.wait(20), -signal.SIGTERM)
        late = brokercase.connect(OTHER)  # is the next one's
        self.addCleanup(late.close)
        late.send(message("delete", "--name=vtap-x"))
        slow.send(message("delete", "--name=vtap-y"))
        self.assertIn("vtap-y", brokercase.answer(slow)[1])
        late.setblocking(False)
        self.assertRaises(BlockingIOError, late.recv, 1)

    def test_first_call(self):
        """At most 100 ms with the start of the broker by systemd's own tool; the best of ten, for the machine has other things to do."""
        taken = []
        while len(taken) < 10 and not (taken and min(taken) <= 0.1):
            os.makedirs(os.path.dirname(PATH), exist_ok=True)
            with contextlib.suppress(FileNotFoundError):
                os.unlink(PATH)
            activator = subprocess.Popen([ACTIVATE, "--seqpacket", f"--listen={PATH}", self.helper, "broker"], stdin=subprocess.DEVNULL,
                                         stderr=subprocess.DEVNULL)
            self.addCleanup(activator.wait)
            self.addCleanup(activator.kill)
            self.assertTrue(bridgehelper.await_(lambda: os.path.exists(PATH)))
            os.chmod(PATH, 0o666)
            began = time.monotonic()
            self.assertEqual(ask(USER, "delete", "--name=vtap-x")[0], 1)
            taken.append(time.monotonic() - began)
            activator.kill()
            activator.wait()
        self.assertLess(min(taken), 0.1)

    if THOROUGH:  # half a minute of waiting
        def test_ends_when_idle(self):
            process = self.serve([self.helper, "broker"])
            self.assertEqual(ask(USER, "delete", "--name=vtap-x")[0], 1)
            self.assertEqual(process.wait(45), 0)


class Who(brokercase.BrokerCase):
    """Who asks is what the kernel says, with the groups of that moment."""

    def test_groups(self):
        sandbox.write(POLICY, f"allow br0 group={OTHER} quota=4\n")
        self.refuse(says="no rule")
        with self.grant(groups=[OTHER]):
            pass
        with self.grant(gid=OTHER):
            pass
        many = list(range(70000, 70900))
        self.refuse(groups=many, says="no rule")
        with self.grant(groups=[*many, OTHER]):
            pass

    def test_dropped_groups(self):
        """A user with subordinate gids can drop groups in a user namespace, and still be denied by them."""
        with open("/etc/group", "a", encoding="ascii") as file:
            file.write(f"students:x:70123:{USERS[USER]}\n")
        self.addCleanup(sandbox.run, "sed", "-i", "/^students:/d", "/etc/group")
        for deny in ("students", "70123"):
            sandbox.write(POLICY, f"deny br0 group={deny}\nallow br0 quota=4\n")
            self.refuse(says="policy.conf:1 denies")
            self.refuse(groups=[70123], says="policy.conf:1 denies")
            sandbox.write(POLICY, f"allow br0 group={deny} quota=4\n")
            self.refuse(says="no rule")
            with self.grant(groups=[70123]):
                pass
            self.assertTrue(bridgehelper.await_(lambda: sandbox.links() == self.before))

    def test_connected_by_somebody_else(self):
        """SO_PEERCRED is of connect(): whoever is given the connection asks in the name of who made it."""
        sandbox.write(POLICY, f"allow br0 uid={OTHER} quota=4\n")
        for maker, status in ((USER, 1), (OTHER, 0)):
            peer = brokercase.connect(maker)
            with bridgehelper.acting_as(USER):
                peer.send(message(*brokercase.TAP))
            found = brokercase.answer(peer)
            self.assertEqual((found[0], len(found[2])), (status, 1 - status), found)
            for fd in found[2]:
                os.close(fd)
            peer.close()

    def test_no_account(self):
        """Subordinate uids and such as systemd-nsresourced makes up: as without the broker."""
        sandbox.write(POLICY, "allow br0 quota=4\n")
        for uid in (100000, 165535, 524288):
            self.assertIn(f"uid {uid} has no account", ask(uid, *brokercase.TAP)[1])
        sandbox.write(POLICY, "allow br0 uid=100000-165535 quota=1\n")
        status, _text, fds = ask(100000, *brokercase.TAP)
        self.assertEqual((status, len(fds)), (0, 1))
        self.assertIn("together have as many taps", ask(100001, *brokercase.TAP)[1])
        os.close(fds[0])

    def test_root(self):
        """A process of root's that has no CAP_NET_ADMIN was confined by somebody, and does not get it back here."""
        sandbox.write(POLICY, "allow br0 quota=4\n")
        for words in (brokercase.TAP, ("create", "--bridge=br0", "--name=vtap-a", f"--owner={USER}"), ("delete", "--name=vtap-a")):
            status, text, fds = ask(0, *words)
            self.assertEqual((status, fds), (1, []))
            self.assertIn("does not serve root", text)

    def test_for_another(self):
        self.assertIn("only root may act for another user", ask(USER, "create", "--bridge=br0", "--name=vtap-a", f"--owner={OTHER}")[1])

    def test_the_child(self):
        """Has become the peer before it reads, with one capability, not effective, and is nobody's to look into."""
        peer = brokercase.connect(USER, groups=[OTHER])
        self.assertTrue(bridgehelper.await_(lambda: brokercase.children_of(self.broker.pid, USER), step=0.01))
        child = max(brokercase.children_of(self.broker.pid, USER))

        def status():
            with open(f"/proc/{child}/status", encoding="ascii") as file:
                return dict(line.rstrip("\n").split(":\t", 1) for line in file)
        self.assertTrue(bridgehelper.await_(lambda: status()["CapPrm"] == f"{1 << 12:016x}", step=0.01))
        found = status()
        self.assertEqual([found[key] for key in ("CapEff", "CapInh", "CapAmb", "NoNewPrivs")], [f"{0:016x}"] * 3 + ["1"])
        self.assertEqual((set(found["Uid"].split()), set(found["Gid"].split()), found["Groups"].split()), ({str(USER)}, {str(USER)}, [str(OTHER)]))
        self.assertNotEqual(sandbox.run("cat", f"/proc/{child}/environ", uid=USER, check=False).returncode, 0)
        descriptors = sorted(os.readlink(f"/proc/{child}/fd/{fd}") for fd in os.listdir(f"/proc/{child}/fd") if int(fd) > 2)
        self.assertEqual([name.split(":")[0] for name in descriptors], ["pipe", "socket"], descriptors)
        peer.close()


class Equal(brokercase.BrokerCase):
    """Both ways judge the same: policies by chance, of both kinds."""

    def setUp(self):
        super().setUp()
        for name in map(os.fsdecode, bridgeconf.BRIDGES):
            if name not in sandbox.links():
                sandbox.run("ip", "link", "add", "name", name, "type", "bridge", "forward_delay", "0")
        self.before = sandbox.links()
        self.put = {}

    def tearDown(self):
        self.clear()
        for name in sandbox.links() - {"br0", "lo"}:
            sandbox.run("ip", "link", "delete", "dev", name)
        super().tearDown()

    def clear(self):
        for path in self.put:
            sandbox.run("rm", "-rf", path)
        self.put = {}

    def same(self, what, bridge, *options, uid=USER, **who):
        with bridgehelper.call(self.direct, *options, bridge=bridge, uid=uid, **who) as answer:
            direct = answer.status, answer.stderr, len(answer.fds)
        status, text, fds = ask(uid, "--use-vnet", "--fd=3", f"--br={bridge}", *options, **who)
        for fd in fds:
            os.close(fd)
        self.assertTrue(bridgehelper.await_(lambda: sandbox.links() == self.before, step=0.002))  # the broker's child may still hold it
        self.assertEqual((status, f"virt-tap-helper: {text}\n" if text else "", len(fds)), direct, what)
        return status

    def test_bridge_conf(self):
        found = set()
        os.makedirs(bridgeconf.INC, exist_ok=True)
        os.makedirs(bridgeconf.PRIVATE, mode=0o700, exist_ok=True)
        for number in range(rounds(50, 1000)):
            case = bridgeconf.Maker(f"broker/{number}").make()
            if b"\0" in case.asked or not case.asked.isascii():
                continue
            self.clear()
            for path, entry in case.files.items():
                self.put[path] = entry
                bridgeconf.place(path, entry)
            found.add(self.same(case, case.asked.decode(), groups=[bridgeconf.INSIDE]))
        self.assertEqual(found, {0, 1})
        sandbox.write(QEMU_ACL, "")

    def test_policy_conf(self):
        found, chance = {0: 0, 1: 0}, random.Random("broker")
        names = [USERS[USER], USERS[OTHER], str(USER), "nobody", "none"]
        terms = [lambda: f"user={chance.choice(names)}", lambda: f"group={chance.choice(names)}", lambda: f"uid={USER - 5}-{USER + chance.randrange(5)}",
                 lambda: "mac=lock", lambda: "isolated=yes", lambda: "name=vtap-%u-*", lambda: "macs=52:54:00:*", lambda: "vnet=no", lambda: "mtu=1400"]
        for number in range(rounds(50, 1000)):
            lines = []
            for _ in range(chance.randrange(1, 5)):
                verb, bridge = chance.choice(["allow", "allow", "allow", "deny"]), chance.choice(["br0", "br0", "all", "br1"])
                chosen = [term() for term in chance.sample(terms[:3] if verb == "deny" else terms, chance.randrange(3))]
                lines.append(" ".join([verb, bridge, *chosen, *(["quota=2"] if verb == "allow" else [])]))
            sandbox.write(POLICY, "\n".join(lines) + "\n")
            options = chance.choice([(), ("--mac=52:54:00:12:34:56",), ("--name=vtap-vmuser-1",), ("--lock=mac", "--mac=52:55:00:12:34:56")])
            who = chance.choice([{}, {"groups": [OTHER]}, {"gid": OTHER}, {"uid": OTHER}, {"uid": 100000}])
            found[self.same((number, lines, options, who), "br0", *options, **who)] += 1
        self.assertGreater(min(found.values()), 8, found)


class Quota(brokercase.BrokerCase):
    def test_exact_for_both_ways_together(self):
        """64 callers at once, each second one through the broker."""
        quota = 5
        sandbox.write(POLICY, f"allow br0 quota={quota}\n")
        for _ in range(rounds(2, 32)):
            calls = [bridgehelper.Call([(self.direct, self.helper)[n % 2], "--use-vnet", "--br=br0", "--fd={fd}"], USER) for n in range(64)]
            answers = [call.finish() for call in calls]
            self.assertEqual(sum(answer.granted for answer in answers), quota)
            for answer in answers:
                self.assertTrue(answer.granted or "quota=5" in answer.stderr, answer)
            for answer in answers:
                answer.close()

    def test_a_crowd_gets_what_it_may(self):
        """More of one user at once than the broker serves at once: the others wait their turn."""
        calls = [bridgehelper.Call([self.helper, "--use-vnet", "--br=br0", "--fd={fd}"], USER) for _ in range(rounds(40, 200))]
        answers = [call.finish() for call in calls]
        self.assertEqual({(answer.granted, answer.stderr) for answer in answers}, {(True, "")})
        for answer in answers:
            answer.close()


if __name__ == "__main__":
    netcase.main()
