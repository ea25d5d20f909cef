/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "messages.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void messages_free(struct messages *all)
{
    for (size_t i = 0; i < all->count; i++)
        free(all->list[i]);
    free(all->list);
    *all = (struct messages){.count = 0};
}

int messages_add(struct messages *all, const struct nlmsghdr *msg)
{
    struct nlmsghdr **list = reallocarray(all->list, all->count + 1, sizeof(struct nlmsghdr *));

    if (!list)
        return -ENOMEM;
    all->list = list;
    list[all->count] = calloc(1, NLMSG_ALIGN(msg->nlmsg_len));
    if (!list[all->count])
        return -ENOMEM;
    memcpy(list[all->count++], msg, msg->nlmsg_len);
    return 0;
}

static int keep(void *all, struct nlmsghdr *answer)
{
    return messages_add(all, answer);
}

int rtnl_dump(struct rtnl *nl, int type, const void *header, size_t size, struct messages *all)
{
    const size_t before = all->count;
    int err = -EAGAIN;

    for (int tries = 0; err == -EAGAIN && tries < DUMP_TRIES; tries++) {
        while (all->count > before) /* from an inconsistent dump */
            free(all->list[--all->count]);
        err = rtnl_ask(nl, rtnl_message(type, NLM_F_DUMP, header, size), keep, all);
    }
    return err;
}
