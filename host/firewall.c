/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "firewall.h"
#include "base/cleanup.h"
#include "base/text.h"

#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct search {
    const bool *arrived; /* by kind of frame */
    bool found;
    bool done;
    int error; /* -errno from the kernel */
    char *where;
    size_t size;
};

/* Whether the chains of IPv4, or IPv6, see bridged frames (br_netfilter). */
static bool sees_bridged(bool ip6)
{
    return text_number(ip6 ? "/proc/sys/net/bridge/bridge-nf-call-ip6tables"
                           : "/proc/sys/net/bridge/bridge-nf-call-iptables",
                       0) != 0;
}

/* The family's name if its chains may have dropped what was lost; NULL: they cannot have. */
static const char *suspect_family(const bool arrived[FRAME_KINDS], unsigned int family)
{
    const bool ip4_lost = sees_bridged(false) && !frames_arrived(arrived, FRAME_ICMP, FRAME_TCP);
    const bool ip6_lost = sees_bridged(true) && !frames_arrived(arrived, FRAME_ICMP6, FRAME_TCP6);

    switch (family) {
    case NFPROTO_INET:
        if (ip4_lost || ip6_lost)
            return "inet";
        return NULL;
    case NFPROTO_BRIDGE:
        return "bridge";
    case NFPROTO_IPV4:
        if (ip4_lost && frames_lost(arrived, FRAME_ICMP, FRAME_TCP))
            return "ip";
        return NULL;
    case NFPROTO_IPV6:
        if (ip6_lost && frames_lost(arrived, FRAME_ICMP6, FRAME_TCP6))
            return "ip6";
        return NULL;
    default:
        return NULL;
    }
}

/* Whether bridged frames pass this hook. The numbers of the hooks are the same in all these families. */
static bool on_the_way(unsigned int hook)
{
    return hook == NF_INET_PRE_ROUTING || hook == NF_INET_FORWARD || hook == NF_INET_POST_ROUTING;
}

static int on_chain(struct nl_msg *msg, void *arg)
{
    struct search *search = arg;
    const struct nfgenmsg *about = nlmsg_data(nlmsg_hdr(msg));
    struct nlattr *chain[NFTA_CHAIN_MAX + 1], *hook[NFTA_HOOK_MAX + 1];

    if (search->found || nlmsg_parse(nlmsg_hdr(msg), sizeof(*about), chain, NFTA_CHAIN_MAX, NULL) < 0 ||
        !chain[NFTA_CHAIN_HOOK] || !chain[NFTA_CHAIN_POLICY] || !chain[NFTA_CHAIN_TABLE] ||
        !chain[NFTA_CHAIN_NAME] || nla_parse_nested(hook, NFTA_HOOK_MAX, chain[NFTA_CHAIN_HOOK], NULL) < 0 ||
        !hook[NFTA_HOOK_HOOKNUM])
        return NL_OK;
    const char *family = suspect_family(search->arrived, about->nfgen_family);
    const unsigned int number = ntohl(nla_get_u32(hook[NFTA_HOOK_HOOKNUM]));
    if (!family || !on_the_way(number) || ntohl(nla_get_u32(chain[NFTA_CHAIN_POLICY])) != NF_DROP)
        return NL_OK;
    search->found = true;
    snprintf(search->where, search->size, "%u %s %s %s", number, family,
             nla_get_string(chain[NFTA_CHAIN_TABLE]), nla_get_string(chain[NFTA_CHAIN_NAME]));
    return NL_OK;
}

static int on_finish(struct nl_msg *msg, void *arg)
{
    struct search *search = arg;
    (void)msg;
    search->done = true;
    return NL_STOP;
}

static int on_error(struct sockaddr_nl *from, struct nlmsgerr *answer, void *arg)
{
    struct search *search = arg;
    (void)from;
    search->error = answer->error;
    search->done = true;
    return NL_STOP;
}

