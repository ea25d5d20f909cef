/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "bridge/portjson.h"
#include "policy_explain.h"

#include <string.h>

static json_t *quota_json(const struct terms *terms, const struct used *used)
{
    const bool known = used->err == 0;

    if (!used->quota)
        return json_null();
    return json_pack("{s:i, s:o, s:o}", "limit", (int)used->quota, "used",
                     known ? json_integer(used->of_user) : json_null(), "shared",
                     known && terms->uids.set ? json_integer(used->of_range) : json_null());
}

static json_t *addresses_json(const struct address_list *all)
{
    json_t *list = json_array();
    char text[CIDR_TEXT];

    for (size_t i = 0; i < all->count; i++) {
        cidr_print(&all->list[i], text);
        json_array_append_new(list, json_string(text));
    }
    return list;
}

static json_t *serve_json(unsigned int serve)
{
    json_t *list = json_array();

    for (size_t i = 0; i < TERMS_SERVE_COUNT; i++)
        if (serve & 1U << i)
            json_array_append_new(list, json_string(terms_serve_words[i]));
    return list;
}

static const char *lock_of(const struct protection *protection)
{
    if (protection->ip_lock)
        return "ip";
    return protection->mac_lock ? "mac" : NULL;
}

static json_t *terms_json(const struct answer *answer)
{
    const struct decision *decision = &answer->decision;
    const struct terms *terms = &decision->match.rule->terms;
    const struct protection *protection = &decision->protection;
    struct vlans vlans = decision->vlans;
    char names[TERMS_NAMES_SIZE];
    struct error why = {0};
    const bool named = terms_names(names, terms, decision->match.user, &why) == 0;

    vlans.bits[vlans.untagged / 32] &= ~(1U << vlans.untagged % 32);
    return json_pack(
        "{s:o, s:o, s:s?, s:o, s:b, s:s?, s:s?, s:o, s:o, s:b, s:s?, s:b, s:b, s:o, s:o}", "quota",
        quota_json(terms, &answer->used), "names", named ? text_json(names) : json_null(), "macs",
        terms->macs, "mtu", terms->mtu ? json_integer(terms->mtu) : json_null(), "kvm", terms->require_kvm,
        "lock", lock_of(protection), "ips", terms->ips, "addresses", addresses_json(&decision->addresses),
        "serve", serve_json(protection->serve), "vnet", !terms->protection.no_vnet, "egress", terms->egress,
        "isolated", protection->isolated, "guard", terms->protection.guard, "vlan",
        vlans.untagged ? json_integer((json_int_t)vlans.untagged) : json_null(), "tagged",
        tagged_json(&vlans));
}

static json_t *rule_json(const struct answer *answer)
{
    const struct policy_rule *rule = answer->decision.match.rule;

    if (!rule)
        return json_null();
    return json_sprintf("%s:%lu", answer->policy.files[rule->file].path, rule->line);
}

json_t *explain_json(const struct answer *answer, const struct bridge_facts *state,
                     const struct caller *caller, bool yes)
{
    const bool granted = answer->allowed && answer->decision.match.rule;
    const char *reason = answer->why.text, *user = strchr(answer->selector, '=') + 1;

    if (*reason == '\0' && !state->usable)
        reason = state->why.text;
    if (*reason == '\0' && explain_is_full(&answer->used))
        reason = "the quota is used up";
    return json_pack("{s:b, s:o, s:I, s:o, s:b, s:b, s:o, s:o, s:o}", "allowed", yes, "user", text_json(user),
                     "uid", (json_int_t)caller->uid, "bridge", text_json(answer->question->bridge), "exists",
                     state->link.ifindex != 0, "on_demand", state->declared != 0, "rule", rule_json(answer),
                     "reason", yes ? json_null() : text_json_or_null(reason), "terms",
                     granted ? terms_json(answer) : json_null());
}
