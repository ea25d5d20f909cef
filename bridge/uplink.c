/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * What prevents a NIC from being a bridge's uplink: its kind, a manager that would undo the change, or
 * something that refers to it by name and would silently stop matching. */
#include "uplink.h"
#include "base/cleanup.h"
#include "base/process.h"
#include "base/quote.h"
#include "base/text.h"
#include "sysctl.h"

#include <ctype.h>
#include <errno.h>
#include <fnmatch.h>
#include <linux/fib_rules.h>
#include <linux/if_arp.h>
#include <linux/nexthop.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct dependents {
    char text[1024];
    size_t count;
};

enum { LISTED_MAX = 8 };

static void report(void *data, const char *text)
{
    struct dependents *all = data;
    const size_t used = strlen(all->text);

    if (all->count++ < LISTED_MAX)
        snprintf(all->text + used, sizeof(all->text) - used, "%s%.120s", text_if(used, "; "), text);
}

struct reporting {
    struct dependents *all;
    const char *interface;
};

static void report_setting(void *data, const struct sysctl *setting)
{
    const struct reporting *reporting = data;
    char entry[160];

    snprintf(entry, sizeof(entry), "sysctl net.%s.%s.%s.%s=%s", setting->family, setting->group,
             reporting->interface, setting->key, setting->value);
    if (!setting->carried)
        report(reporting->all, entry);
}

/* Returns where the line names the interface, at that place or behind it; NULL: nowhere. */
static const char *find_name(const char *line, const char *at, const char *name)
{
    const size_t length = strlen(name);

    for (const char *found = at; (found = strstr(found, name)) != NULL; found++) {
        const char before = (char)(found == line ? ' ' : found[-1]), after = found[length];
        if (!isalnum((unsigned char)before) && !strchr("_-.", before) && !isalnum((unsigned char)after) &&
            !(after && strchr("_-.", after)))
            return found;
    }
    return NULL;
}

/* "eth*" and "eth+": a word with such an ending that the name begins with. */
static bool matches_pattern(const char *line, const char *name)
{
    for (const char *star = line; (star = strpbrk(star, "*+")) != NULL; star++) {
        const char *start = star;
        while (start > line && !isspace((unsigned char)start[-1]) && start[-1] != '"')
            start--;
        if (star > start && strncmp(start, name, (size_t)(star - start)) == 0)
            return true;
    }
    return false;
}

bool uplink_in_rule(const char *line, const char *name)
{
    line += strspn(line, " \t\n\v\f\r");
    return *line != '#' && (find_name(line, line, name) || matches_pattern(line, name));
}

bool uplink_in_patterns(const char *patterns, const char *name)
{
    _cleanup_free_ char *copy = strdup(patterns);
    char *rest = copy;

    for (const char *word; copy && (word = strsep(&rest, " \t;"));)
        if (*word && fnmatch(word, name, 0) == 0)
            return true;
    return false;
}

/* Whether a line begins a chain of nft's, or a table of iptables-save's, within which rules are compared. */
static bool begins_block(const char *line)
{
    return *line == '*' || (*line && line[strlen(line) - 1] == '{');
}

/* Whether the same rule is there for the bridge, in the same chain: the lines of that block come first. */
static bool has_same(char *const *block, const char *rule, const char *name, const char *bridge)
{
    char wanted[1024] = "";
    const char *at = rule;

    for (const char *found; (found = find_name(rule, at, name)); at = found + strlen(name)) {
        const size_t used = strlen(wanted);
        snprintf(wanted + used, sizeof(wanted) - used, "%.*s%s", (int)(found - at), at, bridge);
    }
    const size_t used = strlen(wanted);
    if (at == rule || used + strlen(at) >= sizeof(wanted))
        return false;
    strcpy(wanted + used, at);
    for (; *block && !begins_block(*block); block++)
        if (strcmp(*block, wanted) == 0)
            return true;
    return false;
}

/* Returns the lines of a text, which is cut into them; ends with NULL. NULL: no memory. */
static char **lines_of(char *text)
{
    size_t count = 2;

    for (const char *at = text; *at; at++)
        count += *at == '\n';
    char **lines = calloc(count, sizeof(*lines)), *rest = text;
    for (size_t i = 0; lines && rest; i++)
        lines[i] = strsep(&rest, "\n");
    return lines;
}

/* NetworkManager's own tables, which it makes for the bridge as it has for the NIC, are passed over
 * (nm-firewall-utils.c, _fw_nft_set_shared_construct), and so are rules that are there for the bridge, too.
 */
static int report_lines(struct dependents *all, const char *what, char *text, const char *name,
                        const char *bridge)
{
    _cleanup_free_ char **lines = lines_of(text);
    char **block = lines;
    bool managers = false;

    for (char **line = lines; line && *line; line++) {
        char entry[160];
        if (begins_block(*line))
            block = line + 1;
        if (strncmp(*line, "table ", strlen("table ")) == 0)
            managers = strstr(*line, " nm-shared-");
        if (managers || !uplink_in_rule(*line, name) || has_same(block, *line, name, bridge))
            continue;
        snprintf(entry, sizeof(entry), "%s: %.100s", what, *line + strspn(*line, " \t\v\f\r"));
        report(all, entry);
    }
    return lines ? 0 : -ENOMEM;
}

