/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * The hook of libvirt's daemons. When the one that runs QEMU starts, taps go that were left behind by a start
 * or an end which the daemon before did not live to see. It has begun nothing yet (src/remote/
 * remote_daemon.c: the hook is called before the drivers are), but another one of the same user may have, so
 * that a tap must be a minute old. `virt-tap gc` looks twice instead, and at all of them. */
#include "base/cleanup.h"
#include "base/text.h"
#include "hook.h"
#include "host/domains.h"
#include "net/rtnl.h"
#include "policy/claim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { AGE_MIN = 60 /* seconds */ };

/* Every daemon of libvirt's runs this hook. */
static bool called_by_qemus_daemon(void)
{
    char path[32], name[32];

    snprintf(path, sizeof(path), "/proc/%d/comm", getppid());
    return text_line(path, name, sizeof(name)) &&
           (strcmp(name, "libvirtd") == 0 || strcmp(name, "virtqemud") == 0);
}

/* By when the kernel first showed it to anybody (udev, as a rule, at once), since it does not tell when it
 * was made: it is at least as old as that. */
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

/* All but whether its domain runs. */
static bool may_be_orphan(const struct link *tap, struct claim_alias *alias)
{
    struct claim claim;

    return claim_is_unused(tap, &claim, alias) && alias->domain[0] && claim.uid == getuid() && is_old(tap);
}

/* The helper looks again whether it still is that tap, and finds out whether somebody holds it. */
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
    for (size_t i = 0; i < found && !err; i++) /* libvirtd waits: not for each of many, if one cannot go */
        if (!asked[i].runs)
            err = remove_tap(&orphans[i], why);
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
    return remove_orphans(&taps, why);
}

int main(int argc, char *argv[])
{
    static const struct hook_event events[] = {{"start", start, false}};

    return hook_run(events, 1, argc, argv);
}
