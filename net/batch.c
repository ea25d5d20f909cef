/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "batch.h"
#include "rtnl.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum {
    ANSWER_SIZE = 65536,
    DUMP_TRIES = 5, /* before a network that changes all the time is given up */
    /* Refusals wait in our receive buffer until all of a chunk is acted on, each accounted with 1 to 2 KiB.
     */
    CHUNK_SIZE = 8192,
    ROOM = 4 * 1024 * 1024,
};

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

struct nlattr *message_attr(const struct nlmsghdr *msg, size_t header, int type)
{
    return nlmsg_find_attr((struct nlmsghdr *)(uintptr_t)msg, (int)header, type);
}

static int keep(void *all, struct nl_msg *answer)
{
    return messages_add(all, nlmsg_hdr(answer));
}

int rtnl_dump(struct rtnl *nl, int type, const void *header, size_t size, struct messages *all)
{
    const size_t before = all->count;
    int err = -EAGAIN;

    for (int tries = 0; err == -EAGAIN && tries < DUMP_TRIES; tries++) {
        struct nl_msg *msg = nlmsg_alloc_simple(type, NLM_F_REQUEST | NLM_F_DUMP);
        if (msg && nlmsg_append(msg, (void *)(uintptr_t)header, size, NLMSG_ALIGNTO) < 0) {
            nlmsg_free(msg);
            msg = NULL;
        }
        while (all->count > before) /* of a dump under which something changed */
            free(all->list[--all->count]);
        err = rtnl_ask(nl, msg, keep, all);
    }
    return err;
}

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

struct answers {
    struct rtnl *nl;
    const struct batch *batch;
    uint32_t last; /* sequence number of the chunk's last request */
    int error;
    size_t failed;
};

static void take_reason(struct rtnl *nl, const struct nlmsghdr *header)
{
    const struct nlmsgerr *answer = nlmsg_data(header);
    size_t skip = sizeof(*answer);

    if (!(header->nlmsg_flags & NLM_F_CAPPED))
        skip += (size_t)nlmsg_datalen(&answer->msg);
    struct nlattr *words = header->nlmsg_flags & NLM_F_ACK_TLVS
                               ? message_attr(header, NLMSG_ALIGN(skip), NLMSGERR_ATTR_MSG)
                               : NULL;
    if (words)
        nla_strlcpy(nl->reason, words, sizeof(nl->reason));
}

/* Returns whether this was the last answer of the chunk. */
static bool take_answer(struct answers *answers, const struct nlmsghdr *header)
{
    if (header->nlmsg_type != NLMSG_ERROR)
        return false;
    const struct nlmsgerr *answer = nlmsg_data(header);
    const size_t place = header->nlmsg_seq - 1;
    if (answer->error != 0 && place < answers->batch->requests.count && answers->error == 0 &&
        -answer->error != answers->batch->tolerated[place]) {
        answers->error = answer->error;
        answers->failed = place;
        take_reason(answers->nl, header);
    }
    return header->nlmsg_seq == answers->last;
}

static int receive_chunk(struct answers *answers)
{
    static const size_t size = ANSWER_SIZE;
    char *buffer = malloc(size);
    bool last = false;

    if (!buffer)
        return -ENOMEM;
    while (!last) {
        const ssize_t got = recv(nl_socket_get_fd(answers->nl->sock), buffer, size, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            const int err = -errno;
            free(buffer);
            return err;
        }
        int rest = (int)got;
        for (struct nlmsghdr *header = (struct nlmsghdr *)buffer; nlmsg_ok(header, rest);
             header = nlmsg_next(header, &rest))
            last = take_answer(answers, header) || last;
    }
    free(buffer);
    return 0;
}

int batch_send(struct rtnl *nl, const struct batch *batch, size_t *failed)
{
    struct answers answers = {.nl = nl, .batch = batch};
    char chunk[CHUNK_SIZE];
    const int room = ROOM;
    size_t used = 0;

    nl->reason[0] = '\0';
    setsockopt(nl_socket_get_fd(nl->sock), SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
    for (size_t i = 0; i < batch->requests.count && batch->error == 0; i++) {
        struct nlmsghdr *request = batch->requests.list[i];
        const size_t length = NLMSG_ALIGN(request->nlmsg_len);
        const bool ends = i + 1 == batch->requests.count ||
                          used + length + NLMSG_ALIGN(batch->requests.list[i + 1]->nlmsg_len) > sizeof(chunk);
        if (length > sizeof(chunk))
            return -EMSGSIZE;
        request->nlmsg_seq = (uint32_t)i + 1;
        memcpy(chunk + used, request, length);
        if (ends) /* only the last is acknowledged; refusals come for all */
            ((struct nlmsghdr *)(chunk + used))->nlmsg_flags |= NLM_F_ACK;
        used += length;
        if (!ends)
            continue;
        answers.last = request->nlmsg_seq;
        if (nl_sendto(nl->sock, chunk, used) < 0)
            return -EIO;
        const int err = receive_chunk(&answers);
        if (err < 0)
            return err;
        used = 0;
    }
    if (failed)
        *failed = answers.failed;
    return batch->error ? batch->error : answers.error;
}
