/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rtnl.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

enum {
    ANSWER_SIZE =
        8192, /* an acknowledgement, with the kernel's words and, of kernels before 4.3, our request */
    DUMP_SIZE = 65536, /* more than the kernel puts in one piece of a dump (32 KiB), or one link (with its
                          many functions) */
};

struct talk {
    struct rtnl *nl;
    int (*each)(void *arg, struct nl_msg *answer); /* NULL: no answer is wanted */
    void *arg;
    int error; /* -errno of the kernel, or what each() said */
    bool done;
    bool changed; /* while it was dumped */
};

/* libnl turns errno into its own, coarser numbers; only its failures on our side of the socket come here. */
static int nle_to_errno(int nle)
{
    switch (-nle) {
    case NLE_NOMEM:
        return -ENOMEM;
    case NLE_NOACCESS:
    case NLE_PERM:
        return -EPERM;
    case NLE_AGAIN:
        return -EAGAIN;
    case NLE_AF_NOSUPPORT:
        return -EAFNOSUPPORT;
    default:
        return -EIO;
    }
}

int rtnl_open(struct rtnl *nl)
{
    const int on = 1;

    *nl = (struct rtnl){.sock = nl_socket_alloc()};
    if (!nl->sock)
        return -ENOMEM;
    const int err = nl_connect(nl->sock, NETLINK_ROUTE);
    if (err < 0) {
        rtnl_close(nl);
        return nle_to_errno(err);
    }
    /* Both only make answers shorter or clearer: a kernel without them is still usable. */
    setsockopt(nl_socket_get_fd(nl->sock), SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
    setsockopt(nl_socket_get_fd(nl->sock), SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
    /* One recvmsg per answer instead of a peek for its size and then the read. */
    nl_socket_disable_msg_peek(nl->sock);
    return 0;
}

void rtnl_close(struct rtnl *nl)
{
    nl_socket_free(nl->sock);
    nl->sock = NULL;
}

struct nl_msg *rtnl_link_message(int type, int nlm_flags, int ifindex, unsigned int flags)
{
    const struct ifinfomsg info = {.ifi_index = ifindex, .ifi_flags = flags, .ifi_change = flags};
    struct nl_msg *msg = nlmsg_alloc_simple(type, NLM_F_REQUEST | NLM_F_ACK | nlm_flags);

    if (msg && nlmsg_append(msg, (void *)(uintptr_t)&info, sizeof(info), NLMSG_ALIGNTO) < 0) {
        nlmsg_free(msg);
        return NULL;
    }
    return msg;
}

static int on_ack(struct nl_msg *msg, void *arg)
{
    struct talk *talk = arg;
    (void)msg;
    talk->done = true;
    return NL_STOP;
}

/* The words of an extended ack are attributes behind struct nlmsgerr (linux/netlink.h, NLMSGERR_ATTR_MSG);
 * the request's payload stands between when NETLINK_CAP_ACK did not cut it off. */
static int on_error(struct sockaddr_nl *from, struct nlmsgerr *answer, void *arg)
{
    struct talk *talk = arg;
    struct nlmsghdr *header = (struct nlmsghdr *)((char *)answer - NLMSG_HDRLEN);
    (void)from;

    talk->error = answer->error;
    talk->done = true;
    if (!(header->nlmsg_flags & NLM_F_ACK_TLVS))
        return NL_STOP;
    size_t skip = sizeof(*answer);
    if (!(header->nlmsg_flags & NLM_F_CAPPED))
        skip += (size_t)nlmsg_datalen(&answer->msg);
    if (header->nlmsg_len < NLMSG_HDRLEN + NLMSG_ALIGN(skip))
        return NL_STOP;
    struct nlattr *words =
        nla_find((struct nlattr *)((char *)answer + NLMSG_ALIGN(skip)),
                 (int)(header->nlmsg_len - NLMSG_HDRLEN - NLMSG_ALIGN(skip)), NLMSGERR_ATTR_MSG);
    if (words)
        nla_strlcpy(talk->nl->reason, words, sizeof(talk->nl->reason));
    return NL_STOP;
}

static int on_message(struct nl_msg *msg, void *arg)
{
    struct talk *talk = arg;

    talk->changed = talk->changed || nlmsg_hdr(msg)->nlmsg_flags & NLM_F_DUMP_INTR;
    if (talk->each && !talk->error)
        talk->error = talk->each(talk->arg, msg);
    return NL_OK;
}

static int receive(struct nl_cb *cb, struct talk *talk)
{
    nl_cb_set(cb, NL_CB_ACK, NL_CB_CUSTOM, on_ack, talk);
    nl_cb_set(cb, NL_CB_FINISH, NL_CB_CUSTOM, on_ack, talk);
    nl_cb_set(cb, NL_CB_VALID, NL_CB_CUSTOM, on_message, talk);
    nl_cb_err(cb, NL_CB_CUSTOM, on_error, talk);
    while (!talk->done) {
        const int err = nl_recvmsgs(talk->nl->sock, cb); /* checks the sequence number */
        if (err == -NLE_DUMP_INTR)
            talk->changed = true;
        else if (err < 0 && !talk->done)
            return nle_to_errno(err);
    }
    return talk->error ? talk->error : talk->changed ? -EAGAIN : 0;
}

int rtnl_ask(struct rtnl *nl, struct nl_msg *msg, int (*each)(void *arg, struct nl_msg *answer), void *arg)
{
    struct talk talk = {.nl = nl, .each = each, .arg = arg};

    nl->reason[0] = '\0';
    if (!msg)
        return -ENOMEM;
    nl_socket_set_msg_buf_size(nl->sock, each ? DUMP_SIZE : ANSWER_SIZE);
    int err = nl_send_auto(nl->sock, msg);
    nlmsg_free(msg);
    if (err < 0)
        return nle_to_errno(err);
    struct nl_cb *cb = nl_cb_alloc(NL_CB_DEFAULT);
    if (!cb)
        return -ENOMEM;
    err = receive(cb, &talk);
    nl_cb_put(cb);
    return err;
}

int rtnl_talk(struct rtnl *nl, struct nl_msg *msg)
{
    return rtnl_ask(nl, msg, NULL, NULL);
}