/* Every rule in the kernel shows up in one of these; a program that is not installed has added none. */
static int look_at_firewall(struct dependents *all, const char *verb, const char *name, const char *bridge)
{
    static const char *const programs[][5] = {{"nft", "-s", "list", "ruleset", NULL}, /* without counters */
                                              {"iptables-legacy-save", NULL},
                                              {"ip6tables-legacy-save", NULL},
                                              {"ebtables-legacy-save", NULL}};

    for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
        _cleanup_free_ char *output = NULL;
        int status = process_capture(programs[i], false, PROCESS_QUERY_MS, &output);
        if (status == 0 && output)
            status = report_lines(all, programs[i][0], output, name, bridge);
        if (status == -ETIMEDOUT)
            return complain(
                1, verb,
                "cannot look for firewall rules that name '%s': %s did not finish within %d s and was "
                "killed; run it yourself to see what it waits for, or give --ignore-dependents",
                name, programs[i][0], PROCESS_QUERY_MS / 1000);
        if (status < 0 && status != -ENOENT)
            return complain(
                1, verb, "cannot look for firewall rules that name '%s': %s: %s; or give --ignore-dependents",
                name, programs[i][0], strerror(-status));
    }
    return 0;
}

static void look_at_links(struct dependents *all, const struct links *links, const struct link *uplink)
{
    for (size_t i = 0; i < links->count; i++) {
        const struct link *link = &links->list[i];
        char entry[64];
        /* A VLAN device receives its frames before the bridge does; a veth merely refers to its peer. */
        if (link->lower != uplink->ifindex || strcmp(link->kind, "vlan") == 0 ||
            strcmp(link->kind, "veth") == 0)
            continue;
        snprintf(entry, sizeof(entry), "%s '%s'", *link->kind ? link->kind : "interface", link->name);
        report(all, entry);
    }
}

static bool attr_is(const struct nlmsghdr *msg, size_t header, int type, const char *text)
{
    const struct nlattr *attr = message_attr(msg, header, type);
    return attr && nla_len(attr) > 0 && strncmp(nla_data(attr), text, (size_t)nla_len(attr)) == 0;
}

/* A kernel that lacks one of these reports an error, and has no rules. */
static void look_at_rules(struct dependents *all, struct rtnl *nl, const struct link *uplink)
{
    const struct fib_rule_hdr every = {.family = AF_UNSPEC};
    const struct nhmsg hops = {.nh_family = AF_UNSPEC};
    _cleanup_messages_ struct messages rules = {.count = 0}, objects = {.count = 0};
    char entry[64];

    rtnl_dump(nl, RTM_GETRULE, &every, sizeof(every), &rules);
    for (size_t i = 0; i < rules.count; i++) {
        if (!attr_is(rules.list[i], sizeof(every), FRA_IIFNAME, uplink->name) &&
            !attr_is(rules.list[i], sizeof(every), FRA_OIFNAME, uplink->name))
            continue;
        const struct nlattr *priority = message_attr(rules.list[i], sizeof(every), FRA_PRIORITY);
        snprintf(entry, sizeof(entry), "ip rule %u", priority ? *(const uint32_t *)nla_data(priority) : 0);
        report(all, entry);
    }
    rtnl_dump(nl, RTM_GETNEXTHOP, &hops, sizeof(hops), &objects);
    for (size_t i = 0; i < objects.count; i++) {
        const struct nhmsg *hop = nlmsg_data(objects.list[i]);
        const struct nlattr *oif = message_attr(objects.list[i], sizeof(hops), NHA_OIF);
        const struct nlattr *id = message_attr(objects.list[i], sizeof(hops), NHA_ID);
        /* networkd has one for each router that it hears (systemd 257), which it will hear on the bridge. */
        if (!oif || !id || *(const int *)nla_data(oif) != uplink->ifindex || hop->nh_protocol == RTPROT_RA)
            continue;
        snprintf(entry, sizeof(entry), "ip nexthop id %u", *(const uint32_t *)nla_data(id));
        report(all, entry);
    }
}

static void look_at_filters(struct dependents *all, struct rtnl *nl, const struct link *uplink)
{
    static const uint32_t parents[] = {TC_H_ROOT, TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS),
                                       TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS)};
    _cleanup_messages_ struct messages filters = {.count = 0};

    for (size_t i = 0; i < sizeof(parents) / sizeof(parents[0]); i++) {
        const struct tcmsg of = {.tcm_ifindex = uplink->ifindex, .tcm_parent = parents[i]};
        rtnl_dump(nl, RTM_GETTFILTER, &of, sizeof(of), &filters);
    }
    if (filters.count > 0)
        report(all, "tc filters (`tc filter show dev` lists them)");
}

