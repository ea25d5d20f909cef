/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "newtap.h"

#include "config.h"
#include "link.h"
#include "rtnl.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

/* Uses the maximum length, so that nobody can guess the name in time. */
static int random_name(char name[IFNAMSIZ])
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz234567";
    unsigned char bytes[IFNAMSIZ - sizeof(TAP_PREFIX)];

    if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
        return -EIO;
    char *end = stpcpy(name, TAP_PREFIX);
    for (size_t i = 0; i < sizeof(bytes); i++)
        *end++ = letters[bytes[i] % 32];
    *end = '\0';
    return 0;
}

/* Checks that nobody but us is attached, and that nobody can attach any more, from a single snapshot. Returns
 * 0; -EAGAIN: somebody else has touched it; or -EPERM: somebody took ownership after it was given away, which
 * is no accident, so there is no retry. */
static int check_alone(const struct link *tap, const gid_t *group)
{
    uint32_t owner = 0, of_group = UINT32_MAX;

    if (group) {
        owner = UINT32_MAX;
        of_group = *group;
    }
    if (tap->tun.owner != owner)
        return -EPERM;
    if (tap->tun.queues != 1 || tap->tun.group != of_group || tap->tun.persist)
        return -EAGAIN;
    return 0;
}

static int create_alone(struct rtnl *nl, int fd, struct tap_kind kind, const gid_t *group)
{
    struct link tap = {.ifindex = 0};
    char name[IFNAMSIZ];
    int err = random_name(name);

    if (!err)
        err = tap_create(fd, name, kind);
    if (err == -EBUSY) /* the random name is taken, which says nothing about the requested one */
        return -EAGAIN;
    if (err)
        return err;
    if (group)
        err = tap_set_group(fd, *group);
    else
        err = tap_set_owner(fd, 0);
    if (!err)
        err = link_find(nl, name, &tap);
    if (!err)
        err = check_alone(&tap, group);
    if (!err)
        return tap.ifindex;
    const int ifindex = tap.ifindex ? tap.ifindex : link_index(nl, name);
    if (ifindex > 0)
        link_delete(nl, ifindex); /* merely closing it would leave it to others who hold it */
    return err;
}

static int create_multi_queue(struct rtnl *nl, int *fd, const char *name, struct tap_kind kind,
                              const gid_t *group)
{
    int ifindex = create_alone(nl, *fd, kind, group);

    for (int tries = 1; ifindex == -EAGAIN && tries < NEWTAP_TRIES; tries++) {
        close(*fd); /* its device was deleted */
        *fd = tap_open();
        ifindex = *fd < 0 ? *fd : create_alone(nl, *fd, kind, group);
    }
    if (ifindex < 0)
        return ifindex;
    tap_forget_settings(*fd, kind); /* set by somebody who attached and left before it had an owner */
    const int err = link_rename(nl, ifindex, name);
    if (!err)
        return ifindex;
    link_delete(nl, ifindex);
    return err;
}

int newtap_create(struct rtnl *nl, int *fd, const char *name, struct tap_kind kind, const gid_t *group)
{
    if (kind.multi_queue)
        return create_multi_queue(nl, fd, name, kind, group);
    const int err = tap_create(*fd, name, kind);
    if (err)
        return err;
    return link_index(nl, name);
}
