/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "config.h"
#include "live.h"
#include "policy/account.h"
#include "policy/declared.h"
#include "policy/identity.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The owner of a tap. */
struct owner {
    struct caller caller;
    bool has_account;
    gid_t groups[NGROUPS_MAX];
};

/* Finds the account, whose name must lead back to the uid (identity.h). Without one, the gid is taken to have
 * the same number, as that of a container's user. Returns 0, or -1 and why this cannot be determined. */
static int find_owner(struct owner *out, uid_t uid, const struct names *names, struct error *why)
{
    struct account account = {.kind = USER_BY_UID, .id = uid};
    int count = NGROUPS_MAX;
    struct error cause;
    uid_t back = 0;

    out->caller = (struct caller){uid, uid, out->groups, 0, &names->source};
    int err = names->source.look_up(names->source.context, &account, &cause);
    if (!err)
        err = account_find(&names->source, USER_BY_NAME, account.name, &back, &cause);
    if (err && err != -ENOENT)
        return error_set(why, "uid %u cannot be looked up: %.900s; try again", uid, cause.text);
    out->has_account = !err && back == uid;
    if (!out->has_account)
        return 0;
    out->caller.gid = account.gid;
    if (getgrouplist(account.name, account.gid, out->groups, &count) < 0)
        return error_set(why, "the groups of uid %u cannot be read", uid);
    out->caller.group_count = (size_t)count;
    return 0;
}

/* Files are read, and /dev/kvm is opened, as the owner. Only the effective ids change: the owner can neither
 * signal nor trace this process. */
static int act_as(const struct caller *caller)
{
    if (setgroups(caller->group_count, caller->groups) < 0 || setegid(caller->gid) < 0)
        return -errno;
    return seteuid(caller->uid) < 0 ? -errno : 0;
}

static void act_as_root(void)
{
    if (seteuid(0) < 0 || setegid(0) < 0 || setgroups(0, NULL) < 0)
        abort();
}

static bool has_network(const struct address_list *addresses)
{
    for (size_t i = 0; i < addresses->count; i++)
        if (addresses->list[i].prefix < 8 * cidr_size(addresses->list[i].family))
            return true;
    return false;
}

/* Returns whether the helper chose the name, which the caller has to want only for a tap that stays. */
static bool is_chosen(const struct live_tap *tap)
{
    const char *name = tap->link.name;
    const size_t begin = strlen(TAP_PREFIX);

    return !tap->alias.stays && strncmp(name, TAP_PREFIX, begin) == 0 && name[begin] &&
           !name[begin + strspn(name + begin, "0123456789")];
}

struct vlan_words {
    char list[VLANS_TEXT], native[sizeof("4294967295")];
};

/* VLANs that a request may have asked for, as it does. */
static void ask_for_vlans(struct question *question, const struct live_tap *tap, struct vlan_words *words)
{
    const struct vlans *vlans = &tap->vlans;

    if (!tap->bridge.bridge.vlan_filtering || tap->link.master != tap->bridge.ifindex || tap->odd_vlans ||
        !vlans_any(vlans) || !vlans_print(vlans, words->list))
        return;
    strcpy(words->native, "none");
    if (vlans->untagged)
        snprintf(words->native, sizeof(words->native), "%u", vlans->untagged);
    question->vlan = words->list;
    question->native = words->native;
}

/* What the owner would ask for, to get this tap. A tap that claims networks was made without --ip. */
static struct question question_of(const struct live_tap *tap)
{
    struct question question = {.bridge = tap->claim.bridge,
                                .tap = true,
                                .isolated = tap->alias.asks & CLAIM_ASKS_ISOLATED,
                                .lock_mac = tap->alias.asks & CLAIM_ASKS_MAC,
                                .lock_ip = tap->alias.asks & CLAIM_ASKS_IP,
                                .serve = tap->alias.asks >> CLAIM_ASKS_SERVE,
                                .vnet_hdr = tap->link.tun.kind.vnet_hdr};

    if (!is_chosen(tap))
        question.name = tap->link.name;
    if (tap->has_mac)
        question.mac = tap->mac;
    if (!has_network(&tap->addresses))
        question.addresses = &tap->addresses;
    return question;
}

/* Addresses and services that a rule does not lock any more, and VLANs that it does not grant, are not asked
 * for. */
