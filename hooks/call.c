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
#include "net/portread.h"
#include "net/rtnl.h"
#include "policy/claim.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* The command says something about each of 1,023 taps on each bridge. It puts 1,000 back in two seconds; the
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

/* A tap that a helper is still making has no alias yet, and is on no bridge. What a rule alone says of a port
 * is in the policy only; but mac=lock is both a locked port and a filter, of which never only one is lost. */
const char *hook_loss(struct rtnl *nl, const struct link *tap, struct claim *claim)
{
    struct portfilter_state filter;
    struct claim_alias alias;
    char master[IFNAMSIZ] = "";

    if (!claim_read(claim, tap->altname) || !claim_read_alias(&alias, tap->alias))
        return NULL;
    if (tap->master)
        if_indextoname((unsigned int)tap->master, master);
    if (strcmp(master, claim->bridge) != 0)
        return "is not on its bridge";
    if ((alias.asks & CLAIM_ASKS_ISOLATED && !tap->port.isolated) ||
        (alias.asks & (CLAIM_ASKS_MAC | CLAIM_ASKS_IP) && !tap->port.locked))
        return "has lost its port options";
    if (portfilter_read(nl, tap->ifindex, NULL, &filter) == 0 && filter.attached != tap->port.locked)
        return filter.attached ? "has lost its port options" : "has lost its port filter";
    return NULL;
}

void hook_report_loss(const char *tap, const char *loss, size_t others)
{
    if (others)
        audit(
            HOOK_NAME,
            "tap '%s' %s, and %zu more of uid %u are not as they were made; an administrator can repair them, "
            "while their guests run: sudo virt-tap repair",
            tap, loss, others, getuid());
    else
        audit(HOOK_NAME,
              "tap '%s' %s; an administrator can repair it, while its guest runs: sudo virt-tap repair -- %s",
              tap, loss, quote(tap).text);
}

/* Whether one of the taps is to be on that bridge. */
static bool any_belongs(const struct links *taps, const char *bridge)
{
    struct claim_alias alias;
    struct claim claim;

    for (size_t i = 0; i < taps->count; i++)
        if (claim_read(&claim, taps->list[i].altname) && claim_read_alias(&alias, taps->list[i].alias) &&
            (!bridge || strcmp(claim.bridge, bridge) == 0))
            return true;
    return false;
}

static void report_losses(struct rtnl *nl, const struct links *taps, const char *bridge)
{
    const char *first = NULL, *loss = NULL;
    struct claim claim;
    size_t count = 0;

    for (size_t i = 0; i < taps->count; i++) {
        const struct link *tap = &taps->list[i];
        if (!claim_read(&claim, tap->altname) || claim.uid != getuid() ||
            (bridge && strcmp(claim.bridge, bridge) != 0))
            continue;
        const char *found = hook_loss(nl, tap, &claim);
        if (found && count++ == 0) {
            first = tap->name;
            loss = found;
        }
    }
    if (first)
        hook_report_loss(first, loss, count - 1);
}

int hook_repair(const char *bridge, struct error *why)
{
    _cleanup_links_ struct links taps = {.list = NULL};
    _cleanup_rtnl_ struct rtnl nl = {.buffer = NULL};
    int err = rtnl_open(&nl);

    if (!err)
        err = links_read(&nl, "tun", &taps);
    if (err)
        return error_set(why, "cannot list the interfaces of this host: %s", strerror(-err));
    if (getuid() != 0)
        report_losses(&nl, &taps, bridge);
    else if (any_belongs(&taps, bridge))
        return call(COMMAND_PATH, "virt-tap", (const char *[]){"repair", "--", bridge, NULL}, REPAIR_MS, why);
    return 0;
}
