/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * The policy in the plan of virt-tap setup: a rule for each user who may not use the bridge yet. */
#include "base/cleanup.h"
#include "base/error.h"
#include "base/file.h"
#include "base/printable.h"
#include "config.h"
#include "host/child.h"
#include "policy.h"
#include "policy/decide.h"
#include "setup.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ANSWER_SECONDS = 10, POLICY_MAX = 4 << 20 };

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

/* Writes a whole new text to the copy, in place: it is not in force. */
static int rewrite(const char *name, const char *copy, const char *text, size_t size)
{
    FILE *file = fopen(copy, "we");
    const bool written = file && fwrite(text, 1, size, file) == size;

    if (file && fclose(file) == 0 && written)
        return 0;
    return complain(-1, name, "cannot write '%s': %s", copy, strerror(errno));
}

/* Returns the copy's text with a final newline, or NULL after reporting why it cannot be read. */
static char *read_copy(const char *name, const char *copy, size_t *size)
{
    struct error why = {0};
    mode_t mode;
    char *text = file_read(copy, POLICY_MAX, size, &mode, &why);
    char *longer = text ? realloc(text, *size + 2) : NULL;

    if (!longer) {
        free(text);
        complain(1, name, "cannot read '%s': %s", copy, text ? "no memory" : why.text);
        return NULL;
    }
    if (*size > 0 && longer[*size - 1] != '\n')
        longer[(*size)++] = '\n';
    longer[*size] = '\0';
    return longer;
}

static int append_line(const char *name, const char *copy, void *line)
{
    size_t size;
    _cleanup_free_ char *text = read_copy(name, copy, &size), *longer = NULL;

    if (!text)
        return -1;
    const int length = asprintf(&longer, "%s%s\n", text, (const char *)line);
    if (length < 0) {
        longer = NULL;
        return complain(-1, name, "no memory");
    }
    return rewrite(name, copy, longer, (size_t)length);
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

static int keep_text(const char *name, const char *copy, void *context)
{
    (void)name;
    (void)copy;
    (void)context;
    return 0;
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
static int cut_line(const char *name, const char *copy, void *line)
{
    size_t size;
    _cleanup_free_ char *text = read_copy(name, copy, &size);
    const size_t length = strlen(line);
    char *found = NULL;

    if (!text)
        return -1;
    for (char *at = text; *at; at = strchr(at, '\n') + 1)
        if (strncmp(at, line, length) == 0 && at[length] == '\n')
            found = at;
    if (!found)
        return 0;
    memmove(found, found + length + 1, size - (size_t)(found - text) - length);
    return rewrite(name, copy, text, size - length - 1);
}

int setup_policy_remove(const char *name, const char *line)
{
    if (access(POLICY_PATH, F_OK) < 0)
        return 0;
    return policy_change(name, POLICY_PATH, cut_line, (void *)(uintptr_t)line);
}
