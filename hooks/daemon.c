/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * The hook of libvirt's daemons. When the one that runs QEMU starts, removes taps left behind by a domain
 * start or stop that the previous daemon did not live to finish. The new daemon has not begun anything
 * yet (src/remote/remote_daemon.c: the hook is called before the drivers are), but another daemon of the
 * same user may have, so only taps at least a minute old are removed. `virt-tap gc` instead looks twice,
 * and at all taps. A system daemon also has `virt-tap repair` put back what something took off their bridges,
 * and what protects them; a session's tells the log of such taps.
 *
 * When a system daemon reloads, it looks for hooks again: that leaves no trace in the kernel, so this hook
 * records it for `virt-tap hooks status` (host/hooks.h). */
#include "base/cleanup.h"
#include "base/statefolder.h"
#include "base/text.h"
#include "config.h"
#include "hook.h"
#include "host/domains.h"
#include "host/hooks.h"
#include "net/rtnl.h"
#include "policy/claimed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { AGE_MIN = 60 /* seconds */ };

/* Every libvirt daemon runs this hook. */
static bool called_by_qemus_daemon(void)
{
    char path[32], name[32];

    snprintf(path, sizeof(path), "/proc/%d/comm", getppid());
    return text_line(path, name, sizeof(name)) &&
           (strcmp(name, "libvirtd") == 0 || strcmp(name, "virtqemud") == 0);
}

/* The kernel does not record when a tap was made, so this uses the time when it was first announced (usually
 * by udev, at once): the tap is at least that old. */
static bool is_old(const struct link *tap)
{
    char path[sizeof("/sys/class/net/") + IFNAMSIZ];
    struct stat st;

    snprintf(path, sizeof(path), "/sys/class/net/%s", tap->name);
    return stat(path, &st) == 0 && time(NULL) - st.st_mtime >= AGE_MIN;
}

struct orphan {
    struct link tap;
    struct claim_alias alias;
};

/* Checks everything except whether its domain is running. */
static bool may_be_orphan(const struct link *tap, struct claim_alias *alias)
{
    struct claim claim;

    return claim_is_unused(tap, &claim, alias) && alias->domain[0] && claim.uid == getuid() && is_old(tap);
}

/* The helper checks again that it is still this tap, and whether somebody holds it. */
static int remove_tap(const struct orphan *orphan, struct error *why)
{
    char name[sizeof("--name=") + IFNAMSIZ], domain[sizeof("--domain=") + CLAIM_DOMAIN_SIZE], ifindex[32],
        claim[sizeof("--claim=") + LINK_ALTNAME_SIZE];

    snprintf(name, sizeof(name), "--name=%s", orphan->tap.name);
    snprintf(ifindex, sizeof(ifindex), "--ifindex=%d", orphan->tap.ifindex);
    snprintf(claim, sizeof(claim), "--claim=%s", orphan->tap.altname);
    snprintf(domain, sizeof(domain), "--domain=%s", orphan->alias.domain);
    return hook_call_helper((const char *[]){"delete", name, ifindex, claim, domain, NULL}, why);
}

/* Goes on after a failure, whose first reason it returns. */
static int remove_orphans(const struct links *taps, struct error *why)
{
    _cleanup_free_ struct orphan *orphans = calloc(taps->count + 1, sizeof(*orphans));
    _cleanup_free_ struct domain_query *asked = calloc(taps->count + 1, sizeof(*asked));
    size_t found = 0;
    int err = 0;

    if (!orphans || !asked)
        return error_set(why, "no memory");
    for (size_t i = 0; i < taps->count; i++) {
        orphans[found].tap = taps->list[i];
        if (!may_be_orphan(&taps->list[i], &orphans[found].alias))
            continue;
        asked[found] = (struct domain_query){.uid = getuid(), .domain = orphans[found].alias.domain};
        found++;
    }
    domains_ask(asked, found);
    for (size_t i = 0; i < found; i++) {
        struct error failed = {0};
        if (asked[i].runs || remove_tap(&orphans[i], &failed) == 0)
            continue;
        if (!err)
            *why = failed;
        err = -1;
    }
    return err;
}

static int start(const char *text, size_t size, struct error *why)
{
    _cleanup_links_ struct links taps = {.list = NULL};
    _cleanup_rtnl_ struct rtnl nl = {.buffer = NULL};

    (void)text, (void)size;
    if (!called_by_qemus_daemon())
        return 0;
    int err = rtnl_open(&nl);
    if (!err)
        err = links_read(&nl, "tun", &taps);
    if (err)
        return error_set(why, "cannot list the interfaces of this host: %s", strerror(-err));
    const int removed = remove_orphans(&taps, why);
    struct error unrepaired = {0};
    if (hook_repair(NULL, &unrepaired) == 0)
        return removed;
    if (!removed)
        *why = unrepaired;
    return -1;
}

static int stamp(const char *daemon, struct error *why)
{
    char path[HOOKS_PATH_SIZE];

    hooks_stamp_path(path, daemon);
    const int err = state_folder_make();
    if (err)
        return error_set(why, "cannot make " STATE_FOLDER ": %s", strerror(-err));
    const _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd < 0 || futimens(fd, NULL) < 0)
        return error_set(why, "cannot write %s: %s", path, strerror(errno));
    return 0;
}

/* Session daemons also look for hooks again, but are not recorded: the file is about the system's daemons. */
static int reload(const char *text, size_t size, struct error *why)
{
    struct hooks_daemon daemons[HOOKS_DAEMONS_MAX];
    const size_t count = getuid() == 0 ? hooks_daemons(daemons) : 0;

    (void)text, (void)size;
    for (size_t i = 0; i < count; i++)
        if (daemons[i].pid == getppid())
            return stamp(daemons[i].name, why);
    return 0;
}

int main(int argc, char *argv[])
{
    static const struct hook_event events[] = {{"start", start, false}, {"reload", reload, false}};

    return hook_run(events, sizeof(events) / sizeof(events[0]), argc, argv);
}
