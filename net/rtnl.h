/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Acknowledged rtnetlink requests. libnl builds the messages and finds their attributes. */
#pragma once

#include <linux/netlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All zeros: closed. */
struct rtnl {
    int fd;
    uint32_t sequence; /* of the last request */
    char *buffer;      /* for answers; NULL: closed */
    char reason[160];  /* the kernel's message (extended ack) for the last failure; "": it gave none */
};

#define _cleanup_rtnl_ __attribute__((cleanup(rtnl_close)))

/* Opens a socket. The kernel requires CAP_NET_ADMIN both of the sender and of the process that opened the
 * socket (net/netlink/af_netlink.c, __netlink_ns_capable), so open it with the capability effective. Returns
 * 0 or -errno; on success the caller must call rtnl_close(). */
int rtnl_open(struct rtnl *nl);
void rtnl_close(struct rtnl *nl);

/* Makes a request of that RTM_ type and with those NLM_F_ flags (NLM_F_REQUEST and NLM_F_ACK are added),
 * beginning with the family's own header (struct rtmsg and the like). NULL: no memory. */
struct nl_msg *rtnl_message(int type, int nlm_flags, const void *header, size_t size);

/* Likewise with a struct ifinfomsg for ifindex (0: none), with ifi_flags and ifi_change set to `flags`. */
struct nl_msg *rtnl_link_message(int type, int nlm_flags, int ifindex, unsigned int flags);

/* Adds one attribute. If there is no room, frees msg and returns NULL. msg may be NULL. */
struct nl_msg *rtnl_put(struct nl_msg *msg, int type, const void *data, size_t size);
struct nl_msg *rtnl_put_text(struct nl_msg *msg, int type, const char *text);
struct nl_msg *rtnl_put_u32(struct nl_msg *msg, int type, uint32_t value);
struct nl_msg *rtnl_put_u8(struct nl_msg *msg, int type, uint8_t value);

/* Start and end a nested attribute; attributes added in between go into it. msg may be NULL. */
struct nlattr *rtnl_nest(struct nl_msg *msg, int type);
void rtnl_nest_end(struct nl_msg *msg, struct nlattr *nest);

/* Sends msg and waits for the kernel's acknowledgement. Always frees msg; NULL means 'no memory'. Returns 0
 * or the kernel's -errno, with its message in nl->reason. */
int rtnl_talk(struct rtnl *nl, struct nl_msg *msg);

/* Likewise for a request that has an answer: calls each(arg, answer) for every message of the answer, single
 * or dump, until one returns nonzero. Returns that, 0, or -errno as above; -EAGAIN: the dump is inconsistent
 * because something changed, so ask again. After each() has returned -E2BIG, the rest of the answer is not
 * awaited, and the socket can only be closed. */
int rtnl_ask(struct rtnl *nl, struct nl_msg *msg, int (*each)(void *arg, struct nlmsghdr *answer), void *arg);

/* Returns why a call failed: the kernel's message, or else that of its -errno. */
const char *rtnl_problem(const struct rtnl *nl, int err);

/* Requests sent by one call; the last one asks for an acknowledgement. */
struct rtnl_exchange {
    struct rtnl *nl;
    int (*each)(void *arg, struct nlmsghdr *answer); /* NULL: no answer wanted */
    void *arg;
    const int *tolerated; /* for each request; NULL: none */
    uint32_t first, last; /* sequence numbers */
    int error;            /* the kernel's first -errno, or what each() returned */
    uint32_t failed;      /* the request that it refers to */
    bool changed;         /* the dump is inconsistent */
    bool done;
};

/* Sends the requests and handles answers until the last request is acknowledged. Returns 0, with the kernel's
 * error in x->error; or -errno of the socket. */
int rtnl_exchange(struct rtnl_exchange *x, void *requests, size_t size);

/* Returns the first attribute of that type (ignoring NLA_F_ bits) after a header of that size, or NULL. */
struct nlattr *message_attr(const struct nlmsghdr *msg, size_t header, int type);

enum { DUMP_TRIES = 20 /* while others change what is being dumped */ };