static int ask_chains(struct nl_sock *sock)
{
    const struct nfgenmsg all = {.nfgen_family = NFPROTO_UNSPEC, .version = NFNETLINK_V0};
    struct nl_msg *msg =
        nlmsg_alloc_simple((NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_GETCHAIN, NLM_F_REQUEST | NLM_F_DUMP);
    const bool whole = msg && nlmsg_append(msg, (void *)(uintptr_t)&all, sizeof(all), NLMSG_ALIGNTO) == 0;
    const int err = whole ? nl_send_auto(sock, msg) : -NLE_NOMEM;

    nlmsg_free(msg);
    if (err < 0)
        return -EIO;
    return 0;
}

static void cleanup_socket(struct nl_sock **sock)
{
    nl_socket_free(*sock);
}

int firewall_nft_drops(const bool arrived[FRAME_KINDS], char *where, size_t size)
{
    struct search search = {.arrived = arrived, .where = where, .size = size};
    __attribute__((cleanup(cleanup_socket))) struct nl_sock *sock = nl_socket_alloc();

    if (!sock)
        return -ENOMEM;
    if (nl_connect(sock, NETLINK_NETFILTER) < 0)
        return -EPROTONOSUPPORT;
    const int err = ask_chains(sock);
    if (err)
        return err;
    nl_socket_modify_cb(sock, NL_CB_VALID, NL_CB_CUSTOM, on_chain, &search);
    nl_socket_modify_cb(sock, NL_CB_FINISH, NL_CB_CUSTOM, on_finish, &search);
    nl_socket_modify_err_cb(sock, NL_CB_CUSTOM, on_error, &search);
    while (!search.done)
        if (nl_recvmsgs_default(sock) < 0 && !search.done)
            return -EIO;
    if (search.error)
        return search.error;
    return search.found;
}

/* Both tables are reported in the same structures, and requested by the same numbers, except for the
 * start of a rule. */
_Static_assert(sizeof(struct ipt_getinfo) == sizeof(struct ip6t_getinfo), "as of iptables");
_Static_assert(sizeof(struct ipt_get_entries) == sizeof(struct ip6t_get_entries), "as of iptables");

/* The policy is the verdict of the rule that the kernel puts at the end of a chain (struct
 * ipt_getinfo, underflow). */
static int read_policy(const struct ipt_getinfo *info, const struct ipt_get_entries *table, bool ip6)
{
    const size_t at = info->underflow[NF_INET_FORWARD];
    const size_t size = ip6 ? sizeof(struct ip6t_entry) : sizeof(struct ipt_entry);
    const char *entry = (const char *)table->entrytable + at;
    struct xt_standard_target target;
    uint16_t offset;

    if (at + size > info->size)
        return -EIO;
    memcpy(&offset,
           entry +
               (ip6 ? offsetof(struct ip6t_entry, target_offset) : offsetof(struct ipt_entry, target_offset)),
           sizeof(offset));
    if (at + offset + sizeof(target) > info->size)
        return -EIO;
    memcpy(&target, entry + offset, sizeof(target));
    return target.verdict == -NF_DROP - 1;
}

static int read_table(int fd, bool ip6)
{
    const int level = ip6 ? IPPROTO_IPV6 : IPPROTO_IP;
    struct ipt_getinfo info = {.name = "filter"};
    socklen_t size = sizeof(info);

    if (getsockopt(fd, level, IPT_SO_GET_INFO, &info, &size) < 0)
        return -errno;
    size = (socklen_t)(sizeof(struct ipt_get_entries) + info.size);
    _cleanup_free_ struct ipt_get_entries *table = calloc(1, size);
    if (!table)
        return -ENOMEM;
    strcpy(table->name, info.name);
    table->size = info.size;
    if (getsockopt(fd, level, IPT_SO_GET_ENTRIES, table, &size) < 0)
        return -errno;
    return read_policy(&info, table, ip6);
}

int firewall_legacy_drops(bool ip6)
{
    char names[1024];
    const ssize_t length =
        text_read(ip6 ? "/proc/net/ip6_tables_names" : "/proc/net/ip_tables_names", names, sizeof(names));

    if (length == -ENOENT || (length >= 0 && !text_has_word(names, "filter")))
        return 0;
    if (length < 0)
        return (int)length;
    _cleanup_close_ const int fd = socket(ip6 ? AF_INET6 : AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
    if (fd < 0)
        return -errno;
    return read_table(fd, ip6);
}
