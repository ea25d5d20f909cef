/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "decide.h"

#include "base/error.h"
#include "base/kvm.h"
#include "config.h"
#include "net/link.h"
#include "rootfile.h"

#include <errno.h>
#include <fnmatch.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { ROUNDS = 10 };

/* QEMU runs a helper with blanks by a shell, and adds its options (net/tap.c, net_bridge_run_helper). */
#define SAY_MAC "--mac=MAC (with QEMU: helper='" HELPER_PATH " --mac=MAC' and -device ...,mac=MAC)"

int policy_load(struct policy *out, const char *bridge, struct error *why)
{
    struct rootfile rootfile;
    const struct policy_source source = {&rootfile, rootfile_read, rootfile_list};

    for (int round = 0; round < ROUNDS; round++) {
        rootfile_begin(&rootfile, ROOTFILE_NO_LINKS);
        int err = policy_read(out, POLICY_PATH, POLICY_STRICT, bridge, &source, why);
        if (!out->absent)
            return err;
        policy_free(out);
        rootfile_begin(&rootfile, ROOTFILE_ROOTS_LINKS);
        err = policy_read(out, QEMU_ACL_PATH, POLICY_QEMU, bridge, &source, why);
        const bool still_missing = access(POLICY_PATH, F_OK) < 0 && errno == ENOENT;
        if (still_missing && out->absent)
            return error_set(why, "there is no policy, so nothing is allowed");
        if (still_missing)
            return err;
        policy_free(out);
    }
    return error_set(why, POLICY_PATH " comes and goes; try again");
}

static int open_kvm(const char *rule, struct error *why)
{
    const int fd = kvm_device_open();

    if (fd < 0)
        return error_set(why,
                         "%s allows the bridge only to users who can use KVM (require=kvm), and " KVM_PATH
                         " %s; `virt-tap "
                         "check kvm` tells how to fix that",
                         rule, kvm_device_problem(fd));
    close(fd);
    return 0;
}

static int check_mac(const char *rule, const char *macs, const uint8_t *mac, struct error *why)
{
    char text[MAC_TEXT];

    if (!mac)
        return error_set(why, "%s allows only guests whose MAC begins with %s; give it with " SAY_MAC, rule,
                         macs);
    if (strncasecmp(mac_print(text, mac), macs, strlen(macs)) != 0)
        return error_set(why, "--mac=%s: %s allows only MACs that begin with %s; give the guest one of those",
                         text, rule, macs);
    return 0;
}

/* A request only narrows. */
static int decide_vlans(struct decision *out, const struct question *question, struct error *why)
{
    const struct terms *terms = &out->match.rule->terms;
    const char *native = question->native;
    struct vlans granted;

    vlans_parse(&granted, terms->vlan, terms->native);
    out->vlans = granted;
    if (!question->vlan)
        return 0;
    vlans_parse(&out->vlans, question->vlan, native);
    if (vlans_include(&granted, &out->vlans))
        return 0;
    if (!terms->vlan)
        return error_set(why, "--vlan=%.256s: %s does not grant that VLAN; leave --vlan out", question->vlan,
                         out->rule);
    if (!vlans_tagged(&granted))
        return error_set(why, "--vlan=%.256s%s%.8s: %s grants only VLAN %u, untagged; use --vlan=%u",
                         question->vlan, native ? " --native=" : "", native ? native : "", out->rule,
                         granted.untagged, granted.untagged);
    return error_set(why, "--vlan=%.256s: %s grants only VLANs in vlan=%.256s; use some of those",
                     question->vlan, out->rule, terms->vlan);
}

