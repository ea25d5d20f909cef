/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Requests to rtnetlink, each of them acknowledged. libnl builds messages and finds attributes in them. */
#pragma once

#include <linux/netlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stddef.h>
#include <stdint.h>

/* Zeroed is closed. */
struct rtnl {
    int fd;
    uint32_t sequence; /* number of the last request */
    char *buffer;      /* for answers; NULL: closed */
    char reason[160];  /* the kernel's own words (extended ack) about the last failure; "": it gave none */
};

#define _cleanup_rtnl_ __attribute__((cleanup(rtnl_close)))

/* Opens a socket. The kernel asks for CAP_NET_ADMIN of the one who sends *and* of the one who opened the
 * socket (net/netlink/af_netlink.c, __netlink_ns_capable), so open it with the capability effective.
 * Returns 0 or -errno; on success the caller must rtnl_close(). */
int rtnl_open(struct rtnl *nl);
void rtnl_close(struct rtnl *nl);

/* A new request of that RTM_ type and NLM_F_ flags (NLM_F_REQUEST and NLM_F_ACK are added) that begins with
 * the family's own header (struct rtmsg and the like). NULL: no memory. */
struct nl_msg *rtnl_message(int type, int nlm_flags, const void *header, size_t size);

/* The same with a struct ifinfomsg for ifindex (0: none), its ifi_flags and ifi_change being `flags`. */
struct nl_msg *rtnl_link_message(int type, int nlm_flags, int ifindex, unsigned int flags);

/* Adds one attribute; if there is no room, frees msg and returns NULL. msg may be NULL. */
struct nl_msg *rtnl_put(struct nl_msg *msg, int type, const void *data, size_t size);
struct nl_msg *rtnl_put_text(struct nl_msg *msg, int type, const char *text);
struct nl_msg *rtnl_put_u32(struct nl_msg *msg, int type, uint32_t value);
struct nl_msg *rtnl_put_u8(struct nl_msg *msg, int type, uint8_t value);

/* Between these two, attributes are added to one that contains them. msg may be NULL. */
struct nlattr *rtnl_nest(struct nl_msg *msg, int type);
void rtnl_nest_end(struct nl_msg *msg, struct nlattr *nest);

/* Sends msg, which it frees in any case (NULL is taken as 'no memory'), and waits until the kernel has
 * acknowledged it. Returns 0 or the kernel's -errno, its words then being in nl->reason. */
int rtnl_talk(struct rtnl *nl, struct nl_msg *msg);

/* The same for a request that is answered: calls each(arg, answer) for every message of the answer, be it one
 * or a dump, until one returns other than 0. Returns that, 0, or -errno as above; -EAGAIN: what was dumped
 * changed meanwhile, ask again. */
int rtnl_ask(struct rtnl *nl, struct nl_msg *msg, int (*each)(void *arg, struct nlmsghdr *answer), void *arg);

/* The first attribute of that type (NLA_F_ bits aside) after a header of that size, or NULL. */
struct nlattr *message_attr(const struct nlmsghdr *msg, size_t header, int type);

/* Messages as the kernel gave them, each a copy that the list owns. Zeroed is empty. */
struct messages {
    struct nlmsghdr **list;
    size_t count;
};

#define _cleanup_messages_ __attribute__((cleanup(messages_free)))
void messages_free(struct messages *all);

/* Appends a copy of msg. Returns 0 or -ENOMEM. */
int messages_add(struct messages *all, const struct nlmsghdr *msg);

enum { DUMP_TRIES = 20 /* while others change what is dumped */ };

/* Appends all that the kernel has of an RTM_GET type: header as for rtnl_message(). Returns 0 or -errno; what
 * came until then stays in the list. */
int rtnl_dump(struct rtnl *nl, int type, const void *header, size_t size, struct messages *all);

/* Requests to be sent together. Zeroed is empty; batch_free() it in any case. */
struct batch {
    struct messages requests;
    int *tolerated; /* for each request: the errno that is not a failure of it, or 0 */
    int error;      /* -ENOMEM when a request could not be added: batch_send() returns it */
};

#define _cleanup_batch_ __attribute__((cleanup(batch_free)))
void batch_free(struct batch *batch);

/* Adds a copy of msg as a request of that RTM_ type and those NLM_F_ flags (NLM_F_REQUEST is added). */
void batch_add(struct batch *batch, const struct nlmsghdr *msg, int type, int flags, int tolerated);

/* Adds what is in an nl_msg, which it frees (NULL is 'no memory'). */
void batch_take(struct batch *batch, struct nl_msg *msg, int tolerated);

/* Sends all requests in as few system calls as the socket's buffers allow. The kernel acts on them in order
 * and goes on after one that it refuses. Returns 0, or the -errno of the first refused, the kernel's words
 * being in nl->reason and its place in *failed (which may be NULL). */
int batch_send(struct rtnl *nl, const struct batch *batch, size_t *failed);
