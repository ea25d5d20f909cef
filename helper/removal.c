/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "removal.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "base/quote.h"
#include "grant.h"
#include "net/rtnl.h"
#include "net/tapdelete.h"
#include "policy/claim.h"
#include "request.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool is_callers(const struct link *tap, const struct request *what)
{
    struct claim claim;

    return claim_read(&claim, tap->altname) && (claim.uid == getuid() || (getuid() == 0 && !what->domain[0]));
}

static bool is_domains(const struct link *tap, const struct request *what)
{
    struct claim_alias alias;

    return !what->domain[0] ||
           (claim_read_alias(&alias, tap->alias) && strcmp(alias.domain, what->domain) == 0);
}

static int find_by_name(struct rtnl *nl, const struct request *what, struct link *tap, struct error *why)
{
    struct claim claim;
    const int err = link_find_tap(nl, what->name, tap);

    if (err == -ENODEV)
        return error_set(why, "there is no tap '%s'; `virt-tap list` shows the taps", what->name);
    if (err && err != -EMEDIUMTYPE)
        return error_set(why, "cannot look at '%s': %s; try again", what->name, strerror(-err));
    if (err || !claim_read(&claim, tap->altname))
        return error_set(
            why,
            "'%s' is not a tap made by virt-tap, so it is not deleted; `ip -d link show dev %s` shows what it is",
            what->name, quote(what->name).text);
    if (!is_callers(tap, what) && getuid() == 0)
        return error_set(
            why,
            "tap '%s' belongs to uid %u; --domain selects only uid 0's own taps, because another user's "
            "domain can have the same UUID; omit --domain to delete it",
            what->name, claim.uid);
    if (!is_callers(tap, what))
        return error_set(
            why, "tap '%s' belongs to uid %u, and this is uid %u; only its owner and root may delete it",
            what->name, claim.uid, getuid());
    if (claim_alias_is_later(tap->alias))
        return error_set(why,
                         "tap '%s' was made by a later virt-tap, so it is not deleted; use that one, or, as "
                         "root: ip link delete dev %s",
                         what->name, quote(what->name).text);
    if ((what->ifindex && tap->ifindex != what->ifindex) ||
        (what->claim && strcmp(tap->altname, what->claim) != 0))
        return error_set(
            why,
            "tap '%s' is now interface %d with claim %s, not the one requested, so it is not deleted; "
            "`virt-tap list` shows it",
            tap->name, tap->ifindex, tap->altname);
    if (!is_domains(tap, what))
        return error_set(why, "tap '%s' was not made for domain %s; its alias is: %s", what->name,
                         what->domain, tap->alias[0] ? tap->alias : "none");
    return 0;
}

static int find_all(struct rtnl *nl, const struct request *what, struct links *taps, struct error *why)
{
    const int err = links_read(nl, "tun", taps);
    size_t found = 0;

    if (err)
        return error_set(why, "cannot list the taps of this host: %s; try again", strerror(-err));
    for (size_t i = 0; i < taps->count; i++)
        if (is_callers(&taps->list[i], what) && is_domains(&taps->list[i], what))
            taps->list[found++] = taps->list[i];
    taps->count = found;
    return 0;
}

int removal_find(const struct request *what, struct links *taps, struct error *why)
{
    _cleanup_rtnl_ struct rtnl nl = {.buffer = NULL};
    const int err = rtnl_open(&nl);

    *taps = (struct links){.list = NULL};
    if (err)
        return error_set(why, "cannot open an rtnetlink socket: %s", strerror(-err));
    if (!what->name)
        return find_all(&nl, what, taps, why);
    taps->list = malloc(sizeof(*taps->list));
    if (!taps->list)
        return error_set(why, "no memory");
    taps->count = 1;
    return find_by_name(&nl, what, taps->list, why);
}

int removal_delete(struct rtnl *nl, const struct link *tap, bool force, struct error *why)
{
    _cleanup_close_ int fd = -1;

    if (!force && (fd = grant_open_device(why)) < 0)
        return -1;
    const int err = tap_delete(nl, fd, tap);
    if (!err || err == -ENODEV) /* somebody else deleted it */
        return 0;
    if (err == -EBUSY)
        return error_set(why, "tap '%s' is in use: somebody holds it; end the guest first, or use --force",
                         tap->name);
    if (err == -ESTALE)
        return error_set(why, "tap '%s' has just been replaced or changed, so it is not deleted; try again",
                         tap->name);
    return error_set(why, "cannot delete tap '%s': %s; it may have changed meanwhile: try again", tap->name,
                     rtnl_problem(nl, err));
}
