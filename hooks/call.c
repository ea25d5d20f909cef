/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Runs virt-tap-helper, which alone has the privileges that a session's hooks need; or, for root, the
 * command. */
#include "base/cleanup.h"
#include "base/process.h"
#include "config.h"
#include "hook.h"
#include "net/link.h"
#include "net/rtnl.h"
#include "policy/claim.h"

#include <errno.h>
#include <string.h>

/* The command says something about each of 1,023 taps on each bridge. */
enum { WORDS_MAX = 78, OUTPUT_MAX = 16 * 1024 * 1024 };

/* Reports why a program failed, without the helper's name in front of its message. */
static int explain(const char *path, char *output, int status, struct error *why)
{
    static const char name[] = "virt-tap-helper: ";

    if (status == -EINTR)
        return error_set(why, "%s did not end in time and was killed", path);
    if (status < 0)
        return error_set(why, "cannot start %s: %s; " PROCESS_INSTALL("virt-tap"), path, strerror(-status));
    if (output && *output && *output != '\n') {
        const char *words = process_reason(output);
        if (strncmp(words, name, strlen(name)) == 0)
            words += strlen(name);
        return error_set(why, "%s", words);
    }
    if (status > 128)
        return error_set(why, "%s was killed by signal %d", path, status - 128);
    return error_set(why, "%s failed without a message, exit status %d", path, status);
}

static int call(const char *path, const char *name, const char *const words[], struct error *why)
{
    const char *argv[WORDS_MAX + 2] = {name};
    _cleanup_free_ char *output = NULL;
    const struct process process = {.path = path,
                                    .argv = argv,
                                    .errors = true,
                                    .interruptible = true, /* by the hook's time limit */
                                    .output_max = OUTPUT_MAX};

    for (size_t i = 0; i < WORDS_MAX && words[i]; i++)
        argv[i + 1] = words[i];
    hook_begin_changes();
    const int status = process_run(&process, &output);
    if (status != 0)
        return explain(path, output, status, why);
    return 0;
}

int hook_call_helper(const char *const words[], struct error *why)
{
    return call(HELPER_PATH, "virt-tap-helper", words, why);
}

/* Whether a tap of ours that belongs there is on no bridge. */
static bool is_off(const struct link *tap, const char *bridge)
{
    struct claim claim;

    return !tap->master && claim_read(&claim, tap->altname) && (!bridge || strcmp(claim.bridge, bridge) == 0);
}

int hook_repair(const char *bridge, struct error *why)
{
    _cleanup_links_ struct links taps = {.list = NULL};
    _cleanup_rtnl_ struct rtnl nl = {.buffer = NULL};
    bool any = false;
    int err = rtnl_open(&nl);

    if (!err)
        err = links_read(&nl, "tun", &taps);
    if (err)
        return error_set(why, "cannot list the interfaces of this host: %s", strerror(-err));
    for (size_t i = 0; i < taps.count; i++)
        any = any || is_off(&taps.list[i], bridge);
    if (!any)
        return 0;
    return call(COMMAND_PATH, "virt-tap", (const char *[]){"repair", bridge, NULL}, why);
}
