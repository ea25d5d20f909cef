/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "policy.h"

#include "base/file.h"
#include "base/terminal.h"
#include "base/text.h"
#include "bridge/json.h"
#include "bridge/portjson.h"
#include "config.h"
#include "policy/identity.h"
#include "policy_lint.h"
#include "verbs.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Returns the file that the helper would read; NULL: none. A file that cannot be examined exists. */
static const char *in_force(void)
{
    struct stat st;

    if (lstat(POLICY_PATH, &st) == 0 || errno != ENOENT)
        return POLICY_PATH;
    if (lstat(QEMU_ACL_PATH, &st) == 0 || errno != ENOENT)
        return QEMU_ACL_PATH;
    return NULL;
}

struct lint_options {
    bool strict, json;
};

static const struct option_entry lint_options[] = {
    OPTION_FLAG("strict", "exit 3, not 0, if there are warnings", struct lint_options, strict),
    OPTION_JSON(struct lint_options, json),
    OPTION_END(struct lint_options),
};

static json_t *lint_json(const struct lint *lint)
{
    return json_pack("{s:o, s:b, s:I, s:I, s:I, s:I, s:o}", "file", text_json(lint->path), "in_force",
                     !lint->draft, "rules", (json_int_t)lint->rules, "files", (json_int_t)lint->files_read,
                     "errors", (json_int_t)lint->errors, "warnings", (json_int_t)lint->warnings, "findings",
                     lint->findings);
}

static int policy_check(const struct call *call)
{
    const struct lint_options *options = call->options;
    const char *name = call->name, *current = in_force(), *file = text_or(call->words[0], current);
    char path[PATH_MAX];
    int status = 0;

    if (!file)
        return complain(1, name,
                        "there is no policy, so nothing is allowed; an administrator can create " POLICY_PATH
                        " with a line like: allow br0");
    if (!*file)
        return complain(2, name, "the name of the file is empty; name one, or none for the policy in force");
    if (!file_whole_path(file, path) || access(path, F_OK) < 0)
        return complain(1, name, "cannot read '%s': %s", file, strerror(errno));
    terminal_wrap(true);
    struct names names;
    names_begin(&names);
    struct lint lint = {.path = path,
                        .findings = options->json ? json_array() : NULL,
                        .names = &names,
                        .dialect = lint_dialect(path),
                        .draft = !current || strcmp(path, current) != 0};
    lint_policy(&lint);
    names_end(&names);
    if (!lint.draft && !lint.errors)
        lint_beside(&lint);
    if (lint.errors)
        status = 1;
    else if (options->strict && lint.warnings)
        status = 3;
    if (options->json)
        return json_finish(lint_json(&lint), status, name);
    printf("%s: rules %zu, files %zu, errors %zu, warnings %zu\n", path, lint.rules, lint.files_read,
           lint.errors, lint.warnings);
    return finish_output(status, name);
}

static const struct verb verbs[] = {
    {.name = "check",
     .arguments = "[--strict] [--json] [FILE]",
     .summary = "read the policy that is in force, or FILE, and report what is wrong with it",
     .notes = "A FILE called bridge.conf is read as qemu-bridge-helper's, any other as a policy.conf.\n",
     .options = lint_options,
     .max = 1,
     .act = policy_check},
    {.name = "edit",
     .arguments = "[FILE]",
     .summary = "change " POLICY_PATH ", or FILE, with an editor; saved only if it has no errors",
     .notes =
         "The editor ($VISUAL, $EDITOR, editor or vi) gets a copy, which is checked and then replaces the file\n"
         "in one step. Requires root.\n",
     .max = 1,
     .act = policy_edit},
    {.name = "explain",
     .arguments = "[--user=USER] [--mac=MAC] [--ip=ADDRESS]... [--json] --bridge=BRIDGE",
     .summary = "show whether a user may use a bridge, by which rule, and what to change",
     .options = explain_options,
     .act = policy_explain},
    {.name = "apply",
     .arguments = "[--dry-run] [--revoke] [--json]",
     .summary = "bring the taps that exist to what the policy in force grants now",
     .notes =
         "Taps that it does not allow any more are listed, and stay unless --revoke is given. Requires root.\n",
     .options = apply_options,
     .act = policy_apply},
};

const struct command policy_command = {"Who may put guests on which bridge: see virt-tap-policy(5).", verbs,
                                       sizeof(verbs) / sizeof(verbs[0])};
