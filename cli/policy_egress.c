/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "policy.h"

#include "policy/egress.h"
#include "policy_lint.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

static void print_networks(const struct egress *item)
{
    size_t count;
    const struct cidr *networks = egress_networks(item, &count);
    char text[CIDR_TEXT];

    for (size_t i = 0; i < count; i++) {
        cidr_print(&networks[i], text);
        if (networks[i].prefix == 8 * cidr_size(networks[i].family))
            *strchr(text, '/') = '\0';
        printf("%s%s", i ? ", " : "", text);
    }
}

static void print_destination(const struct egress *item, bool first)
{
    switch (item->to) {
    case EGRESS_HOST:
        fputs("this host's addresses", stdout);
        break;
    case EGRESS_ALL:
        fputs(first ? "any address" : "all other addresses", stdout);
        break;
    case EGRESS_PRIVATE:
    case EGRESS_LINK_LOCAL:
        printf("%s addresses (", item->to == EGRESS_PRIVATE ? "private" : "link-local");
        print_networks(item);
        putchar(')');
        break;
    default:
        print_networks(item);
    }
}

static void print_port(const struct egress *item)
{
    if (item->protocol)
        printf(", %s", item->protocol == IPPROTO_TCP ? "TCP" : "UDP");
    else if (item->port)
        fputs(", TCP and UDP", stdout);
    if (item->port)
        printf(" port %u", item->port);
}

void policy_print_egress(const char *egress)
{
    struct egress_list list;
    bool all = false;

    egress_parse(egress, &list); /* valid: it is a rule's */
    printf("egress: %s\n", egress);
    for (size_t i = 0; i < list.count; i++) {
        const struct egress *item = &list.list[i];
        fputs(item->allows ? "sends: to " : "sends: not to ", stdout);
        print_destination(item, i == 0);
        print_port(item);
        putchar('\n');
        all = all || (item->to == EGRESS_ALL && !item->protocol && !item->port);
    }
    if (!all)
        puts("sends: not to any other address");
    puts(
        "sends: of these, the first that a packet matches decides, replies included; multicast, broadcast, ARP and "
        "neighbour discovery are not judged");
}

/* Whether all packets to the later one's ports also have the earlier one's. */
static bool covers_ports(const struct egress *earlier, const struct egress *later)
{
    return (!earlier->port || earlier->port == later->port) &&
           (!earlier->protocol || earlier->protocol == later->protocol);
}

/* Whether the network is within one of the first `count` items. */
static bool is_covered(const struct egress_list *list, size_t count, const struct egress *item,
                       const struct cidr *network)
{
    for (size_t i = 0; i < count; i++) {
        size_t size;
        const struct cidr *networks = egress_networks(&list->list[i], &size);
        for (size_t j = 0; j < size && covers_ports(&list->list[i], item); j++)
            if (networks[j].prefix <= network->prefix && cidr_overlap(&networks[j], network))
                return true;
    }
    return false;
}

/* Whether the nth item can match nothing that those before it do not. This host's addresses may be any. */
static bool is_dead(const struct egress_list *list, size_t nth)
{
    const struct egress *item = &list->list[nth];
    const struct egress every = {.to = EGRESS_ALL};
    size_t count;
    const struct cidr *networks = egress_networks(item, &count);

    for (size_t i = 0; i < nth && item->to == EGRESS_HOST; i++)
        if (list->list[i].to == EGRESS_HOST && covers_ports(&list->list[i], item))
            return true;
    if (item->to == EGRESS_HOST)
        networks = egress_networks(&every, &count);
    for (size_t i = 0; i < count; i++)
        if (!is_covered(list, nth, item, &networks[i]))
            return false;
    return true;
}

void lint_egress(struct lint *lint, const char *file, unsigned long line, const char *egress)
{
    struct egress_list list;
    const char *word = egress;

    egress_parse(egress, &list);
    for (size_t i = 0; i < list.count; i++) {
        const size_t length = strcspn(word, ",");
        if (is_dead(&list, i))
            lint_warn(
                lint, file, line,
                "'%.*s' in egress= can never match, since what is before it covers it; remove it, or move it "
                "to the front",
                (int)length, word);
        word += length + 1;
    }
}
