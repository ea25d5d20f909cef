/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Administration by rtnetlink: whole dumps, and many requests in few system calls. The helper does not link
 * this. */
#pragma once

#include <linux/netlink.h>
#include <stddef.h>
#include <stdint.h>

struct nlattr;
struct rtnl;

/* Messages as the kernel gave them, each a copy that the list owns. Zeroed is empty. */
struct messages {
    struct nlmsghdr **list;
    size_t count;
};

void messages_free(struct messages *all);

/* Appends a copy of msg. Returns 0 or -ENOMEM. */
int messages_add(struct messages *all, const struct nlmsghdr *msg);

/* Appends all that the kernel has of an RTM_GET type: header is the family's own (struct rtmsg and the like),
 * already filled in. Returns 0 or -errno; what came until then stays in the list. */
int rtnl_dump(struct rtnl *nl, int type, const void *header, size_t size, struct messages *all);

/* The first attribute of that type (NLA_F_ bits aside) behind a header of that size, or NULL. */
struct nlattr *message_attr(const struct nlmsghdr *msg, size_t header, int type);

/* Requests to be sent together. Zeroed is empty; batch_free() it in any case. */
struct batch {
    struct messages requests;
    int *tolerated; /* one for each request: the errno that is no failure of it, or 0 */
    int error;      /* -ENOMEM when a request could not be added: batch_send() returns it */
};

void batch_free(struct batch *batch);

/* Adds a copy of msg as a request of that RTM_ type and those NLM_F_ flags (NLM_F_REQUEST is added). */
void batch_add(struct batch *batch, const struct nlmsghdr *msg, int type, int flags, int tolerated);

/* Adds what is in an nl_msg, which it frees (NULL is 'no memory'). */
struct nl_msg;
void batch_take(struct batch *batch, struct nl_msg *msg, int tolerated);

/* Sends all requests in as few system calls as the socket's buffers allow. The kernel acts on them in order
 * and goes on after one that it refuses. Returns 0, or the -errno of the first refused, the kernel's words
 * being in nl->reason and its place in *failed (which may be NULL). */
int batch_send(struct rtnl *nl, const struct batch *batch, size_t *failed);
