/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * The files of a NAT bridge: where no manager makes it, a unit that does; and for every host, what makes it
 * forward, and lets the guests through firewalld and Docker. */
#include "base/cleanup.h"
#include "base/hash.h"
#include "base/text.h"
#include "nat.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define UNITS "/etc/systemd/system/"
#define NAT_FOLDER "/etc/virt-tap/nat/"
#define AFTER                                                                                                \
    "# nftables.service begins with an empty ruleset.\n"                                                     \
    "After=network-pre.target nftables.service firewalld.service\n"

/* As the broker's unit, with what ip, nft, and dnsmasq before it becomes a user of its own need. */
static const char hardening[] =
    "CapabilityBoundingSet=CAP_NET_ADMIN CAP_NET_RAW CAP_NET_BIND_SERVICE CAP_SETUID CAP_SETGID CAP_CHOWN\n"
    "NoNewPrivileges=yes\n"
    "SystemCallArchitectures=native\n"
    "SystemCallFilter=@system-service\n"
    "SystemCallFilter=~@resources\n"
    "SystemCallErrorNumber=EPERM\n"
    "RestrictAddressFamilies=AF_UNIX AF_NETLINK AF_INET AF_INET6 AF_PACKET\n"
    "ProtectSystem=strict\n"
    "ProtectKernelTunables=yes\n"
    "ReadWritePaths=/proc/sys/net\n"
    "PrivateDevices=yes\n"
    "PrivateTmp=yes\n"
    "ProtectHome=yes\n"
    "ProtectProc=invisible\n"
    "ProtectClock=yes\n"
    "ProtectControlGroups=yes\n"
    "ProtectHostname=yes\n"
    "ProtectKernelLogs=yes\n"
    "ProtectKernelModules=yes\n"
    "LockPersonality=yes\n"
    "MemoryDenyWriteExecute=yes\n"
    "RestrictNamespaces=yes\n"
    "RestrictRealtime=yes\n"
    "RestrictSUIDSGID=yes\n";

struct cidr nat_network(const struct cidr *address)
{
    struct cidr network = *address;

