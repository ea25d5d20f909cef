/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Terms of any bytes, up to the first '\0': what stands behind the bridge in a rule. */
#include "base/error.h"
#include "base/vlans.h"
#include "fuzz.h"
#include "policy/addresses.h"
#include "policy/egress.h"
#include "policy/identity.h"
#include "policy/terms.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* 'a...' is 1000; 'b...' 1001, and so are digits, which are a name where they are no number that a user has.
 */
static int find(const char *name, id_t *id)
{
    if (strlen(name) >= IDENTITY_NAME_SIZE)
        return -ENOENT;
    *id = name[0] == 'a' ? 1000 : 1001;
    return name[0] == '~' ? -EIO : strchr("ab0123456789", name[0]) ? 0 : -ENOENT;
}

/* Allows look no account up. */
static int look_up(void *context, struct account *account, struct error *why)
{
    (void)context;
    hold(account->kind == USER_BY_NAME || account->kind == GROUP_BY_NAME);
    error_set(why, "no answer");
    return find(account->name, &account->id);
}

static const struct name_source names = {NULL, look_up};
static const gid_t groups[] = {4, 1001, 0};
static const struct caller callers[] = {
    {1000, 1000, groups, 0, &names},
    {1001, 1000, groups, 2, &names},
    {0, 0, groups, 3, &names},
    {(uid_t)-2, (gid_t)-2, NULL, 0, &names},
};
enum { CALLERS = sizeof(callers) / sizeof(callers[0]) };

/* A value points to a whole word of the text, of that size, that was parsed. */
static void hold_is_inside(const char *word, const char *text, size_t size)
{
    if (!word)
        return;
    hold(word > text && word + strlen(word) <= text + size);
    hold(*word && !strpbrk(word, " \t"));
}

static void hold_macs(const char *macs)
{
    const size_t length = strlen(macs);

    hold(length <= 17 && length % 3 == 2);
    hold(strtoul((const char[]){macs[0], macs[1], '\0'}, NULL, 16) % 2 == 0);
    for (size_t i = 0; i < length; i++)
        hold(i % 3 == 2 ? macs[i] == ':' : strchr("0123456789abcdefABCDEF", macs[i]) != NULL);
}

/* As `ip route` would list them: unicast networks without bits after their prefix, none within another. */
static void hold_ips(const char *ips)
{
    struct address_list all;
    char text[CIDR_TEXT];
    struct cidr again;

    hold(addresses_parse(ips, &all) && all.count > 0 && all.count <= BINDING_ADDRESSES_MAX);
    hold(strspn(ips, "0123456789abcdefABCDEF.:/,") == strlen(ips));
    for (size_t i = 0; i < all.count; i++) {
        const uint8_t first = all.list[i].bytes[0];
        if (all.list[i].family == AF_INET)
            hold(all.list[i].prefix <= 32 && first != 0 && first != 127 && first < 224);
        else
            hold(all.list[i].prefix <= 128 && first != 0xff);
        cidr_print(&all.list[i], text);
        hold(cidr_parse_network(text, strlen(text), &again) && cidr_equal(&again, &all.list[i]));
        for (size_t j = 0; j < i; j++)
            hold(!cidr_overlap(&all.list[i], &all.list[j]));
    }
}

/* What is parsed is written out as the same VLANs; the native one is of them. */
static void hold_vlans(const char *list, const char *native)
{
    struct vlans vlans, again;
    char text[VLANS_TEXT];

    hold(list || !native);
    hold(vlans_parse(&vlans, list, native) == NULL);
    hold(vlans_any(&vlans) == (list != NULL));
    hold(!vlans_has(&vlans, 0) && !vlans_has(&vlans, VLAN_MAX + 1));
    hold(vlans.untagged == 0 || vlans_has(&vlans, vlans.untagged));
    hold(vlans_include(&vlans, &vlans));
    hold(vlans_print(&vlans, text));
    if (list)
        hold(vlans_parse(&again, text,
                         native                 ? native
                         : vlans_tagged(&vlans) ? "none"
                                                : NULL) == NULL &&
             memcmp(&again, &vlans, sizeof(vlans)) == 0);
}

/* Writes an item as a rule has it, IPv6 in brackets. */
static void write_item(FILE *file, const struct egress *item)
{
    static const char *const words[] = {"", "host", "private", "linklocal", "all"};
    const bool six = item->to == EGRESS_NETWORK && item->network.family == AF_INET6;
    char text[CIDR_TEXT] = "";

    if (item->to == EGRESS_NETWORK)
        cidr_print(&item->network, text);
    fprintf(file, "%c%s%s%s%s", item->allows ? '+' : '-', six ? "[" : "", words[item->to], text,
            six ? "]" : "");
    if (item->port)
        fprintf(file, ":%u", item->port);
    if (item->protocol)
        fputs(item->protocol == IPPROTO_TCP ? "/tcp" : "/udp", file);
}

