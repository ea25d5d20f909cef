#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""Domains of a real libvirtd start and end in random order, while QEMU, libvirtd, hooks, helpers and `virt-tap domain attach` are killed:
afterwards there are exactly the taps, claims, filters and bridges of those that run.

Needs VIRT_TAP_HELPER, VIRT_TAP_CLI, VIRT_TAP_HOOKS (as built) and GUEST_KERNEL. VIRT_TAP_SEED chooses another order.
"""
import contextlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import time

import libvirthost
import needed
import sandbox
from bridgehelper import await_
from libvirtcase import _helper_of, BRIDGES, HostTest, nic, POLICY
from rounds import rounds, THOROUGH

SEED = int(os.environ.get("VIRT_TAP_SEED", "21"))
# What each domain has: interfaces, and how it was rewritten.
DOMAINS = {
    "plain": ([nic()], []),
    "many": ([nic(more="<driver queues='4'/>"), nic("br1", mac="52:54:00:00:01:02"), nic(more="<port isolated='yes'/>")], []),
    "locked": ([nic(mac="52:54:00:00:01:03")], ["--lock=mac"]),
    "lab": ([nic("br-lab"), nic("br1", mac="52:54:00:00:01:04")], []),
}
RULES = "allow br0 quota=9\nallow br1 mac=lock quota=3\nallow br-lab isolated=yes quota=2\n"
MILLISECONDS = 0.001
STATUS = "/run/libvirt/qemu/{}.xml"


class Chance(HostTest):
    """What was interrupted may leave taps, which libvirtd's next start collects once they are old; until then their domain is `unsettled`."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.host = cls.make_host(1, "br0")
        cls.host.run("ip", "link", "add", "br1", "address", "52:54:00:77:00:e1", "up", "type", "bridge")
        cls.host.write(BRIDGES, "bridge br-lab address=10.66.0.1/24\n")
        cls.host.write(POLICY, RULES)
        cls.programs = {"hook": f"{cls.hooks}/qemu", "helper": _helper_of(cls.hooks)}

    def setUp(self):
        self.random = random.Random(SEED)
        self.names = {name: self.define(self.host, name, *cards, options=options) for name, (cards, options) in DOMAINS.items()}
        self.by_uuid = {self.host.virsh("domuuid", name).strip(): name for name in DOMAINS}
        self.whole, self.unsettled, self.plugged, self.done = {}, set(), set(), []
        for name in DOMAINS:
            self.host.virsh("start", name)
        self.whole = self.taps()
        self.assertEqual(set(self.whole), set().union(*self.names.values()))
        for name in DOMAINS:
            self.host.virsh("destroy", name)
        self.has(self.host)
        self.links = self.host.links()

    def taps(self):
        """Every tap, with all that makes it right: bridge, owner, domain, claims (without the number of the slot,
        which is the first one free), port options, VLAN and port filter."""
        listed = json.loads(self.host.run(self.cli, "list", "--json").stdout)
        links = {link["ifname"]: link for link in json.loads(self.host.run("ip", "-d", "-json", "link").stdout)}
        found = {}
        for tap in listed:
            link = links.get(tap["name"], {})
            port = link.get("linkinfo", {}).get("info_slave_data", {})
            found[tap["name"]] = {
                **{key: tap[key] for key in ("bridge", "owner", "domain", "protection", "vlan", "bound")}, "filter": (tap["filter"] or {}).get("attached"),
                "claims": sorted(re.sub(r"\A(virt-tap\.\S+)\.\d+\Z", r"\1", claim) for claim in link.get("altnames", [])),
                "mtu": link.get("mtu"), "alias": link.get("ifalias"),
                "port": [port.get(key) for key in ("isolated", "learning", "locked", "flood", "guard", "mcast_flood")]}
        return found

    def running(self):
        return set(self.host.virsh("list", "--name").split())

    def right(self):
        """Who runs has its taps, whole; who ended undisturbed has none."""
        def found():
            running = self.running()
            usual = set().union(*(self.names[name] for name in running))
            self.is_now = self.taps()
            return usual <= set(self.is_now) and all(self.is_now[tap] == self.whole[tap] for tap in usual) and \
                all(self.may_be(tap, about, running) for tap, about in self.is_now.items())
        self.assertTrue(await_(found, 90), f"seed {SEED}, after {self.done}: {self.running()} run, but there are {self.is_now}")
        self.plugged &= self.running()

    def may_be(self, tap, about, running):
        name = self.by_uuid[about["domain"]]
        return name in self.unsettled or (name in running and (tap in self.names[name] or name in self.plugged))

    # What may happen.

    def virsh(self, verb, name):
        done = self.host.run("virsh", verb, name, check=False)
        self.assertEqual(done.returncode, 0, f"seed {SEED}, after {self.done}: {done.stdout}{self.locks()}")

    def locks(self):
        """What says who holds a domain's lock: libvirtd's log, and what it had noted of each domain that runs, for the next one."""
        noted = {name: [line.strip() for line in self.host.read(STATUS.format(name)).splitlines() if "<domstatus" in line or "<job" in line]
                 for name in DOMAINS if os.path.exists(self.host.path(STATUS.format(name)))}
        return "".join(line + "\n" for line in self.host.read(libvirthost.LOG).splitlines() if "Cannot start job" in line) + str(noted)

    def forget_half_started(self):
        """While no libvirtd runs, as docs/hooks-system.md says. A libvirtd notes a domain that it is starting when it taints it, which is right before
        it runs QEMU: with pid='0' and the job (qemuDomainObjTaint). The next one takes over the job, but leaves a domain without a process to itself
        (qemuProcessReconnectHelper): nobody ends the job, which is the domain's lock, and every later libvirtd reads the same. Ours are tainted by
        user="root" and capability_filters."""
        for name in DOMAINS:
            path = self.host.path(STATUS.format(name))
            if os.path.exists(path) and " pid='0'" in self.host.read(STATUS.format(name)).split("<domain ")[0]:
                print(f"seed {SEED}, after {self.done[-5:]}: libvirtd was killed between tainting '{name}' and running QEMU", file=sys.stderr)
                os.unlink(path)

    def start(self, name):
        self.virsh("start", name)
        self.unsettled.discard(name)

    def end(self, name):
        """Typed again until it has ended: a libvirtd that has not got QEMU back yet says that it is not running, or busy."""
        said = []

        def ended():
            said.append(self.host.run("virsh", "destroy", name, check=False).stdout)
            return name not in self.running()
        self.assertTrue(await_(ended, 120, 0.5), f"seed {SEED}, after {self.done}: {said[-3:]} {self.locks()}")

    def kill_qemu(self, name):
        self.kill_guest(name)
        self.assertTrue(await_(lambda: name not in self.running(), 90), f"seed {SEED}, after {self.done}")

    def kill_guest(self, name):
        """Unless it has ended, and libvirtd does not know yet."""
        with contextlib.suppress(FileNotFoundError):
            self.host.run("kill", "-KILL", self.host.read(f"/run/libvirt/qemu/{name}.pid").strip(), check=False)

    def kill_libvirtd(self, name):
        """And perhaps a guest while it is away."""
        self.host.stop("KILL")
        if name in self.ran and self.random.random() < 0.5:
            self.kill_guest(name)
        self.host.start()

    def interrupted(self, name, kill):
        """virsh starts the domain, or ends it; meanwhile something is killed."""
        self.unsettled.add(name)
        verb = "destroy" if name in self.ran else "start"
        virsh = subprocess.Popen(self.host.enter("virsh", verb, name), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            time.sleep(self.random.uniform(0, 120) * MILLISECONDS)
            kill(virsh)
            virsh.wait(60)
        finally:
            virsh.kill()
            virsh.wait(10)

    def kill_hook(self, name):
        self.interrupted(name, lambda virsh: self.hunt(virsh, "hook"))

    def kill_helper(self, name):
        self.interrupted(name, lambda virsh: self.hunt(virsh, "helper"))

    def kill_libvirtd_meanwhile(self, name):
        self.interrupted(name, lambda _virsh: self.host.stop("KILL"))
        self.forget_half_started()
        self.host.start()
        self.end_the_lost()

    def kill_attach(self, name):
        """An interface is added to the domain, or half of it."""
        self.plugged.add(name)
        with subprocess.Popen(self.host.enter(self.cli, "domain", "attach", name, "--bridge=br0", "--live"), stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as attach:
            time.sleep(self.random.uniform(0, 200) * MILLISECONDS)
            attach.kill()
        self.assertTrue(await_(lambda: not self.processes(self.programs["helper"])))

    def hunt(self, virsh, kind):
        """Kill the next such program, if it comes before virsh ends."""
        while virsh.poll() is None:
            for pid in self.processes(self.programs[kind]):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                return

    @staticmethod
    def processes(program):
        """The processes of this sandbox that run a program."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):
                if os.readlink(f"/proc/{pid}/exe") == program:
                    found.append(int(pid))
        return found

    def end_the_lost(self):
        """End each QEMU of which libvirtd, killed in the middle of starting it, knows nothing any more."""
        known = set()

        def learn():
            with contextlib.suppress(FileNotFoundError):  # libvirtd is still looking for the monitor of one that has ended
                known.update({self.host.read(f"/run/libvirt/qemu/{name}.pid").strip() for name in self.running()})
                return True
            return False
        self.assertTrue(await_(learn, 90), f"seed {SEED}, after {self.done}: {self.locks()}")
        for pid in self.processes(os.path.realpath("/usr/bin/qemu-system-x86_64")):
            with contextlib.suppress(OSError, ProcessLookupError), open(f"/proc/{pid}/status", encoding="ascii") as file:
                inside = [line.split()[-1] for line in file if line.startswith("NSpid:")][0]
                if inside not in known:
                    os.kill(pid, signal.SIGKILL)

    def settle(self):
        """libvirtd starts, and collects what is old."""
        for tap in self.host.taps():
            self.host.run("touch", "-d", "2 minutes ago", f"/sys/class/net/{tap}")
        self.host.stop()
        self.host.start()
        self.unsettled.clear()

    def test_starts_and_ends(self):
        for _round in range(rounds(8, 200)):
            name = self.random.choice(list(DOMAINS))
            self.ran = self.running()
            usual = [self.end, self.end, self.kill_qemu, self.kill_attach] if name in self.ran else [self.start] * 3
            act = self.random.choice([*usual, self.kill_libvirtd, self.kill_hook, self.kill_helper, self.kill_libvirtd_meanwhile])
            self.done.append(f"{act.__name__} {name}")
            act(name)
            self.right()
            if self.random.random() < 0.1:
                self.done.append("settle")
                self.settle()
                self.right()
        self.settle()
        self.right()
        for name in self.running():
            self.end(name)
        self.right()
        self.assertEqual(self.host.links(), self.links)
        for name in DOMAINS:
            self.start(name)
        self.right()
        self.assertEqual(self.taps(), self.whole)

    def test_half_started_for_libvirt(self):
        """What forget_half_started() finds, made by hand: libvirtd lists a domain that no process runs, which keeps its taps until libvirtd forgets it."""
        self.start("plain")
        self.host.stop("KILL")
        self.kill_guest("plain")
        status = self.host.read(STATUS.format("plain"))
        self.host.write(STATUS.format("plain"), re.sub(
            r" pid='\d+'>", " pid='0'>\n  <job type='none' async='start' flags='0x0' asyncStarted='1'/>", status, count=1))
        self.host.start()
        self.assertEqual((self.running(), set(self.taps())), ({"plain"}, self.names["plain"]))
        if THOROUGH:
            self.assertIn("state change lock", self.host.run("virsh", "destroy", "plain", check=False).stdout)
        self.host.stop("KILL")
        self.forget_half_started()
        self.host.start()
        self.assertEqual(self.running(), set())
        self.virsh("start", "plain")
        self.right()
        self.end("plain")
        self.has(self.host)


if __name__ == "__main__":
    sandbox.enter(rounds(600, 1500))
    libvirthost.prepare()
    print(f"seed {SEED}", file=sys.stderr)
    needed.main()
