/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "addresses.h"

#include "base/error.h"
#include "config.h"
#include "decide.h"

#include <arpa/inet.h>
#include <string.h>

/* As for a MAC, QEMU runs a helper with blanks in it by a shell. */
#define SAY_IP "--ip=ADDRESS (with QEMU: helper='" HELPER_PATH " --mac=MAC --ip=ADDRESS')"

/* Adds a network. Returns NULL, or why not. */
static const char *add(struct address_list *out, const char *text, size_t length)
{
    struct cidr *network = &out->list[out->count];

    if (out->count == BINDING_ADDRESSES_MAX)
        return "64 addresses are given already, the most that a guest can have";
    if (!cidr_parse_network(text, length, network))
        return "that is not an IP address";
    if (!cidr_is_unicast(network))
        return "a guest cannot have a multicast, broadcast, loopback or reserved address";
    if (cidr_overlap_any(network, out->list, out->count))
        return "that address is given twice";
    out->count++;
    return NULL;
}

bool addresses_parse(const char *text, struct address_list *out)
{
    for (out->count = 0;; text++) {
        const size_t length = strcspn(text, ",");
        if (add(out, text, length))
            return false;
        text += length;
        if (!*text)
            return true;
    }
}

int address_list_add(struct address_list *out, const char *value, struct error *why)
{
    const char *problem = add(out, value, strlen(value));

    if (strchr(value, '/'))
        problem = "that is not an IP address";
    if (problem)
        return error_set(why, "--ip=%.64s: %s; give each of the guest's addresses once, as in --ip=10.66.1.5",
                         value, problem);
    return 0;
}

bool address_is_shared(const struct cidr *network)
{
    return network->prefix < 128 && cidr_is_link_local(network);
}

bool addresses_may_be_omitted(const struct terms *terms)
{
    return terms->ips && terms->quota == 1 &&
           (terms->user || (terms->uids.set && terms->uids.first == terms->uids.last));
}

static int check_asked(const struct decision *decision, const struct address_list *asked,
                       const struct address_list *networks, struct error *why)
{
    const struct terms *terms = &decision->match.rule->terms;
    char text[INET6_ADDRSTRLEN];

    for (size_t i = 0; i < asked->count; i++) {
        inet_ntop(asked->list[i].family, asked->list[i].bytes, text, sizeof(text));
        if (!decision->protection.ip_lock)
            return error_set(
                why, "--ip=%s: %s does not lock addresses (ip=lock); leave --ip out, or add --lock=ip", text,
                decision->rule);
        if (terms->ips && !cidr_overlap_any(&asked->list[i], networks->list, networks->count))
            return error_set(why,
                             "--ip=%s: %s allows only addresses in ips=%.512s; give the guest one of those",
                             text, decision->rule, terms->ips);
    }
    return 0;
}

int addresses_decide(struct decision *out, const struct question *question, struct error *why)
{
    static const struct address_list none;
    const struct terms *terms = &out->match.rule->terms;
    const struct address_list *asked = question->addresses ? question->addresses : &none;
    struct address_list networks = {.count = 0};

    if (terms->ips)
        addresses_parse(terms->ips, &networks); /* valid: see terms.c */
    if (check_asked(out, asked, &networks, why) < 0)
        return -1;
    out->addresses = *asked;
    if (!asked->count && addresses_may_be_omitted(terms)) {
        out->addresses = networks;
        return 0;
    }
    if (!asked->count && question->tap && out->protection.ip_lock)
        return error_set(why,
                         "%s locks the guest to its IP addresses (ip=lock); give each with " SAY_IP
                         "; `virt-tap policy explain --bridge=%s` shows which it can have",
                         terms->protection.ip_lock ? out->rule : "--lock=ip", question->bridge);
    for (size_t i = 0; i < networks.count && out->addresses.count < BINDING_ADDRESSES_MAX; i++)
        if (address_is_shared(&networks.list[i]))
            out->addresses.list[out->addresses.count++] = networks.list[i];
    return 0;
}
