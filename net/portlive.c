/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "portlive.h"

#include "portfilter.h"
#include "rtnl.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

int portlive_drop_address(struct rtnl *nl, int ifindex, const uint8_t mac[6])
{
    const struct ndmsg entry = {.ndm_family = AF_BRIDGE, .ndm_ifindex = ifindex, .ndm_flags = NTF_MASTER};
    struct nl_msg *msg = rtnl_message(RTM_DELNEIGH, 0, &entry, sizeof(entry));
    const int err = rtnl_talk(nl, rtnl_put(msg, NDA_LLADDR, mac, 6));

    if (err == -ENOENT)
        return 0;
    return err;
}

static int drop_preference(struct rtnl *nl, int ifindex, uint32_t preference)
{
    const struct tcmsg header = {.tcm_ifindex = ifindex,
                                 .tcm_parent = TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS),
                                 .tcm_info = TC_H_MAKE(preference << 16, htons(ETH_P_ALL))};

    return rtnl_talk(
        nl, rtnl_put_text(rtnl_message(RTM_DELTFILTER, 0, &header, sizeof(header)), TCA_KIND, "bpf"));
}

struct judges {
    char qdisc[16];
    unsigned int ours, others;
};

static int see_qdisc(void *arg, struct nlmsghdr *answer)
{
    struct judges *judges = arg;
    const struct nlattr *kind = message_attr(answer, sizeof(struct tcmsg), TCA_KIND);

    if (kind)
        nla_strlcpy(judges->qdisc, kind, sizeof(judges->qdisc));
    return 0;
}

static int see_filter(void *arg, struct nlmsghdr *answer)
{
    struct judges *judges = arg;
    const struct tcmsg *header = nlmsg_data(answer);
    const uint32_t preference = TC_H_MAJ(header->tcm_info) >> 16;

    if (preference == PORTFILTER_PASS || preference == PORTFILTER_DROP)
        judges->ours++;
    else
        judges->others++;
    return 0;
}

static int see_filters(struct rtnl *nl, int ifindex, uint32_t direction, struct judges *judges)
{
    const struct tcmsg filters = {.tcm_ifindex = ifindex, .tcm_parent = TC_H_MAKE(TC_H_CLSACT, direction)};

    return rtnl_ask(nl, rtnl_message(RTM_GETTFILTER, NLM_F_DUMP, &filters, sizeof(filters)), see_filter,
                    judges);
}

int portlive_find_judge(struct rtnl *nl, int ifindex, enum portlive_judge *out)
{
    const struct tcmsg qdisc = {
        .tcm_ifindex = ifindex, .tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0), .tcm_parent = TC_H_CLSACT};
    struct judges judges = {.ours = 0};

    *out = PORTLIVE_NONE;
    int err = rtnl_ask(nl, rtnl_message(RTM_GETQDISC, NLM_F_ECHO, &qdisc, sizeof(qdisc)), see_qdisc, &judges);
    if (err == -ENOENT || err == -EINVAL || err == -EOPNOTSUPP) /* has none; the kernel has none */
        return 0;
    if (!err && strcmp(judges.qdisc, "clsact") != 0) {
        *out = PORTLIVE_QDISC;
        return 0;
    }
    if (!err)
        err = see_filters(nl, ifindex, TC_H_MIN_INGRESS, &judges);
    if (!err && judges.others && !judges.ours)
        *out = PORTLIVE_FILTERS;
    return err;
}

int portlive_drop_filter(struct rtnl *nl, int ifindex)
{
    const struct tcmsg qdisc = {
        .tcm_ifindex = ifindex, .tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0), .tcm_parent = TC_H_CLSACT};
    struct judges left = {.ours = 0};
    int err = drop_preference(nl, ifindex, PORTFILTER_DROP);

    if (!err)
        err = drop_preference(nl, ifindex, PORTFILTER_PASS);
    if (!err)
        err = see_filters(nl, ifindex, TC_H_MIN_INGRESS, &left);
    if (!err)
        err = see_filters(nl, ifindex, TC_H_MIN_EGRESS, &left);
    if (err || left.ours || left.others)
        return err;
    return rtnl_talk(nl, rtnl_message(RTM_DELQDISC, 0, &qdisc, sizeof(qdisc)));
}

int portlive_down(struct rtnl *nl, int ifindex)
{
    struct nl_msg *msg = rtnl_link_message(RTM_SETLINK, 0, ifindex, 0);

    if (msg)
        ((struct ifinfomsg *)nlmsg_data(nlmsg_hdr(msg)))->ifi_change = IFF_UP;
    return rtnl_talk(nl, msg);
}

int portlive_drop_altname(struct rtnl *nl, int ifindex, const char *altname)
{
    struct nl_msg *msg = rtnl_link_message(RTM_DELLINKPROP, 0, ifindex, 0);
    struct nlattr *list = rtnl_nest(msg, IFLA_PROP_LIST | NLA_F_NESTED);

    msg = rtnl_put_text(msg, IFLA_ALT_IFNAME, altname);
    rtnl_nest_end(msg, list);
    return rtnl_talk(nl, msg);
}
