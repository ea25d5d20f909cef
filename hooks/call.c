/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Runs virt-tap-helper, which alone has the privileges that a session's hooks need; or, for root, the
 * command. */
#include "base/cleanup.h"
#include "base/log.h"
#include "base/process.h"
#include "base/quote.h"
#include "config.h"
#include "hook.h"
#include "net/link.h"
#include "net/rtnl.h"
#include "policy/claim.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* The command says something about each of 1,023 taps on each bridge. It puts 200 back in half a second; the
 * limit is for how long libvirtd waits at most. */
enum { WORDS_MAX = 78, OUTPUT_MAX = 16 * 1024 * 1024, REPAIR_MS = 10 * 1000 };

/* Reports why a program failed, without the helper's name in front of its message. */
static int explain(const char *path, char *output, int status, struct error *why)
{
    static const char name[] = "virt-tap-helper: ";

    if (status == -ETIMEDOUT)
        return error_set(why, "%s did not end in time; to put the other taps back, run: virt-tap repair",
                         path);
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

static int call(const char *path, const char *name, const char *const words[], int limit_ms,
                struct error *why)
{
    const char *argv[WORDS_MAX + 2] = {name};
    _cleanup_free_ char *output = NULL;
    const struct process process = {.path = path,
                                    .argv = argv,
                                    .errors = true,
                                    .interruptible = true, /* by the hook's time limit */
                                    .limit_ms = limit_ms,
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
    return call(HELPER_PATH, "virt-tap-helper", words, 0, why);
}

/* A tap that a helper is still making has no alias yet, and is on no bridge. */
bool hook_is_off(const struct link *tap, struct claim *claim)
{
    struct claim_alias alias;
    char master[IFNAMSIZ] = "";

    if (!claim_read(claim, tap->altname) || !claim_read_alias(&alias, tap->alias))
        return false;
    if (tap->master)
        if_indextoname((unsigned int)tap->master, master);
    return strcmp(master, claim->bridge) != 0;
}

void hook_report_off(const char *tap, size_t others)
{
    if (others)
        audit(HOOK_NAME,
              "tap '%s' and %zu more of uid %u are not on their bridges; an administrator can put them back, "
              "while their guests run: sudo virt-tap repair",
              tap, others, getuid());
    else
        audit(HOOK_NAME,
              "tap '%s' is not on its bridge; an administrator can put it back, while its guest runs: "
              "sudo virt-tap repair -- %s",
              tap, quote(tap).text);
}

int hook_repair(const char *bridge, struct error *why)
{
    _cleanup_links_ struct links taps = {.list = NULL};
    _cleanup_rtnl_ struct rtnl nl = {.buffer = NULL};
    const char *first = NULL;
    struct claim claim;
    size_t count = 0;
    int err = rtnl_open(&nl);

    if (!err)
        err = links_read(&nl, "tun", &taps);
    if (err)
        return error_set(why, "cannot list the interfaces of this host: %s", strerror(-err));
    for (size_t i = 0; i < taps.count; i++) {
        const struct link *tap = &taps.list[i];
        if (!hook_is_off(tap, &claim) || (bridge && strcmp(claim.bridge, bridge) != 0) ||
            (getuid() != 0 && claim.uid != getuid()))
            continue;
        if (count++ == 0)
            first = tap->name;
    }
    if (!first)
        return 0;
    if (getuid() == 0)
        return call(COMMAND_PATH, "virt-tap", (const char *[]){"repair", "--", bridge, NULL}, REPAIR_MS, why);
    hook_report_off(first, count - 1);
    return 0;
}
