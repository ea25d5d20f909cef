/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "fdb.h"

#include "base/array.h"
#include "rtnl.h"

#include <errno.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* Entries without NDA_MASTER are of a device's own filter (NTF_SELF), those of interfaces' own MACs are
 * permanent (net/bridge/br_fdb.c, fdb_to_nud). */
static int take(void *arg, struct nlmsghdr *answer)
{
    const struct ndmsg *header = nlmsg_data(answer);
    struct fdb *fdb = arg;

    if (answer->nlmsg_type != RTM_NEWNEIGH || nlmsg_datalen(answer) < (int)sizeof(*header))
        return 0;
    const struct nlattr *mac = message_attr(answer, sizeof(*header), NDA_LLADDR);
    const struct nlattr *master = message_attr(answer, sizeof(*header), NDA_MASTER);
    const struct nlattr *vlan = message_attr(answer, sizeof(*header), NDA_VLAN);
    if (header->ndm_state & NUD_PERMANENT || !mac || nla_len(mac) != 6 || !master)
        return 0;
    if (fdb->count == FDB_MAX)
        return -E2BIG;
    struct fdb_entry *list = array_grow(fdb->list, fdb->count, sizeof(*list));
    if (!list)
        return -ENOMEM;
    fdb->list = list;
    struct fdb_entry *entry = &list[fdb->count++];
    *entry = (struct fdb_entry){.bridge = (int)nla_get_u32(master),
                                .port = header->ndm_ifindex,
                                .vlan = vlan ? nla_get_u16(vlan) : 0};
    memcpy(entry->mac, nla_data(mac), sizeof(entry->mac));
    return 0;
}

static int compare_owner(const struct fdb_entry *a, const struct fdb_entry *b)
{
    if (a->bridge != b->bridge)
        return a->bridge < b->bridge ? -1 : 1;
    return memcmp(a->mac, b->mac, sizeof(a->mac));
}

static int compare(const void *one, const void *other)
{
    const struct fdb_entry *a = one, *b = other;
    const int order = compare_owner(a, b);

    if (order)
        return order;
    return a->vlan < b->vlan ? -1 : a->vlan > b->vlan;
}

int fdb_read(struct rtnl *nl, struct fdb *out)
{
    const struct ndmsg every = {.ndm_family = AF_BRIDGE};
    int err = -EAGAIN;

    *out = (struct fdb){NULL, 0};
    for (int tries = 0; tries < DUMP_TRIES && err == -EAGAIN; tries++) {
        fdb_free(out);
        err = rtnl_ask(nl, rtnl_message(RTM_GETNEIGH, NLM_F_DUMP, &every, sizeof(every)), take, out);
    }
    if (out->count)
        qsort(out->list, out->count, sizeof(*out->list), compare);
    return err;
}

void fdb_free(struct fdb *fdb)
{
    free(fdb->list);
    *fdb = (struct fdb){NULL, 0};
}

const struct fdb_entry *fdb_find(const struct fdb *fdb, int bridge, const uint8_t mac[6], size_t *count)
{
    struct fdb_entry key = {.bridge = bridge};
    size_t low = 0, high = fdb->count;

    memcpy(key.mac, mac, sizeof(key.mac));
    while (low < high) { /* the first that is not before it */
        const size_t middle = low + (high - low) / 2;
        if (compare_owner(&fdb->list[middle], &key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *count = 0;
    while (low + *count < fdb->count && compare_owner(&fdb->list[low + *count], &key) == 0)
        ++*count;
    return fdb->list ? &fdb->list[low] : NULL;
}
