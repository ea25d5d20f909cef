/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * One plan in the words of ifupdown. The uplink's own stanzas, wherever they are, would give it its addresses
 * again: they become comments. */
#include "persist.h"

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAIN_FILE "/etc/network/interfaces"
#define FOLDER "/etc/network/interfaces.d"

static bool begins_stanza(const char *word)
{
    static const char *const words[] = {"iface",  "mapping",    "auto",    "source", "source-directory",
                                        "rename", "no-scripts", "template"};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strcmp(word, words[i]) == 0)
            return true;
    return strncmp(word, "allow-", 6) == 0 || strncmp(word, "no-auto", 7) == 0;
}

bool persist_comment_out(FILE *in, FILE *out, const char *uplink)
{
    char *line = NULL;
    size_t size = 0;
    bool inside = false, any = false;

    while (getline(&line, &size, in) > 0) {
        char word[32] = "", first[IFNAMSIZ + 1] = "", second[IFNAMSIZ + 1] = "";
        sscanf(line, "%31s %16s %16s", word, first, second);
        if (begins_stanza(word))
            inside = strcmp(word, "iface") == 0 && strcmp(first, uplink) == 0;
        const bool brings_up = (strcmp(word, "auto") == 0 || strncmp(word, "allow-", 6) == 0) &&
                               strcmp(first, uplink) == 0 && (!*second || *second == '#');
        const bool out_now = (inside || brings_up) && *word && *word != '#';
        fprintf(out, "%s%s", out_now ? "#virt-tap# " : "", line);
        any = any || out_now;
    }
    free(line);
    return any;
}

/* The files that say something about the uplink, and the main one if it reads no others. */
static int change_files(const struct persist_plan *plan, struct persist_files *files)
{
    glob_t paths = {.gl_pathc = 0};
    int err = 0;

    glob(MAIN_FILE, 0, NULL, &paths);
    glob(FOLDER "/*", GLOB_APPEND, NULL, &paths);
    for (size_t i = 0; err == 0 && i < paths.gl_pathc; i++) {
        const bool is_main = strcmp(paths.gl_pathv[i], MAIN_FILE) == 0;
        const size_t length = strlen(paths.gl_pathv[i]);
        char *text = NULL;
        size_t size;
        FILE *in = length > 13 && strcmp(paths.gl_pathv[i] + length - 13, ".virt-tap-old") == 0
                       ? NULL
                       : fopen(paths.gl_pathv[i], "re");
        FILE *out = in ? open_memstream(&text, &size) : NULL;
        if (!out) {
            if (in)
                fclose(in);
            continue;
        }
        bool changed = *plan->uplink && persist_comment_out(in, out, plan->uplink);
        fclose(in);
        fflush(out);
        if (is_main && !strstr(text, "\nsource " FOLDER "/") && !strstr(text, "\nsource-directory " FOLDER) &&
            strncmp(text, "source " FOLDER "/", sizeof("source " FOLDER)) != 0) {
            fputs("\nsource " FOLDER "/*\n", out);
            changed = true;
        }
        err = fclose(out) == 0 ? 0 : -ENOMEM;
        if (err == 0 && changed)
            err = persist_add(files, 0644, text, "%s", paths.gl_pathv[i]);
        else
            free(text);
    }
    globfree(&paths);
    return err;
}

static void print_making(FILE *out, const struct persist_plan *plan)
{
    fprintf(
        out,
        "    pre-up ip link show dev %s >/dev/null 2>&1 || ip link add name %s address %s type bridge stp_state %d%s%s\n",
        plan->bridge, plan->bridge, plan->mac, plan->stp, plan->stp ? "" : " forward_delay 0",
        plan->vlan_filtering ? " vlan_filtering 1" : "");
    if (*plan->uplink) {
        if (plan->mtu)
            fprintf(out, "    pre-up ip link set dev %s mtu %u\n", plan->uplink, plan->mtu);
        fprintf(out, "    pre-up ip link set dev %s master %s up\n", plan->uplink, plan->bridge);
    }
    if (plan->mtu)
        fprintf(out, "    pre-up ip link set dev %s mtu %u\n", plan->bridge, plan->mtu);
}

static void print_routes(FILE *out, const struct persist_plan *plan)
{
    for (size_t i = 0; i < plan->route_count; i++) {
        const struct persist_route *route = &plan->routes[i];
        fprintf(out, "    pre-up ip %sroute replace %s via %s dev %s", route->family == AF_INET6 ? "-6 " : "",
                route->to, route->via, plan->bridge);
        if (route->metric)
            fprintf(out, " metric %u", route->metric);
        fputc('\n', out);
    }
}

int persist_ifupdown(const char *verb, const struct persist_plan *plan, struct persist_files *files)
{
    char *text = NULL, cidr[CIDR_TEXT];
    size_t size;
    FILE *out = open_memstream(&text, &size);
    (void)verb;

    if (!out)
        return -ENOMEM;
    fprintf(
        out,
        "# Written by `virt-tap bridge persist %s`; `virt-tap bridge unpersist %s` takes it back.\nauto %s\n",
        plan->bridge, plan->bridge, plan->bridge);
    fprintf(out, "iface %s inet %s\n", plan->bridge, plan->dhcp ? "dhcp" : "manual");
    print_making(out, plan);
    /* By ip, as ifupdown itself does it: one stanza for both families and any number. Before the DHCP client,
     * which may find no server: the rest is there all the same. */
    fprintf(out, "    pre-up ip link set dev %s up\n", plan->bridge);
    for (size_t i = 0; i < plan->address_count; i++) {
        cidr_print(&plan->addresses[i], cidr);
        fprintf(out, "    pre-up ip addr replace %s dev %s%s\n", cidr, plan->bridge,
                plan->addresses[i].family == AF_INET6 ? " nodad" : "");
    }
    print_routes(out, plan);
    fprintf(out, "    post-down ip link delete dev %s 2>/dev/null || true\n", plan->bridge);
    if (fclose(out) != 0)
        return -ENOMEM;
    const int err = persist_add(files, 0644, text, FOLDER "/virt-tap-%s", plan->bridge);
    return err < 0 ? err : change_files(plan, files);
}
