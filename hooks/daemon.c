/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The hook of libvirt's daemons. When the one that runs QEMU starts, taps go that were left behind by a start
 * or an end which the daemon before did not live to see. It has begun nothing yet (src/remote/
 * remote_daemon.c: the hook is called before the drivers are), but another one of the same user may have, so
 * that a tap must be a minute old. `virt-tap gc` looks twice instead, and at all of them. */
#include "hook.h"
#include "host/running.h"
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
    char path[32], name[32] = "";
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/comm", getppid());
    file = fopen(path, "re");
    if (!file)
        return false;
    if (!fgets(name, sizeof(name), file))
        name[0] = '\0';
    fclose(file);
    return strcmp(name, "libvirtd\n") == 0 || strcmp(name, "virtqemud\n") == 0;
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

    return tap->tun.persist && claim_read(&claim, tap->altname) && claim.uid == getuid() &&
           claim_read_alias(alias, tap->alias) && alias->domain[0] && !link_is_held(tap) && is_old(tap);
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
    struct orphan *orphans = calloc(taps->count + 1, sizeof(*orphans));
    struct running *asked = calloc(taps->count + 1, sizeof(*asked));
    size_t found = 0;
    int err = orphans && asked ? 0 : error_set(why, "no memory");

    for (size_t i = 0; i < taps->count && !err; i++) {
        orphans[found].tap = taps->list[i];
        if (!may_be_orphan(&taps->list[i], &orphans[found].alias))
            continue;
        asked[found] = (struct running){.uid = getuid(), .domain = orphans[found].alias.domain};
        found++;
    }
    if (found > 0)
        running_ask(asked, found);
    for (size_t i = 0; i < found && !err; i++) /* libvirtd waits: not for each of many, if one cannot go */
        if (!asked[i].runs)
            err = remove_tap(&orphans[i], why);
    free(orphans);
    free(asked);
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
