/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "newtap.h"

#include "config.h"
#include "link.h"
#include "rtnl.h"
#include "taps.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

/* As long as a name can be, so that nobody can guess it in time. */
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

/* Whether it is as we made it: held by us alone, of that group or root's, and gone when we are. */
static int look_alone(struct rtnl *nl, const char *name, const gid_t *group)
{
    struct tap_state state = {.queues = 0};
    const int err = taps_find(nl, "", name, &state);

    if (err)
        return err;
    const uint32_t owner = group ? UINT32_MAX : 0, of_group = group ? *group : UINT32_MAX;
    const bool alone = state.queues == 1 && state.owner == owner && state.group == of_group && !state.persist;
    return alone ? 0 : -EAGAIN;
}

/* From a fresh multi-queue tap to one of ours alone, under its own name. */
static int settle(struct rtnl *nl, int fd, int ifindex, const char *temporary, const char *name,
                  const gid_t *group)
{
    int err = group ? tap_set_group(fd, *group) : tap_set_owner(fd, 0);

    if (err)
        return err;
    err = look_alone(nl, temporary, group);
    if (err)
        return err;
    tap_forget_settings(fd); /* of whoever attached, and had left by the time we looked */
    return link_rename(nl, ifindex, name);
}

static int create_multi_queue(struct rtnl *nl, int fd, const char *name, struct tap_kind kind,
                              const gid_t *group)
{
    char temporary[IFNAMSIZ];
    int err = random_name(temporary);

    if (err)
        return err;
    err = tap_create(fd, temporary, kind);
    if (err == -EBUSY) /* the random name is taken, which says nothing about `name` */
        return -EAGAIN;
    if (err)
        return err;
    const int ifindex = link_index(nl, temporary);
    if (ifindex < 0)
        return ifindex;
    err = settle(nl, fd, ifindex, temporary, name, group);
    if (!err)
        return ifindex;
    link_delete(nl, ifindex); /* closing fd would leave it to others who hold it */
    return err;
}

int newtap_create(struct rtnl *nl, int *fd, const char *name, struct tap_kind kind, const gid_t *group)
{
    int result = -EAGAIN;

    if (!kind.multi_queue) {
        const int err = tap_create(*fd, name, kind);
        return err ? err : link_index(nl, name);
    }
    for (int tries = 0; tries < NEWTAP_TRIES && result == -EAGAIN; tries++) {
        if (tries > 0) { /* a descriptor whose device was deleted is not used again */
            close(*fd);
            *fd = tap_open();
            if (*fd < 0)
                return *fd;
        }
        result = create_multi_queue(nl, *fd, name, kind, group);
    }
    return result;
}