/* Items without bits after a prefix, none only of groups, which say the same when they are written again. */
static void hold_egress(const char *egress)
{
    struct egress_list all, again;
    char *text = NULL;
    size_t length = 0, count;
    FILE *file = open_memstream(&text, &length);

    hold(file && egress_parse(egress, &all) && all.count > 0 && all.count <= EGRESS_ITEMS_MAX);
    hold(strspn(egress, "0123456789abcdefABCDEF.:/,[]+-hostprivalnkudc") == strlen(egress));
    for (size_t i = 0; i < all.count; i++) {
        const struct egress *item = &all.list[i];
        const struct cidr *networks = egress_networks(item, &count);
        hold(count <= 5 && (count > 0) == (item->to != EGRESS_HOST));
        for (size_t j = 0; j < count; j++)
            hold(networks[j].prefix < 4 || networks[j].bytes[0] >> 4 != 0xE ||
                 networks[j].family == AF_INET6);
        hold(!item->protocol || item->protocol == IPPROTO_TCP || item->protocol == IPPROTO_UDP);
        hold(item->port <= UINT16_MAX);
        if (i)
            fputc(',', file);
        write_item(file, item);
    }
    fclose(file);
    hold(egress_parse(text, &again) && again.count == all.count);
    for (size_t i = 0; i < all.count; i++)
        hold(again.list[i].allows == all.list[i].allows && again.list[i].to == all.list[i].to &&
             again.list[i].port == all.list[i].port && again.list[i].protocol == all.list[i].protocol &&
             cidr_equal(&again.list[i].network, &all.list[i].network));
    free(text);
}

static void hold_terms_are_sound(const struct terms *terms, const char *text, size_t size)
{
    hold_is_inside(terms->user, text, size);
    hold_is_inside(terms->group, text, size);
    hold_is_inside(terms->names, text, size);
    hold_is_inside(terms->macs, text, size);
    hold(terms->uids.first <= terms->uids.last);
    hold(terms->quota <= TERMS_QUOTA_MAX);
    hold_is_inside(terms->vlan, text, size);
    hold_is_inside(terms->native, text, size);
    hold_vlans(terms->vlan, terms->native);
    hold(terms->mtu == 0 || (terms->mtu >= 68 && terms->mtu <= 65521));
    if (terms->names)
        hold(strncmp(terms->names, "vtap-", 5) == 0);
    if (terms->macs)
        hold_macs(terms->macs);
    hold_is_inside(terms->ips, text, size);
    if (terms->ips)
        hold_ips(terms->ips);
    hold_is_inside(terms->egress, text, size);
    if (terms->egress)
        hold_egress(terms->egress);
    hold(!terms->egress || terms->protection.mac_lock);
    hold(!terms->ips || terms->protection.ip_lock);
    hold(terms->protection.mac_lock || (!terms->protection.ip_lock && !terms->protection.serve));
    hold(terms->protection.serve < 1U << TERMS_SERVE_COUNT);
}

static bool grants(const struct terms *terms)
{
    return terms->quota || terms->names || terms->macs || terms->mtu || terms->require_kvm ||
           terms->protection.mac_lock || terms->protection.isolated || terms->protection.guard ||
           terms->vlan || terms->protection.ip_lock || terms->protection.serve || terms->protection.no_vnet ||
           terms->egress;
}

/* A number, or whom find() has; in another way than terms.c. */
static int oracle_find(const char *word, id_t *id)
{
    for (const char *c = word; *c; c++)
        if (*c < '0' || *c > '9')
            return find(word, id);
    const unsigned long long number = strtoull(word, NULL, 10);
    *id = (id_t)number;
    return number < (id_t)-1 ? 0 : find(word, id);
}

static int oracle_match(const struct terms *terms, const struct caller *caller)
{
    id_t id = 0;
    bool member = false;

    if (terms->uids.set && (caller->uid < terms->uids.first || caller->uid > terms->uids.last))
        return 0;
    int err = terms->user ? oracle_find(terms->user, &id) : 0;
    if (err || (terms->user && id != caller->uid))
        return err == -ENOENT || !err ? 0 : -1;
    if (!terms->group)
        return 1;
    err = oracle_find(terms->group, &id);
    for (size_t i = 0; i < caller->group_count; i++)
        member = member || caller->groups[i] == id;
    if (err)
        return err == -ENOENT ? 0 : -1;
    return member || caller->gid == id;
}

