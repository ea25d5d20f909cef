/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "tapdelete.h"

#include "link.h"
#include "rtnl.h"

#include <errno.h>
#include <string.h>
#include <time.h>

static int look_again(struct rtnl *nl, const struct link *seen, struct link *now)
{
    const int err = link_get(nl, seen->ifindex, now);

    if (err)
        return err;
    if (!now->is_tun || strcmp(now->name, seen->name) != 0 || strcmp(now->altname, seen->altname) != 0 ||
        strcmp(now->alias, seen->alias) != 0)
        return -ESTALE;
    return 0;
}

/* Checks whether fd is the only queue. If so, leaves the device owned by root, otherwise by its owner. */
static int keep_others_out(struct rtnl *nl, int fd, const struct link *seen)
{
    struct link now = {.ifindex = 0};
    int err = look_again(nl, seen, &now);

    if (err)
        return err;
    const uid_t owner = now.tun.owner;
    if (owner != UINT32_MAX) /* otherwise there is no way to unset it again */
        err = tap_set_owner(fd, 0);
    if (!err)
        err = look_again(nl, seen, &now);
    if (!err && now.tun.queues != 1)
        err = -EBUSY;
    if (err && owner != UINT32_MAX)
        tap_set_owner(fd, owner);
    return err;
}

/* Attaches by name, since the kernel offers nothing else: if the name no longer refers to the same device, fd
 * is attached to another, or to a new one, which goes away when fd is closed. */
static int attach(struct rtnl *nl, int fd, const struct link *seen)
{
    struct link now = {.ifindex = 0};
    const int err = look_again(nl, seen, &now);

    if (err)
        return err;
    if (now.tun.kind.multi_queue && now.tun.queues > 0) /* do not attach: our queue would be given frames */
        return -EBUSY;
    return tap_attach(fd, now.name, now.tun.kind);
}

/* Whether to try once more. For half a second in all, however many devices there are. */
static bool wait_a_moment(void)
{
    static unsigned int moments = 25;
    const struct timespec moment = {.tv_nsec = 20000000};

    if (moments == 0)
        return false;
    moments--;
    nanosleep(&moment, NULL);
    return true;
}

static int take(struct rtnl *nl, int fd, const struct link *seen)
{
    int err = attach(nl, fd, seen);

    while (err == -EBUSY && wait_a_moment())
        err = attach(nl, fd, seen);
    if (err || !seen->tun.kind.multi_queue)
        return err;
    return keep_others_out(nl, fd, seen);
}

int tap_delete(struct rtnl *nl, int fd, const struct link *seen)
{
    struct link now = {.ifindex = 0};
    int err = 0;

    if (fd >= 0)
        err = take(nl, fd, seen);
    if (!err)
        err = look_again(nl, seen, &now);
    if (err)
        return err;
    return link_delete(nl, seen->ifindex);
}
