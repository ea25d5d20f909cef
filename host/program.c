/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "program.h"
#include "base/cleanup.h"
#include "base/process.h"

#include <stdio.h>
#include <string.h>

int program_run(const char *const argv[], const struct user *user, char *out, size_t size)
{
    _cleanup_free_ char *home = NULL;
    _cleanup_free_ char *output = NULL;

    out[0] = '\0';
    if (asprintf(&home, "HOME=%s", user->home) < 0)
        return -ENOMEM;
    const char *const environment[] = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                                       "LC_ALL=C", home, NULL};
    const struct process process = {.path = argv[0],
                                    .argv = argv,
                                    .environment = environment,
                                    .errors = true,
                                    .same_group = true,
                                    .limit_ms = PROGRAM_SECONDS * 1000,
                                    .output_max = 1024 * 1024};
    const int status = process_run(&process, &output);
    if (output)
        snprintf(out, size, "%s", output);
    return status;
}

void program_report(struct findings *out, enum finding_id id, const char *path, const char *options,
                    int status, char *words)
{
    if (status < 0) {
        finding_add(out, id, "%s %s cannot be run: %s", path, options, strerror(-status));
        return;
    }
    finding_add_fixable(out, id, "", "%s %s failed with status %d: %s", path, options, status,
                        program_first_line(words));
}

const char *program_find(const char *const paths[])
{
    for (; *paths; paths++)
        if (access(*paths, X_OK) == 0)
            return *paths;
    return NULL;
}

const char *program_first_line(char *text)
{
    text[strcspn(text, "\n")] = '\0';
    return text;
}