static void decide(struct live_tap *tap, const struct caller *caller)
{
    struct question question = question_of(tap);
    struct vlan_words words;
    const struct policy_match *match = &tap->decision.match;

    ask_for_vlans(&question, tap, &words);
    tap->allowed = policy_decide(&tap->decision, &tap->policy, &question, caller, &tap->why) == 0;
    if (tap->allowed || !match->allowed)
        return;
    if (!match->rule->terms.protection.ip_lock && !question.lock_ip)
        question.addresses = NULL;
    if (!match->rule->terms.protection.mac_lock && !question.lock_mac)
        question.serve = 0;
    tap->allowed = policy_decide(&tap->decision, &tap->policy, &question, caller, &tap->why) == 0;
    if (tap->allowed || !question.vlan)
        return;
    question.vlan = question.native = NULL;
    tap->allowed = policy_decide(&tap->decision, &tap->policy, &question, caller, &tap->why) == 0;
}

/* Looks for errors in rules about any bridge, also those that some owners may not read. */
static int check_policy(struct error *why)
{
    _cleanup_policy_ struct policy whole = {.rules = NULL};

    if (policy_load(&whole, NULL, why) == 0)
        return 0;
    if (whole.absent)
        error_set(why, "there is no policy, so nothing is allowed; an administrator can create " POLICY_PATH
                       ", or delete taps one by one with virt-tap tap delete --force");
    return -1;
}

/* If only its owner cannot read the policy, a tap is refused, as the helper would. Returns 0, or -1 and why
 * nothing can be decided. */
static int judge(struct live_tap *tap, const struct bridges *bridges, const struct names *names,
                 struct error *why)
{
    static struct owner owner;
    const struct bridges_entry *declared = bridges_find(bridges, tap->claim.bridge);

    if (find_owner(&owner, tap->claim.uid, names, why) < 0)
        return -1;
    const int err = act_as(&owner.caller);
    if (err) {
        act_as_root();
        return error_set(why, "cannot act as uid %u: %s", tap->claim.uid, strerror(-err));
    }
    const int loaded = policy_load(&tap->policy, tap->claim.bridge, &tap->why);
    if (!loaded)
        decide(tap, &owner.caller);
    act_as_root();
    if (loaded < 0)
        return check_policy(why);
    if (!tap->allowed && tap->decision.unknown && owner.has_account)
        return error_set(why, "%s", tap->why.text);
    if (declared && declared->isolated)
        tap->decision.protection.isolated = true;
    return 0;
}

/* Returns whether both use the same quota: that of their owner, or with uids set that of the range. */
static bool shares_quota(const struct live_tap *one, const struct live_tap *other, bool range)
{
    const struct uid_range *uids = &one->decision.uids, *others = &other->decision.uids;

    if ((!other->allowed && !other->later) || strcmp(one->claim.bridge, other->claim.bridge) != 0)
        return false;
    if (!range)
        return one->claim.uid == other->claim.uid;
    return uids->set && others->set && uids->first == others->first && uids->last == others->last;
}

/* Refuses a tap if those before it in the list, which are older, have used up a quota. */
static void check_quota(const struct live_taps *taps, struct live_tap *tap)
{
    const struct decision *decision = &tap->decision;
    unsigned int own = 0, of_range = 0;

    for (const struct live_tap *older = taps->list; older < tap; older++) {
        own += shares_quota(tap, older, false);
        of_range += shares_quota(tap, older, true);
    }
    if (!decision->quota || (own < decision->quota && of_range < decision->quota))
        return;
    tap->allowed = false;
    if (own >= decision->quota)
        error_set(
            &tap->why,
            "uid %u has more taps on bridge '%s' than %s allows (quota=%u), and this is one of the newest",
            tap->claim.uid, tap->claim.bridge, decision->rule, decision->quota);
    else
        error_set(
            &tap->why,
            "uids %u to %u together have more taps on bridge '%s' than %s allows (quota=%u), and this is one "
            "of the newest",
            decision->uids.first, decision->uids.last, tap->claim.bridge, decision->rule, decision->quota);
}

int live_judge(struct live_taps *taps, struct error *why)
{
    _cleanup_bridges_ struct bridges bridges;
    _cleanup_names_ struct names names;
    int err = bridges_read(&bridges, why);

    names_begin(&names);
    if (!err)
        err = check_policy(why);
    for (size_t i = 0; !err && i < taps->count; i++)
        if (taps->list[i].complete)
            err = judge(&taps->list[i], &bridges, &names, why);
    for (size_t i = 0; !err && i < taps->count; i++)
        if (taps->list[i].allowed)
            check_quota(taps, &taps->list[i]);
    return err;
}
