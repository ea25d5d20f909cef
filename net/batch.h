/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Many rtnetlink requests in few system calls. */
#pragma once

#include "messages.h"

/* Requests to be sent together. All zeros: empty; the caller must call batch_free() in any case. */
struct batch {
    struct messages requests;
    int *tolerated; /* for each request: an errno that is not an error for it, or 0 */
    int error;      /* -ENOMEM if a request could not be added; batch_send() returns it */
};

#define _cleanup_batch_ __attribute__((cleanup(batch_free)))
void batch_free(struct batch *batch);

/* Adds a copy of msg as a request of that RTM_ type and those NLM_F_ flags (NLM_F_REQUEST is added). */
void batch_add(struct batch *batch, const struct nlmsghdr *msg, int type, int flags, int tolerated);

/* Adds the message in an nl_msg and frees it (NULL means 'no memory'). */
void batch_take(struct batch *batch, struct nl_msg *msg, int tolerated);

/* Sends all requests in as few system calls as the socket's buffers allow. The kernel processes them in order
 * and continues after one that it refuses. Returns 0, or the -errno of the first one refused, with the
 * kernel's message in nl->reason and its position in *failed (which may be NULL). */
int batch_send(struct rtnl *nl, const struct batch *batch, size_t *failed);
