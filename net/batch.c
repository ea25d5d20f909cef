/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "batch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum {
    /* Errors wait in our receive buffer until the whole chunk is processed, each charged 1 to 2 KiB of it. */
    CHUNK_SIZE = 8192,
    RECEIVE_ROOM = 4 * 1024 * 1024,
};

void batch_free(struct batch *batch)
{
    messages_free(&batch->requests);
    free(batch->tolerated);
    *batch = (struct batch){.error = 0};
}

void batch_add(struct batch *batch, const struct nlmsghdr *msg, int type, int flags, int tolerated)
{
    const size_t place = batch->requests.count;
    int *more = reallocarray(batch->tolerated, place + 1, sizeof(*more));

    if (more)
        batch->tolerated = more;
    if (!more || messages_add(&batch->requests, msg) < 0) {
        batch->error = -ENOMEM;
        return;
    }
    more[place] = tolerated;
    struct nlmsghdr *request = batch->requests.list[place];
    request->nlmsg_type = (uint16_t)type;
    request->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
    request->nlmsg_pid = 0;
}

void batch_take(struct batch *batch, struct nl_msg *msg, int tolerated)
{
    if (msg)
        batch_add(batch, nlmsg_hdr(msg), nlmsg_hdr(msg)->nlmsg_type, nlmsg_hdr(msg)->nlmsg_flags & ~NLM_F_ACK,
                  tolerated);
    else
        batch->error = -ENOMEM;
    nlmsg_free(msg);
}

int batch_send(struct rtnl *nl, const struct batch *batch, size_t *failed)
{
    _Alignas(struct nlmsghdr) char chunk[CHUNK_SIZE];
    const size_t count = batch->requests.count;
    const int room = RECEIVE_ROOM;
    int error = 0;

    nl->reason[0] = '\0';
    setsockopt(nl->fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
    for (size_t begin = 0, end = 0; begin < count && !batch->error; begin = end) {
        struct rtnl_exchange x = {
            .nl = nl, .error = error, .tolerated = batch->tolerated + begin, .first = nl->sequence + 1};
        size_t used = 0, length = 0;
        for (; end < count; end++, used += length) {
            struct nlmsghdr *request = batch->requests.list[end];
            if (used + NLMSG_ALIGN(request->nlmsg_len) > sizeof(chunk))
                break;
            length = NLMSG_ALIGN(request->nlmsg_len);
            request->nlmsg_seq = ++nl->sequence;
            memcpy(chunk + used, request, length);
        }
        if (end == begin)
            return -EMSGSIZE;
        /* Only the last request is acknowledged; errors are reported for all of them. */
        ((struct nlmsghdr *)(void *)(chunk + used - length))->nlmsg_flags |= NLM_F_ACK;
        x.last = nl->sequence;
        const int err = rtnl_exchange(&x, chunk, used);
        if (err)
            return err;
        if (failed && x.failed)
            *failed = begin + x.failed - x.first;
        error = x.error;
    }
    if (batch->error)
        return batch->error;
    return error;
}
