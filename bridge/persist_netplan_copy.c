/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "persist_netplan_copy.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "base/process.h"
#include "base/text.h"
#include "uplink.h"

#include <errno.h>
#include <glob.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PLACE_SIZE = sizeof(((struct copy *)0)->root) + 32, TEXT_SIZE = 16384 };

/* The reason in what netplan printed: in the last line of a Python traceback, or behind `Command failed: `,
 * with version 1.1 even if it exits with 0. NULL: it did not fail. */
static const char *netplan_reason(char *output, bool failed)
{
    char *found = output ? strstr(output, "Command failed: ") : NULL;

    if (found)
        return process_reason(found + strlen("Command failed: "));
    found = output ? strstr(output, "onflicting default route") : NULL;
    if (found)
        return process_reason(found - 1);
    if (!failed)
        return NULL;
    if (!output || !strstr(output, "Traceback"))
        return process_reason(output);
    for (char *line = output; *line; line += strcspn(line, "\n"), line += *line == '\n')
        if (*line != ' ')
            found = line; /* the frames, and an excerpt of the file, are indented */
    return process_reason(found);
}

char *copy_netplan(struct copy *copy, const char *verb, const char *argument)
{
    char *output = NULL;
    const int status =
        process_capture((const char *[]){"netplan", verb, "--root-dir", copy->root, argument, NULL}, true,
                        PROCESS_QUERY_MS, &output);

    const char *reason = netplan_reason(output, status > 0);
    if (status >= 0 && !reason)
        return output ? output : persist_copy("");
    if (status == -ETIMEDOUT)
        error_set(
            copy->why,
            "`netplan %s` did not finish within %d s and was killed; run it yourself to see what it waits for",
            verb, PROCESS_QUERY_MS / 1000);
    else if (status < 0)
        error_set(copy->why, "cannot run netplan: %s", strerror(-status));
    else
        error_set(copy->why, "netplan rejects it: %.300s", reason);
    free(output);
    return NULL;
}

int copy_begin(struct copy *copy, const char *name)
{
    static const char *const folders[] = {"/lib/netplan", "/etc/netplan", "/run/netplan"};

    snprintf(copy->root, sizeof(copy->root), COPY_FOLDER "/%s", name);
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        char files[PLACE_SIZE];
        snprintf(files, sizeof(files), "%s%s", copy->root, folders[i]);
        int status = process_query(NULL, "mkdir", "-p", files);
        /* of a swap (persist_swap.h), too, whose files are links, also to /dev/null */
        if (status == 0 && access(folders[i], F_OK) == 0)
            status =
                process_query(NULL, "cp", "-rLT", "--copy-contents", "--preserve=all", folders[i], files);
        if (status != 0)
            return error_set(copy->why, "cannot copy %s to %s", folders[i], files);
    }
    return 0;
}

/* What netplan makes of a definition, for one backend or the other: where it is, and the settings that name
 * the interface. */
static const struct generated {
    const char *backend, *before, *after, *mac, *name;
    bool match_first; /* those settings are in the first section */
} generated[] = {{"networkd", "run/systemd/network/10-netplan-", ".network", "MACAddress", "Name", true},
                 {"NetworkManager", "run/NetworkManager/system-connections/netplan-", ".nmconnection",
                  "mac-address", "interface-name", false}};
enum { BACKENDS = sizeof(generated) / sizeof(generated[0]), GENERATED_SIZE = PLACE_SIZE + ID_SIZE + 64 };

static void generated_path(const struct copy *copy, const struct generated *by, const char *id,
                           char path[GENERATED_SIZE])
{
    snprintf(path, GENERATED_SIZE, "%s/%s%s%s", copy->root, by->before, id, by->after);
}

/* Reads it. Returns whose it is; NULL: there is nothing, which is reported. */
static const struct generated *read_generated(const struct copy *copy, const char *id, char *text,
                                              size_t size)
{
    char path[GENERATED_SIZE];

    for (size_t i = 0; i < BACKENDS; i++) {
        generated_path(copy, &generated[i], id, path);
        if (text_read(path, text, size) >= 0)
            return &generated[i];
    }
    error_set(copy->why, "netplan makes nothing for '%s'", id);
    return NULL;
}

