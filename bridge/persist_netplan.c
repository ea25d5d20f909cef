/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * A plan as netplan's files. netplan merges lists of several files, so an address can only be removed from
 * the file that has it: `netplan set` removes it from a copy of all files, and `netplan generate` tells what
 * the copy means, before anything on the host is changed. The NIC's definition, as `netplan get` shows it,
 * becomes the bridge's, except for what describes the device itself. */
#include "base/cleanup.h"
#include "base/file.h"
#include "base/process.h"
#include "base/text.h"
#include "persist_netplan_copy.h"
#include "persist_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FOLDER "/etc/netplan/"

enum { FILE_MAX = 1 << 20 };

/* Writes SECTION.ID for `netplan get` and `set`, in which a dot of a name, as in eth0.5, is escaped. */
static void print_key(char key[2 * ID_SIZE + 16], const char *section, const char *id)
{
    char *end = key + sprintf(key, "%s.", section);

    for (; *id; id++) {
        if (*id == '.')
            *end++ = '\\';
        *end++ = *id;
    }
    *end = '\0';
}

/* What netplan's files say of a key, as YAML, to be freed; NULL: nothing. */
static char *get(const struct copy *copy, const char *key)
{
    _cleanup_free_ char *said = NULL;

    /* Fails if there is nothing at all; netplan 1.1 then exits with 0 and prints nothing. */
    const int status = process_query(&said, "netplan", "get", "--root-dir", copy->root, key);
    if (status == 0 && said && *said && strncmp(said, "null", 4) != 0)
        return take_text(&said);
    return NULL;
}

/* Finds the NIC's definition. Returns 0, or -1 and why not. */
static int find_definition(struct copy *copy, const struct persist_plan *plan)
{
    static const char *const sections[] = {"ethernets", "bonds", "vlans"};

    if (copy_find(copy, plan) < 0)
        return -1;
    copy->section = "ethernets";
    for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]) && !copy->definition; i++) {
        char key[2 * ID_SIZE + 16];
        print_key(key, sections[i], copy->id);
        copy->definition = get(copy, key);
        if (copy->definition)
            copy->section = sections[i];
    }
    return 0;
}

/* Somebody else's definition, which would be merged with ours. */
static int refuse_bridge(const struct copy *copy, const struct persist_plan *plan)
{
    char key[2 * ID_SIZE + 16];

    print_key(key, "bridges", plan->bridge);
    _cleanup_free_ char *definition = get(copy, key);
    if (!definition)
        return 0;
    return error_set(copy->why,
                     "netplan's files have '%s' already (`netplan get %s`): use that, or choose another name",
                     plan->bridge, key);
}

/* Keys of a definition that are about the device itself, and so remain the NIC's. */
static const char device_keys[] =
    "match set-name wakeonlan mtu macaddress emit-lldp receive-checksum-offload transmit-checksum-offload "
    "tcp-segmentation-offload tcp6-segmentation-offload generic-segmentation-offload "
    "generic-receive-offload large-receive-offload link id interfaces parameters auth openvswitch "
    "virtual-function-count embedded-switch-mode delay-virtual-functions-rebind";

/* Keys that must go from where they stand. The others are overridden. */
static const char merged_keys[] =
    "addresses routes routing-policy nameservers gateway4 gateway6 link-local optional-addresses";

/* Changes the NIC's definition in the copy. */
static int set(struct copy *copy, const char *key, const char *value)
{
    char path[2 * ID_SIZE + 16], change[sizeof(path) + 2 * ID_SIZE];

    print_key(path, copy->section, copy->id);
    snprintf(change, sizeof(change), "%s.%s=%s", path, key, value);
    _cleanup_free_ char *said = copy_netplan(copy, "set", change);
    if (said)
        return 0;
    return -1;
}

/* Takes what is not the device's own out of the definition: to `out`, as the bridge's, and out of the copy.
 * A key begins a line; what belongs to it is indented, or a list. `link-local: []`, which goes for the port
 * in any case, keeps the definition from becoming empty, so that netplan would drop it, and with it the
 * file's renderer and what VLANs refer to. */
