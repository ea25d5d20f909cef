/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * A plan as ifupdown files. The uplink's own stanzas, wherever they are, would give it its addresses back, so
 * they are commented out. */
#include "base/cleanup.h"
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
    _cleanup_free_ char *line = NULL;
    size_t size = 0;
    bool inside = false, any = false;

    while (getline(&line, &size, in) > 0) {
        char word[32] = "", first[IFNAMSIZ + 1] = "", second[IFNAMSIZ + 1] = "";
        sscanf(line, "%31s %16s %16s", word, first, second);
        if (begins_stanza(word))
            inside = strcmp(word, "iface") == 0 && strcmp(first, uplink) == 0;
        const bool brings_up = (strcmp(word, "auto") == 0 || strncmp(word, "allow-", 6) == 0) &&
                               strcmp(first, uplink) == 0 && (!*second || *second == '#');
        const bool comment = (inside || brings_up) && *word && *word != '#';
        fprintf(out, "%s%s", comment ? "#virt-tap# " : "", line);
        any |= comment;
    }
    return any;
}

/* Whether the main file includes those in the directory. */
static bool reads_folder(const char *text)
{
    return strstr(text, "\nsource " FOLDER "/") || strstr(text, "\nsource-directory " FOLDER) ||
           strncmp(text, "source " FOLDER "/", sizeof("source " FOLDER)) == 0;
}

/* Adds the file if it configures the uplink, or if it is the main file and does not include the others. */
static int change_file(const char *path, const struct persist_plan *plan, struct persist_files *files)
{
    static const char old[] = ".virt-tap-old";
    const size_t length = strlen(path), end = sizeof(old) - 1;
    char *text = NULL;
    size_t size;

    if (length > end && strcmp(path + length - end, old) == 0)
        return 0;
    _cleanup_fclose_ FILE *in = fopen(path, "re");
    if (!in)
        return 0;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return -ENOMEM; /* cppcheck-suppress resourceLeak; `in` is closed by its attribute */
    bool changed = *plan->uplink && persist_comment_out(in, out, plan->uplink);
    fflush(out);
    if (strcmp(path, MAIN_FILE) == 0 && !reads_folder(text)) {
        fputs("\nsource " FOLDER "/*\n", out);
        changed = true;
    }
    const int err = fclose(out) == 0 ? 0 : -ENOMEM;
    if (err == 0 && changed)
        return persist_add(files, 0644, text, "%s", path);
    free(text);
    return err;
}

static int change_files(const struct persist_plan *plan, struct persist_files *files)
{
    _cleanup_globfree_ glob_t paths = {.gl_pathc = 0};
    int err = 0;

    glob(MAIN_FILE, 0, NULL, &paths);
    glob(FOLDER "/*", GLOB_APPEND, NULL, &paths);
    for (size_t i = 0; err == 0 && i < paths.gl_pathc; i++)
        err = change_file(paths.gl_pathv[i], plan, files);
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

static void stanza(FILE *out, const struct persist_plan *plan)
{
    char cidr[CIDR_TEXT];

    fprintf(out, "auto %s\niface %s inet %s\n", plan->bridge, plan->bridge, plan->dhcp ? "dhcp" : "manual");
    print_making(out, plan);
    /* Uses ip, as ifupdown itself does: one stanza for both families and any number of addresses. It comes
     * before the DHCP client, so that the rest is set up even if the client finds no server. */
    fprintf(out, "    pre-up ip link set dev %s up\n", plan->bridge);
    for (size_t i = 0; i < plan->address_count; i++) {
        cidr_print(&plan->addresses[i], cidr);
        fprintf(out, "    pre-up ip addr replace %s dev %s%s\n", cidr, plan->bridge,
                plan->addresses[i].family == AF_INET6 ? " nodad" : "");
    }
    print_routes(out, plan);
    fprintf(out, "    post-down ip link delete dev %s 2>/dev/null || true\n", plan->bridge);
}

int persist_ifupdown(const struct persist_plan *plan, struct persist_files *files)
{
    const int err = persist_write(files, plan, 0644, stanza, FOLDER "/virt-tap-%s", plan->bridge);

    return err < 0 ? err : change_files(plan, files);
}
