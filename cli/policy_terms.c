/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "policy.h"

#include "base/error.h"
#include "base/quote.h"
#include "base/terminal.h"
#include "base/text.h"
#include "config.h"
#include "policy/decide.h"

#include <stdio.h>
#include <string.h>

/* Returns the option without which the guest would be locked less, or "". */
static const char *lock_option(const struct decision *decision)
{
    const struct protection *rule = &decision->match.rule->terms.protection;

    if (decision->protection.ip_lock && !rule->ip_lock)
        return " --lock=ip";
    return text_if(decision->lock_asked, " --lock=mac");
}

/* QEMU's options for a guest whose MAC the helper must know. */
static void print_qemu(const struct decision *decision, const char *bridge)
{
    const struct terms *terms = &decision->match.rule->terms;
    const unsigned int serve = decision->protection.serve;
    char netdev[512], list[TERMS_SERVE_SIZE];

    if (strchr(bridge, ',')) /* which ends the value for QEMU */
        return;
    terms_print_serve(list, serve == terms->protection.serve ? 0 : serve);
    snprintf(netdev, sizeof(netdev), "tap,id=n0,br=%s,helper=" HELPER_PATH " --mac=MAC%s%s%s%s", bridge,
             lock_option(decision),
             text_if(decision->protection.ip_lock && !addresses_may_be_omitted(terms), " --ip=ADDRESS"),
             text_if(*list, " --serve="), list);
    fputs("QEMU: -netdev ", stdout);
    terminal_whole(quote(netdev).text);
    puts(" -device virtio-net,netdev=n0,mac=MAC");
}

static void print_networks(const struct address_list *all)
{
    char text[CIDR_TEXT];

    for (size_t i = 0; i < all->count; i++) {
        cidr_print(&all->list[i], text);
        printf("%s%s", text_if(i, ", "), text);
    }
    putchar('\n');
}

/* The addresses are those that bind the guest whatever it names, or all that it named. */
static void print_ips(const struct terms *terms, const struct address_list *addresses)
{
    if (!terms->protection.ip_lock)
        puts("ip: lock, as --lock asks, to the addresses given with --ip");
    else if (!terms->ips)
        puts("ip: lock, to the addresses given with --ip");
    else if (addresses_may_be_omitted(terms))
        printf("ip: lock, to those given with --ip in %s; without --ip, to all of these\n", terms->ips);
    else
        printf("ip: lock, to the addresses given with --ip, in %s\n", terms->ips);
    if (addresses->count) {
        fputs("addresses: ", stdout);
        print_networks(addresses);
    }
}

static void print_serve(unsigned int serve)
{
    fputs("serve:", stdout);
    for (size_t i = 0; i < TERMS_SERVE_COUNT; i++)
        if (serve & 1U << i)
            printf(" %s", terms_serve_words[i]);
    putchar('\n');
}

/* What the guest can send under mac=lock, in words. */
static void print_sends(const struct terms *terms, const struct protection *protection, bool tagged)
{
    static const char *const servers[TERMS_SERVE_COUNT] = {"DHCP server replies", "DHCPv6 server replies",
                                                           "router advertisements and redirects"};

    printf("sends: only from its own MAC; no %sbridge or switch protocols, or multicast router queries\n",
           text_if(!tagged, "VLAN tags, "));
    if (protection->ip_lock)
        puts("sends: only ARP, IPv4 and IPv6, from its own addresses and the link-local one of its MAC");
    else
        puts("sends: from any IP address; ARP and neighbour discovery only with its own MAC");
    if (terms->egress && !protection->ip_lock)
        puts("sends: only ARP, IPv4 and IPv6");
    for (size_t i = 0; i < TERMS_SERVE_COUNT; i++)
        printf("sends: %s%s\n", text_if(!(protection->serve & 1U << i), "no "), servers[i]);
    if (terms->egress)
        policy_print_egress(terms->egress);
    if (!protection->no_vnet)
        puts(
            "sends: with vnet headers, it chooses 16 bits of a frame after these checks; vnet=no prevents that");
}

/* The port's VLANs, and what the guest can send into them. */
static void print_vlans(const struct vlans *vlans, bool mac_lock)
{
    char text[VLANS_TEXT];

    vlans_print(vlans, text);
    printf("vlan: %s\n", text);
    if (vlans_tagged(vlans)) {
        if (vlans->untagged)
            printf("native: %u\nsends: untagged frames, into VLAN %u\n", vlans->untagged, vlans->untagged);
        else
            puts("native: none\nsends: no untagged frames");
        printf("sends: frames tagged with one of these VLANs, %s\n",
               mac_lock ? "and no second tag" : "which may have more tags behind that");
    } else if (!mac_lock) {
        puts(
            "sends: only into this VLAN, untagged or with its tag, but frames may have more tags behind that");
    }
}

void policy_print_terms(const struct decision *decision, const char *bridge)
{
    const struct policy_match *match = &decision->match;
    const struct terms *terms = &match->rule->terms;
    const struct protection *protection = &decision->protection;
    char names[TERMS_NAMES_SIZE];
    struct error why = {0};

    if (terms_names(names, terms, match->user, &why) == 0)
        printf("names: %s\n", names);
    else
        printf("names: none may be chosen: %s\n", why.text);
    if (terms->macs)
        printf("macs: %s..., by --mac\n", terms->macs);
    if (terms->mtu)
        printf("mtu: %u\n", terms->mtu);
    else
        puts("mtu: the bridge's");
    if (terms->require_kvm)
        puts("require: kvm");
    if (protection->mac_lock)
        printf("mac: lock,%s to the MAC given with --mac\n",
               text_if(decision->lock_asked, " as --lock asks,"));
    if (protection->ip_lock)
        print_ips(terms, &decision->addresses);
    if (protection->serve)
        print_serve(protection->serve);
    if (terms->protection.no_vnet)
        puts("vnet: no, only taps without vnet headers");
    if (protection->mac_lock)
        print_sends(terms, protection, vlans_tagged(&decision->vlans));
    if (protection->mac_lock || terms->macs)
        print_qemu(decision, bridge);
    if (terms->protection.isolated)
        puts("isolated: yes");
    if (terms->protection.guard)
        puts("guard: yes");
    if (vlans_any(&decision->vlans))
        print_vlans(&decision->vlans, protection->mac_lock);
}

void policy_print_addition(const char *path, const char *effect, const char *bridge, const char *selector)
{
    struct error line = {0};

    error_set(&line, "allow %s%s%s", bridge, text_if(*selector, " "), selector);
    printf("to allow it: add this line to %s%s: ", path, effect);
    terminal_whole(line.text);
    putchar('\n');
}
