# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""A host with a NIC, and a router on the other side of it: what the bridge tests move about.

The NIC is a veth, eth0; the router is the network namespace 'router', with a web of its own. All in the sandbox."""
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time

import sandbox
from bridgehelper import await_

CLI = os.path.abspath(os.environ["VIRT_TAP_CLI"])
STATE = "/run/virt-tap"
ROUTER4, ROUTER6 = "192.0.2.1", "2001:db8::1"
HOST4, HOST6 = "192.0.2.10", "2001:db8::10"


def virt_tap(*words, limit=30, **more):
    """Run virt-tap as root; returns the CompletedProcess."""
    return sandbox.run(CLI, *words, check=False, timeout=limit, **more)


def ip(*words, netns=None):
    return sandbox.run("ip", *(["-n", netns] if netns else []), *words).stdout


def sysctl(key, value):
    with open("/proc/sys/net/" + key, "w", encoding="ascii") as file:
        file.write(value)


def make():
    """The router, and eth0 with addresses and routes of both families."""
    make_wire()
    sandbox.batch(["ip", "-n", "router"], "link set wan up", "link set lo up", f"addr add {ROUTER4}/24 dev wan", f"addr add {ROUTER6}/64 dev wan nodad",
                  "addr add 203.0.113.1/32 dev lo")
    sysctl("ipv6/conf/eth0/accept_dad", "0")  # until all is there: duplicate detection takes more than a second
    sandbox.batch("ip", f"addr add {HOST4}/24 brd + dev eth0", "addr add 192.0.2.11/24 dev eth0 label eth0:web",
                  "addr add 198.51.100.7/32 dev eth0 valid_lft 3000 preferred_lft 2000", "link set eth0 up", f"addr add {HOST6}/64 dev eth0",
                  "addr add 2001:db8::11/64 dev eth0 nodad valid_lft 3000 preferred_lft 2000",
                  f"route add default via {ROUTER4} metric 100 mtu 1400", f"route add 203.0.113.0/24 via {ROUTER4} src 192.0.2.11 table 77",
                  f"route add default via {ROUTER6} metric 512", f"route add 2001:db8:7::/48 via {ROUTER6} table 77",
                  "neigh add 192.0.2.99 lladdr 52:54:00:aa:00:99 dev eth0 nud permanent")
    assert await_(lambda: "tentative" not in ip("-6", "addr")), ip("-6", "addr")
    sysctl("ipv6/conf/eth0/accept_dad", "1")


def make_plain():
    """The router, and eth0 with one address and a default route, as ifupdown configures it."""
    make_wire()
    sandbox.batch(["ip", "-n", "router"], "link set wan up", f"addr add {ROUTER4}/24 dev wan")
    sandbox.batch("ip", f"addr add {HOST4}/24 brd + dev eth0", "link set eth0 up", f"route add default via {ROUTER4}")


def make_wire():
    """The router and eth0, both still without addresses."""
    ip("netns", "add", "router")
    ip("link", "add", "eth0", "address", "52:54:00:aa:00:01", "type", "veth", "peer", "name", "wan", "netns", "router")


def remove():
    """Everything that make() made, and what a test left."""
    sandbox.delete_links()
    sandbox.run("ip", "netns", "delete", "router", check=False)
    for name in os.listdir(STATE) if os.path.isdir(STATE) else ():
        os.unlink(f"{STATE}/{name}")


def snapshot():
    """What the host's network is, to the byte, but for lifetimes, counters, and what the kernel finds out by itself within a second or
    two: carriers, and that nobody else has an address."""
    text = sandbox.run("ip", "-j", "-batch", "-", input="addr\nroute show table all\nlink\nneigh show nud permanent\n").stdout
    text += ip("-j", "-6", "route", "show", "table", "all")
    text = re.sub(r'"(valid_life_time|preferred_life_time|expires)":\d+', r'"\1":0', text)
    return re.sub(r'"NO-CARRIER",|,"LOWER_UP"|"tentative":true,|"operstate":"\w+",|,?"linkdown"', "", text)


def uncertain():
    """Whether the kernel still asks if somebody else has an IPv6 address: its routes come afterwards."""
    return any("LOWER_UP" in link["flags"] and any("dadfailed" not in address for address in link["addr_info"])
               for link in json.loads(ip("-j", "-6", "addr", "show", "tentative")) if link)


def settled():
    """The same, once the kernel has done what follows from the last change: carrier, routes of IPv6."""
    last = [snapshot()]

    def same():
        last.append(snapshot())
        return last[-1] == last[-2] and not uncertain()
    await_(same, step=0.1)
    return last[-1]


def files():
    """The phases of moves that there are: names in the folder of states."""
    return sorted(name for name in os.listdir(STATE) if name not in (".persist", ".setup")) if os.path.isdir(STATE) else []


def addresses(name):
    """Local addresses of an interface, without link-local ones."""
    found = json.loads(ip("-j", "addr", "show", "dev", name))[0]["addr_info"]
    return [f"{a['local']}/{a['prefixlen']}" for a in found if a["scope"] != "link"]


ECHO = """
import selectors, socket, sys
served = selectors.DefaultSelector()
udp = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); udp.bind(("::", 7))
tcp = socket.create_server(("::", 7), family=socket.AF_INET6, dualstack_ipv6=True)
for each in (udp, tcp):
    served.register(each, selectors.EVENT_READ)
print("ready", flush=True)
while True:
    for key, _ in served.select():
        if key.fileobj is udp:
            data, address = udp.recvfrom(2048)
            udp.sendto(data, address)
        elif key.fileobj is tcp:
            served.register(tcp.accept()[0], selectors.EVENT_READ)
        else:
            data = key.fileobj.recv(65536)
            if data:
                key.fileobj.sendall(data)
            else:
                served.unregister(key.fileobj)
"""


class Echo:
    """A server in the router that sends back what it gets, by TCP and UDP, on port 7."""

    def __enter__(self):
        self.process = subprocess.Popen(["ip", "netns", "exec", "router", sys.executable, "-c", ECHO],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "ready\n"
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait(20)
        self.process.stdout.close()


class Stream(threading.Thread):
    """A datagram to the router's echo every 5 ms, by IPv4; finish() tells for how long nothing came back."""

    def __init__(self):
        super().__init__(daemon=True)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.replies, self.ending = [], False
        self.start()
        assert await_(lambda: len(self.replies) > 10), "no reply from the router"

    def run(self):
        while not self.ending:
            for act in (lambda: self.socket.sendto(b"x", (ROUTER4, 7)), lambda: self.socket.recv(64) and self.replies.append(time.monotonic())):
                try:
                    act()
                except OSError:  # no route at this moment, or no reply yet
                    pass
            time.sleep(0.005)

    def finish(self):
        """Seconds of the longest time between two replies."""
        count = len(self.replies)
        assert await_(lambda: len(self.replies) > count + 20, 60), "no reply any more"
        self.ending = True
        self.join(20)
        self.socket.close()
        return max(b - a for a, b in zip(self.replies, self.replies[1:]))
