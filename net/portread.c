/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "portread.h"

#include "bpf.h"
#include "portfilter.h"
#include "rtnl.h"

#include <errno.h>
#include <linux/gen_stats.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <string.h>

static int take_clsact(void *arg, struct nlmsghdr *answer)
{
    struct portfilter_state *out = arg;
    const struct nlattr *stats = message_attr(answer, sizeof(struct tcmsg), TCA_STATS);
    struct tc_stats counts;

    if (stats && nla_len(stats) >= (int)sizeof(counts)) {
        memcpy(&counts, nla_data(stats), sizeof(counts));
        out->dropped = counts.drops;
    }
    return 0;
}

int portfilter_read(struct rtnl *nl, int ifindex, const struct binding *binding, struct portfilter_state *out)
{
    const struct tcmsg clsact = {
        .tcm_ifindex = ifindex, .tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0), .tcm_parent = TC_H_CLSACT};
    struct bpf program, found;

    *out = (struct portfilter_state){.attached = false};
    const int err =
        rtnl_ask(nl, rtnl_message(RTM_GETQDISC, NLM_F_ECHO, &clsact, sizeof(clsact)), take_clsact, out);
    if (err == -ENOENT || err == -EINVAL || err == -EOPNOTSUPP) /* has no clsact; the kernel has none */
        return 0;
    if (err)
        return err;
    const int attached = portfilter_program(nl, ifindex, &found);
    if (attached < 0)
        return attached;
    out->attached = attached;
    out->bound =
        attached && binding && portfilter_make(nl, binding, &program) == 0 && portfilter_is(&found, &program);
    return 0;
}
