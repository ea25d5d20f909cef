/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Requests to rtnetlink, each of them acknowledged. */
#pragma once

#include <netlink/msg.h>

struct nl_sock;

struct rtnl {
    struct nl_sock *sock;
    char reason[160]; /* the kernel's own words (extended ack) about the last failure; "" when it gave none */
};

/* Opens a socket. The kernel asks for CAP_NET_ADMIN of the one who sends *and* of the one who opened the
 * socket (net/netlink/af_netlink.c, __netlink_ns_capable), so open it with the capability effective.
 * Returns 0 or -errno; on success the caller must rtnl_close(). */
int rtnl_open(struct rtnl *nl);

/* Closes what rtnl_open() opened; harmless on a zeroed struct. */
void rtnl_close(struct rtnl *nl);

/* A new request of that RTM_ type and NLM_F_ flags (NLM_F_REQUEST and NLM_F_ACK are added) that begins with
 * a struct ifinfomsg for ifindex (0: none), its ifi_flags and ifi_change being `flags`. NULL: no memory. */
struct nl_msg *rtnl_link_message(int type, int nlm_flags, int ifindex, unsigned int flags);

/* Sends msg, which it frees in any case (NULL is taken as 'no memory'), and waits until the kernel has
 * acknowledged it. Returns 0 or the kernel's -errno, its words then being in nl->reason. */
int rtnl_talk(struct rtnl *nl, struct nl_msg *msg);

/* The same for a request that is answered: calls each(arg, answer) for every message of the answer, be it one
 * or a dump, until one returns other than 0. Returns that, 0, or -errno as above; -EAGAIN: what was dumped
 * changed meanwhile, ask again. */
int rtnl_ask(struct rtnl *nl, struct nl_msg *msg, int (*each)(void *arg, struct nl_msg *answer), void *arg);
