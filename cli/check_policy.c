/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "base/error.h"
#include "check.h"
#include "config.h"
#include "policy/decide.h"
#include "policy/declared.h"
#include "policy/names.h"
#include "policy/policy.h"

#include <glob.h>
#include <string.h>

/* Returns 0, or -1 after reporting why there is no policy to decide by. */
static int report_files(struct findings *out)
{
    struct error why = {0};
    struct policy policy = {.rules = NULL};
    const int err = policy_load(&policy, "br0", &why);

    if (policy.absent) {
        finding_add_fixable(out, HELPER_POLICY_NONE, "",
                            "there is neither " POLICY_PATH " nor " QEMU_ACL_PATH);
    } else if (err) {
        finding_add(out, HELPER_POLICY_BROKEN, "%s", why.text);
    }
    if (!err && policy_shadows(&policy)) {
        finding_add(out, HELPER_POLICY_SHADOWED, QEMU_ACL_PATH " is ignored because " POLICY_PATH " exists");
        finding_fixable(out, "");
    }
    policy_free(&policy);
    return err;
}

static void report_declared(struct findings *out)
{
    struct error why = {0};
    struct bridges bridges;

    if (bridges_read(&bridges, &why) < 0)
        finding_add(out, HELPER_BRIDGES_BROKEN, "%s", why.text);
    bridges_free(&bridges);
}

/* Whether the user may use the bridge, or why not. */
static bool allowed(const char *bridge, const struct user *user, struct decision *decision, struct error *why)
{
    const struct question question = {.bridge = bridge};
    struct policy policy = {.rules = NULL};
    struct names names;

    names_begin(&names);
    const struct caller caller = {user->uid, user->gid, user->groups, user->group_count, &names.source};
    const int err = policy_load(&policy, bridge, why) < 0
                        ? -1
                        : policy_decide(decision, &policy, &question, &caller, why);
    policy_free(&policy);
    names_end(&names);
    return err == 0;
}

/* Bridges are names, or paths that end in them. */
static void report_bridges(const struct user *user, char **bridges, size_t count, struct findings *out)
{
    struct decision decision;
    struct error why = {0};

    for (size_t i = 0; i < count; i++) {
        const char *bridge = strrchr(bridges[i], '/') ? strrchr(bridges[i], '/') + 1 : bridges[i];
        if (!allowed(bridge, user, &decision, &why))
            continue;
        finding_add(out, HELPER_POLICY, "%s allows %s to %s", decision.rule, bridge, user->name);
        return;
    }
    finding_add_fixable(out, HELPER_POLICY_DENIED, "", "%s", why.text);
}

void check_policy_probe(const struct probe_context *context, struct findings *out)
{
    char *asked = context->bridge ? strdupa(context->bridge) : NULL;
    glob_t paths = {.gl_pathc = 0};

    report_declared(out);
    if (report_files(out) < 0)
        return;
    if (asked) {
        report_bridges(context->user, &asked, 1, out);
    } else if (glob("/sys/class/net/*/bridge", 0, NULL, &paths) == 0) {
        for (size_t i = 0; i < paths.gl_pathc; i++)
            *strrchr(paths.gl_pathv[i], '/') = '\0';
        report_bridges(context->user, paths.gl_pathv, paths.gl_pathc, out);
        globfree(&paths);
    } else {
        finding_add(out, HELPER_POLICY_SKIPPED, "this host has no bridge that the policy could allow");
    }
}
