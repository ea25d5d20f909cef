/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * A plan as ifupdown files: a file of the bridge's own, which is read last, so that whatever makes its port
 * (a bond, a VLAN) comes first; and the NIC's stanzas edited, wherever they are. */
#include "base/cleanup.h"
#include "base/process.h"
#include "base/text.h"
#include "persist_interfaces.h"

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAIN_FILE "/etc/network/interfaces"
#define OWN_FILE "/etc/network/virt-tap-"

enum { DEPTH_MAX = 8 };

static void edit_file(struct persist_taken *taken, const char *path);

/* Whether a `source-directory` takes a file of that name (ifupdown's config.c). */
static bool is_plain(const char *name)
{
    return name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")] == '\0';
}

/* Edits what one pattern of a `source` or `source-directory` line in the file `from` names. */
static void edit_pattern(struct persist_taken *taken, const char *from, const char *pattern, bool folders)
{
    _cleanup_globfree_ glob_t found = {.gl_pathc = 0};
    char path[2 * PATH_MAX];
    int folder = 0;

    if (*pattern != '/')
        folder = (int)(strrchr(from, '/') - from) + 1;
    if (strpbrk(pattern, "$`\"'\\") || strlen(pattern) >= PATH_MAX) {
        error_set(&taken->why, "%.200s: 'source %.200s' is not understood", from, pattern);
        return;
    }
    snprintf(path, sizeof(path), "%.*s%s%s", folder, from, pattern, text_if(folders, "/*"));
    glob(path, 0, NULL, &found); /* as wordexp(3), which ifupdown uses: without braces */
    for (size_t i = 0; i < found.gl_pathc; i++)
        if (!folders || is_plain(basename(found.gl_pathv[i])))
            edit_file(taken, found.gl_pathv[i]);
}

/* Edits all files that this one names. */
static void edit_sources(struct persist_taken *taken, const char *path, FILE *in)
{
    _cleanup_free_ char *line = NULL;
    size_t size = 0;

    rewind(in);
    while (getline(&line, &size, in) > 0) {
        char *rest = line + strspn(line, " \t");
        const char *word = strsep(&rest, " \t\n"), *pattern;
        const bool folders = strcmp(word, "source-directory") == 0;
        while ((folders || strcmp(word, "source") == 0) && (pattern = strsep(&rest, " \t\n")))
            if (*pattern)
                edit_pattern(taken, path, pattern, folders);
    }
}

/* Has ifupdown read the bridge's file, last. Returns whether it does not yet. */
static bool add_source(const struct persist_plan *plan, const char *text, FILE *out)
{
    char line[sizeof("source " OWN_FILE "\n") + IFNAMSIZ];

    snprintf(line, sizeof(line), "source " OWN_FILE "%s\n", plan->bridge);
    const char *at = strstr(text, line);
    if (at && (at == text || at[-1] == '\n'))
        return false;
    fprintf(out, "\n%s", line);
    return true;
}

static void edit_file(struct persist_taken *taken, const char *path)
{
    _cleanup_free_ char *text = NULL;
    struct stat st;
    size_t size;

    if (taken->why.text[0] || persist_has(taken->files, path)) /* it is read twice */
        return;
    if (taken->depth == DEPTH_MAX) {
        error_set(&taken->why, "%.200s: files name each other", path);
        return;
    }
    _cleanup_fclose_ FILE *in = fopen(path, "re");
    if (!in || fstat(fileno(in), &st) < 0 || !S_ISREG(st.st_mode))
        return;
    FILE *out = persist_begin_text(&text, &size);
    bool changed = persist_edit_interfaces(in, out, taken);
    fflush(out);
    if (strcmp(path, MAIN_FILE) == 0)
        changed |= add_source(taken->plan, text, out);
    persist_end_text(out);
    if (changed && strncmp(path, "/run/", strlen("/run/")) == 0)
        error_set(&taken->why,
                  "%.200s, which has a stanza of '%s', is written again at each boot: write that stanza "
                  "into " MAIN_FILE ", and turn off what writes this one",
                  path, taken->plan->uplink);
    else if (changed)
        fputs(text, persist_open(taken->files, NULL, st.st_mode & 0777, "%s", path));
    taken->depth++;
    edit_sources(taken, path, in);
    taken->depth--;
}

/* When addresses, routes and the MTU are set. ifupdown2, as Proxmox has it, removes before `post-up` what it
 * does not know. ifupdown gives them to the bridge before its DHCP client starts, which may find no server.
 */
static const char *word_for_network(void)
{
    return access("/etc/network/ifupdown2/ifupdown2.conf", F_OK) == 0 ? "post-up" : "pre-up";
}

