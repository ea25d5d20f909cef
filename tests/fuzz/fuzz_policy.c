/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Policies of any bytes, in both dialects. files.h says how an input becomes files; what must hold of what is
 * read from them stands here, a function for each. */
#include "base/error.h"
#include "files.h"
#include "fuzz.h"
#include "net/link.h"
#include "policy/policy.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { NAMES_MOST = 24 };

/* What one reading gave. */
struct outcome {
    struct policy policy;
    struct error why;
    int result;
};

/* Names beginning with 'a' are the caller's, and of those with '~' nobody knows whose they are. */
static int find(struct account *account)
{
    account->id = 1000;
    return account->name[0] == '~' ? -EIO : account->name[0] == 'a' ? 0 : -ENOENT;
}

static int look_up(void *context, struct account *account, struct error *why)
{
    (void)context;
    error_set(why, "no answer");
    if (account->kind == USER_BY_NAME || account->kind == GROUP_BY_NAME)
        return find(account);
    if (account->kind == GROUP_BY_GID) {
        snprintf(account->name, sizeof(account->name), "g%u", account->id);
        return 0;
    }
    strcpy(account->name, "a");
    account->gid = 1000;
    return account->id == 1000 ? 0 : -ENOENT;
}

static const struct name_source memory_names = {NULL, look_up};
static const gid_t groups[] = {100, 101};
static const struct caller caller = {1000, 1000, groups, 2, &memory_names};

/* The verdict; a no without a rule if there is none. */
static struct policy_match judged(const struct policy *policy, const char *bridge, bool *known)
{
    struct error why;
    struct policy_match verdict;

    refusal_poison(&why);
    *known = policy_match(&verdict, policy, bridge, &caller, &why) == 0;
    if (*known)
        return verdict;
    hold_one_line(&why);
    return (struct policy_match){.allowed = false};
}

static bool allowed(const struct policy *policy, const char *bridge)
{
    bool known;

    return judged(policy, bridge, &known).allowed;
}

static bool is_about(const struct policy_rule *rule, const char *bridge)
{
    return strcmp(rule->name, "all") == 0 || strcmp(rule->name, bridge) == 0;
}

static void hold_rules_are_sound(const struct policy *policy, const struct files *files)
{
    for (size_t i = 0; i < policy->rule_count; i++) {
        const struct policy_rule *rule = &policy->rules[i];
        hold(rule->file < policy->file_count);
        hold(rule->line >= 1);
        /* No line is shorter than one byte, and nothing but /main has a text put around it. */
        hold(rule->line <= policy->bytes + 1);
        hold(memchr(rule->name, '\0', sizeof(rule->name)) != NULL);
        hold(rule->all == (strcmp(rule->name, "all") == 0));
        hold(files->dialect == POLICY_QEMU || ifname_valid(rule->name));
    }
}

/* Nothing but what may be passed over has been passed over. */
static void hold_nothing_lost(const struct outcome *o, const struct files *files)
{
    hold(!files->fatal);
    for (size_t i = 0; i < files_error_count; i++)
        if (files->errors & (1U << i))
            hold(files_errors[i].passed[files->dialect]);
    hold(!files->folder || files->dialect == POLICY_QEMU);
    /* Each reading adds its file, failed or the strict dialect would have refused. */
    hold(o->policy.file_count >= 1 && o->policy.file_count <= files->reads);
    hold(strcmp(o->policy.files[0].path, "/main") == 0);
    hold(!o->policy.absent);
}

static void read_files(struct outcome *out, struct files *files, enum policy_dialect dialect,
                       const char *bridge)
{
    refusal_poison(&out->why);
    memset(&out->policy, 0xa5, sizeof(out->policy)); /* policy_read must not need it cleared */
    files_rewind(files, dialect);
    const struct policy_source source = {files, files_read, files_list};
    out->result = policy_read(&out->policy, "/main", dialect, bridge, &source, &out->why);
    hold(files->reads >= 1);
    hold(out->policy.bytes <= 4UL * 1024 * 1024);
    if (out->result == 0) {
        hold_nothing_lost(out, files);
    } else {
        hold(out->result == -1);
        hold_one_line(&out->why);
        hold(!out->policy.absent || (files->reads == 1 && files->entries[0].error == ENOENT));
    }
    for (size_t i = 0; i < out->policy.file_count; i++)
        hold(out->policy.files[i].path[0] == '/');
    hold_rules_are_sound(&out->policy, files);
}

/* Safe after every outcome, and twice. */
static void free_outcome(struct outcome *o)
{
    policy_free(&o->policy);
    hold(!o->policy.rules && !o->policy.files && o->policy.rule_count == 0 && o->policy.file_count == 0);
    policy_free(&o->policy);
}

/* What the rules of a bridge say to the caller, taken one by one. */
struct tally {
    bool allows, denies;
    bool unknown, unknown_deny; /* a look-up failed */
};

static int match_of(const struct policy_rule *rule)
{
    struct identity who;
    struct error why;

    identity_begin(&who, &caller);
    return terms_match(&rule->terms, &who, rule->deny, &why);
}

static struct tally tally_of(const struct policy *policy, const char *bridge)
{
    struct tally tally = {.allows = false};

    for (size_t i = 0; i < policy->rule_count; i++) {
        const struct policy_rule *rule = &policy->rules[i];
        const int match = is_about(rule, bridge) ? match_of(rule) : 0;
        tally.unknown |= match < 0;
        tally.unknown_deny |= match < 0 && rule->deny;
        tally.denies |= match == 1 && rule->deny;
        tally.allows |= match == 1 && !rule->deny;
    }
    return tally;
}

