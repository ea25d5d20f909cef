/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "neighbour.h"

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <string.h>

enum { STEP_MS = 20 };

struct search {
    int ifindex;
    const struct cidr *address;
    unsigned int state;
};

static int look_at(void *arg, struct nlmsghdr *answer)
{
    struct search *search = arg;
    const struct ndmsg *entry = nlmsg_data(answer);
    const struct nlattr *to = message_attr(answer, sizeof(*entry), NDA_DST);

    if (answer->nlmsg_type == RTM_NEWNEIGH && entry->ndm_ifindex == search->ifindex && to &&
        nla_len(to) == (int)cidr_size(search->address->family) &&
        memcmp(nla_data(to), search->address->bytes, cidr_size(search->address->family)) == 0)
        search->state = entry->ndm_state;
    return 0;
}

/* Returns the entry's NUD_ bits; NUD_NONE: there is no entry. */
static unsigned int state_of(struct rtnl *nl, int ifindex, const struct cidr *address)
{
    const struct ndmsg every = {.ndm_family = (uint8_t)address->family};
    struct search search = {ifindex, address, NUD_NONE};

    rtnl_ask(nl, rtnl_message(RTM_GETNEIGH, NLM_F_DUMP, &every, sizeof(every)), look_at, &search);
    return search.state;
}

/* What the kernel knows from earlier is asked again (NUD_PROBE), as `ip neighbour change ... nud probe` does;
 * otherwise it asks as for a packet (NTF_USE). An entry that is gone meanwhile is made the next time. */
static void ask(struct rtnl *nl, int ifindex, const struct cidr *address, unsigned int state)
{
    const bool known = state & (NUD_STALE | NUD_DELAY);
    const struct ndmsg entry = {.ndm_family = (uint8_t)address->family,
                                .ndm_ifindex = ifindex,
                                .ndm_state = known ? NUD_PROBE : NUD_NONE,
                                .ndm_flags = known ? 0 : NTF_USE};
    struct nl_msg *msg =
        rtnl_message(RTM_NEWNEIGH, known ? NLM_F_REPLACE : NLM_F_CREATE, &entry, sizeof(entry));

    rtnl_talk(nl, rtnl_put(msg, NDA_DST, address->bytes, cidr_size(address->family)));
}

bool neighbour_answers(struct rtnl *nl, int ifindex, const struct cidr *address, int ms)
{
    for (int waited = 0;; waited += STEP_MS) {
        const unsigned int state = state_of(nl, ifindex, address);
        if (state & (NUD_REACHABLE | NUD_PERMANENT | NUD_NOARP))
            return true;
        if (!(state & (NUD_INCOMPLETE | NUD_PROBE)))
            ask(nl, ifindex, address, state);
        if (waited >= ms)
            return false;
        poll(NULL, 0, STEP_MS);
    }
}
