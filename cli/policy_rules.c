/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Rules that parse, but have no effect for anybody, or only for some. */
#include "base/clock.h"
#include "base/error.h"
#include "base/number.h"
#include "base/vlans.h"
#include "net/link.h"
#include "policy/account.h"
#include "policy/addresses.h"
#include "policy/identity.h"
#include "policy_lint.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Warns of a rule. */
#define warn_rule(lint, policy, rule, ...)                                                                   \
    lint_warn((lint), (policy)->files[(rule)->file].path, (rule)->line, __VA_ARGS__)

/* Whom a rule applies to, with names resolved to IDs. */
struct reach {
    bool nobody;  /* it names a user or group that does not exist, or cannot be looked up */
    bool for_all; /* everybody can read it */
    bool one_user, one_group;
    id_t user, group;
    struct uid_range uids;
};

/* What may be meant by a name that does not exist; ends with a blank. */
static const char *advice(const char *name)
{
    if (strchr(name, ','))
        return "one name per rule; ";
    if (strcmp(name, "*") == 0 || strcasecmp(name, "all") == 0)
        return "a rule for everybody has neither user= nor group=; ";
    if (strchr("\"'@%+", name[0]) || (unsigned char)name[0] >= 128)
        return "a name is written without quotes and signs; ";
    return "";
}

/* Returns false after reporting that it does not exist. */
static bool find(struct lint *lint, const struct policy *policy, const struct policy_rule *rule,
                 enum account_kind kind, const char *name, id_t *id)
{
    const char *what = kind == USER_BY_NAME ? "user" : "group";
    struct error why;
    unsigned long number;
    id_t named;

    if (number_parse(name, 0, (id_t)-2, &number)) { /* as in policy/identity.c */
        *id = (id_t)number;
        if (account_find(&lint->names->source, kind, name, &named, &why) == 0 && named != *id)
            warn_rule(lint, policy, rule,
                      "%s=%s is that number, and not the %s of that name, which has number %u: write that",
                      what, name, what, named);
        return true;
    }
    const int err = account_find(&lint->names->source, kind, name, id, &why);
    if (err == -ENOENT)
        warn_rule(lint, policy, rule, "there is no %s '%.64s' on this host: %sthe rule applies to nobody",
                  what, name, advice(name));
    else if (err)
        lint_error(lint, policy->files[rule->file].path, rule->line,
                   "the %s '%.64s' cannot be looked up: %s; nothing is allowed on '%s' until it can", what,
                   name, why.text, rule->name);
    return !err;
}

static struct reach reach_of(struct lint *lint, const struct policy *policy, const struct policy_rule *rule)
{
    const struct terms *terms = &rule->terms;
    struct reach reach = {.one_user = terms->user, .one_group = terms->group, .uids = terms->uids};

    reach.nobody = (terms->user && !find(lint, policy, rule, USER_BY_NAME, terms->user, &reach.user)) ||
                   (terms->group && !find(lint, policy, rule, GROUP_BY_NAME, terms->group, &reach.group));
    return reach;
}

/* Whether this range includes all UIDs of the other rule. */
static bool holds_uids(const struct uid_range *uids, const struct reach *others)
{
    if (!uids->set)
        return true;
    if (others->one_user)
        return others->user >= uids->first && others->user <= uids->last;
    return others->uids.set && others->uids.first >= uids->first && others->uids.last <= uids->last;
}

static bool same_place(const struct policy *a, const struct policy_rule *x, const struct policy *b,
                       const struct policy_rule *y)
{
    return x->line == y->line && strcmp(a->files[x->file].path, b->files[y->file].path) == 0;
}

/* Whether one rule covers everybody and every bridge that the other one does. */
static bool is_wider(const struct policy_rule *rule, const struct reach *reach,
                     const struct policy_rule *other, const struct reach *others)
{
    return !reach->nobody && (rule->all || (!other->all && strcmp(rule->name, other->name) == 0)) &&
           holds_uids(&reach->uids, others) &&
           (!reach->one_user || (others->one_user && reach->user == others->user)) &&
           (!reach->one_group || (others->one_group && reach->group == others->group));
}

/* Returns the first rule before `end`, among either the denies or the allows, that leaves the nth nothing to
 * decide; NULL: none. */
static const struct policy_rule *find_wider(const struct policy *policy, const struct reach *reaches,
                                            size_t nth, bool deny, size_t end)
{
    const struct policy_rule *rule = &policy->rules[nth];

    for (size_t i = 0; i < end; i++) {
        const struct policy_rule *other = &policy->rules[i];
        /* A rule in another file must be readable by everybody who can read this one. */
        if (other->deny == deny && !same_place(policy, other, policy, rule) &&
            (reaches[i].for_all || other->file == rule->file) &&
            is_wider(other, &reaches[i], rule, &reaches[nth]))
            return other;
    }
    return NULL;
}