static int refuse_those(const char *verb, const struct dependents *all, const char *uplink,
                        const char *bridge)
{
    if (all->count == 0)
        return 0;
    return complain(
        1, verb,
        "these name '%s' and would stop matching: %s%s; make them name '%s', or give --ignore-dependents",
        uplink, all->text, text_if(all->count > LISTED_MAX, "; and more"), bridge);
}

static int refuse_dependents(struct view *view, const char *verb, const struct create *create,
                             const struct link *uplink)
{
    struct dependents all = {.count = 0};

    look_at_links(&all, &view->links, uplink);
    look_at_rules(&all, &view->nl, uplink);
    look_at_filters(&all, &view->nl, uplink);
    struct reporting reporting = {&all, uplink->name};
    sysctl_differing(uplink->name, report_setting, &reporting);
    if (look_at_firewall(&all, verb, uplink->name, create->name) != 0)
        return 1;
    return refuse_those(verb, &all, uplink->name, create->name);
}

int uplink_refuse_at_boot(const struct view *view, const char *verb, const char *uplink, const char *bridge)
{
    struct dependents all = {.count = 0};

    look_at_links(&all, &view->links, links_by_name(&view->links, uplink));
    if (look_at_firewall(&all, verb, uplink, bridge) != 0)
        return 1;
    return refuse_those(verb, &all, uplink, bridge);
}

/* Whether the file has a line that begins so. */
static bool file_says(const char *path, const char *line)
{
    char text[8192], wanted[64];

    snprintf(wanted, sizeof(wanted), "\n%s", line);
    text[0] = '\n';
    return text_read_no_link(path, text + 1, sizeof(text) - 1) > 0 && strstr(text, wanted);
}

/* Both record in /run what they manage, by interface index. networkd does not run as root, so its file
 * is not trusted. */
const char *uplink_manager(int ifindex)
{
    char path[64];

    snprintf(path, sizeof(path), "/run/NetworkManager/devices/%d", ifindex);
    if (file_says(path, "managed=true"))
        return "NetworkManager";
    snprintf(path, sizeof(path), "/run/systemd/netif/links/%d", ifindex);
    if (file_says(path, "ADMIN_STATE=configur"))
        return "systemd-networkd";
    return NULL;
}

static bool is_wireless(const struct link *link)
{
    char path[64];

    snprintf(path, sizeof(path), "/sys/class/net/%s/phy80211", link->name);
    return access(path, F_OK) == 0;
}

int uplink_refuse_master(const struct view *view, const char *verb, const struct link *uplink)
{
    const struct link *master = links_by_index(&view->links, uplink->master);
    const char *name = master ? master->name : "?";

    if (uplink->master == 0)
        return 0;
    if (strcmp(uplink->port_kind, "bridge") == 0)
        return complain(1, verb, "'%s' is already part of the bridge '%s': use that", uplink->name, name);
    return complain(1, verb,
                    "'%s' is already part of the %s '%s': use '%s' as the uplink, or take the NIC out of it",
                    uplink->name, *uplink->port_kind ? uplink->port_kind : "device", name, name);
}

int uplink_refuse_kind(const char *verb, const struct link *uplink)
{
    if (uplink->flags & IFF_LOOPBACK)
        return complain(1, verb, "'%s' is the loopback, which leads nowhere: name a NIC", uplink->name);
    if (is_wireless(uplink))
        return complain(
            1, verb,
            "'%s' is Wi-Fi, which carries no frames of other stations than itself (unless both sides speak "
            "4addr): use a NAT bridge (virt-tap bridge persist nat0 --nat --apply)",
            uplink->name);
    if (strcmp(uplink->kind, "bridge") == 0)
        return complain(1, verb, "'%s' is a bridge itself: use it, or name the NIC in it", uplink->name);
    if (uplink->type != ARPHRD_ETHER || !uplink->has_mac)
        return complain(1, verb, "'%s' is not an Ethernet device and cannot be bridged", uplink->name);
    return 0;
}

int uplink_refuse(struct view *view, const char *verb, const struct create *create, const struct link *uplink)
{
    const char *manager = uplink_manager(uplink->ifindex);

    if (strcmp(uplink->name, create->name) == 0)
        return complain(1, verb, "the name '%s' is taken: choose another for the bridge", create->name);
    if (uplink_refuse_kind(verb, uplink) != 0)
        return 1;
    if (uplink_refuse_master(view, verb, uplink) != 0)
        return 1;
    if (create->spec.mtu && uplink->max_mtu && create->spec.mtu > uplink->max_mtu)
        return complain(1, verb, "'%s' has an MTU of %u at most", uplink->name, uplink->max_mtu);
    if (manager && !create->manager)
        return complain(1, verb,
                        "'%s' is managed by %s, which would undo the change: let that make the bridge, "
                        "`virt-tap bridge persist %s --uplink %s --apply`",
                        uplink->name, manager, quote(create->name).text, quote(uplink->name).text);
    if (create->ignore_dependents)
        return 0;
    return refuse_dependents(view, verb, create, uplink);
}