static void hold_matches_are_right(const struct terms *terms)
{
    for (size_t i = 0; i < CALLERS; i++) {
        struct identity who;
        struct error why;
        identity_begin(&who, &callers[i]);
        hold(terms_match(terms, &who, false, &why) == oracle_match(terms, &callers[i]));
    }
}

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static int parse(struct terms *out, char *text, bool deny)
{
    struct error why;

    refusal_poison(&why);
    memset(out, 0xa5, sizeof(*out));
    const int result = terms_parse(out, text, deny, &why);
    hold(result == 0 || result == -1);
    if (result < 0)
        hold_one_line(&why);
    return result;
}

/* What was understood, written out again in another order, is understood as the same. */
static void hold_says_what_was_said(const struct terms *terms)
{
    char *text = NULL;
    struct terms again;
    size_t length = 0;
    FILE *file = open_memstream(&text, &length);

    hold(file != NULL);
    if (terms->mtu)
        fprintf(file, "mtu=%u ", terms->mtu);
    if (terms->require_kvm)
        fputs("require=kvm\t", file);
    if (terms->macs)
        fprintf(file, " macs=%s ", terms->macs);
    if (terms->names)
        fprintf(file, "name=%s ", terms->names);
    if (terms->quota)
        fprintf(file, "quota=%u ", terms->quota);
    if (terms->group)
        fprintf(file, "group=%s\t ", terms->group);
    if (terms->user)
        fprintf(file, "user=%s", terms->user);
    if (terms->uids.set)
        fprintf(file, " uid=%u-%u", terms->uids.first, terms->uids.last);
    if (terms->native)
        fprintf(file, " native=%s", terms->native);
    if (terms->vlan)
        fprintf(file, " vlan=%s", terms->vlan);
    fprintf(file, "%s%s%s", terms->protection.guard ? " guard=yes" : "",
            terms->protection.isolated ? " isolated=yes" : "", terms->protection.mac_lock ? " mac=lock" : "");
    if (terms->protection.serve)
        fputs(" serve=", file);
    for (size_t i = 0, count = 0; i < TERMS_SERVE_COUNT; i++)
        if (terms->protection.serve & 1U << i)
            fprintf(file, "%s%s", count++ ? "," : "", terms_serve_words[i]);
    if (terms->ips)
        fprintf(file, " ips=%s", terms->ips);
    if (terms->egress)
        fprintf(file, " egress=%s", terms->egress);
    fprintf(file, "%s%s", terms->protection.no_vnet ? " vnet=no" : "",
            terms->protection.ip_lock ? " ip=lock" : "");
    fclose(file);
    hold(parse(&again, text, false) == 0);
    hold(again.mtu == terms->mtu && again.require_kvm == terms->require_kvm && again.quota == terms->quota);
    hold(same_text(again.macs, terms->macs) && same_text(again.names, terms->names));
    hold(same_text(again.group, terms->group) && same_text(again.user, terms->user));
    hold(again.uids.set == terms->uids.set && again.uids.first == terms->uids.first &&
         again.uids.last == terms->uids.last);
    hold(same_text(again.vlan, terms->vlan) && same_text(again.native, terms->native) &&
         again.protection.guard == terms->protection.guard);
    hold(again.protection.isolated == terms->protection.isolated &&
         again.protection.mac_lock == terms->protection.mac_lock);
    hold(same_text(again.egress, terms->egress));
    hold(same_text(again.ips, terms->ips) && again.protection.serve == terms->protection.serve);
    hold(again.protection.ip_lock == terms->protection.ip_lock &&
         again.protection.no_vnet == terms->protection.no_vnet);
    free(text);
}

/* A deny takes what selects, and only that. */
static void hold_denies_select_only(const struct terms *allowed, char *text)
{
    struct terms denied;
    const int result = parse(&denied, text, true);

    hold((result == 0) == (allowed && !grants(allowed)));
    if (result == 0)
        hold(same_text(denied.user, allowed->user) && same_text(denied.group, allowed->group));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* An allocation of exactly its size, so that AddressSanitizer sees what is read beyond it. */
    char *text = strndup((const char *)data, size), *again = text ? strdup(text) : NULL;
    struct terms terms;

    hold(text && again);
    const size_t length = strlen(text);
    const int result = parse(&terms, text, false);
    if (result == 0) {
        hold_terms_are_sound(&terms, text, length);
        hold_matches_are_right(&terms);
        hold_says_what_was_said(&terms);
    }
    hold_denies_select_only(result == 0 ? &terms : NULL, again);
    free(again);
    free(text);
    return 0;
}
