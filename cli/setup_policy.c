/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * The policy in the plan of virt-tap setup: a rule for each user who may not use the bridge yet. */
#include "base/error.h"
#include "base/printable.h"
#include "base/text.h"
#include "config.h"
#include "host/child.h"
#include "policy.h"
#include "policy/decide.h"
#include "setup.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { ANSWER_SECONDS = 10 };

/* What the policy says of a user, asked in a process of theirs. */
struct answer {
    bool allowed, denied, broken;
    char why[sizeof(((struct error *)NULL)->text)]; /* which rule, or why not */
};

static void ask(void *arg)
{
    const char *bridge = arg;
    const struct question question = {.bridge = bridge, .tap = true};
    _cleanup_names_ struct names names;
    _cleanup_policy_ struct policy policy = {.rules = NULL};
    struct answer answer = {.allowed = false};
    struct decision decision = {.quota = 0};
    struct caller caller;
    struct error why = {0};

    names_begin(&names);
    const bool loaded =
        caller_self(&caller, &names.source, &why) == 0 && policy_load(&policy, bridge, &why) == 0;
    if (loaded)
        policy_decide(&decision, &policy, &question, &caller, &why);
    const struct policy_rule *rule = decision.match.rule;
    answer.allowed = decision.match.allowed;
    answer.denied = rule && rule->deny;
    answer.broken = loaded ? decision.unknown : !policy.absent;
    if (answer.allowed && rule)
        snprintf(answer.why, sizeof(answer.why), "%s:%lu", policy.files[rule->file].path, rule->line);
    else
        snprintf(answer.why, sizeof(answer.why), "%s", why.text);
    child_write(&answer, sizeof(answer));
}

static bool ask_as(const struct user *user, char *bridge, struct answer *out)
{
    struct child child;

    if (child_start(&child, user, ask, bridge) != 0)
        return false;
    child_set_limit(&child, ANSWER_SECONDS);
    const bool whole = child_read(&child, out, sizeof(*out));
    child_end(&child);
    out->why[sizeof(out->why) - 1] = '\0';
    printable_mask(out->why);
    return whole;
}

static char *append_line(const char *text, void *line)
{
    const size_t length = strlen(text);
    char *longer = NULL;

    if (asprintf(&longer, "%s%s%s\n", text, text_if(length && text[length - 1] != '\n', "\n"),
                 (const char *)line) < 0)
        return NULL;
    return longer;
}

/* Behind the record's word. */
static const char *line_of(const struct step *step)
{
    return step->record + strlen("policy ");
}

static int add_rule(const struct setup *setup, const struct step *step)
{
    printf("+ %s\n", step->words);
    return policy_change(setup->name, POLICY_PATH, append_line, (void *)(uintptr_t)line_of(step));
}

static char *keep_text(const char *text, void *context)
{
    (void)context;
    return strdup(text);
}

static int make_file(const struct setup *setup, const struct step *step)
{
    printf("+ %s\n", step->words);
    if (access(POLICY_PATH, F_OK) == 0)
        return 0;
    return policy_change(setup->name, POLICY_PATH, keep_text, NULL);
}

/* A first policy.conf takes the place of a bridge.conf, which it must include. Undone by its own line of the
 * record: a file that was there before, even without a rule, keeps a bridge.conf out of force. */
static void plan_file(struct setup *setup, const char *title)
{
    static const char *const commands[] = {"touch " POLICY_PATH,
                                           "echo 'include " QEMU_ACL_PATH "' >" POLICY_PATH};

    for (size_t i = 0; i < setup->count; i++)
        if (setup->steps[i].act == make_file)
            return;
    if (access(POLICY_PATH, F_OK) == 0)
        return;
    struct step *step = setup_add(setup, STEP_TO_DO, title, "%s", commands[access(QEMU_ACL_PATH, F_OK) == 0]);
    if (step)
        step->act = make_file;
    step_record(setup, step, "policy-file");
}

static void plan_user(struct setup *setup, const struct user *user)
{
    struct answer answer = {.allowed = false};
    char title[512];

    const bool asked = ask_as(user, setup->bridge, &answer);
    snprintf(title, sizeof(title), "the policy lets %s put guests on %s", user->name, setup->bridge);
    if (!asked || answer.broken) {
        setup_add(setup, STEP_CANNOT, title, "%s; see: virt-tap policy check",
                  asked ? answer.why : "it cannot be asked as that user");
        return;
    }
    if (answer.allowed) {
        setup_add(setup, STEP_SO, title, "%s", answer.why);
        return;
    }
    if (answer.denied) {
        setup_add(setup, STEP_CANNOT, title, "%s; see: virt-tap policy edit", answer.why);
        return;
    }
    plan_file(setup, title);
    struct step *step = setup_add(setup, STEP_TO_DO, title, "echo 'allow %s user=%s' >>" POLICY_PATH,
                                  setup->bridge, user->name);
    if (step)
        step->act = add_rule;
    step_record(setup, step, "policy allow %s user=%s", setup->bridge, user->name);
}

void setup_plan_policy(struct setup *setup)
{
    for (size_t i = 0; i < setup->user_count && *setup->bridge; i++)
        plan_user(setup, &setup->users[i]);
}

/* Removes the last line that is exactly this one. */
static char *cut_line(const char *text, void *line)
{
    const size_t length = strlen(line);
    char *copy = strdup(text), *found = NULL;

    for (char *at = copy; at && *at; at += strcspn(at, "\n"), at += *at == '\n')
        if (strncmp(at, line, length) == 0 && strchr("\n", at[length]))
            found = at;
    if (found) {
        const char *behind = found + length;
        behind += *behind == '\n';
        memmove(found, behind, strlen(behind) + 1);
    }
    return copy;
}

int setup_policy_remove(const char *name, const char *line)
{
    if (access(POLICY_PATH, F_OK) < 0)
        return 0;
    return policy_change(name, POLICY_PATH, cut_line, (void *)(uintptr_t)line);
}