/* Under mac=lock a guest serves what the rule grants; whoever asks for the lock, anything. */
static int decide_serve(struct decision *out, unsigned int asked, struct error *why)
{
    struct protection *protection = &out->protection;
    char list[TERMS_SERVE_SIZE], all[TERMS_SERVE_SIZE];

    if (!asked)
        return 0;
    terms_print_serve(list, asked);
    terms_print_serve(all, asked | protection->serve);
    if (!protection->mac_lock)
        return error_set(why,
                         "--serve=%s: %s does not lock the guest (mac=lock), which may serve anything; leave "
                         "--serve out, or add --lock=mac",
                         list, out->rule);
    if (!out->lock_asked && asked & ~protection->serve)
        return error_set(why,
                         "--serve=%s: %s does not let the guest serve that; leave --serve out, or ask an "
                         "administrator to write serve=%s in that rule",
                         list, out->rule, all);
    protection->serve = asked;
    return 0;
}

/* Applies what the guest asks to be bound by, which affects no one else and needs no grant. */
static int decide_protection(struct decision *out, const struct question *question, struct error *why)
{
    struct protection *protection = &out->protection;

    *protection = out->match.rule->terms.protection;
    out->lock_asked = question->lock_mac && !protection->mac_lock;
    protection->isolated = protection->isolated || question->isolated;
    protection->mac_lock = protection->mac_lock || question->lock_mac;
    protection->ip_lock = protection->ip_lock || question->lock_ip;
    if (question->tap && protection->mac_lock && !question->mac)
        return error_set(why, "%s locks the guest to its MAC (mac=lock); give it with " SAY_MAC,
                         out->lock_asked ? "--lock" : out->rule);
    return decide_serve(out, question->serve, why);
}

static int apply_terms(struct decision *out, const struct question *question, struct error *why)
{
    const struct terms *terms = &out->match.rule->terms;
    char names[TERMS_NAMES_SIZE];
    struct error cause = {0};

    if (question->name && terms_names(names, terms, out->match.user, &cause) < 0)
        return error_set(why, "--name=%s: %s: %.900s", question->name, out->rule, cause.text);
    if (question->name && fnmatch(names, question->name, 0) != 0)
        return error_set(why, "--name=%s: %s allows only names like %.256s; choose one of those",
                         question->name, out->rule, names);
    if (decide_protection(out, question, why) < 0)
        return -1;
    if ((question->tap || question->mac) && terms->macs &&
        check_mac(out->rule, terms->macs, question->mac, why) < 0)
        return -1;
    if (decide_vlans(out, question, why) < 0)
        return -1;
    if (question->vnet_hdr && terms->protection.no_vnet)
        return error_set(
            why,
            "--vnet-hdr: %s allows no vnet headers (vnet=no); leave it out, and have QEMU open the tap "
            "with vnet_hdr=off",
            out->rule);
    if (addresses_decide(out, question, why) < 0)
        return -1;
    if (terms->egress)
        egress_parse(terms->egress, &out->egress); /* valid: see terms.c */
    out->quota = terms->quota;
    out->uids = terms->uids;
    out->mtu = terms->mtu;
    if (terms->require_kvm)
        return open_kvm(out->rule, why);
    return 0;
}

bool policy_shadows(const struct policy *policy)
{
    if (policy->dialect != POLICY_STRICT || access(QEMU_ACL_PATH, F_OK) < 0)
        return false;
    for (size_t i = 0; i < policy->file_count; i++)
        if (strcmp(policy->files[i].path, QEMU_ACL_PATH) == 0)
            return false;
    return true;
}

/* Returns -1, with an error that says what would allow it. */
static int refuse_unmentioned(const struct policy *policy, const char *bridge, const struct caller *caller,
                              struct error *why)
{
    char selector[CALLER_SELECTOR_SIZE + 1] = "", missing[64] = "";
    const char *hint = "";

