# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""States of the network: devices, bridges, uplinks, the firewall, and managers of the network."""
from checkcase import State
from states_software import NETWORK

BRIDGE = "ip link add br0 address 52:54:00:77:00:01 type bridge; ip link set br0 up\n"
# A NIC with a cable: the other end is up as well.
UPLINK = """ip link add eth0 type veth peer name far; ip link set far up; ip link set eth0 up master br0
timeout 5 sh -c 'until [ "$(cat /sys/class/net/br0/carrier)" = 1 ]; do sleep 0.02; done'
"""
NO_FILTER6 = "echo 0 >/proc/sys/net/bridge/bridge-nf-call-ip6tables\n"
NO_FILTER = "echo 0 >/proc/sys/net/bridge/bridge-nf-call-iptables\n" + NO_FILTER6
NM, NETWORKD = "own /run; mkdir /run/NetworkManager\n", "own /run; mkdir -p /run/systemd/netif/links; touch /run/systemd/netif/links/1\n"
BRIDGE_UP = "own /usr/local; mkdir -p ${HELPER_PATH%/*}/virt-tap; cp /bin/true ${HELPER_PATH%/*}/virt-tap/bridge-up; "
OWNED = ("ip link add br0 type bridge; " + BRIDGE_UP + NM + "mkdir /run/NetworkManager/devices; "
         "printf '[device]\\nnm-owned=true\\n' >/run/NetworkManager/devices/$(cat /sys/class/net/br0/ifindex)")
UNIT = "mkdir -p /usr/local/lib/systemd/system; touch /usr/local/lib/systemd/system/virt-tap-repair@.service\n"
IFUPDOWN = "ip link add br0 type bridge; own /run; mkdir /run/network; printf 'lo=lo\\n../br0=x\\na-name-that-no-interface-has=x\\n' >/run/network/ifstate\n"

# /sys/class/net as it is, with something more; the kernel's interfaces have their numbers there.
SYS = "tree /sys/class/net\nip -o link show | while read -r n name _; do name=${name%:}; mkdir /sys/class/net/${name%@*}; " \
      "echo ${n%:} >/sys/class/net/${name%@*}/ifindex; done\n"


def state(name, setup, expect, **more):
    return State(name, setup, expect, area="net", **more)


def filtered(name, setup, expect, never="", **more):
    """A bridge, and a firewall that its frames go through, if it is one of IP."""
    return state("firewall: " + name, BRIDGE + setup, expect, never=never, user=0, **more)


def chain(words, hook, policy="drop"):
    """A base chain: FAMILY TABLE NAME."""
    family, table, _ = words.split()
    return f"nft add table {family} {table}; nft 'add chain {words} {{ type filter hook {hook} priority 0; policy {policy}; }}'\n"


def networkd(name, text):
    return f"own /usr/lib; rm -f /usr/lib/systemd/network/*; mkdir -p /etc/systemd/network; printf '{text}' >/etc/systemd/network/{name}\n"