static void print_making(FILE *out, const struct persist_plan *plan)
{
    fprintf(
        out,
        "    pre-up ip link show dev %s >/dev/null 2>&1 || ip link add name %s address %s type bridge stp_state %d%s%s\n",
        plan->bridge, plan->bridge, plan->mac, plan->stp, text_if(!plan->stp, " forward_delay 0"),
        text_if(plan->vlan_filtering, " vlan_filtering 1"));
    if (*plan->uplink) {
        if (plan->mtu)
            fprintf(out, "    pre-up ip link set dev %s mtu %u\n", plan->uplink, plan->mtu);
        /* The bridge has the same MAC, and so the same link-local address. */
        fprintf(out, "    pre-up ip link set dev %s addrgenmode none master %s up\n", plan->uplink,
                plan->bridge);
        fprintf(out, "    pre-up ip -6 addr flush dev %s\n", plan->uplink);
        /* It was up on its own, and may have been told of these by a router; the bridge will be told, too. */
        fprintf(out, "    pre-up ip -6 route flush dev %s\n", plan->uplink);
    }
    if (plan->mtu)
        fprintf(out, "    %s ip link set dev %s mtu %u\n", word_for_network(), plan->bridge, plan->mtu);
}

static void print_route(FILE *out, const struct persist_plan *plan, const struct persist_route *route)
{
    fprintf(out, "%s%s%s dev %s%s", route->to, text_if(*route->via, " via "), route->via, plan->bridge,
            text_if(route->onlink, " onlink"));
    if (route->metric)
        fprintf(out, " metric %u", route->metric);
}

/* Whether the kernel has a route of its own to there, the network of an address. */
static bool is_connected(const struct persist_plan *plan, const struct persist_route *route)
{
    struct cidr network;

    if (route->family != AF_INET || !cidr_parse_network(route->to, strlen(route->to), &network))
        return false;
    for (size_t i = 0; i < plan->address_count; i++)
        if (plan->addresses[i].prefix == network.prefix && cidr_overlap(&plan->addresses[i], &network))
            return true;
    return false;
}

static void print_routes(FILE *out, const struct persist_plan *plan)
{
    for (size_t i = 0; i < plan->route_count; i++) {
        const struct persist_route *route = &plan->routes[i];
        const char *verb = "replace";
        fprintf(out, "    %s ip %sroute ", word_for_network(), text_if(route->family == AF_INET6, "-6 "));
        /* At hosters that keep servers apart; the kernel's stays, behind it. */
        if (is_connected(plan, route)) {
            fputs("del ", out);
            print_route(out, plan, route);
            fputs(" 2>/dev/null; ip route ", out);
            verb = "prepend";
        }
        fprintf(out, "%s ", verb);
        print_route(out, plan, route);
        fputc('\n', out);
    }
}

void persist_ifupdown_print(FILE *out, const struct persist_plan *plan, const char *options,
                            const char *inet6)
{
    char cidr[CIDR_TEXT];

    fprintf(out, "auto %s\niface %s inet %s\n", plan->bridge, plan->bridge, plan->dhcp ? "dhcp" : "manual");
    print_making(out, plan);
    fputs(options, out); /* settings of IPv6 must be there before it is up, and hears a router */
    /* Uses ip, as ifupdown itself does: one stanza for both families and any number of addresses. It comes
     * before the DHCP client, so that the rest is set up even if the client finds no server. */
    /* A client sets it up itself; dhcpcd first keeps the kernel from making IPv6 addresses beside its own. */
    if (!plan->dhcp || plan->address_count > 0 || plan->route_count > 0)
        fprintf(out, "    pre-up ip link set dev %s up\n", plan->bridge);
    if (plan->dhcp && *plan->uplink)
        persist_ifupdown_lease(out, plan, "");
    for (size_t i = 0; i < plan->address_count; i++) {
        cidr_print(&plan->addresses[i], cidr);
        fprintf(out, "    %s ip addr replace %s dev %s%s\n", word_for_network(), cidr, plan->bridge,
                text_if(plan->addresses[i].family == AF_INET6, " nodad"));
    }
    print_routes(out, plan);
    fprintf(out, "    post-down ip link delete dev %s 2>/dev/null || true\n%s", plan->bridge, inet6);
}

static bool has_bit(uint64_t bits, size_t i)
{
    return i >= 64 || bits >> i & 1;
}

/* Whether DHCP gave the NIC the plan's address, although it has no lifetime: udhcpc sets none, and a server
 * may lease it for ever. */
static bool is_leased(const struct persist_taken *taken, size_t i)
{
    const struct persist_plan *plan = taken->plan;

    return taken->dhcp && !plan->dhcp && plan->addresses[i].family == AF_INET && !has_bit(taken->seen, i);
}

static bool is_servers_route(const struct persist_taken *taken, size_t i)
{
    return taken->dhcp && taken->plan->routes[i].family == AF_INET && !has_bit(taken->routes, i);
}