static void check_reached(struct lint *lint, const struct policy *policy, const struct reach *reaches,
                          size_t nth)
{
    const struct policy_rule *rule = &policy->rules[nth], *over = NULL;

    if (!rule->deny)
        over = find_wider(policy, reaches, nth, true, policy->rule_count);
    if (over) {
        warn_rule(lint, policy, rule, "can never match: %s:%lu denies '%s' to everybody it applies to",
                  policy->files[over->file].path, over->line, rule->name);
        return;
    }
    over = find_wider(policy, reaches, nth, rule->deny, nth);
    if (over)
        warn_rule(lint, policy, rule, "can never match: %s:%lu comes first and covers %s",
                  policy->files[over->file].path, over->line,
                  is_wider(rule, &reaches[nth], over, &reaches[over - policy->rules])
                      ? "the same"
                      : "all of that and more");
}

/* Whether a rule is about exactly one user, and which. */
static bool is_one_user(const struct reach *reach, id_t *user)
{
    *user = reach->one_user ? reach->user : reach->uids.first;
    return reach->one_user || (reach->uids.set && reach->uids.first == reach->uids.last);
}

/* Warns of the first rule before this one that allows another user some of the same values on the same
 * bridge. user: the one that this rule is about; key: the term, with that value; overlap: whether two rules
 * have values in common. */
static void check_others(struct lint *lint, const struct policy *policy, const struct reach *reaches,
                         size_t nth, id_t user, const char *key, const char *value,
                         bool (*overlap)(const struct terms *terms, const struct terms *others))
{
    const struct policy_rule *rule = &policy->rules[nth];
    id_t other;

    for (size_t i = 0; i < nth; i++) {
        const struct policy_rule *before = &policy->rules[i];
        if (before->deny || reaches[i].nobody || !is_one_user(&reaches[i], &other) || other == user ||
            !(rule->all || before->all || strcmp(rule->name, before->name) == 0) ||
            !overlap(&rule->terms, &before->terms))
            continue;
        warn_rule(lint, policy, rule, "%s=%s overlaps with another user's in %s:%lu", key, value,
                  policy->files[before->file].path, before->line);
        return;
    }
}

static bool overlap_macs(const struct terms *terms, const struct terms *others)
{
    return others->macs &&
           strncasecmp(terms->macs, others->macs, strnlen(terms->macs, strlen(others->macs))) == 0;
}

/* The limits of mac=lock: a MAC is free while the guest that has it is off, or if it belongs to a machine on
 * the wire. */
static void check_macs(struct lint *lint, const struct policy *policy, const struct reach *reaches,
                       size_t nth)
{
    const struct policy_rule *rule = &policy->rules[nth];
    id_t user;

    if (rule->terms.protection.mac_lock && !rule->terms.macs)
        warn_rule(
            lint, policy, rule,
            "mac=lock without macs= lets the user choose any MAC, even that of a machine on the network; say "
            "which are theirs, as in macs=52:54:00:0a");
    if (!rule->terms.macs || reaches[nth].nobody)
        return;
    if (!is_one_user(&reaches[nth], &user)) {
        warn_rule(
            lint, policy, rule,
            "several users share macs=%s, so one can take over the MAC of another's stopped guest; give "
            "each user a rule with their own macs=",
            rule->terms.macs);
        return;
    }
    check_others(lint, policy, reaches, nth, user, "macs", rule->terms.macs, overlap_macs);
}

static bool overlap_ips(const struct terms *terms, const struct terms *others)
{
    struct address_list all, theirs;

    if (!others->ips)
        return false;
    addresses_parse(terms->ips, &all);
    addresses_parse(others->ips, &theirs);
    for (size_t i = 0; i < all.count; i++)
        for (size_t j = 0; j < theirs.count; j++)
            if (!address_is_shared(&all.list[i]) && cidr_overlap(&all.list[i], &theirs.list[j]))
                return true;
    return false;
}

/* A guest that names no address gets all of them: more than one of IPv4, or than a network of IPv6, is seldom
 * meant. */
static void check_width(struct lint *lint, const struct policy *policy, const struct policy_rule *rule)
{
    struct address_list all;

    addresses_parse(rule->terms.ips, &all);
    for (size_t i = 0; addresses_may_be_omitted(&rule->terms) && i < all.count; i++)
        if (all.list[i].prefix < (all.list[i].family == AF_INET ? 32 : 64)) {
            warn_rule(lint, policy, rule,
                      "without --ip the guest may use every address in ips=%s, also those of machines on the "
                      "network; list only its own",
                      rule->terms.ips);
            return;
        }
}

