/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * virt-tap gc: taps that were left behind. It looks twice, for a guest that starts has its taps for a moment
 * before it holds them. */
#include "helper/claim.h"
#include "helper/number.h"
#include "helper/refusal.h"
#include "helper/removal.h"
#include "helper_call.h"
#include "host/running.h"
#include "net/rtnl.h"
#include "net/taps.h"
#include "verbs.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char gc_options[] =
    "Removed is what nobody holds and whose libvirt domain does not run, and what a helper that was stopped\n"
    "midway left half made. Ordinary users remove their own, root everybody's.\n"
    "\n"
    "  --all           also what nobody holds and is for no domain, as `virt-tap tap create` makes it\n"
    "  --dry-run       only say what would be removed\n"
    "  --wait=SECONDS  between the two looks (10)\n";

struct gc {
    bool all, dry_run;
    unsigned int wait; /* seconds */
    const char *name;  /* for messages */
};

struct taps {
    struct tap_state *list;
    size_t count;
};

enum verdict { KEEP, HALF_MADE, UNUSED, DOMAIN_GONE };

/* What the helper makes is not persistent before all is done, and nobody has it by then. */
static bool is_half_made(const struct tap_state *tap)
{
    return !tap->kind.tun && strncmp(tap->name, "vt-", 3) == 0 && !tap->persist && !tap->up && !tap->master &&
           tap->owner != UINT32_MAX;
}

static enum verdict judge_tap(const struct tap_state *tap, const struct gc *gc)
{
    struct claim claim;
    struct claim_alias alias;
    const bool claimed = claim_read(&claim, tap->altname);

    if (getuid() != 0 && (!claimed || claim.uid != getuid()))
        return KEEP;
    if (is_half_made(tap))
        return HALF_MADE;
    if (!claimed || !claim_read_alias(&alias, tap->alias) || !tap->persist ||
        (tap->kind.multi_queue ? tap->queues > 0 : tap->carrier))
        return KEEP;
    if (!alias.domain[0])
        return gc->all ? UNUSED : KEEP;
    return running_domain(claim.uid, alias.domain) ? KEEP : DOMAIN_GONE;
}

static int look(struct taps *out, const struct gc *gc)
{
    struct rtnl nl;
    size_t kept = 0;
    int err = rtnl_open(&nl);

    *out = (struct taps){NULL, 0};
    if (!err)
        err = taps_list(&nl, CLAIM_PREFIX, &out->list, &out->count);
    rtnl_close(&nl);
    if (err)
        return complain(-1, gc->name, "cannot list the interfaces of this host: %s", strerror(-err));
    for (size_t i = 0; i < out->count; i++)
        if (judge_tap(&out->list[i], gc) != KEEP)
            out->list[kept++] = out->list[i];
    out->count = kept;
    return 0;
}

/* Without a claim the helper leaves it alone; root can do it alone. */
static int remove_unclaimed(const struct tap_state *tap, struct refusal *why)
{
    const struct removal what = {.name = tap->name, .domain = "", .uid = 0, .force = true};
    struct rtnl nl;
    const int err = rtnl_open(&nl);
    const int result = err ? refuse(why, "%s", strerror(-err)) : removal_delete(&nl, tap, &what, why);

    rtnl_close(&nl);
    return result;
}

static int remove_tap(const struct tap_state *tap, enum verdict verdict, const struct gc *gc)
{
    static const char *const reasons[] = {[HALF_MADE] = "half made",
                                          [UNUSED] = "nobody holds it",
                                          [DOMAIN_GONE] = "nobody holds it, and its domain does not run"};
    struct refusal why = {""};
    char name[64];

    if (!gc->dry_run && !tap->altname[0] && remove_unclaimed(tap, &why) < 0)
        return complain(1, gc->name, "%s", why.text);
    snprintf(name, sizeof(name), "--name=%s", tap->name);
    if (!gc->dry_run && tap->altname[0] &&
        helper_call(gc->name,
                    (const char *[]){"delete", name, verdict == HALF_MADE ? "--force" : NULL, NULL}) != 0)
        return 1; /* it has said why */
    printf("%s: %s: %s\n", tap->name, gc->dry_run ? "would be removed" : "removed", reasons[verdict]);
    return 0;
}

static int collect(const struct gc *gc)
{
    struct taps first, second = {NULL, 0};
    int status = look(&first, gc) < 0;

    if (first.count)
        sleep(gc->wait);
    if (first.count && look(&second, gc) < 0)
        status = 1;
    for (size_t i = 0; i < second.count; i++)
        for (size_t j = 0; j < first.count; j++)
            if (second.list[i].ifindex == first.list[j].ifindex &&
                remove_tap(&second.list[i], judge_tap(&second.list[i], gc), gc) != 0)
                status = 1;
    free(first.list);
    free(second.list);
    return finish_output(status, gc->name);
}

int gc_run(int argc, char *argv[])
{
    static const struct option options[] = {{"all", no_argument, NULL, 'a'},
                                            {"dry-run", no_argument, NULL, 'n'},
                                            {"wait", required_argument, NULL, 'w'},
                                            {NULL, 0, NULL, 0}};
    struct gc gc = {.wait = 10, .name = argv[0]};
    unsigned long wait = 0;
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == '?')
            return 2;
        gc.all = gc.all || option == 'a';
        gc.dry_run = gc.dry_run || option == 'n';
        if (option == 'w' && !number_parse(optarg, 0, 3600, &wait))
            return complain(2, argv[0], "--wait takes seconds, 0 to 3600, not '%.64s'", optarg);
        if (option == 'w')
            gc.wait = (unsigned int)wait;
    }
    if (optind < argc)
        return complain(2, argv[0], "takes no argument '%.64s'; see %s --help", argv[optind], argv[0]);
    return collect(&gc);
}
