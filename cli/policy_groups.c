/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "policy.h"

#include "base/error.h"
#include "policy/policy.h"

#include <stdio.h>
#include <string.h>

static bool is_for_group(const struct policy_rule *rule, const char *bridge)
{
    const struct terms *terms = &rule->terms;

    if (rule->deny || !terms->group || terms->user || terms->uids.set)
        return false;
    return rule->all || strcmp(rule->name, bridge) == 0;
}

void policy_print_groups(const struct policy *policy, const char *bridge, const struct caller *caller,
                         const char *user)
{
    struct identity who;
    struct error why;

    identity_begin(&who, caller);
    who.by_account = true;
    for (size_t i = 0; i < policy->rule_count; i++) {
        const struct policy_rule *rule = &policy->rules[i];
        if (!is_for_group(rule, bridge))
            continue;
        const char *path = policy->files[rule->file].path, *group = rule->terms.group;
        const int member = terms_match(&rule->terms, &who, false, &why);
        if (member > 0)
            printf(
                "to allow it: log in again: %s has been added to group '%.64s' since, to which %s:%lu allows it\n",
                user, group, path, rule->line);
        if (member == 0)
            printf("to allow it: add %s to group '%.64s', to which %s:%lu allows it, and log in again\n",
                   user, group, path, rule->line);
    }
}