static int move_keys(struct copy *copy, FILE *out)
{
    static const char keep[] = "link-local";
    bool moved = false, kept = false;

    for (char *rest = copy->definition; rest && *rest;) {
        const char *line = strsep(&rest, "\n");
        const bool begins = *line != ' ' && *line != '-';
        char key[ID_SIZE] = "";
        sscanf(line, "%63[^:]", key);
        if (begins)
            moved = !text_has_word(device_keys, key);
        if (!moved)
            continue;
        fprintf(out, "      %s\n", line);
        if (!begins || !text_has_word(merged_keys, key))
            continue;
        if (!kept && set(copy, keep, "[]") < 0)
            return -1;
        kept = true;
        if (strcmp(key, keep) != 0 && set(copy, key, "null") < 0)
            return -1;
    }
    return 0;
}

/* Reads a text file, to be freed; NULL: it cannot be read, and why. */
static char *read_text(const char *path, struct error *why)
{
    size_t size;
    mode_t mode;
    _cleanup_free_ char *text = file_read(path, FILE_MAX, &size, &mode, why);

    if (!text)
        return NULL;
    if (size > FILE_MAX || memchr(text, '\0', size))
        return error_set(why, "%.200s is larger than 1 MiB, or not a text", path), NULL;
    text[size] = '\0';
    return take_text(&text);
}

