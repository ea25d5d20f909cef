/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "portread.h"

#include "base/vlans.h"
#include "bpf.h"
#include "portfilter.h"
#include "rtnl.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/gen_stats.h>
#include <linux/if_bridge.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <string.h>

static const struct sock_filter drop_all[] = {PORTFILTER_DROP_ALL};

struct reading {
    struct bpf *program; /* the pass program */
    unsigned int pass, drop, others;
};

/* Returns whether a filter judges all frames, by classic BPF and without actions. */
static bool is_plain(const struct nlmsghdr *answer, struct nlattr *attrs[TCA_BPF_MAX + 1])
{
    const struct tcmsg *header = nlmsg_data(answer);
    struct nlattr *options = message_attr(answer, sizeof(*header), TCA_OPTIONS);
    const struct nlattr *chain = message_attr(answer, sizeof(*header), TCA_CHAIN);

    return TC_H_MIN(header->tcm_info) == htons(ETH_P_ALL) && (!chain || nla_get_u32(chain) == 0) && options &&
           nla_parse_nested(attrs, TCA_BPF_MAX, options, NULL) >= 0 && attrs[TCA_BPF_OPS] &&
           !attrs[TCA_BPF_ACT] && !attrs[TCA_BPF_POLICE];
}

static int take_filter(void *arg, struct nlmsghdr *answer)
{
    struct reading *r = arg;
    const struct tcmsg *header = nlmsg_data(answer);
    const uint32_t preference = TC_H_MAJ(header->tcm_info) >> 16;
    struct nlattr *attrs[TCA_BPF_MAX + 1];

    if (!header->tcm_handle) /* announces the filters of one preference */
        return 0;
    const bool plain = is_plain(answer, attrs);
    const bool verdict =
        plain && attrs[TCA_BPF_FLAGS] && nla_get_u32(attrs[TCA_BPF_FLAGS]) & TCA_BPF_FLAG_ACT_DIRECT;
    if (plain && !verdict && preference == PORTFILTER_PASS) {
        const int size = nla_memcpy(r->program->code, attrs[TCA_BPF_OPS], sizeof(r->program->code));
        r->program->count = (size_t)size / sizeof(*drop_all); /* the kernel has no longer ones */
        r->pass++;
    } else if (verdict && preference == PORTFILTER_DROP && nla_len(attrs[TCA_BPF_OPS]) == sizeof(drop_all) &&
               memcmp(nla_data(attrs[TCA_BPF_OPS]), drop_all, sizeof(drop_all)) == 0) {
        r->drop++;
    } else {
        r->others++;
    }
    return 0;
}

int portfilter_program(struct rtnl *nl, int ifindex, struct bpf *out)
{
    const struct tcmsg filters = {.tcm_ifindex = ifindex,
                                  .tcm_parent = TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS)};
    struct reading r = {.program = out};
    const int err =
        rtnl_ask(nl, rtnl_message(RTM_GETTFILTER, NLM_F_DUMP, &filters, sizeof(filters)), take_filter, &r);

    if (err)
        return err;
    return r.pass == 1 && r.drop == 1 && !r.others;
}

static bool is_same(const struct bpf *one, const struct bpf *other)
{
    return one->count == other->count && memcmp(one->code, other->code, one->count * sizeof(*one->code)) == 0;
}

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
        attached && binding && portfilter_make(nl, binding, &program) == 0 && is_same(&found, &program);
    return 0;
}

struct visit {
    port_vlans *each;
    void *arg;
};

static int on_vlans(void *arg, struct nlmsghdr *answer)
{
    const struct br_vlan_msg *header = nlmsg_data(answer);
    const struct visit *visit = arg;
    struct bridge_vlan_info info;
    struct nlattr *entry;
    int rest;

    if (nlmsg_datalen(answer) < (int)sizeof(*header))
        return -EBADMSG;
    nlmsg_for_each_attr(entry, answer, (int)sizeof(*header), rest)
    {
        if (nla_type(entry) != BRIDGE_VLANDB_ENTRY)
            continue;
        const struct nlattr *what = nla_find(nla_data(entry), nla_len(entry), BRIDGE_VLANDB_ENTRY_INFO);
        const struct nlattr *last = nla_find(nla_data(entry), nla_len(entry), BRIDGE_VLANDB_ENTRY_RANGE);
        if (!what || nla_len(what) < (int)sizeof(info))
            return -EBADMSG;
        memcpy(&info, nla_data(what), sizeof(info));
        const struct vlan_range range = {info.vid, last ? nla_get_u16(last) : info.vid};
        if (range.first < 1 || range.last < range.first || range.last > VLAN_MAX)
            return -EBADMSG;
        visit->each(visit->arg, (int)header->ifindex, &range,
                    info.flags & (BRIDGE_VLAN_INFO_PVID | BRIDGE_VLAN_INFO_UNTAGGED));
    }
    return 0;
}

int port_each_vlans(struct rtnl *nl, int ifindex, port_vlans *each, void *arg)
{
    const struct br_vlan_msg header = {.family = AF_BRIDGE, .ifindex = (uint32_t)ifindex};
    struct visit visit = {each, arg};

    const int err =
        rtnl_ask(nl, rtnl_message(RTM_GETVLAN, NLM_F_DUMP, &header, sizeof(header)), on_vlans, &visit);
    if (err == -EOPNOTSUPP)
        return 0;
    return err;
}

struct membership {
    struct vlans *vlans;
    bool others; /* untagged one way only */
};

static void see_members(void *arg, int ifindex, const struct vlan_range *range, unsigned int flags)
{
    struct membership *found = arg;
    (void)ifindex;

    for (unsigned int vlan = range->first; vlan <= range->last; vlan++)
        vlans_add(found->vlans, vlan);
    if (flags == (BRIDGE_VLAN_INFO_PVID | BRIDGE_VLAN_INFO_UNTAGGED))
        found->vlans->untagged = range->first;
    else if (flags)
        found->others = true;
}

int port_get_vlans(struct rtnl *nl, int ifindex, struct vlans *out)
{
    struct membership found = {.vlans = out};

    *out = (struct vlans){.untagged = 0};
    const int err = port_each_vlans(nl, ifindex, see_members, &found);
    if (err)
        return err;
    return !found.others;
}
