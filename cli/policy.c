/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy.h"

#include "base/file.h"
#include "config.h"
#include "policy/names.h"
#include "policy_lint.h"
#include "verbs.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The file that the helper would read; NULL: there is none. One that cannot be looked at is there. */
static const char *in_force(void)
{
    struct stat st;

    if (lstat(POLICY_PATH, &st) == 0 || errno != ENOENT)
        return POLICY_PATH;
    return lstat(QEMU_ACL_PATH, &st) == 0 || errno != ENOENT ? QEMU_ACL_PATH : NULL;
}

static bool is_called(const char *path, const char *name)
{
    const char *slash = strrchr(path, '/');
    return strcmp(slash ? slash + 1 : path, name) == 0;
}

static int check(const char *name, const char *file, bool strict)
{
    const char *counts = in_force();
    char path[PATH_MAX];

    if (!file && !counts)
        return complain(1, name,
                        "there is no policy, so nothing is allowed; an administrator can make " POLICY_PATH
                        " with a line like: allow br0");
    if (!file_whole_path(file ? file : counts, path) || access(path, F_OK) < 0)
        return complain(1, name, "cannot read '%s': %s", file ? file : counts, strerror(errno));
    struct names names;
    names_begin(&names);
    struct lint lint = {.path = path,
                        .names = &names,
                        .dialect = is_called(path, "bridge.conf") ? POLICY_QEMU : POLICY_STRICT,
                        .draft = !counts || strcmp(path, counts) != 0};
    lint_policy(&lint);
    names_end(&names);
    if (!lint.draft && !lint.errors)
        lint_beside(&lint);
    printf("%s: rules %zu, files %zu, errors %zu, warnings %zu\n", path, lint.rules, lint.files_read,
           lint.errors, lint.warnings);
    const int status = lint.errors ? 1 : strict && lint.warnings ? 3 : 0;
    return finish_output(status, name);
}

static int policy_check(int argc, char *argv[])
{
    static const struct option options[] = {{"strict", no_argument, NULL, 's'}, {NULL, 0, NULL, 0}};
    bool strict = false;

    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (option != 's')
            return 2;
        strict = true;
    }
    if (argc - optind > 1)
        return complain(2, argv[0], "one file at a time; see %s --help", argv[0]);
    return check(argv[0], argv[optind], strict);
}

static const struct verb verbs[] = {
    {.name = "check",
     .arguments = "[--strict] [FILE]",
     .summary = "read the policy that is in force, or FILE, and tell what is wrong with it",
     .options = "  --strict  exit 3, not 0, if there are warnings\n"
                "\n"
                "A FILE called bridge.conf is read as qemu-bridge-helper's, any other as a policy.conf.\n",
     .run = policy_check},
    {.name = "edit",
     .arguments = "[FILE]",
     .summary = "change " POLICY_PATH ", or FILE, by an editor; saved only if it has no errors",
     .options =
         "The editor ($VISUAL, $EDITOR, editor or vi) gets a copy, which is checked and then put into the place of the\n"
         "file, all at once. Takes root.\n",
     .run = policy_edit},
    {.name = "explain",
     .arguments = "[--user USER] --bridge BRIDGE",
     .summary = "tell whether a user may use a bridge, by which rule, and what to change",
     .options = "  -u, --user USER      somebody else than yourself, by name or number; takes root\n"
                "  -b, --bridge BRIDGE  the bridge\n",
     .run = policy_explain},
};

const struct command policy_command = {"Who may put guests on which bridge: see virt-tap-policy(5).", verbs,
                                       sizeof(verbs) / sizeof(verbs[0])};