/* The limits of ip=lock, as of mac=lock. */
static void check_ips(struct lint *lint, const struct policy *policy, const struct reach *reaches, size_t nth)
{
    const struct policy_rule *rule = &policy->rules[nth];
    id_t user;

    if (rule->terms.protection.ip_lock && !rule->terms.ips)
        warn_rule(
            lint, policy, rule,
            "ip=lock without ips= lets the user choose any free address, even that of a machine on the network; "
            "say which are theirs, as in ips=10.66.1.0/24");
    const bool one_user = is_one_user(&reaches[nth], &user);
    if (rule->terms.protection.serve && !one_user)
        warn_rule(
            lint, policy, rule,
            "serve= lets the guests of several users give addresses or routes to all others on '%s'; name the "
            "one user whose guest is the router",
            rule->name);
    if (!rule->terms.ips || reaches[nth].nobody)
        return;
    check_width(lint, policy, rule);
    if (one_user)
        check_others(lint, policy, reaches, nth, user, "ips", rule->terms.ips, overlap_ips);
    else
        warn_rule(
            lint, policy, rule,
            "several users share ips=%s, so one can take over the address of another's stopped guest; give "
            "each user a rule with their own ips=",
            rule->terms.ips);
}

/* On a trunk the bridge looks at one tag only, and puts one of another protocol into the native VLAN. */
static void check_vlans(struct lint *lint, const struct policy *policy, const struct policy_rule *rule)
{
    struct vlans vlans;

    vlans_parse(&vlans, rule->terms.vlan, rule->terms.native);
    if (vlans_tagged(&vlans) && !rule->terms.protection.mac_lock)
        warn_rule(
            lint, policy, rule,
            "vlan=%s without mac=lock: frames may have more tags than one, which may lead them into another "
            "VLAN behind the bridge",
            rule->terms.vlan);
}

/* As in the quotation marks of a word processor. */
static bool has_high_byte(const char *name)
{
    for (; *name; name++)
        if (*name & 0x80)
            return true;
    return false;
}

const char *lint_name_trouble(const struct policy_rule *rule)
{
    if (rule->all || if_nametoindex(rule->name) != 0)
        return NULL;
    if (strpbrk(rule->name, " \t"))
        return "bridge.conf has no terms, and no comments after a rule";
    if (strchr(rule->name, '#'))
        return "there are no comments after a rule";
    if (strpbrk(rule->name, ",;*?+$|<>(){}[]\"'") || has_high_byte(rule->name) ||
        strcasecmp(rule->name, "all") == 0)
        return "name one bridge per rule, in full and without quotes; all is for every bridge";
    if (ifname_valid(rule->name))
        return NULL;
    return "no interface can have that name";
}

static void check_rule(struct lint *lint, const struct policy *policy, const struct reach *reaches,
                       size_t nth)
{
    const struct policy_rule *rule = &policy->rules[nth];

    const char *trouble = lint_name_trouble(rule);

    if (trouble)
        warn_rule(lint, policy, rule, "there is no bridge '%s': %s", rule->name, trouble);
    else if (!reaches[nth].nobody)
        check_reached(lint, policy, reaches, nth);
    check_macs(lint, policy, reaches, nth);
    check_ips(lint, policy, reaches, nth);
    check_vlans(lint, policy, rule);
    if (rule->terms.egress)
        lint_egress(lint, policy->files[rule->file].path, rule->line, rule->terms.egress);
    if (rule->deny && !reaches[nth].for_all)
        warn_rule(
            lint, policy, rule,
            "not everybody can read this file, so the deny does not apply to everybody; put it into a file of mode 0644");
}

void lint_rules(struct lint *lint, const struct policy *policy, const struct policy *for_all)
{
    struct reach *reaches = calloc(policy->rule_count + 1, sizeof(*reaches));
    size_t next = 0; /* index in for_all, whose rules are in the same order */

    if (!reaches) {
        lint_error(lint, lint->path, 1, "no memory to check its rules");
        return;
    }
    for (size_t i = 0; i < policy->rule_count; i++) {
        const struct policy_rule *rule = &policy->rules[i];
        reaches[i].nobody = true;
        if (clock_ms() < lint->end)
            reaches[i] = reach_of(lint, policy, rule);
        if (next < for_all->rule_count && same_place(for_all, &for_all->rules[next], policy, rule)) {
            reaches[i].for_all = true;
            next++;
        }
    }
    size_t done = 0;
    while (done < policy->rule_count && clock_ms() < lint->end)
        check_rule(lint, policy, reaches, done++);
    if (done < policy->rule_count)
        warn_rule(
            lint, policy, &policy->rules[done],
            "checked no further: rules that can never match, or overlap with others, are not listed from here on");
    free(reaches);
}
