/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * A plan as ifupdown files: a file of the bridge's own, which is read last, so that whatever makes its port
 * (a bond, a VLAN) comes first; and the NIC's stanzas edited, wherever they are. */
#include "base/cleanup.h"
#include "base/process.h"
#include "base/text.h"
#include "persist_interfaces.h"

#include <dirent.h>
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

/* What walks the files that ifupdown reads. */
struct walk {
    struct persist_files *files;
    struct persist_taken *taken;
    int depth;
};

static int edit_file(struct walk *walk, const char *path);

/* The files that a `source-directory` names: those with plain names (ifupdown's config.c). */
static int edit_folder(struct walk *walk, const char *path)
{
    struct dirent **names = NULL;
    const int count = scandir(path, &names, NULL, alphasort);
    int err = 0;

    for (int i = 0; i < count; i++) {
        _cleanup_free_ char *file = NULL;
        const bool plain =
            names[i]->d_name[strspn(names[i]->d_name,
                                    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")] ==
            '\0';
        if (err == 0 && plain)
            err = asprintf(&file, "%s/%s", path, names[i]->d_name) < 0 ? -ENOMEM : edit_file(walk, file);
        free(names[i]);
    }
    free(names);
    return err;
}

/* Edits what one pattern of a `source` or `source-directory` line in the file `from` names. */
static int edit_pattern(struct walk *walk, const char *from, const char *pattern, bool folders)
{
    _cleanup_globfree_ glob_t found = {.gl_pathc = 0};
    _cleanup_free_ char *path = NULL;
    int err = 0;

    if (strpbrk(pattern, "$`\"'\\"))
        return error_set(&walk->taken->why, "%.200s: 'source %.200s' is not understood", from, pattern);
    if (asprintf(&path, "%.*s%s", *pattern == '/' ? 0 : (int)(strrchr(from, '/') - from) + 1, from, pattern) <
        0)
        return -ENOMEM;
    glob(path, 0, NULL, &found); /* as wordexp(3), which ifupdown uses: without braces */
    for (size_t i = 0; err == 0 && i < found.gl_pathc; i++)
        err = folders ? edit_folder(walk, found.gl_pathv[i]) : edit_file(walk, found.gl_pathv[i]);
    return err;
}

/* Edits all files that this one names. */
static int edit_sources(struct walk *walk, const char *path, FILE *in)
{
    _cleanup_free_ char *line = NULL;
    size_t size = 0;
    int err = 0;

    rewind(in);
    while (err == 0 && getline(&line, &size, in) > 0) {
        char *rest = line + strspn(line, " \t");
        const char *word = strsep(&rest, " \t\n"), *pattern;
        const bool folders = strcmp(word, "source-directory") == 0;
        while (err == 0 && (folders || strcmp(word, "source") == 0) && (pattern = strsep(&rest, " \t\n")))
            if (*pattern)
                err = edit_pattern(walk, path, pattern, folders);
    }
    return err;
}

/* Whether ifupdown reads the bridge's file already, by this line. */
static bool is_sourced(const char *text, const char *line)
{
    const char *at = strstr(text, line);

    return at && (at == text || at[-1] == '\n');
}

static int edit_text(struct walk *walk, const char *path, FILE *in, char **text)
{
    const struct persist_plan *plan = walk->taken->plan;
    char source[sizeof("source " OWN_FILE "\n") + IFNAMSIZ];
    size_t size;
    FILE *out = open_memstream(text, &size);

    if (!out)
        return -ENOMEM;
    bool changed = persist_edit_interfaces(in, out, walk->taken);
    fflush(out);
    snprintf(source, sizeof(source), "source " OWN_FILE "%s\n", plan->bridge);
    if (strcmp(path, MAIN_FILE) == 0 && !is_sourced(*text, source)) {
        fprintf(out, "\n%s", source);
        changed = true;
    }
    return fclose(out) == 0 ? changed : -ENOMEM;
}

static int edit_file(struct walk *walk, const char *path)
{
    _cleanup_free_ char *text = NULL;
    struct stat st;

    if (persist_has(walk->files, path)) /* it is read twice */
        return 0;
    if (walk->depth == DEPTH_MAX)
        return error_set(&walk->taken->why, "%.200s: files name each other", path);
    _cleanup_fclose_ FILE *in = fopen(path, "re");
    if (!in || fstat(fileno(in), &st) < 0 || !S_ISREG(st.st_mode))
        return 0;
    int err = edit_text(walk, path, in, &text);
    if (err > 0 && strncmp(path, "/run/", strlen("/run/")) == 0)
        return error_set(
            &walk->taken->why,
            "%.200s, which has a stanza of '%s', is written again at each boot: write that stanza into " MAIN_FILE
            ", and turn off what writes this one",
            path, walk->taken->plan->uplink);
    if (err > 0)
        err = persist_add(walk->files, st.st_mode & 0777, path, text);
    walk->depth++;
    if (err == 0)
        err = edit_sources(walk, path, in);
    walk->depth--;
    return err;
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
        if (is_connected(plan,
                         route)) { /* at hosters that keep servers apart; the kernel's stays, behind it */
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

/* Adds the bridge's file, with what the NIC's stanzas gave for it. */
static int add_own(const struct persist_plan *plan, struct persist_files *files, const char *options,
                   const char *inet6)
{
    FILE *out = persist_open(files, 0644, OWN_FILE "%s", plan->bridge);

    if (!out)
        return -errno;
    persist_head(out, plan);
    persist_ifupdown_print(out, plan, options, inet6);
    return persist_close(out);
}

static void refuse_unseen(struct persist_taken *taken, const char *what, const char *value)
{
    error_set(&taken->why,
              "'%s' has %s %s, which is in none of its stanzas: '%.64s' there may set it, and "
              "would give it to the port; put it into the stanza",
              taken->plan->uplink, what, value, taken->command);
}

/* An address or a route that no stanza has may come from a command that would go on to give it to the port.
 */
static void check_seen(struct persist_taken *taken)
{
    const struct persist_plan *plan = taken->plan;
    char cidr[CIDR_TEXT];

    for (size_t i = 0; *taken->command && i < plan->address_count && i < 64; i++)
        if (!(taken->seen & UINT64_C(1) << i)) {
            cidr_print(&plan->addresses[i], cidr);
            refuse_unseen(taken, "the address", cidr);
            return;
        }
    /* A DHCP server may have given a route. */
    for (size_t i = 0; *taken->command && !plan->dhcp && i < plan->route_count && i < 64; i++)
        if (!(taken->routes & UINT64_C(1) << i))
            refuse_unseen(taken, "a route to", plan->routes[i].to);
}

/* Edits all files; *options and *inet6 become what they gave for the bridge, owned by the caller. */
static int edit_all(const struct persist_plan *plan, struct persist_files *files, char **options,
                    char **inet6, struct error *why)
{
    size_t options_size, inet6_size;
    struct persist_taken taken = {.plan = plan,
                                  .options = open_memstream(options, &options_size),
                                  .inet6 = open_memstream(inet6, &inet6_size)};
    struct walk walk = {files, &taken, 0};
    int err = -ENOMEM;

    if (taken.options && taken.inet6)
        err = edit_file(&walk, MAIN_FILE);
    if (taken.options && fclose(taken.options) != 0)
        err = -ENOMEM;
    if (taken.inet6 && fclose(taken.inet6) != 0)
        err = -ENOMEM;
    if (err == 0 && !taken.why.text[0])
        check_seen(&taken);
    *why = taken.why;
    if (why->text[0])
        return -1;
    return err;
}

int persist_ifupdown(const struct persist_plan *plan, struct persist_files *files, struct error *why)
{
    _cleanup_free_ char *options = NULL, *inet6 = NULL;

    if (process_query(NULL, "ifquery", plan->bridge) == 0) /* somebody else's stanza */
        return error_set(
            why, "ifupdown's files have '%s' already (`ifquery %s`): use that, or choose another name",
            plan->bridge, plan->bridge);
    const int err = edit_all(plan, files, &options, &inet6, why);
    return err < 0 ? err : add_own(plan, files, options, inet6);
}

/* Asks ifupdown what it will do: bring the bridge up, and give its port no address. */
int persist_ifupdown_check(const char *verb, const struct persist_plan *plan)
{
    const char *argv[] = {"ifquery", plan->bridge, NULL};
    _cleanup_free_ char *said = NULL, *port = NULL, *automatic = NULL;
    const int status = process_capture(argv, true, PROCESS_QUERY_MS, &said);

    if (status == -ENOENT) /* not installed */
        return 0;
    if (status == -ETIMEDOUT)
        return complain(1, verb,
                        "nothing was changed: `ifquery %s` did not finish within %d s and was killed; run it "
                        "yourself to see what it waits for, then try again",
                        plan->bridge, PROCESS_QUERY_MS / 1000);
    if (status != 0)
        return complain(1, verb, "nothing was changed: ifquery rejects it: %.300s", process_reason(said));
    process_query(&port, "ifquery", plan->uplink);
    if (port && (strncmp(port, "address:", 8) == 0 || strstr(port, "\naddress:")))
        return complain(1, verb,
                        "nothing was changed: ifupdown would still give '%s' an address (`ifquery %s`)",
                        plan->uplink, plan->uplink);
    process_query(&automatic, "ifquery", "--list", "-a");
    if (automatic && text_has_word(automatic, plan->bridge))
        return 0;
    return complain(
        1, verb,
        "nothing was changed: ifupdown does not read what was written for '%s' (`ifquery --list -a`)",
        plan->bridge);
}