STATES = [
    state("tun opens", "", "net.tun net.vhost.missing"),
    state("no tun", "rm /dev/net/tun", "net.tun.missing", never="net.tun", says=("mknod -m 0666 /dev/net/tun",)),
    state("tun without driver", "rm /dev/net/tun; mknod -m 0666 /dev/net/tun c 10 250", "net.tun.missing",
          says=("no driver",)),
    state("tun is root's", "chmod 0600 /dev/net/tun", "net.tun.permission", never="net.tun",
          says=("chmod 0666 /dev/net/tun",)),
    state("tun is something else", "rm /dev/net/tun; mknod -m 0666 /dev/net/tun c 1 3", "net.tun.wrong", never="net.tun"),
    state("vhost-net is root's", "mknod -m 0600 /dev/vhost-net c 10 238", "net.vhost.permission"),
    state("vhost-net opens (a file stands for it)", "touch /dev/vhost-net; chmod 666 /dev/vhost-net", "net.vhost", tree=True),
    state("no bridge", "", "net.bridge.none", says=("virt-tap bridge create br0",)),
    state("a bridge without uplink", BRIDGE, "net.bridge", never="net.bridge.none net.bridge.carrier", says=("without uplink",)),
    state("a bridge with uplink", BRIDGE + UPLINK, "net.bridge", says=("uplink eth0",)),
    state("the bridge asked for is not there", BRIDGE, "net.bridge.missing", options=("--bridge", "br1"), never="net.bridge"),
    state("the bridge asked for is declared", "echo bridge br7 >/etc/virt-tap/bridges.conf", "net.bridge.declared", options=("--bridge", "br7"),
          never="net.bridge net.bridge.missing"),
    state("what was asked for is no bridge", BRIDGE + UPLINK, "net.bridge.foreign", options=("--bridge", "eth0")),
    state("the bridge of a libvirt network that is not started", NETWORK, "net.bridge.inactive", options=("--bridge", "virbr0"), user=0,
          says=("virsh net-start default",), never="net.bridge.missing"),
    state("the bridge of a libvirt network with a name that a shell would run", NETWORK + "mv /etc/libvirt/qemu/networks/default.xml "
          "'/etc/libvirt/qemu/networks/a;reboot.xml'", "net.bridge.inactive", options=("--bridge", "virbr0"), user=0, says=("net-start 'a;reboot'",)),
    state("a libvirt network that others may write", NETWORK + "chmod 666 /etc/libvirt/qemu/networks/default.xml", "net.bridge.missing",
          options=("--bridge", "virbr0"), user=0, never="net.bridge.inactive"),
    state("a libvirt network that uses a bridge of the administrator's", NETWORK + "sed -i \"s/<bridge/<forward mode='bridge'\\/><bridge/\" "
          "/etc/libvirt/qemu/networks/default.xml", "net.bridge.missing", options=("--bridge", "virbr0"), user=0, never="net.bridge.inactive"),
    state("a libvirt network that is active without its bridge", NETWORK + "own /run; mkdir -p /run/libvirt/network; touch "
          "/run/libvirt/network/default.xml", "net.bridge.missing", options=("--bridge", "virbr0"), user=0, never="net.bridge.inactive"),
    state("libvirt's networks are closed to the user", NETWORK + "chmod 700 /etc/libvirt/qemu", "net.bridge.missing", options=("--bridge", "virbr0"),
          says=("net-list --all",)),
    state("two bridges", BRIDGE + "ip link add docker0 type bridge", "net.bridge check.bridges", never="net.bridge.down",
          says=("about br0, not about docker0", "virt-tap check --bridge docker0")),
    state("only the bridge asked for", BRIDGE + "ip link add br1 type bridge", "net.bridge", options=("--bridge", "br0"),
          never="net.bridge.down"),
    state("a bridge that is down", "ip link add br0 type bridge", "net.bridge.down", never="net.bridge",
          says=("ip link set dev br0 up",)),
    state("a bridge that has the lowest MAC of its ports'", "ip link add br0 type bridge; ip link set br0 up", "net.bridge.mac", never="net.bridge",
          says=("br0 is not fixed", "ip link set dev br0 address ")),
    state("a bridge whose MAC was set to what it was", "ip link add br0 type bridge; ip link set br0 up\n"
          "ip link set dev br0 address $(cat /sys/class/net/br0/address)", "net.bridge", never="net.bridge.mac"),
    state("a cable that is out", BRIDGE + UPLINK + "ip link set far down; "
          "timeout 5 sh -c 'while [ $(cat /sys/class/net/br0/carrier) = 1 ]; do sleep 0.02; done'", "net.bridge.carrier", never="net.bridge"),
    state("an uplink that is down", BRIDGE + UPLINK + "ip link set eth0 down; "
          "timeout 5 sh -c 'while [ $(cat /sys/class/net/br0/carrier) = 1 ]; do sleep 0.02; done'", "net.bridge.carrier", never="net.bridge"),
    state("STP with a long delay", BRIDGE + "ip link set br0 type bridge stp_state 1 forward_delay 1500", "net.bridge.stp",
          says=("30 s",)),
    state("STP with a short delay", BRIDGE + "ip link set br0 type bridge stp_state 1 forward_delay 200", "net.bridge",
          never="net.bridge.stp"),
    state("STP with the long delay of another bridge", BRIDGE + "ip link set br0 type bridge stp_state 1 forward_delay 200\n"
          "ip link add br1 type bridge stp_state 1 forward_delay 1500 priority 1; ip link set br1 up\n"
          "ip link add eth0 type veth peer name far; ip link set eth0 master br0 up; ip link set far master br1 up\n"
          "timeout 9 sh -c 'while [ $(cat /sys/class/net/br0/bridge/root_port) = 0 ]; do sleep 0.1; done'", "net.bridge.stp",
          options=("--bridge", "br0"), never="net.bridge.carrier", says=("30 s: the delay is set by the root bridge",)),
    state("an address on the uplink", BRIDGE + UPLINK + "ip addr add 192.0.2.1/24 dev eth0", "net.uplink.address"),
    state("an IPv6 address on the uplink", BRIDGE + UPLINK + "ip addr add 2001:db8::1/64 dev eth0", "net.uplink.address"),
    state("the address on the bridge", BRIDGE + UPLINK + "ip addr add 192.0.2.1/24 dev br0", "net.bridge",
          never="net.uplink.address"),
    state("the bridge's address on another interface, too", BRIDGE + "ip link add eth0 type veth peer name far0; ip addr add 192.0.2.1/24 dev eth0; "
          "ip addr add 192.0.2.1/24 dev br0", "net.bridge.twice", never="net.bridge",
          says=("br0 and eth0 have an address in common", "--uplink eth0")),
    state("an IPv6 address of the bridge's on another interface, too", BRIDGE + "ip link add 'e;0' type veth peer name far0; "
          "ip addr add 2001:db8::1/64 dev 'e;0'; ip addr add 2001:db8::1/64 dev br0", "net.bridge.twice", says=("--uplink 'e;0'",)),
    state("the bridge has the NIC's address, with a prefix of its own, as hosters have it", BRIDGE + "ip link add eth0 type veth peer name far0; "
          "ip addr add 192.0.2.1/32 dev eth0; ip addr add 192.0.2.1/32 dev br0; ip addr add 192.0.2.2/24 dev eth0; ip addr add 192.0.2.2/28 dev br0",
          "net.bridge", never="net.bridge.twice"),
    state("the bridge's address on its uplink, too", BRIDGE + UPLINK + "ip addr add 192.0.2.1/24 dev br0; ip addr add 192.0.2.1/24 dev eth0",
          "net.uplink.address", never="net.bridge.twice"),
    state("the bridge's link-local address on another interface, too", BRIDGE + "ip link add eth0 type veth peer name far0; "
          "ip addr add fe80::1/64 dev eth0; ip addr add fe80::1/64 dev br0", "net.bridge", never="net.bridge.twice"),
    state("a name that a shell would run", "ip link add 'b;reboot' type bridge", "net.bridge.down",
          says=("ip link set dev 'b;reboot' up",)),
    state("an uplink's name that a shell would run", BRIDGE + "ip link add 'e;reboot' type veth peer name far; "
          "ip link set 'e;reboot' master br0", "net.bridge.carrier", says=("ip link set dev 'e;reboot' up",)),
    state("the way out is Wi-Fi", "ip link add wlan0 type veth peer name far; ip link set wlan0 up; "
          "ip addr add 192.0.2.2/24 dev wlan0; ip route add default via 192.0.2.1\n" + SYS + "mkdir /sys/class/net/wlan0/wireless",
          "net.uplink.wifi", tree=True),
    state("a Wi-Fi port", "ip link add br0 type bridge\n" + SYS + "cd /sys/class/net; mkdir -p br0/bridge br0/brif/wlan0 wlan0/phy80211",
          "net.uplink.wifi", tree=True),
    state("/sys is of another network", "ip link add br1 type bridge; ip link add br0 type bridge; ip link set br0 up\n"
          'exec unshare --net sh -c \'ip link add name br0 type bridge; ip link set br0 up; exec "$@"\' sh "$@"', "net.unknown",
          user=0, never="net.bridge net.bridge.none net.filter net.filter.skipped"),
    state("/sys is of another network, this one has no bridge", BRIDGE + 'sleep 60 <&- >&- 2>&- & exec unshare --net "$@"', "net.bridge.none", user=0,
          never="net.bridge"),
    state("/sys/class/net cannot be read", "tree /sys/class; mkdir -m 0 /sys/class/net", "net.unknown", never="net.bridge.none"),
    state("a user cannot send through the firewall", BRIDGE, "net.filter.skipped", never="net.filter",
          says=("sudo virt-tap check net --bridge br0",)),
    state("no bridge to send through", "", "net.bridge.none", user=0, never="net.filter net.filter.skipped"),
    state("a bridge that is down is not tried", "ip link add br0 type bridge", "net.bridge.down", user=0, never="net.filter net.filter.skipped"),
    state("a bridge with STP is not tried", BRIDGE + "ip link set br0 type bridge stp_state 1", "net.filter.skipped", user=0, never="net.filter",
          says=("STP",)),
    state("a bridge that would take the tap's MAC is not tried", "ip link add br0 type bridge; ip link set br0 up", "net.filter.skipped", user=0,
          never="net.filter", says=("would take the MAC",)),
    state("without CAP_NET_ADMIN it is not tried", BRIDGE, "net.filter.skipped", user=0, never="net.filter", says=("not permitted",),
          wrap=("setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin")),
    filtered("no rule", "", "net.filter", "net.filter.skipped"),
    filtered("no rule, and a bridge with addresses", "ip addr add 192.0.2.254/24 dev br0; ip addr add 2001:db8::1/64 dev br0", "net.filter"),
    filtered("bridges' frames bypass what drops", NO_FILTER + "iptables-nft -P FORWARD DROP; iptables-legacy -P FORWARD DROP", "net.filter",
             "net.filter.drop net.filter.legacy"),
    filtered("a firewall that forwards", chain("ip f FORWARD", "forward", "accept"), "net.filter", "net.filter.drop net.filter.legacy"),
    filtered("nftables drops", chain("inet f way", "forward"), "net.filter.drop", says=("inet f way",)),
    filtered("nftables drops before routing", chain("inet f pre", "prerouting"), "net.filter.drop",
             says=("inet f pre", "IPv4, IPv6", "nft insert rule inet f pre iifname br0 accept")),
    filtered("the bridge family drops", chain("bridge f way", "forward"), "net.filter.drop",
             says=("bridge f way", "ARP, IPv4, IPv6", "nft insert rule bridge f way ibrname br0 obrname br0 accept")),
    filtered("ebtables drops", "ebtables-nft -A FORWARD -j DROP", "net.filter.drop", says=("ARP, IPv4, IPv6",)),
    filtered("ARP is dropped", chain("bridge f way", "forward", "accept") + "nft add rule bridge f way ether type arp drop", "net.filter.drop",
             says=("does not pass ARP between",)),
    filtered("Docker's policy by iptables-nft", "iptables-nft -P FORWARD DROP", "net.filter.drop",
             says=("ip filter FORWARD", "iptables -I FORWARD -i br0 -o br0 -j ACCEPT", "bridge-nf-call-iptables=0")),
    filtered("Docker's policy, as another user", "iptables-nft -P FORWARD DROP", "net.filter.drop", options=("--user", "vmuser")),
    filtered("Docker's policy, and the bridge accepted", "iptables-nft -P FORWARD DROP; iptables-nft -A FORWARD -i br0 -o br0 -j ACCEPT",
             "net.filter"),
    filtered("Docker's policy, and bridged frames accepted", "iptables-nft -P FORWARD DROP; iptables-nft -A FORWARD -m physdev --physdev-is-bridged "
             "-j ACCEPT", "net.filter"),
    filtered("Docker's policy, and another bridge accepted", "iptables-nft -P FORWARD DROP; iptables-nft -A FORWARD -i br1 -o br1 -j ACCEPT",
             "net.filter.drop"),
    filtered("a last rule that rejects", "iptables-nft -A FORWARD -j REJECT", "net.filter.drop", says=("does not pass IPv4 between",)),
    filtered("the raw table drops", "iptables-nft -t raw -A PREROUTING -j DROP", "net.filter.drop"),
    filtered("virt-tap's taps are dropped by name", "iptables-nft -A FORWARD -m physdev --physdev-in vtap-+ -j DROP", "net.filter.drop"),
    filtered("Docker's policy by iptables-legacy", "iptables-legacy -P FORWARD DROP", "net.filter.legacy", "net.filter.drop",
             says=("iptables-legacy -I FORWARD -i br0 -o br0 -j ACCEPT",)),
    filtered("iptables-legacy forwards", "iptables-legacy -P INPUT DROP", "net.filter", "net.filter.legacy"),
    filtered("TCP is dropped", "iptables-nft -A FORWARD -p tcp -j DROP", "net.filter.partly", says=("does not pass TCP between",)),
    filtered("IPv6 is dropped", "ip6tables-nft -P FORWARD DROP", "net.filter.partly", "net.filter.drop", says=("ip6 filter FORWARD",)),
    filtered("IPv6 is dropped by ip6tables-legacy", "ip6tables-legacy -P FORWARD DROP", "net.filter.partly", "net.filter.drop",
             says=("ip6tables-legacy",)),
    filtered("ufw's policy, which lets ICMP pass", "iptables-nft -P FORWARD DROP; ip6tables-nft -P FORWARD DROP\n"
             "iptables-nft -N ufw-before-forward; iptables-nft -A FORWARD -j ufw-before-forward; iptables-nft -A ufw-before-forward -p icmp -j ACCEPT",
             "net.filter.drop net.filter.partly", says=("does not pass UDP, TCP between", ": iptables -I FORWARD -i br0", ": ip6tables -I FORWARD -i br0")),
    filtered("nftables drops after routing", chain("inet f post", "postrouting"), "net.filter.drop", says=("nft insert rule inet f post oifname br0 accept",)),
    filtered("nftables drops IPv4 in a table of its own", chain("ip f way", "forward"), "net.filter.drop",
             says=("does not pass IPv4 between", "nft insert rule ip f way iifname br0 oifname br0 accept")),
    filtered("Docker's policy for both versions of IP", "iptables-nft -P FORWARD DROP; ip6tables-nft -P FORWARD DROP", "net.filter.drop net.filter.partly",
             says=(": iptables -I FORWARD -i br0", ": ip6tables -I FORWARD -i br0")),
    filtered("firewalld's last rule", chain("inet firewalld filter_FORWARD", "forward", "accept") +
             "nft add rule inet firewalld filter_FORWARD ct state established,related accept\n"
             "nft add rule inet firewalld filter_FORWARD reject with icmpx admin-prohibited", "net.filter.drop", "net.filter.partly",
             says=("does not pass IPv4, IPv6 between", "bridge-nf-call-iptables=0")),
    filtered("only IPv6 is dropped, and bridges' IPv6 bypasses", "ip6tables-nft -P FORWARD DROP\n" + NO_FILTER6, "net.filter", "net.filter.partly"),
    filtered("one bridge alone is filtered", NO_FILTER + "ip link set br0 type bridge nf_call_iptables 1; iptables-nft -P FORWARD DROP",
             "net.filter.drop"),
    filtered("another bridge than that asked for is filtered", NO_FILTER + "ip link add br1 address 52:54:00:77:00:02 type bridge\n"
             "ip link set br1 up type bridge nf_call_iptables 1; iptables-nft -P FORWARD DROP", "net.filter", options=("--bridge", "br0")),
    filtered("a rule names a port", UPLINK + chain("bridge f way", "forward", "accept") + "nft add rule bridge f way iifname eth0 drop",
             "net.filter net.filter.skipped", says=("port eth0 of br0",)),
    filtered("a netdev chain is at a port", UPLINK + "nft add table netdev f; nft 'add chain netdev f in { type filter hook ingress device eth0 "
             "priority 0; policy drop; }'", "net.filter net.filter.skipped", says=("port eth0 of br0",)),
    filtered("a port is accepted by name, and nothing else", UPLINK + "iptables-nft -P FORWARD DROP\n"
             "iptables-nft -A FORWARD -m physdev --physdev-in eth+ -j ACCEPT", "net.filter.partly", "net.filter.drop"),
    state("NetworkManager", NM, "net.networkmanager.claims", says=("match-device=interface-name:vtap-*",)),
    state("NetworkManager, told by a list", NM + "mkdir -p /etc/NetworkManager; printf '[keyfile]\\n"
          "unmanaged-devices=mac:00:11:22:33:44:55;interface-name:vtap-*\\n' >/etc/NetworkManager/NetworkManager.conf",
          "net.networkmanager", never="net.networkmanager.claims"),
    state("NetworkManager, told by a section", NM + "mkdir -p /etc/NetworkManager/conf.d; printf '[device-virt-tap]\\n"
          "match-device=interface-name:vtap-*\\nmanaged=0\\n' >/etc/NetworkManager/conf.d/a.conf", "net.networkmanager"),
    state("NetworkManager, told about others", NM + "mkdir -p /etc/NetworkManager/conf.d; printf '[device-x]\\n"
          "match-device=interface-name:tap*\\nmanaged=0\\n[keyfile]\\nunmanaged-devices=interface-name:veth*\\n' "
          ">/etc/NetworkManager/conf.d/a.conf", "net.networkmanager.claims"),
    *(state(f"NetworkManager, told by a list that does not count: {name}", NM + "mkdir -p /run/NetworkManager/conf.d /etc/NetworkManager/conf.d\n"
            f"printf '{first}\\nunmanaged-devices=interface-name:vtap-*\\n' >{file}\nprintf '{then}' >/etc/NetworkManager/conf.d/a.conf",
            "net.networkmanager.claims", never="net.networkmanager")
      for name, file, first, then in (
          ("a later one overrides it", "/etc/NetworkManager/NetworkManager.conf", "[keyfile]", "[keyfile]\\nunmanaged-devices=interface-name:veth*\\n"),
          ("a later one takes from it", "/etc/NetworkManager/NetworkManager.conf", "[keyfile]", "[keyfile]\\nunmanaged-devices-=interface-name:vtap-*\\n"),
          ("another file hides its own", "/run/NetworkManager/conf.d/a.conf", "[keyfile]", ""),
          ("its section has no lists", "/etc/NetworkManager/NetworkManager.conf", "[main]", ""))),
    state("NetworkManager, told by a list that a later one adds to", NM + "mkdir -p /run/NetworkManager/conf.d /etc/NetworkManager/conf.d\n"
          "printf '[keyfile]\\nunmanaged-devices=interface-name:vtap-*\\n' >/run/NetworkManager/conf.d/z.conf\n"
          "printf '[keyfile]\\nunmanaged-devices+=interface-name:veth*\\n' >/etc/NetworkManager/conf.d/a.conf", "net.networkmanager"),
    *(state(f"NetworkManager, by sections: {name}", NM + "mkdir -p /etc/NetworkManager/conf.d\n"
            "printf '[device-virt-tap]\\nmatch-device=interface-name:vtap-*\\nmanaged = 0\\n' >/etc/NetworkManager/conf.d/50-virt-tap.conf\n"
            f"printf '{text}' >/etc/NetworkManager/conf.d/{file}", expect, never=never, says=says)
      for name, file, text, expect, never, says in (
          ("a later file overrides", "90-x.conf", "[device-x]\\nmatch-device=type:tun\\nmanaged=1\\n", "net.networkmanager.claims", "net.networkmanager", ()),
          ("an earlier one does not", "10-x.conf", "[device-x]\\nmanaged=1\\n", "net.networkmanager", "net.networkmanager.claims", ("50-virt-tap.conf tells",)),
          ("a list of others does not", "90-x.conf", "[keyfile]\\nunmanaged-devices=interface-name:veth*\\n", "net.networkmanager",
           "net.networkmanager.claims", ("50-virt-tap.conf tells",)),
          ("the first one of a file counts", "90-x.conf", "[device-x]\\nmatch-device=*\\nmanaged=yes\\n[device-y]\\nmanaged=off\\n",
           "net.networkmanager.claims", "net.networkmanager", ()),
          ("[device] is the last one of a file", "90-x.conf", "[device]\\nmanaged=1\\n[device-y]\\nmatch-device=vtap-*\\nmanaged=off\\n",
           "net.networkmanager", "net.networkmanager.claims", ("90-x.conf tells",)),
          ("one of others does not", "90-x.conf", "[device-x]\\nmatch-device=*;except:driver:tun\\nmanaged=1\\n", "net.networkmanager",
           "net.networkmanager.claims", ("50-virt-tap.conf tells",)))),
    state("NetworkManager, and its bridge", OWNED, "net.networkmanager.forgets", says=("'br0'", "/bridge-up /etc/NetworkManager/dispatcher.d/50-virt-tap")),
    state("NetworkManager, told about its bridge", OWNED + "\nmkdir -p /etc/NetworkManager/dispatcher.d; "
          "ln -s ${HELPER_PATH%/*}/virt-tap/bridge-up /etc/NetworkManager/dispatcher.d/50-virt-tap", "net.tun", never="net.networkmanager.forgets"),
    state("NetworkManager, and a bridge that is not its own", OWNED + "\necho nm-owned=false >/run/NetworkManager/devices/$(cat /sys/class/net/br0/ifindex)",
          "net.tun", never="net.networkmanager.forgets"),
    state("NetworkManager, told in a file that is closed", NM + "mkdir -p /etc/NetworkManager/conf.d; "
          "echo >/etc/NetworkManager/conf.d/a.conf; chmod 0600 /etc/NetworkManager/conf.d/a.conf", "net.networkmanager.skipped",
          never="net.networkmanager net.networkmanager.claims", says=("conf.d/a.conf",)),
    state("NetworkManager, told in a folder that is closed", NM + "mkdir -p /etc/NetworkManager/conf.d; "
          "chmod 0700 /etc/NetworkManager/conf.d", "net.networkmanager.skipped", never="net.networkmanager.claims"),
    state("ifupdown, and its bridge", IFUPDOWN + "echo br0=br0 >>/run/network/ifstate; " + BRIDGE_UP, "net.ifupdown.forgets",
          says=("'br0'", "/bridge-up /etc/network/if-up.d/virt-tap")),
    state("ifupdown, told", IFUPDOWN + "echo br0=lan >>/run/network/ifstate; mkdir -p /etc/network/if-up.d; "
          "printf '#!/bin/sh\\n' >/etc/network/if-up.d/virt-tap; chmod 0755 /etc/network/if-up.d/virt-tap", "net.ifupdown", never="net.ifupdown.forgets"),
    state("ifupdown, and a bridge that is not its own", IFUPDOWN, "net.tun", never="net.ifupdown net.ifupdown.forgets"),
    state("networkd, as systemd ships it (its virtual machines have taps vtap-*)", NETWORKD +
          networkd("80-vm-vt.network", "[Match]\\nName=vtap-*\\nDriver=tun\\n[Network]\\nDHCPServer=yes\\n"),
          "net.networkd.claims", says=("80-vm-vt.network", "Unmanaged=yes")),
    state("networkd, whose folders systemd has made on every host (tmpfiles.d/systemd-network.conf), and which does not run",
          "own /run; mkdir -p /run/systemd/netif/links\n" + networkd("20-all.network", "[Match]\\nType=ether\\n"),
          "net.tun", never="net.networkd net.networkd.claims"),
    state("networkd, about all Ethernets", NETWORKD + networkd("20-all.network", "[Match]\\nType=ether\\n"),
          "net.networkd.claims", says=("20-all.network",)),
    state("networkd, about all but some", NETWORKD + networkd("20-not.network", "[Match]\\nName=!en* eth*\\n"),
          "net.networkd.claims", never="net.networkd"),
    state("networkd, about all but ours, which have alternative names", NETWORKD + networkd("20-not.network", "[Match]\\nName=!en* vtap-*\\n"),
          "net.networkd.claims"),
    state("networkd, about all but ours and their alternative names", NETWORKD + networkd("20-not.network", "[Match]\\nName=!en* vtap-* virt-tap*\\n"),
          "net.networkd", never="net.networkd.claims"),
    state("networkd, by a second list of names", NETWORKD + networkd("20-a.network", "[Match]\\nName=eth0\\nName=vtap-*\\n"), "net.networkd.claims"),
    state("networkd, by a continued list with a comment in it", NETWORKD + networkd("20-a.network", "[Match]\\nName=eth0 \\\\\\n# x\\n  vtap-*\\n"),
          "net.networkd.claims"),
    state("networkd, by a drop-in", NETWORKD + networkd("20-a.network", "[Match]\\nName=eth0\\n") + "mkdir /etc/systemd/network/20-a.network.d; "
          "printf '[Match]\\nName=vtap-*\\n' >/etc/systemd/network/20-a.network.d/x.conf", "net.networkd.claims"),
    state("networkd, by a drop-in in another folder", NETWORKD + networkd("20-a.network", "[Match]\\nName=eth0\\n") +
          "mkdir -p /run/systemd/network/20-a.network.d; printf '[Match]\\nName=vtap-*\\n' >/run/systemd/network/20-a.network.d/x.conf", "net.networkd.claims"),
    state("networkd, by a file that begins with a byte order mark", NETWORKD + networkd("20-a.network", "\\357\\273\\277[Match]\\nName=vtap-*\\n"),
          "net.networkd.claims"),
    state("networkd, by a list that is cleared", NETWORKD + networkd("20-a.network", "[Match]\\nName=vtap-*\\nName=\\nName=eth0\\n"), "net.networkd"),
    state("networkd, by a list that a drop-in clears", NETWORKD + networkd("20-a.network", "[Match]\\nName=vtap-*\\n") +
          "mkdir /etc/systemd/network/20-a.network.d; printf '[Match]\\nName=\\nName=eth0\\n' >/etc/systemd/network/20-a.network.d/x.conf",
          "net.networkd"),
    state("networkd, by a list that is negated in part", NETWORKD + networkd("20-a.network", "[Match]\\nName=*\\nName=!vtap-* virt-tap*\\n"), "net.networkd"),
    state("networkd, by a file that is masked", NETWORKD + networkd("20-a.network", "") + "mkdir -p /run/systemd/network\n"
          "printf '[Match]\\nName=*\\n' >/run/systemd/network/20-a.network; ln -sf /dev/null /etc/systemd/network/20-a.network", "net.networkd"),
    state("networkd, by a file that another one hides", NETWORKD + networkd("20-a.network", "[Match]\\nName=eth0\\n") +
          "mkdir -p /run/systemd/network; printf '[Match]\\nName=*\\n' >/run/systemd/network/20-a.network", "net.networkd"),
    state("networkd, by what is not in [Match]", NETWORKD + networkd("20-a.network", "[Network]\\nName=vtap-*\\n"), "net.networkd"),
    state("networkd, told by a drop-in", NETWORKD + networkd("20-a.network", "[Match]\\nName=*\\n") + "mkdir /etc/systemd/network/20-a.network.d; "
          "printf '[Link]\\nUnmanaged = on\\n' >/etc/systemd/network/20-a.network.d/x.conf", "net.networkd"),
    state("networkd, about all on this kind of host", NETWORKD + networkd("20-host.network", "[Match]\\nType=ether\\n"
          "Virtualization=no\\n"), "net.networkd.claims", never="net.networkd"),
    state("networkd, about one NIC", NETWORKD + networkd("20-nic.network", "[Match]\\nType=ether\\nMACAddress=52:54:00:77:00:01\\n"),
          "net.networkd"),
    state("networkd, told in a file that is closed (netplan's)", NETWORKD + networkd("10-netplan.network", "[Match]\\nName=vtap-*\\n") +
          "chmod 0640 /etc/systemd/network/10-netplan.network", "net.networkd.skipped", never="net.networkd",
          says=("10-netplan.network",)),
    state("networkd, told in a folder that is closed", NETWORKD + "mkdir -p /run/systemd/network; chmod 0700 /run/systemd/network",
          "net.networkd.skipped", never="net.networkd"),
    state("networkd, about all, before all", NETWORKD + networkd("00-all.network", "[Match]\\nType=ether\\n") +
          "printf '[Match]\\nName=vtap-*\\n[Link]\\nUnmanaged=yes\\n' >/etc/systemd/network/05-virt-tap.network", "net.networkd.first",
          never="net.networkd net.networkd.claims", says=("00-all.network", "sorts behind 05-virt-tap.network")),
    *(state(f"networkd, and its bridge{where}", "ip link add br0 type bridge; " + NETWORKD + "own /usr/local\n"
            f"echo NETWORK_FILE={file} >/run/systemd/netif/links/$(cat /sys/class/net/br0/ifindex); {more}", expect, never=never, says=says)
      for where, file, more, expect, never, says in (
          ("", "/etc/a.network", UNIT, "net.networkd.forgets", "net.ifupdown", ("'br0'", 'ENV{DEVTYPE}=="bridge"', "> /etc/udev/rules.d/90-virt-tap.rules")),
          (", without a unit", "/etc/a.network", "", "net.networkd.forgets", "net.ifupdown", ("no virt-tap-repair@.service",)),
          (", told", "/etc/a.network", "mkdir -p /etc/udev/rules.d; touch /etc/udev/rules.d/90-virt-tap.rules", "net.networkd", "net.networkd.forgets", ()),
          (" that is not its own", "", UNIT, "net.networkd", "net.networkd.forgets", ()))),
    state("networkd, about others", NETWORKD + networkd("20-en.network", "[Match]\\nName=en* eth*\\n[Network]\\nDHCP=yes\\n"),
          "net.networkd", never="net.networkd.claims"),
    state("networkd, told first", NETWORKD + networkd("20-all.network", "[Match]\\nName=*\\n") +
          "printf '[Match]\\nName=vtap-*\\n[Link]\\nUnmanaged=yes\\n' >/etc/systemd/network/05-a.network", "net.networkd"),
]