    if (policy->absent || policy->dialect == POLICY_STRICT) {
        selector[0] = ' ';
        caller_selector(caller, selector + 1);
    }
    if (policy->absent)
        return error_set(why,
                         "there is no policy, so nothing is allowed; an administrator can make " POLICY_PATH
                         " with the line: allow %s%s",
                         bridge, selector);
    if (if_nametoindex(bridge) == 0 && errno == ENODEV)
        snprintf(missing, sizeof(missing), "there is no bridge '%s' on this host, and ", bridge);
    if (policy_shadows(policy))
        hint = "; " QEMU_ACL_PATH " is ignored because " POLICY_PATH
               " exists; to keep its rules, add to " POLICY_PATH ": include " QEMU_ACL_PATH;
    return error_set(
        why,
        "%sno rule in %s or its includes allows bridge '%s' to uid %u; an administrator can add the line: "
        "allow %s%s%s",
        missing, policy->files[0].path, bridge, caller->uid, bridge, selector, hint);
}

/* A user can drop groups (firejail, a user namespace): that must not lead past one's rule to a laxer one. */
static int check_dropped(struct decision *out, const struct policy *policy, const char *bridge,
                         const struct caller *caller, struct error *why)
{
    struct identity who;
    struct error cause;

    identity_begin(&who, caller);
    who.by_account = true;
    for (const struct policy_rule *rule = policy->rules; rule < out->match.rule; rule++) {
        if (rule->deny || !rule->terms.group || (!rule->all && strcmp(rule->name, bridge) != 0))
            continue;
        const int matches = terms_match(&rule->terms, &who, false, &cause);
        const char *file = policy->files[rule->file].path;
        out->unknown = matches < 0;
        if (matches < 0)
            return error_set(why, "%s:%lu cannot be decided, so nothing is allowed on '%s': %.1000s", file,
                             rule->line, bridge, cause.text);
        if (matches)
            return error_set(
                why,
                "%s:%lu is for group '%.64s', which the account of uid %u is in, but not this process: so %s, which "
                "could be laxer, does not allow bridge '%s'; start this outside what dropped the group, or log in again",
                file, rule->line, rule->terms.group, caller->uid, out->rule, bridge);
    }
    return 0;
}

int policy_decide(struct decision *out, const struct policy *policy, const struct question *question,
                  const struct caller *caller, struct error *why)
{
    *out = (struct decision){.quota = 0};
    if (policy_match(&out->match, policy, question->bridge, caller, why) < 0) {
        *out = (struct decision){.unknown = true};
        return -1;
    }
    const struct policy_rule *rule = out->match.rule;
    if (!rule)
        return refuse_unmentioned(policy, question->bridge, caller, why);
    const char *file = policy->files[rule->file].path;
    if (!out->match.allowed)
        return error_set(
            why, "%s:%lu denies bridge '%s': deny %s; an administrator would have to remove that line", file,
            rule->line, question->bridge, rule->name);
    snprintf(out->rule, sizeof(out->rule), "%.230s:%lu", file, rule->line);
    if (check_dropped(out, policy, question->bridge, caller, why) < 0)
        return -1;
    return apply_terms(out, question, why);
}

int policy_check_bridge(const char *option, const char *name, struct error *why)
{
    if (strcmp(name, "all") != 0) /* or the refusal would advise to allow all */
        return ifname_check(option, name, why);
    return error_set(
        why,
        "%s'all': in a policy this means every bridge, so it cannot be a bridge's name here; name one bridge",
        option);
}

int policy_find_bridge(struct rtnl *nl, struct link *out, const char *name, struct error *why)
{
    const int err = link_find(nl, name, out);

    if (err == -ENODEV)
        return error_set(
            why,
            "there is no bridge '%s' on this host; `ip link show type bridge` lists the bridges; an "
            "administrator can create one: virt-tap bridge create NAME, or declare it in " BRIDGES_PATH,
            name);
    if (err)
        return error_set(why, "cannot look at bridge '%s': %s; try again", name, strerror(-err));
    if (!out->is_bridge)
        return error_set(
            why, "'%s' is a network device, but not a bridge%s%s; `ip link show type bridge` lists bridges",
            name, out->kind[0] ? ": its kind is " : "", out->kind);
    if (strcmp(out->name, name) != 0) /* an alternative name, which a deny would not match */
        return error_set(why, "'%s' is an alternative name of '%s'; use that name", name, out->name);
    return 0;
}
