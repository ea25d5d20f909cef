/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Runs virt-tap-helper, which alone has the privileges that the hooks need. */
#include "base/cleanup.h"
#include "base/process.h"
#include "config.h"
#include "hook.h"

#include <errno.h>
#include <string.h>

enum { WORDS_MAX = 78, OUTPUT_MAX = 64 * 1024 };

/* Reports why the helper failed, without its name in front of the message. */
static int explain(char *output, int status, struct error *why)
{
    static const char name[] = "virt-tap-helper: ";

    if (status == -EINTR)
        return error_set(why, "%s did not end in time and was killed", HELPER_PATH);
    if (status < 0)
        return error_set(why, "cannot start %s: %s; `./dev install` in virt-tap's source puts it there",
                         HELPER_PATH, strerror(-status));
    if (output && *output && *output != '\n') {
        const char *words = process_reason(output);
        if (strncmp(words, name, strlen(name)) == 0)
            words += strlen(name);
        return error_set(why, "%s", words);
    }
    if (status > 128)
        return error_set(why, "%s was killed by signal %d", HELPER_PATH, status - 128);
    return error_set(why, "%s failed without a message, exit status %d", HELPER_PATH, status);
}

int hook_call_helper(const char *const words[], struct error *why)
{
    const char *argv[WORDS_MAX + 2] = {"virt-tap-helper"};
    _cleanup_free_ char *output = NULL;
    const struct process process = {.path = HELPER_PATH,
                                    .argv = argv,
                                    .errors = true,
                                    .interruptible = true, /* by the hook's time limit */
                                    .output_max = OUTPUT_MAX};

    for (size_t i = 0; i < WORDS_MAX && words[i]; i++)
        argv[i + 1] = words[i];
    hook_begin_changes();
    const int status = process_run(&process, &output);
    if (status != 0)
        return explain(output, status, why);
    return 0;
}