static void names_free(struct if_nameindex **names)
{
    if (*names)
        if_freenameindex(*names);
}

/* Whether it is for the NIC. */
static bool is_for(const char *path, const struct generated *by, const struct persist_plan *plan)
{
    char text[TEXT_SIZE], value[128];

    if (text_read(path, text, sizeof(text)) < 0)
        return false;
    char *rest = strstr(text, "\n\n");
    if (rest && by->match_first)
        *rest = '\0';
    if (text_value(text, "PermanentMACAddress", value, sizeof(value)) ||
        text_value(text, by->mac, value, sizeof(value)))
        return strcasecmp(value, plan->mac) == 0;
    return text_value(text, by->name, value, sizeof(value)) && uplink_in_patterns(value, plan->uplink);
}

/* Refuses a definition that is for another interface, too, which would become a port as well. */
static int refuse_shared(const struct copy *copy, const struct persist_plan *plan)
{
    __attribute__((cleanup(names_free))) struct if_nameindex *names = if_nameindex();
    char path[GENERATED_SIZE], text[TEXT_SIZE], value[128] = "", used[PATH_MAX], others[PATH_MAX];

    generated_path(copy, copy->by, copy->id, path);
    if (text_read(path, text, sizeof(text)) >= 0)
        text_value(text, copy->by->name, value, sizeof(value));
    const bool asked = persist_networkd_uses(plan->uplink, used);
    for (size_t i = 0; names && names[i].if_index; i++) {
        const char *name = names[i].if_name;
        if (strcmp(name, plan->uplink) == 0 || strcmp(name, plan->bridge) == 0)
            continue;
        if ((strpbrk(value, "*?[") && uplink_in_patterns(value, name)) ||
            (asked && plan->managed && persist_networkd_uses(name, others) && strcmp(used, others) == 0))
            return error_set(
                copy->why,
                "netplan's definition '%s' is for '%s', too, which would become a port as well: let its "
                "`match` be for '%s' only, and define the other on its own",
                copy->id, name, plan->uplink);
    }
    return 0;
}

/* Takes the definition that networkd says it uses, by whatever it matches. Returns whether it says one. */
static bool find_used(struct copy *copy, const struct persist_plan *plan)
{
    char path[PATH_MAX], generated_as[GENERATED_SIZE];
    const char *end = generated[0].after;

    if (!plan->managed || !persist_networkd_uses(plan->uplink, path))
        return false;
    const char *id = strrchr(path, '/') + strlen("/10-netplan-");
    const size_t length = strlen(id) - strlen(end);
    if (length >= ID_SIZE)
        return false;
    memcpy(copy->id, id, length);
    copy->id[length] = '\0';
    generated_path(copy, &generated[0], copy->id, generated_as);
    if (access(generated_as, R_OK) < 0)
        return false;
    copy->by = &generated[0];
    return true;
}

int copy_find(struct copy *copy, const struct persist_plan *plan)
{
    _cleanup_free_ char *said = copy_netplan(copy, "generate", NULL);
    char pattern[GENERATED_SIZE];

    if (!said)
        return -1;
    if (find_used(copy, plan))
        return refuse_shared(copy, plan);
    strcpy(copy->id, plan->uplink);
    for (size_t i = 0; i < BACKENDS; i++) {
        _cleanup_globfree_ glob_t found = {.gl_pathc = 0};
        generated_path(copy, &generated[i], "*", pattern);
        glob(pattern, 0, NULL, &found);
        for (size_t k = 0; k < found.gl_pathc; k++) {
            const char *id = strstr(strrchr(found.gl_pathv[k], '/'), "netplan-") + strlen("netplan-");
            const size_t length = strlen(id) - strlen(generated[i].after);
            if (!is_for(found.gl_pathv[k], &generated[i], plan))
                continue;
            if (copy->by || length >= ID_SIZE)
                return error_set(copy->why, "netplan's files have more than one definition for '%s'",
                                 plan->uplink);
            snprintf(copy->id, length + 1, "%s", id);
            copy->by = &generated[i];
        }
    }
    return copy->by ? refuse_shared(copy, plan) : 0;
}