    for (size_t bit = network.prefix; bit < 8 * cidr_size(network.family); bit++)
        network.bytes[bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
    return network;
}

void nat_docker_rule(int number, const char *bridge, char rule[PERSIST_COMMAND])
{
    if (number == 0)
        snprintf(rule, PERSIST_COMMAND, "-i %s -j ACCEPT", bridge);
    else
        snprintf(rule, PERSIST_COMMAND, "-o %s -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT", bridge);
}

static void network_text(const struct cidr *address, char text[CIDR_TEXT])
{
    const struct cidr network = nat_network(address);

    cidr_print(&network, text);
}

static const char *host_text(const struct cidr *address, char text[CIDR_TEXT])
{
    cidr_print(address, text);
    *strchr(text, '/') = '\0';
    return text;
}

static bool by_networkd(const struct persist_plan *plan)
{
    return strcmp(plan->format->name, "networkd") == 0;
}

/* networkd lets whoever has a route to the guests by the host through to them. */
static void add_filter(const struct persist_plan *plan, struct persist_files *files)
{
    FILE *out = persist_open(files, plan, 0644, UNITS "virt-tap-nat-%s.service", plan->bridge);
    const char *name = plan->bridge;

    fprintf(out,
            "[Unit]\nDescription=virt-tap: who reaches the guests on %s\n"
            "Documentation=man:virt-tap-bridge(8)\n" AFTER "\n"
            "[Service]\nType=oneshot\nRemainAfterExit=yes\nRuntimeDirectory=virt-tap-nat-%s\n"
            "ExecStart=nft -f " NAT_FOLDER "%s.nft\n"
            "ExecStop=-nft delete table inet virt_tap_nat_%s\n\n%s",
            name, name, name, name, hardening);
}

static void add_unit(const struct persist_plan *plan, struct persist_files *files)
{
    FILE *out = persist_open(files, plan, 0644, UNITS "virt-tap-nat-%s.service", plan->bridge);
    const char *name = plan->bridge;
    char address[CIDR_TEXT];

    fprintf(out,
            "[Unit]\nDescription=virt-tap: addresses and NAT for the guests on %s\n"
            "Documentation=man:virt-tap-bridge(8)\n" AFTER "\n"
            "[Service]\nRestart=on-failure\nRuntimeDirectory=virt-tap-nat-%s\n"
            "RuntimeDirectoryPreserve=restart\n"
            "# Fails if it is there already.\nExecStartPre=-ip link add name %s type bridge stp_state 0 "
            "forward_delay 0\n"
            "ExecStartPre=ip link set dev %s address %s alias \"virt-tap created\"\n"
            "ExecStartPre=/lib/systemd/systemd-sysctl /etc/sysctl.d/80-virt-tap-%s.conf\n",
            name, name, name, name, plan->mac, name);
    cidr_print(&plan->nat, address);
    fprintf(out, "ExecStartPre=ip address replace %s dev %s\n", address, name);
    if (plan->nat6.family) {
        cidr_print(&plan->nat6, address);
        fprintf(out, "ExecStartPre=ip address replace %s dev %s nodad\n", address, name);
    }
    fprintf(out,
            "ExecStartPre=ip link set dev %s up\nExecStartPre=nft -f " NAT_FOLDER "%s.nft\n"
            "ExecStart=dnsmasq --keep-in-foreground --conf-file=" NAT_FOLDER "%s.conf\n"
            "ExecStopPost=-nft delete table inet virt_tap_nat_%s\n\n%s",
            name, name, name, name, hardening);
}

/* A file of ours, and not the link that `systemctl enable` would make. */
static void add_wants(const struct persist_plan *plan, struct persist_files *files)
{
    FILE *out =
        persist_open(files, plan, 0644, UNITS "multi-user.target.d/virt-tap-nat-%s.conf", plan->bridge);

    fprintf(out, "[Unit]\nWants=virt-tap-nat-%s.service\n", plan->bridge);
}

static void print_masquerade(FILE *out, const struct persist_plan *plan)
{
    char v4[CIDR_TEXT], v6[CIDR_TEXT];

    network_text(&plan->nat, v4);
    fprintf(out,
            "    chain postrouting {\n        type nat hook postrouting priority srcnat; policy accept;\n"
            "        ip saddr %s oifname != \"%s\" masquerade\n",
            v4, plan->bridge);
    if (plan->nat6.family) {
        network_text(&plan->nat6, v6);
        fprintf(out, "        ip6 saddr %s oifname != \"%s\" masquerade\n", v6, plan->bridge);
    }
    fputs("    }\n\n", out);
}

/* Guests reach everything that the host does, and nobody reaches them that they have not asked, not even who
 * has a route to them by the host. networkd masquerades itself. */
static void add_rules(const struct persist_plan *plan, struct persist_files *files)
{
    FILE *out = persist_open(files, plan, 0644, NAT_FOLDER "%s.nft", plan->bridge);
    const char *name = plan->bridge;

    fprintf(out,
            "table inet virt_tap_nat_%s\ndelete table inet virt_tap_nat_%s\n\n"
            "table inet virt_tap_nat_%s {\n",
            name, name, name);
    if (!by_networkd(plan))
        print_masquerade(out, plan);
    fprintf(out,
            "    chain forward {\n        type filter hook forward priority filter; policy accept;\n"
            "        iifname != \"%s\" oifname \"%s\" ct state != { established, related } drop\n    }\n}\n",
            name, name);
}

static void add_dnsmasq(const struct persist_plan *plan, struct persist_files *files)
{
    FILE *out = persist_open(files, plan, 0644, NAT_FOLDER "%s.conf", plan->bridge);
    const uint32_t mask = ~(uint32_t)0 << (32 - plan->nat.prefix);
    struct cidr first = plan->nat, last = plan->nat;
    char from[CIDR_TEXT], to[CIDR_TEXT], v6[CIDR_TEXT];

    for (int i = 0; i < 4; i++) {
        first.bytes[i] &= (uint8_t)(mask >> (24 - 8 * i));
        last.bytes[i] |= (uint8_t)(~mask >> (24 - 8 * i));
    }
    first.bytes[3] |= 1;
    last.bytes[3] &= 0xfe;
    fprintf(out,
            "interface=%s\nexcept-interface=lo\nbind-dynamic\npid-file=\n"
            "dhcp-leasefile=/run/virt-tap-nat-%s/leases\ndhcp-authoritative\ndhcp-no-override\n"
            "# Names that have no dot, and addresses of private networks, stay here.\n"
            "domain-needed\nbogus-priv\n"
            "# Where browsers look for a proxy, and Windows for a router: no guest is that for "
            "others (CERT/CC VU#598349).\n"
            "dhcp-name-match=set:proxy,wpad\ndhcp-name-match=set:proxy,isatap\n"
            "dhcp-ignore-names=tag:proxy\n"
            "# dnsmasq gives the bridge's own address to nobody.\n"
            "dhcp-range=%s,%s,%u.%u.%u.%u\n",
            plan->bridge, plan->bridge, host_text(&first, from), host_text(&last, to), mask >> 24,
            mask >> 16 & 0xff, mask >> 8 & 0xff, mask & 0xff);
    if (plan->nat6.family) {
        network_text(&plan->nat6, v6);
        *strchr(v6, '/') = '\0';
        fprintf(out, "enable-ra\ndhcp-range=%s,ra-only,64\n", v6);
    }
}

int nat_write_unit(const struct persist_plan *plan, struct persist_files *files, struct error *why)
{
    (void)why;
    add_unit(plan, files);
    add_wants(plan, files);
    add_rules(plan, files);
    add_dnsmasq(plan, files);
    return 0;
}

static void add_sysctls(const struct persist_plan *plan, struct persist_files *files)
{
    FILE *out = persist_open(files, plan, 0644, "/etc/sysctl.d/80-virt-tap-%s.conf", plan->bridge);

    fputs("net/ipv4/ip_forward=1\n", out);
    if (plan->nat6.family)
        fputs("net/ipv6/conf/all/forwarding=1\n", out);
    fprintf(out, "# Guests configure nothing of the host's.\n-net/ipv6/conf/%s/accept_ra=0\n", plan->bridge);
}

/* It learns as few addresses as one of `bridge create`. udev tells it, as soon as anybody makes it: profiles
 * of NetworkManager have no word for this, and files of networkd's only from systemd 257 on. */
static void add_limit(const struct persist_plan *plan, struct persist_files *files)
{
    fprintf(persist_open(files, plan, 0644, "/etc/udev/rules.d/80-virt-tap-%s.rules", plan->bridge),
            "ACTION==\"add\", SUBSYSTEM==\"net\", ENV{DEVTYPE}==\"bridge\", ENV{INTERFACE}==\"%s\", "
            "RUN+=\"/sbin/ip link set dev %s type bridge fdb_max_learned %d\"\n",
            plan->bridge, plan->bridge, BRIDGE_LEARNED_MAX);
}

/* A zone of its own, as NetworkManager's for shared connections: guests reach these services of the host's,
 * and everything beyond it. A zone's name has 17 characters at most. */
static void add_zone(const struct persist_plan *plan, struct persist_files *files)
{
    const uint64_t hash = hash_bytes(HASH_START, plan->bridge, strlen(plan->bridge));
    FILE *out = persist_open(files, NULL, 0644, "/etc/firewalld/zones/virt-tap%08x.xml", (unsigned int)hash);

    fprintf(out,
            "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<zone target=\"ACCEPT\">\n"
            "  <short>virt-tap %s</short>\n"
            "  <description>Guests on %s, written by virt-tap bridge persist.</description>\n"
            "  <interface name=\"%s\"/>\n  <service name=\"dhcp\"/>\n  <service name=\"dns\"/>\n"
            "  <protocol value=\"icmp\"/>\n  <protocol value=\"ipv6-icmp\"/>\n"
            "  <rule priority=\"32767\">\n    <reject/>\n  </rule>\n</zone>\n",
            plan->bridge, plan->bridge, plan->bridge);
}

/* Docker lets nothing through the host that its chains do not accept, and has DOCKER-USER for others' rules,
 * which are gone with each start of the host. */
static void add_docker(const struct persist_plan *plan, struct persist_files *files)
{
    FILE *out = persist_open(files, plan, 0644, UNITS "docker.service.d/virt-tap-nat-%s.conf", plan->bridge);

    fputs("[Service]\n", out);
    for (int v6 = 0; v6 < 1 + (plan->nat6.family != 0); v6++)
        for (int i = 0; i < NAT_DOCKER_RULES; i++) {
            char rule[PERSIST_COMMAND];
            nat_docker_rule(i, plan->bridge, rule);
            for (const char *act = "DI"; *act; act++)
                fprintf(out, "ExecStartPost=-%s -w -%c DOCKER-USER %s\n", v6 ? "ip6tables" : "iptables", *act,
                        rule);
        }
}

/* For each boot; nat_apply() loads them at once. */
static void add_modules(const struct persist_plan *plan, struct persist_files *files)
{
    static const char *const modules[] = {NAT_MODULES};
    FILE *out = persist_open(files, plan, 0644, "/etc/modules-load.d/virt-tap-%s.conf", plan->bridge);

    for (size_t i = 0; i < sizeof(modules) / sizeof(*modules); i++)
        fprintf(out, "%s\n", modules[i]);
}

void nat_write_host(const struct persist_plan *plan, struct persist_files *files)
{
    /* NetworkManager makes the host forward, and has a zone for this. */
    if (strcmp(plan->format->name, "networkmanager") == 0) {
        add_modules(plan, files);
    } else {
        add_sysctls(plan, files);
        if (access("/etc/firewalld/zones", F_OK) == 0)
            add_zone(plan, files);
    }
    add_limit(plan, files);
    if (by_networkd(plan)) {
        add_filter(plan, files);
        add_wants(plan, files);
        add_rules(plan, files);
    }
    if (persist_any_file("{/etc,/usr/lib,/lib}/systemd/system/docker.service"))
        add_docker(plan, files);
}
