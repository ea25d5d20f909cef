/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * virt-tap gc: removes taps that were left behind. It looks twice, because a starting guest's taps exist for
 * a moment before the guest holds them. */
#include "base/cleanup.h"
#include "base/terminal.h"
#include "config.h"
#include "helper_call.h"
#include "host/domains.h"
#include "net/rtnl.h"
#include "policy/claimed.h"
#include "verbs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct gc {
    bool all, dry_run;
    unsigned int wait; /* seconds */
    const char *name;  /* for messages */
};

const struct option_entry gc_options[] = {
    OPTION_FLAG("all",
                "also taps that nobody holds and that are for no domain, as `virt-tap tap create` makes them",
                struct gc, all),
    OPTION_FLAG("dry-run", "only print what would be removed; taps that turn out to be held are kept",
                struct gc, dry_run),
    OPTION_NUMBER("wait", "SECONDS", "time between the two checks (10)", struct gc, wait, 0, 3600, 10),
    OPTION_END(struct gc),
};

const char gc_notes[] =
    "It removes taps that nobody holds and whose libvirt domain is not running: the user's own, and for root all.\n"
    "A tap that a helper is still making, or was stopped while making, is reported and left alone, and so is one\n"
    "that a later virt-tap made.\n";

enum verdict { KEEP, LATER, HALF_MADE, UNUSED, DOMAIN_GONE };

struct found {
    struct link tap;
    enum verdict verdict;
    bool has_claim;
    struct claim claim;
    struct claim_alias alias;
};

struct look {
    struct found *list;
    size_t count;
};

/* The helper makes a tap persistent last, and until then only the helper holds it. The name is
 * printed in a command. */
static bool is_half_made(const struct link *tap)
{
    return !tap->tun.kind.tun && strncmp(tap->name, TAP_PREFIX, strlen(TAP_PREFIX)) == 0 &&
           !tap->tun.persist && !(tap->flags & IFF_UP) && !tap->master && tap->tun.owner != UINT32_MAX &&
           tap->name[strspn(tap->name, IFNAME_PLAIN)] == '\0';
}

/* Decides from kernel data. Whether the domains are running is asked later, for all at once. */
static enum verdict decide(struct found *found, const struct gc *gc)
{
    const struct link *tap = &found->tap;

    if (getuid() != 0 && (!found->has_claim || found->claim.uid != getuid()))
        return KEEP;
    if (claim_alias_is_later(tap->alias))
        return LATER;
    if (is_half_made(tap))
        return HALF_MADE;
    if (!claim_is_unused(tap, &found->claim, &found->alias))
        return KEEP;
    if (found->alias.domain[0])
        return DOMAIN_GONE;
    if (gc->all)
        return UNUSED;
    return KEEP;
}

static bool was_seen(const struct look *before, const struct link *tap)
{
    for (size_t i = 0; i < before->count; i++)
        if (before->list[i].tap.ifindex == tap->ifindex &&
            strcmp(before->list[i].tap.altname, tap->altname) == 0)
            return true;
    return false;
}

/* Keeps the taps of running domains. */
static int ask_libvirt(struct look *look)
{
    _cleanup_free_ struct domain_query *asked = calloc(look->count + 1, sizeof(*asked));
    size_t count = 0, kept = 0, next = 0;

    if (!asked)
        return -ENOMEM;
    for (size_t i = 0; i < look->count; i++)
        if (look->list[i].verdict == DOMAIN_GONE)
            asked[count++] =
                (struct domain_query){.uid = look->list[i].claim.uid, .domain = look->list[i].alias.domain};
    domains_ask(asked, count);
    for (size_t i = 0; i < look->count; i++)
        if (look->list[i].verdict != DOMAIN_GONE || !asked[next++].runs)
            look->list[kept++] = look->list[i];
    look->count = kept;
    return 0;
}

/* before: only consider taps seen then; NULL: all. */
static int fill(struct look *out, const struct links *taps, const struct look *before, const struct gc *gc)
{
    out->list = calloc(taps->count + 1, sizeof(*out->list));
    if (!out->list)
        return -ENOMEM;
    for (size_t i = 0; i < taps->count; i++) {
        const struct link *tap = &taps->list[i];
        struct found *found = &out->list[out->count];
        *found = (struct found){.tap = *tap};
        found->has_claim = claim_read(&found->claim, tap->altname);
        found->verdict = decide(found, gc);
        if (found->verdict != KEEP && (!before || was_seen(before, tap)))
            out->count++;
    }
    return ask_libvirt(out);
}

static int look(struct look *out, const struct look *before, const struct gc *gc)
{
    _cleanup_rtnl_ struct rtnl nl = {.buffer = NULL};
    _cleanup_links_ struct links taps = {.list = NULL};
    int err = rtnl_open(&nl);

    *out = (struct look){NULL, 0};
    if (!err)
        err = links_read(&nl, "tun", &taps);
    if (!err)
        err = fill(out, &taps, before, gc);
    if (err)
        return complain(-1, gc->name, "cannot list the interfaces of this host: %s", strerror(-err));
    return 0;
}

/* A tap that is not persistent disappears with its maker. Until then its maker may continue at any moment and
 * hand it to a guest, so removing it takes an explicit delete by name. */
static void report_half_made(const struct found *found)
{
    const char *name = found->tap.name;

    printf("%s: left alone: half made by a helper ", name);
    if (found->has_claim)
        printf("of uid %u ", found->claim.uid);
    printf("that is still running, or was stopped; it disappears when that process ends, or with: `");
    if (found->has_claim)
        printf("virt-tap tap delete %s --force`\n", name);
    else
        printf("ip link delete %s`\n", name);
}

/* The helper checks again that it is still this tap, and whether somebody holds it. */
static int delete_tap(const struct found *found, const struct gc *gc)
{
    char name[64], ifindex[64], claim[sizeof("--claim=") + LINK_ALTNAME_SIZE];

    snprintf(name, sizeof(name), "--name=%s", found->tap.name);
    snprintf(ifindex, sizeof(ifindex), "--ifindex=%d", found->tap.ifindex);
    snprintf(claim, sizeof(claim), "--claim=%s", found->tap.altname);
    return helper_call(gc->name, (const char *[]){"virt-tap-helper", "delete", name, ifindex, claim, NULL});
}

static int collect_one(const struct found *found, const struct gc *gc)
{
    const char *reason = found->verdict == DOMAIN_GONE ? ", and its domain is not running" : "";

    if (found->verdict == LATER) {
        printf("%s: left alone: it was made by a later virt-tap than this, " VERSION "; use that one\n",
               found->tap.name);
        return 0;
    }
    if (found->verdict == HALF_MADE) {
        report_half_made(found);
        return 0;
    }
    if (gc->dry_run) {
        printf("%s: would be removed: nobody seems to hold it%s\n", found->tap.name, reason);
        return 0;
    }
    if (delete_tap(found, gc) != 0)
        return 1; /* the helper has reported why */
    printf("%s: removed: nobody holds it%s\n", found->tap.name, reason);
    return 0;
}

int gc_run(const struct call *call)
{
    struct gc *gc = call->options;
    struct look first, second = {NULL, 0};

    gc->name = call->name;
    terminal_wrap(true);
    int status = look(&first, NULL, gc) < 0;
    if (first.count > 0)
        sleep(gc->wait);
    if (first.count > 0 && look(&second, &first, gc) < 0)
        status = 1;
    for (size_t i = 0; i < second.count; i++)
        if (collect_one(&second.list[i], gc) != 0)
            status = 1;
    free(first.list);
    free(second.list);
    return finish_output(status, gc->name);
}
