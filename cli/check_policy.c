/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "base/error.h"
#include "base/text.h"
#include "check.h"
#include "config.h"
#include "host/helper_probe.h"
#include "host/network.h"
#include "net/link.h"
#include "net/rtnl.h"
#include "policy/decide.h"
#include "policy/declared.h"
#include "policy/identity.h"
#include "policy/policy.h"
#include "policy_lint.h"

#include <string.h>
#include <sys/random.h>

static void report_names(const struct policy *policy, struct findings *out)
{
    for (size_t i = 0; i < policy->rule_count; i++) {
        const struct policy_rule *rule = &policy->rules[i];
        const char *path = policy->files[rule->file].path, *trouble = lint_name_trouble(rule);
        if (trouble)
            finding_add_fixable(out, HELPER_POLICY_NAME, path, "%s:%lu is about '%s': %s", path, rule->line,
                                rule->name, trouble);
    }
}

/* Returns 0, or -1 after reporting why there is no policy to decide by. */
static int report_files(const char *bridge, struct findings *out)
{
    struct error why = {0};
    struct policy policy = {.rules = NULL};
    const int err = policy_load(&policy, NULL, &why);

    if (policy.absent) {
        finding_add_fixable(out, HELPER_POLICY_NONE, bridge,
                            "there is neither " POLICY_PATH " nor " QEMU_ACL_PATH);
    } else if (err) {
        finding_add(out, HELPER_POLICY_BROKEN, "%s", why.text);
    }
    if (!err && policy_shadows(&policy)) {
        finding_add(out, HELPER_POLICY_SHADOWED, QEMU_ACL_PATH " is ignored because " POLICY_PATH " exists");
        finding_fixable(out, "");
    }
    if (!err)
        report_names(&policy, out);
    policy_free(&policy);
    return err;
}

static void report_declared(struct findings *out)
{
    _cleanup_bridges_ struct bridges bridges;
    struct error why = {0};

    if (bridges_read(&bridges, &why) < 0)
        finding_add(out, HELPER_BRIDGES_BROKEN, "%s", why.text);
}

/* Whether the user may use the bridge, or have a tap for a guest with that MAC on it (mac; NULL: not asked);
 * otherwise why not; no_rule: because no rule covers both. */
static bool allowed(const char *bridge, const uint8_t *mac, const struct user *user,
                    struct decision *decision, bool *no_rule, struct error *why)
{
    const struct question question = {.bridge = bridge, .tap = mac != NULL, .mac = mac};
    struct policy policy = {.rules = NULL};
    struct names names;

    names_begin(&names);
    const struct caller caller = {user->uid, user->gid, user->groups, user->group_count, &names.source};
    int err = policy_load(&policy, bridge, why);
    if (!err)
        err = policy_decide(decision, &policy, &question, &caller, why);
    *no_rule = err != 0 && !decision->match.rule && !decision->unknown;
    policy_free(&policy);
    names_end(&names);
    if (err == 0)
        why->text[0] = '\0'; /* it may say why there is no policy.conf, if there is a bridge.conf */
    return err == 0;
}

/* Why the helper cannot be tried on the bridge; "": it can. */
static void find_obstacle(const struct probe_context *context, const uint8_t mac[6], struct error *why)
{
    _cleanup_rtnl_ struct rtnl nl = {.buffer = NULL};
    struct decision decision = {.unknown = false};
    struct link link;
    bool no_rule;

    const int err = rtnl_open(&nl);
    if (!context->bridge)
        error_set(why, "this host has no bridge");
    else if (err)
        error_set(why, "cannot open an rtnetlink socket: %s", strerror(-err));
    else if (!allowed(context->bridge, NULL, context->user, &decision, &no_rule, why))
        error_set(why, "the policy does not allow %s to %s", context->bridge, context->user->name);
    else if (policy_find_bridge(&nl, &link, context->bridge, why) == 0 &&
             network_bridge_is_bare(context->bridge))
        error_set(why, "'%s' has neither a port nor a fixed MAC, and would lose the one it has",
                  context->bridge);
    else if (!why->text[0])
        allowed(context->bridge, mac, context->user, &decision, &no_rule, why);
}

static void try_on(const struct probe_context *context, struct findings *out,
                   void (*probe)(const struct user *user, const struct helper_trial *trial,
                                 struct findings *out))
{
    uint8_t mac[6] = {0x52, 0x54, 0x00}; /* as QEMU's */
    struct helper_trial trial = {.bridge = context->bridge};
    struct error why = {0};

    if (getrandom(mac + 3, 3, 0) != 3)
        error_set(&why, "there is no random MAC");
    else
        find_obstacle(context, mac, &why);
    mac_print(trial.mac, mac);
    trial.obstacle = why.text;
    if (why.text[0])
        trial.bridge = NULL;
    probe(context->user, &trial, out);
}

void check_helper_probe(const struct probe_context *context, struct findings *out)
{
    try_on(context, out, helper_probe);
}

void check_broker_probe(const struct probe_context *context, struct findings *out)
{
    try_on(context, out, helper_broker_probe);
}

void check_policy_probe(const struct probe_context *context, struct findings *out)
{
    const char *bridge = context->bridge;
    struct decision decision = {.unknown = false};
    struct error why = {0};
    bool no_rule = false;

    report_declared(out);
    if (report_files(text_or(bridge, "br0"), out) < 0)
        return;
    if (!bridge) {
        finding_add(out, HELPER_POLICY_SKIPPED, "this host has no bridge that the policy could allow");
    } else if (allowed(bridge, NULL, context->user, &decision, &no_rule, &why)) {
        finding_add(out, HELPER_POLICY, "%s allows %s to %s", decision.rule, bridge, context->user->name);
    } else {
        finding_add(out, HELPER_POLICY_DENIED, "%s", why.text);
        if (no_rule && !findings_has(out, HELPER_POLICY_NAME)) /* a rule to be corrected comes first */
            finding_fixable(out, bridge);
    }
}