/* policy_match against another way to say the same. */
static void hold_verdict_is_right(const struct policy *policy, const char *bridge)
{
    bool known, known_again;
    const struct policy_match verdict = judged(policy, bridge, &known);
    const struct policy_match again = judged(policy, bridge, &known_again);
    const struct tally tally = tally_of(policy, bridge);

    hold(known == known_again && verdict.allowed == again.allowed && verdict.rule == again.rule);
    hold(known || tally.unknown);
    if (verdict.allowed)
        hold(tally.allows && !tally.denies && !tally.unknown_deny);
    else if (known)
        hold(tally.denies || !tally.allows);
    if (known)
        hold((verdict.rule != NULL) == (tally.allows || tally.denies));
    if (!verdict.rule)
        return;
    hold(verdict.rule >= policy->rules && verdict.rule < policy->rules + policy->rule_count);
    hold(verdict.rule->deny == !verdict.allowed);
    hold(is_about(verdict.rule, bridge) && match_of(verdict.rule) == 1);
}

/* With 'deny NAME' in front of or behind all else in /main, nobody gets that bridge, and what others get is
 * not changed. */
static void hold_deny_denies(const struct policy *plain, struct files *files, const char *name,
                             const char *other)
{
    const enum policy_dialect dialect = files->dialect;
    char line[64];
    struct outcome o;

    snprintf(line, sizeof(line), "\ndeny %s\n", name);
    for (int behind = 0; behind < 2; behind++) {
        *(behind ? &files->after : &files->before) = line;
        read_files(&o, files, dialect, NULL);
        files->before = files->after = "";
        /* A text that was refused stays refused: one more line mends nothing. */
        hold(plain || o.result < 0);
        if (o.result == 0) {
            hold(!allowed(&o.policy, name));
            if (plain && strcmp(name, "all") != 0 && strcmp(name, other) != 0)
                hold(allowed(&o.policy, other) == allowed(plain, other));
        }
        free_outcome(&o);
    }
}

/* Only the rules of one bridge kept: the same verdict, by the same rule, or the same refusal. */
static void hold_one_bridge_is_enough(const struct outcome *all, struct files *files, const char *bridge)
{
    struct outcome o;
    bool known, known_of_all;

    read_files(&o, files, files->dialect, bridge);
    hold(o.result == all->result && o.policy.file_count == all->policy.file_count);
    if (o.result < 0)
        hold(strcmp(o.why.text, all->why.text) == 0);
    for (size_t i = 0; i < o.policy.rule_count; i++)
        hold(is_about(&o.policy.rules[i], bridge));
    const struct policy_match one = judged(&o.policy, bridge, &known);
    const struct policy_match same = judged(&all->policy, bridge, &known_of_all);
    hold(known == known_of_all && one.allowed == same.allowed && !one.rule == !same.rule);
    if (one.rule)
        hold(one.rule->file == same.rule->file && one.rule->line == same.rule->line);
    free_outcome(&o);
}

/* The bridges to ask about: some that rules often name, and those that these rules name. */
static size_t names_of(const struct policy *policy, const char *names[NAMES_MOST])
{
    size_t count = 0;

    names[count++] = "br0";
    names[count++] = "all";
    names[count++] = "br1";
    for (size_t i = 0; i < policy->rule_count && count < NAMES_MOST; i++)
        names[count++] = policy->rules[i].name;
    return count;
}

static void check_dialect(struct outcome *o, struct files *files, enum policy_dialect dialect)
{
    const char *names[NAMES_MOST];

    read_files(o, files, dialect, NULL);
    const size_t count = names_of(&o->policy, names);
    /* The pure function is held to it whether or not the policy counts. */
    for (size_t i = 0; i < count; i++)
        hold_verdict_is_right(&o->policy, names[i]);
    hold_verdict_is_right(&o->policy, "");
    for (size_t i = 0; i < count && i < 5; i++)
        hold_one_bridge_is_enough(o, files, names[i]);
    /* Each is two more readings: a few names tell as much as all. */
    for (size_t i = 0; i < count && i < 5; i++)
        hold_deny_denies(o->result == 0 ? &o->policy : NULL, files, names[i], names[count - 1]);
}

/* What the strict dialect takes, the other takes too, and with the same rules: being strict only refuses.
 * Holds for what bridge.conf can say; a rule with more than that must be left out here. */
static void hold_strict_is_narrower(const struct outcome *strict, const struct outcome *qemu, bool listed)
{
    const struct policy *a = &strict->policy, *b = &qemu->policy;

    if (strict->result < 0 || listed)
        return;
    hold(qemu->result == 0);
    hold(a->rule_count == b->rule_count && a->file_count == b->file_count && a->bytes == b->bytes);
    for (size_t i = 0; i < a->file_count; i++)
        hold(strcmp(a->files[i].path, b->files[i].path) == 0);
    for (size_t i = 0; i < a->rule_count; i++) {
        const struct policy_rule *x = &a->rules[i], *y = &b->rules[i];
        hold(x->deny == y->deny && x->all == y->all && x->file == y->file && x->line == y->line);
        hold(strcmp(x->name, y->name) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct files files;
    struct outcome qemu, strict;

    files_parse(&files, data, size);
    check_dialect(&qemu, &files, POLICY_QEMU);
    check_dialect(&strict, &files, POLICY_STRICT);
    if (!memchr(data, '=', size))
        hold_strict_is_narrower(&strict, &qemu, files.listed);
    free_outcome(&qemu);
    free_outcome(&strict);
    return 0;
}
