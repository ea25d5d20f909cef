/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "portfilter.h"

#include "base/error.h"
#include "binding.h"
#include "bpf.h"
#include "portprogram.h"
#include "rtnl.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <string.h>

static const struct sock_filter drop_all[] = {PORTFILTER_DROP_ALL};

static int add_clsact(struct rtnl *nl, int ifindex)
{
    const struct tcmsg header = {
        .tcm_ifindex = ifindex, .tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0), .tcm_parent = TC_H_CLSACT};
    const int err = rtnl_talk(
        nl, rtnl_put_text(rtnl_message(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, &header, sizeof(header)),
                          TCA_KIND, "clsact"));

    if (err == -EEXIST)
        return 0;
    return err;
}

/* Makes or replaces one of the two. Only the second's return value is a verdict. */
static int add_filter(struct rtnl *nl, int ifindex, uint32_t preference, const struct sock_filter *code,
                      size_t count)
{
    const struct tcmsg header = {.tcm_ifindex = ifindex,
                                 .tcm_handle = 1,
                                 .tcm_parent = TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS),
                                 .tcm_info = TC_H_MAKE(preference << 16, htons(ETH_P_ALL))};
    const uint16_t length = (uint16_t)count;
    const uint32_t verdict = TCA_BPF_FLAG_ACT_DIRECT;
    struct nl_msg *msg = nlmsg_alloc_size(count * sizeof(*code) + 256);

    if (msg && (!nlmsg_put(msg, 0, 0, RTM_NEWTFILTER, 0, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE) ||
                nlmsg_append(msg, (void *)(uintptr_t)&header, sizeof(header), NLMSG_ALIGNTO) < 0)) {
        nlmsg_free(msg);
        return -ENOMEM;
    }
    msg = rtnl_put_text(msg, TCA_KIND, "bpf");
    struct nlattr *options = rtnl_nest(msg, TCA_OPTIONS);
    msg = rtnl_put(msg, TCA_BPF_OPS_LEN, &length, sizeof(length));
    msg = rtnl_put(msg, TCA_BPF_OPS, code, count * sizeof(*code));
    if (preference == PORTFILTER_DROP)
        msg = rtnl_put(msg, TCA_BPF_FLAGS, &verdict, sizeof(verdict));
    rtnl_nest_end(msg, options);
    return rtnl_talk(nl, msg);
}

struct reading {
    const struct bpf *program;
    unsigned int filters, same; /* attached; and of these, those that have that program, or drop all */
};

static int take_filter(void *arg, struct nlmsghdr *answer)
{
    struct reading *r = arg;
    const struct tcmsg *header = nlmsg_data(answer);
    const struct nlattr *options = message_attr(answer, sizeof(*header), TCA_OPTIONS);
    const struct nlattr *code = options ? nla_find(nla_data(options), nla_len(options), TCA_BPF_OPS) : NULL;
    const struct sock_filter *sent = drop_all;
    size_t count = 1;

    if (!header->tcm_handle) /* announces the filters of one preference */
        return 0;
    if (TC_H_MAJ(header->tcm_info) >> 16 == PORTFILTER_PASS) {
        sent = r->program->code;
        count = r->program->count;
    }
    r->filters++;
    if (code && (size_t)nla_len(code) == count * sizeof(*sent))
        r->same += memcmp(nla_data(code), sent, count * sizeof(*sent)) == 0;
    return 0;
}

/* Returns 0 if err is 0; otherwise -1 and why, which may be that the kernel lacks that module. */
static int end_step(const struct rtnl *nl, int err, const char *module, const char *option, struct error *why)
{
    if (err == -ENOENT || err == -EOPNOTSUPP)
        return error_set(why, "this kernel lacks %s (CONFIG_%s); an administrator can try: modprobe %s",
                         module, option, module);
    if (err)
        return error_set(why, "%s", rtnl_problem(nl, err));
    return 0;
}

int portfilter_make(struct rtnl *nl, const struct binding *asked, struct bpf *out)
{
    static struct egress_host host;
    struct binding binding = *asked;
    int err = 0;

    for (size_t i = 0; i < binding.egress_count && !binding.host && !err; i++)
        if (binding.egress[i].to == EGRESS_HOST) {
            err = egress_read_host(nl, &host);
            binding.host = &host;
        }
    if (err)
        return err;
    return portprogram_make(&binding, out);
}

int portfilter_attach(struct rtnl *nl, int ifindex, const struct binding *binding, struct error *why)
{
    static struct bpf program; /* 32 kB: on the stack, the compiler would touch every page */
    const int made = portfilter_make(nl, binding, &program);

    if (made == -E2BIG || made == -EOVERFLOW)
        return error_set(
            why,
            "it would take more than the kernel's %d instructions; use fewer addresses, VLANs, or items in "
            "egress= (host is every address of this host)",
            BPF_MAXINSNS);
    if (made)
        return error_set(why, "cannot read this host's addresses, for egress=: %s; try again",
                         rtnl_problem(nl, made));
    if (end_step(nl, add_clsact(nl, ifindex), "sch_ingress", "NET_SCH_INGRESS", why) < 0)
        return -1;
    int err = add_filter(nl, ifindex, PORTFILTER_PASS, program.code, program.count);
    if (!err)
        err = add_filter(nl, ifindex, PORTFILTER_DROP, drop_all, 1);
    const struct tcmsg filters = {.tcm_ifindex = ifindex,
                                  .tcm_parent = TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS)};
    struct reading found = {.program = &program};
    if (!err)
        err = rtnl_ask(nl, rtnl_message(RTM_GETTFILTER, NLM_F_DUMP, &filters, sizeof(filters)), take_filter,
                       &found);
    if (end_step(nl, err, "cls_bpf", "NET_CLS_BPF", why) < 0)
        return -1;
    if (found.filters != 2 || found.same != 2)
        return error_set(why,
                         "the port has other filters, too; `tc filter show dev IFNAME ingress` shows them");
    return 0;
}
