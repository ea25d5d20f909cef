/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "rtnl.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* more than one part of a dump (32 KiB), or one link with all its functions */
enum { ANSWER_SIZE = 65536 };

int rtnl_open(struct rtnl *nl)
{
    const int on = 1;

    *nl = (struct rtnl){.fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE)};
    if (nl->fd < 0)
        return -errno;
    nl->buffer = malloc(ANSWER_SIZE);
    if (!nl->buffer) {
        close(nl->fd);
        return -ENOMEM;
    }
    /* Both only make answers shorter or clearer: a kernel without them can still be used. */
    setsockopt(nl->fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
    setsockopt(nl->fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
    return 0;
}

void rtnl_close(struct rtnl *nl)
{
    if (nl->buffer)
        close(nl->fd);
    free(nl->buffer);
    nl->buffer = NULL;
}

const char *rtnl_problem(const struct rtnl *nl, int err)
{
    if (nl->reason[0])
        return nl->reason;
    return strerror(-err);
}

struct nl_msg *rtnl_message(int type, int nlm_flags, const void *header, size_t size)
{
    struct nl_msg *msg = nlmsg_alloc_simple(type, NLM_F_REQUEST | NLM_F_ACK | nlm_flags);

    if (msg && nlmsg_append(msg, (void *)(uintptr_t)header, size, NLMSG_ALIGNTO) < 0) {
        nlmsg_free(msg);
        return NULL;
    }
    return msg;
}

struct nl_msg *rtnl_link_message(int type, int nlm_flags, int ifindex, unsigned int flags)
{
    const struct ifinfomsg info = {.ifi_index = ifindex, .ifi_flags = flags, .ifi_change = flags};

    return rtnl_message(type, nlm_flags, &info, sizeof(info));
}

struct nl_msg *rtnl_put(struct nl_msg *msg, int type, const void *data, size_t size)
{
    if (msg && nla_put(msg, type, (int)size, data) < 0) {
        nlmsg_free(msg);
        return NULL;
    }
    return msg;
}

struct nl_msg *rtnl_put_text(struct nl_msg *msg, int type, const char *text)
{
    return rtnl_put(msg, type, text, strlen(text) + 1);
}

struct nl_msg *rtnl_put_u32(struct nl_msg *msg, int type, uint32_t value)
{
    return rtnl_put(msg, type, &value, sizeof(value));
}

struct nl_msg *rtnl_put_u8(struct nl_msg *msg, int type, uint8_t value)
{
    return rtnl_put(msg, type, &value, sizeof(value));
}

struct nlattr *rtnl_nest(struct nl_msg *msg, int type)
{
    if (!msg)
        return NULL;
    return nla_nest_start(msg, type);
}

void rtnl_nest_end(struct nl_msg *msg, struct nlattr *nest)
{
    if (msg && nest)
        nla_nest_end(msg, nest);
}

struct nlattr *message_attr(const struct nlmsghdr *msg, size_t header, int type)
{
    return nlmsg_find_attr((struct nlmsghdr *)(uintptr_t)msg, (int)header, type);
}

/* The attributes of an extended ack come after struct nlmsgerr (linux/netlink.h, NLMSGERR_ATTR_MSG), with the
 * request's payload in between unless NETLINK_CAP_ACK removed it. */
static void take_reason(struct rtnl *nl, const struct nlmsghdr *answer)
{
    const struct nlmsgerr *error = nlmsg_data(answer);
    size_t skip = sizeof(*error);

    if (!(answer->nlmsg_flags & NLM_F_ACK_TLVS))
        return;
    if (!(answer->nlmsg_flags & NLM_F_CAPPED))
        skip += (size_t)nlmsg_datalen(&error->msg);
    const struct nlattr *words = message_attr(answer, NLMSG_ALIGN(skip), NLMSGERR_ATTR_MSG);
    if (words)
        nla_strlcpy(nl->reason, words, sizeof(nl->reason));
}

static void take_error(struct rtnl_exchange *x, const struct nlmsghdr *answer)
{
    int error = 0;

    if (nlmsg_datalen(answer) >= (int)sizeof(error))
        memcpy(&error, nlmsg_data(answer), sizeof(error));
    if (answer->nlmsg_seq == x->last)
        x->done = true;
    if (error >= 0 || x->error)
        return;
    if (x->tolerated && x->tolerated[answer->nlmsg_seq - x->first] == -error)
        return;
    x->error = error;
    x->failed = answer->nlmsg_seq;
    if (answer->nlmsg_type == NLMSG_ERROR && nlmsg_datalen(answer) >= (int)sizeof(struct nlmsgerr))
        take_reason(x->nl, answer);
}

static void take_answer(struct rtnl_exchange *x, struct nlmsghdr *answer)
{
    if (answer->nlmsg_seq - x->first > x->last - x->first)
        return; /* to a request that was given up */
    if (answer->nlmsg_flags & NLM_F_DUMP_INTR)
        x->changed = true;
    if (answer->nlmsg_type == NLMSG_ERROR || answer->nlmsg_type == NLMSG_DONE)
        take_error(x, answer);
    else if (x->each && !x->error)
        x->error = x->each(x->arg, answer);
}

int rtnl_exchange(struct rtnl_exchange *x, void *requests, size_t size)
{
    struct rtnl *nl = x->nl;
    struct iovec data = {.iov_base = requests, .iov_len = size};
    const struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1};

    if (sendmsg(nl->fd, &message, 0) < 0)
        return -errno;
    while (!x->done && x->error != -E2BIG) {
        const ssize_t got = recv(nl->fd, nl->buffer, ANSWER_SIZE, MSG_TRUNC);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got > ANSWER_SIZE)
            return -EMSGSIZE;
        int rest = (int)got;
        for (struct nlmsghdr *answer = (struct nlmsghdr *)(void *)nl->buffer; nlmsg_ok(answer, rest);
             answer = nlmsg_next(answer, &rest))
            take_answer(x, answer);
    }
    return 0;
}

int rtnl_ask(struct rtnl *nl, struct nl_msg *msg, int (*each)(void *arg, struct nlmsghdr *answer), void *arg)
{
    nl->reason[0] = '\0';
    if (!msg)
        return -ENOMEM;
    nl->sequence++;
    struct rtnl_exchange x = {
        .nl = nl, .each = each, .arg = arg, .first = nl->sequence, .last = nl->sequence};
    nlmsg_hdr(msg)->nlmsg_seq = x.last;
    const int err = rtnl_exchange(&x, nlmsg_hdr(msg), nlmsg_hdr(msg)->nlmsg_len);
    nlmsg_free(msg);
    if (err)
        return err;
    if (!x.error && x.changed)
        return -EAGAIN;
    return x.error;
}

int rtnl_talk(struct rtnl *nl, struct nl_msg *msg)
{
    return rtnl_ask(nl, msg, NULL, NULL);
}