/* Adds a file if the copy's is different now. netplan removes a file of which nothing is left. */
static int add_if_changed(struct copy *copy, const char *path, struct persist_files *files)
{
    _cleanup_free_ char *before = NULL, *after = NULL;
    char changed[PATH_MAX];
    struct stat st;

    snprintf(changed, sizeof(changed), "%s%s", copy->root, path);
    if (stat(path, &st) < 0)
        return error_set(copy->why, "%.200s: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode)) /* /dev/null: not there (persist_swap.h) */
        return 0;
    before = read_text(path, copy->why);
    if (access(changed, F_OK) == 0)
        after = read_text(changed, copy->why);
    else
        after = persist_copy("network:\n  version: 2\n");
    if (!before || !after)
        return -1;
    if (strstr(before, copy->id) && strcmp(before, after) != 0)
        fputs(after, persist_open(files, NULL, st.st_mode & 0777, "%s", path));
    return 0; /* `netplan set` also rewrites files that do not mention the NIC */
}

static int add_changed(struct copy *copy, struct persist_files *files)
{
    _cleanup_globfree_ glob_t found = {.gl_pathc = 0};

    glob(FOLDER "*.yaml", 0, NULL, &found);
    for (size_t i = 0; i < found.gl_pathc; i++)
        if (add_if_changed(copy, found.gl_pathv[i], files) != 0)
            return -1;
    return 0;
}

static void print_lists(FILE *out, const struct persist_plan *plan)
{
    char cidr[CIDR_TEXT];

    if (plan->address_count)
        fputs("      addresses:\n", out);
    for (size_t i = 0; i < plan->address_count; i++) {
        cidr_print(&plan->addresses[i], cidr);
        fprintf(out, "        - \"%s\"\n", cidr);
    }
    if (plan->route_count)
        fputs("      routes:\n", out);
    for (size_t i = 0; i < plan->route_count; i++) {
        const struct persist_route *route = &plan->routes[i];
        fprintf(out, "        - to: \"%s\"\n", route->to);
        if (*route->via)
            fprintf(out, "          via: \"%s\"\n", route->via);
        else
            fputs("          scope: link\n", out);
        if (route->onlink)
            fputs("          on-link: true\n", out);
        if (route->metric)
            fprintf(out, "          metric: %u\n", route->metric);
    }
}

static void print_bridge(FILE *out, const struct persist_plan *plan, const char *id)
{
    fprintf(out, "  bridges:\n    \"%s\":\n      macaddress: \"%s\"\n      interfaces: [", plan->bridge,
            plan->mac);
    if (*plan->uplink)
        fprintf(out, "\"%s\"", id);
    fprintf(out, "]\n      parameters:\n        stp: %s\n", plan->stp ? "true" : "false");
    if (!plan->stp)
        fputs("        forward-delay: 0\n", out);
    if (plan->mtu)
        fprintf(out, "      mtu: %u\n", plan->mtu);
}

void persist_netplan_print(FILE *out, const struct persist_plan *plan, const char *section, const char *id,
                           const char *moved)
{
    fputs("network:\n  version: 2\n", out);
    if (*plan->uplink)
        fprintf(
            out,
            "  %s:\n    \"%s\":\n      dhcp4: false\n      dhcp6: false\n      accept-ra: false\n      link-local: []\n",
            section, id);
    if (*plan->uplink && plan->mtu)
        fprintf(out, "      mtu: %u\n", plan->mtu);
    print_bridge(out, plan, id);
    if (moved) {
        fputs(moved, out);
        return;
    }
    fprintf(out, "      dhcp4: %s\n", plan->dhcp ? "true" : "false");
    print_lists(out, plan);
}

/* netplan reads the files in the order of their names, and the last one decides: /etc/netplan/99_config.yaml,
 * for one, comes behind 99-virt-tap-br0.yaml. */
static const char *own_name(void)
{
    static const char usual[] = "99-virt-tap-";
    _cleanup_globfree_ glob_t found = {.gl_pathc = 0};

    glob(FOLDER "*.yaml", 0, NULL, &found);
    for (size_t i = 0; i < found.gl_pathc; i++)
        if (!strstr(found.gl_pathv[i], "virt-tap-") && strcmp(found.gl_pathv[i] + strlen(FOLDER), usual) > 0)
            return "zz-virt-tap-";
    return usual;
}

/* netplan has no word for an IAID: if networkd has the lease, it is told by a drop-in of its own. */
static void add_iaid(const struct persist_plan *plan, struct persist_files *files)
{
    char iaid[PERSIST_IAID];

    if (persist_networkd_iaid(plan, iaid))
        fputs(iaid, persist_open(files, plan, 0644,
                                 "/etc/systemd/network/10-netplan-%s.network.d/virt-tap.conf", plan->bridge));
}

/* Drop-ins of networkd's for what netplan generates, of which netplan knows nothing. */
static void lose_dropins(struct persist_plan *plan, const char *file)
{
    _cleanup_globfree_ glob_t found = {.gl_pathc = 0};
    char pattern[NAME_MAX + 64];

    snprintf(pattern, sizeof(pattern), "/{etc,run,usr/lib}/systemd/network/%s.d/*.conf", file);
    glob(pattern, GLOB_BRACE, NULL, &found);
    for (size_t i = 0; i < found.gl_pathc; i++)
        if (!strstr(found.gl_pathv[i], "virt-tap"))
            persist_lose(plan, "what %s says", found.gl_pathv[i]);
}

/* What networkd has by netplan is in the definition, which goes to the bridge: also its tables, for example.
 */
int persist_netplan_inspect(struct persist_plan *plan, struct error *why)
{
    static const char generated[] = "/run/systemd/network/10-netplan-";
    char path[PATH_MAX];
    (void)why;

    plan->managed = *plan->uplink && persist_networkd_uses(plan->uplink, path) &&
                    strncmp(path, generated, strlen(generated)) == 0;
    if (plan->managed)
        lose_dropins(plan, strrchr(path, '/') + 1);
    if (plan->vlan_filtering)
        persist_lose(plan, "VLAN filtering of a bridge by netplan");
    return 0;
}

/* What the NIC's definition has for the bridge, to be freed; NULL: it has none, or why not. */
static char *take_definition(struct copy *copy, struct persist_files *files)
{
    _cleanup_free_ char *moved = NULL;
    size_t size;

    if (!copy->definition)
        return NULL;
    FILE *out = persist_begin_text(&moved, &size);
    const int err = move_keys(copy, out);
    persist_end_text(out);
    if (err < 0 || add_changed(copy, files) < 0)
        return NULL;
    return take_text(&moved);
}

static int write_files(void *arg)
{
    struct copy *copy = arg;
    const struct persist_plan *plan = copy->plan;
    struct persist_files *files = copy->files;
    _cleanup_free_ char *moved = NULL;

    strcpy(copy->id, plan->bridge);
    if (copy_begin(copy, COPY_WAS) < 0 || refuse_bridge(copy, plan) < 0 ||
        (*plan->uplink && find_definition(copy, plan) < 0))
        return -1;
    moved = take_definition(copy, files);
    if (copy->definition && !moved)
        return -1;
    persist_netplan_print(persist_open(files, plan, 0600, FOLDER "%s%s.yaml", own_name(), plan->bridge), plan,
                          copy->section, copy->id, moved);
    persist_end(files);
    if (copy_check(copy, plan, files) < 0)
        return -1;
    add_iaid(plan, files);
    return 0;
}

int persist_netplan(const struct persist_plan *plan, struct persist_files *files, struct error *why)
{
    static const struct overlay overlay = {COPY_FOLDER, NULL};
    struct copy copy = {.plan = plan, .files = files, .section = "bridges", .why = why};
    const int made = state_folder_make();

    if (made < 0)
        return error_set(why, "cannot use " STATE_FOLDER ": %s", strerror(-made));
    const int err = private_call(&overlay, 1, write_files, &copy, why);
    free(copy.definition);
    return err;
}