/* An address or a route that no stanza has may come from a command that would go on to give it to the port.
 */
static void refuse_unseen(struct persist_taken *taken, const char *what, const char *value)
{
    if (*taken->command && !taken->why.text[0])
        error_set(&taken->why,
                  "'%s' has %s %s, which is in none of its stanzas: '%.64s' there may set it, and "
                  "would give it to the port; put it into the stanza",
                  taken->plan->uplink, what, value, taken->command);
}

static void check_seen(struct persist_taken *taken)
{
    const struct persist_plan *plan = taken->plan;
    char cidr[CIDR_TEXT];

    for (size_t i = 0; i < plan->address_count; i++) {
        cidr_print(&plan->addresses[i], cidr);
        if (!has_bit(taken->seen, i) && !is_leased(taken, i))
            refuse_unseen(taken, "the address", cidr);
    }
    for (size_t i = 0; !plan->dhcp && i < plan->route_count; i++)
        if (!has_bit(taken->routes, i) && !is_servers_route(taken, i))
            refuse_unseen(taken, "a route to", plan->routes[i].to);
}

/* Copies the plan, without what comes back by DHCP: otherwise a server that is there only now would remain in
 * force. */
static int leave_to_dhcp(const struct persist_taken *taken, struct persist_plan *out)
{
    const struct persist_plan *all = taken->plan;

    *out = *all;
    out->dhcp = all->dhcp || taken->dhcp;
    out->address_count = out->route_count = 0;
    out->addresses = calloc(all->address_count + 1, sizeof(*out->addresses));
    out->routes = calloc(all->route_count + 1, sizeof(*out->routes));
    if (!out->addresses || !out->routes)
        return -ENOMEM;
    for (size_t i = 0; i < all->address_count; i++)
        if (!is_leased(taken, i))
            out->addresses[out->address_count++] = all->addresses[i];
    for (size_t i = 0; i < all->route_count; i++)
        if (!is_servers_route(taken, i))
            out->routes[out->route_count++] = all->routes[i];
    return 0;
}

int persist_ifupdown(const struct persist_plan *plan, struct persist_files *files, struct error *why)
{
    _cleanup_free_ char *options = NULL, *inet6 = NULL;
    size_t options_size, inet6_size;

    if (process_query(NULL, "ifquery", plan->bridge) == 0) /* somebody else's stanza */
        return error_set(
            why, "ifupdown's files have '%s' already (`ifquery %s`): use that, or choose another name",
            plan->bridge, plan->bridge);
    struct persist_taken taken = {.plan = plan,
                                  .files = files,
                                  .options = persist_begin_text(&options, &options_size),
                                  .inet6 = persist_begin_text(&inet6, &inet6_size)};
    edit_file(&taken, MAIN_FILE);
    persist_end_text(taken.options);
    persist_end_text(taken.inet6);
    check_seen(&taken);
    *why = taken.why;
    if (why->text[0])
        return -1;
    __attribute__((cleanup(persist_plan_free))) struct persist_plan left;
    if (leave_to_dhcp(&taken, &left) < 0)
        return error_set(why, "%s", strerror(ENOMEM));
    persist_ifupdown_print(persist_open(files, plan, 0644, OWN_FILE "%s", plan->bridge), &left, options,
                           inet6);
    return 0;
}

/* Asks ifupdown what it will do: bring the bridge up, and give its port no address. */
int persist_ifupdown_check(const struct persist_plan *plan, struct error *why)
{
    const char *argv[] = {"ifquery", plan->bridge, NULL};
    _cleanup_free_ char *said = NULL, *port = NULL, *automatic = NULL;
    const int status = process_capture(argv, true, PROCESS_QUERY_MS, &said);

    if (status == -ENOENT) /* not installed */
        return 0;
    if (status == -ETIMEDOUT)
        return error_set(
            why,
            "`ifquery %s` did not finish within %d s and was killed; run it yourself to see what "
            "it waits for, then try again",
            plan->bridge, PROCESS_QUERY_MS / 1000);
    if (status != 0)
        return error_set(why, "ifquery rejects it: %.300s", process_reason(said));
    process_query(&port, "ifquery", plan->uplink);
    if (port && (strncmp(port, "address:", 8) == 0 || strstr(port, "\naddress:")))
        return error_set(why, "ifupdown would still give '%s' an address (`ifquery %s`)", plan->uplink,
                         plan->uplink);
    process_query(&automatic, "ifquery", "--list", "-a");
    if (automatic && text_has_word(automatic, plan->bridge))
        return 0;
    return error_set(why, "ifupdown does not read what was written for '%s' (`ifquery --list -a`)",
                     plan->bridge);
}
