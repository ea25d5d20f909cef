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
    ANSWER_SIZE = 8192
}; /* an acknowledgement, with the kernel's words and, of kernels before 4.3, our request */

struct talk {
    struct rtnl *nl;
    int error; /* -errno of the kernel */
    bool done;
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
    nl_socket_set_msg_buf_size(nl->sock, ANSWER_SIZE);
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

static int receive(struct rtnl *nl, struct nl_cb *cb, struct talk *talk)
{
    nl_cb_set(cb, NL_CB_ACK, NL_CB_CUSTOM, on_ack, talk);
    nl_cb_err(cb, NL_CB_CUSTOM, on_error, talk);
    while (!talk->done) {
        const int err = nl_recvmsgs(nl->sock, cb); /* checks the sequence number */
        if (err < 0 && !talk->done)
            return nle_to_errno(err);
    }
    return talk->error;
}

int rtnl_talk(struct rtnl *nl, struct nl_msg *msg)
{
    struct talk talk = {.nl = nl};

    nl->reason[0] = '\0';
    if (!msg)
        return -ENOMEM;
    int err = nl_send_auto(nl->sock, msg);
    nlmsg_free(msg);
    if (err < 0)
        return nle_to_errno(err);
    struct nl_cb *cb = nl_cb_alloc(NL_CB_DEFAULT);
    if (!cb)
        return -ENOMEM;
    err = receive(nl, cb, &talk);
    nl_cb_put(cb);
    return err;
}