/* Whether the generated file makes the NIC a port without addresses. Returns 0, or -1 and why not. */
static int check_port(struct copy *copy, const struct persist_plan *plan, const char *text)
{
    static const char *const unwanted[] = {"\nAddress=", "\nGateway=",  "\nDNS=",         "\nDHCP=ipv",
                                           "\nDHCP=yes", "\naddress1=", "\nmethod=manual"};

    if (!strstr(text, "\nBridge=") && !strstr(text, "-type=bridge"))
        return error_set(copy->why, "netplan would not make '%s' a port of '%s'", plan->uplink, plan->bridge);
    for (size_t i = 0; i < sizeof(unwanted) / sizeof(unwanted[0]); i++)
        if (strstr(text, unwanted[i]))
            return error_set(
                copy->why,
                "netplan would leave '%s' with %s, from a file whose name comes last, or that is not in "
                "/etc/netplan: rename that, or move it there",
                plan->uplink, unwanted[i] + 1);
    return 0;
}

/* Whether it gives the bridge all that the plan has. Returns 0, or -1 and why not. */
static int check_bridge(struct copy *copy, const struct persist_plan *plan, const char *text)
{
    const char *holder = plan->uplink;
    char where[ID_SIZE + 64];

    if (!*holder)
        holder = plan->bridge;
    snprintf(where, sizeof(where), "its definition in netplan's files (%s.%s)", copy->section, copy->id);
    if (plan->dhcp && !strstr(text, "\nDHCP=") && !strstr(text, "\nmethod=auto"))
        return error_set(
            copy->why, "'%s' has an address from DHCP, and netplan's files do not ask for one (dhcp4: true)",
            holder);
    return persist_check_text(plan, text, where, copy->why);
}

/* Whether netplan makes the same of all other definitions as before. Returns 0, or -1 and why not. */
static int check_others(const struct copy *copy, const struct persist_plan *plan)
{
    static const char before[] = COPY_FOLDER "/" COPY_WAS "/run";
    _cleanup_free_ char *said = NULL;
    char run[PLACE_SIZE], bridge[ID_SIZE + 32], nic[ID_SIZE + 32];

    snprintf(run, sizeof(run), "%s/run", copy->root);
    snprintf(bridge, sizeof(bridge), "--exclude=*netplan-%s.*", plan->bridge);
    snprintf(nic, sizeof(nic), "--exclude=*netplan-%s.*", copy->id);
    /* The first three excluded are lists of names, the bridge's among them. */
    if (process_query(&said, "diff", "-rqN", "--exclude=netplan", "--exclude=netplan.conf",
                      "--exclude=*.rules", "--exclude=system", bridge, nic, before, run) == 0)
        return 0;
    return error_set(copy->why, "netplan would also change other definitions: %.300s", process_reason(said));
}

int copy_check(struct copy *copy, const struct persist_plan *plan, const struct persist_files *files)
{
    char text[TEXT_SIZE], path[PATH_MAX + PLACE_SIZE];

    if (copy_begin(copy, COPY_NEXT) < 0)
        return -1;
    for (size_t i = 0; i < files->count; i++) {
        snprintf(path, sizeof(path), "%s%s", copy->root, files->list[i].path);
        if (file_configure(path, files->list[i].text, 0600, copy->why) != 0)
            return -1;
    }
    _cleanup_free_ char *said = copy_netplan(copy, "generate", NULL);
    if (!said || check_others(copy, plan) < 0)
        return -1;
    const struct generated *bridge = read_generated(copy, plan->bridge, text, sizeof(text));
    if (!bridge || check_bridge(copy, plan, text) < 0)
        return -1;
    if (!*plan->uplink)
        return 0;
    const struct generated *port = read_generated(copy, copy->id, text, sizeof(text));
    if (!port)
        return -1;
    if (bridge != port || (copy->by && copy->by != port))
        return error_set(
            copy->why,
            "netplan would have '%s' configured by %s and '%s' by %s, which was configured by %s: "
            "see `renderer` in its files",
            plan->bridge, bridge->backend, plan->uplink, port->backend,
            copy->by ? copy->by->backend : "nothing");
    return check_port(copy, plan, text);
}
