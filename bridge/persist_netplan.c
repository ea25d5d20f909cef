/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * A plan as netplan's files. netplan merges lists of several files, so an address can only go where it
 * stands: `netplan set` takes it out of a copy of all files, and `netplan generate` tells what the copy
 * means, before anything of the host is changed. What the NIC's definition says beyond the device itself
 * becomes the bridge's, as `netplan get` shows it. */
#include "base/cleanup.h"
#include "base/file.h"
#include "base/process.h"
#include "base/text.h"
#include "persist.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FOLDER "/etc/netplan/"
#define OWN FOLDER "99-virt-tap-"

enum { ID_SIZE = 64 };

/* A copy of the host's files, and what was found in it. */
struct copy {
    char root[32];       /* a folder of this process's */
    const char *section; /* where the NIC is defined; NULL: nowhere */
    char id[ID_SIZE];    /* its name there */
    char *definition;    /* as YAML, owned */
    struct error *why;
};

static void copy_free(struct copy *copy)
{
    if (*copy->root)
        process_capture((const char *[]){"rm", "-rf", "--one-file-system", copy->root, NULL}, false,
                        PROCESS_QUERY_MS, NULL);
    free(copy->definition);
}

#define _cleanup_copy_ __attribute__((cleanup(copy_free)))

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

/* Runs netplan on the copy. Returns its output, to be freed, or NULL and why it failed. Newer versions report
 * errors of the files with exit status 0. */
static char *netplan(struct copy *copy, const char *verb, const char *argument)
{
    char *output = NULL;
    const int status =
        process_capture((const char *[]){"netplan", verb, "--root-dir", copy->root, argument, NULL}, true,
                        PROCESS_QUERY_MS, &output);

    const char *reason = netplan_reason(output, status > 0);
    if (status >= 0 && !reason)
        return output ? output : strdup("");
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

/* Copies the host's files, if there are any. */
static bool copy_files(struct copy *copy)
{
    char folder[sizeof(copy->root) + sizeof("/etc/netplan")];
    const char *argv[] = {"cp", "-a", "/etc/netplan", folder, NULL};

    snprintf(folder, sizeof(folder), "%s/etc/netplan", copy->root);
    if (access(FOLDER, F_OK) < 0 ? mkdir(folder, 0700) == 0
                                 : process_capture(argv, false, PROCESS_QUERY_MS, NULL) == 0)
        return true;
    error_set(copy->why, "cannot copy /etc/netplan to %s", folder);
    return false;
}

static bool make_copy(struct copy *copy)
{
    char to[sizeof(copy->root) + sizeof("/etc")];

    strcpy(copy->root, "/tmp/virt-tap-netplan.XXXXXX");
    if (!mkdtemp(copy->root)) {
        *copy->root = '\0';
        error_set(copy->why, "cannot make a folder in /tmp: %s", strerror(errno));
        return false;
    }
    snprintf(to, sizeof(to), "%s/etc", copy->root);
    return mkdir(to, 0700) == 0 && copy_files(copy);
}

/* Whether a generated .network file is for the NIC. */
static bool is_for(const char *path, const struct persist_plan *plan)
{
    char text[16384], value[128];

    if (text_read(path, text, sizeof(text)) < 0)
        return false;
    char *rest = strstr(text, "\n\n");
    if (rest)
        *rest = '\0'; /* [Match] comes first */
    if (text_value(text, "PermanentMACAddress", value, sizeof(value)) ||
        text_value(text, "MACAddress", value, sizeof(value)))
        return strcasecmp(value, plan->mac) == 0;
    return text_value(text, "Name", value, sizeof(value)) && fnmatch(value, plan->uplink, 0) == 0;
}

/* Finds the NIC's definition, also by its MAC. Returns whether the copy could be read. */
static bool find_definition(struct copy *copy, const struct persist_plan *plan)
{
    static const char *const sections[] = {"ethernets", "bonds", "vlans"};
    static const char before[] = "/run/systemd/network/10-netplan-", after[] = ".network";
    _cleanup_globfree_ glob_t found = {.gl_pathc = 0};
    _cleanup_free_ char *pattern = NULL, *said = netplan(copy, "generate", NULL);

    strcpy(copy->id, plan->uplink);
    if (!said || asprintf(&pattern, "%s%s*%s", copy->root, before, after) < 0)
        return false;
    glob(pattern, 0, NULL, &found);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        const char *id = found.gl_pathv[i] + strlen(copy->root) + strlen(before);
        if (is_for(found.gl_pathv[i], plan) && strlen(id) - strlen(after) < ID_SIZE)
            snprintf(copy->id, ID_SIZE, "%.*s", (int)(strlen(id) - strlen(after)), id);
    }
    for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]) && !copy->section; i++) {
        char key[ID_SIZE + 16];
        snprintf(key, sizeof(key), "%s.%s", sections[i], copy->id);
        const char *argv[] = {"netplan", "get", "--root-dir", copy->root, key, NULL};
        free(copy->definition);
        copy->definition = NULL;
        const int status = process_capture(argv, false, PROCESS_QUERY_MS,
                                           &copy->definition); /* fails if there is nothing at all */
        if (status == 0 && copy->definition && strncmp(copy->definition, "null", 4) != 0)
            copy->section = sections[i];
    }
    return true;
}

static bool is_key(const char *line, const char *const keys[], size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strncmp(line, keys[i], strlen(keys[i])) == 0 && line[strlen(keys[i])] == ':')
            return true;
    return false;
}

/* Whether a key of a definition is about the device itself, and so remains the NIC's. */
static bool is_device_key(const char *line)
{
    static const char *const keys[] = {"match",
                                       "set-name",
                                       "wakeonlan",
                                       "mtu",
                                       "macaddress",
                                       "renderer",
                                       "emit-lldp",
                                       "receive-checksum-offload",
                                       "transmit-checksum-offload",
                                       "tcp-segmentation-offload",
                                       "tcp6-segmentation-offload",
                                       "generic-segmentation-offload",
                                       "generic-receive-offload",
                                       "large-receive-offload",
                                       "link",
                                       "id",
                                       "interfaces",
                                       "parameters",
                                       "auth",
                                       "openvswitch",
                                       "virtual-function-count",
                                       "embedded-switch-mode",
                                       "delay-virtual-functions-rebind"};

    return is_key(line, keys, sizeof(keys) / sizeof(keys[0]));
}

/* Whether a key must go from where it stands. The others are overridden. */
static bool is_merged(const char *line)
{
    static const char *const keys[] = {"addresses", "routes",   "routing-policy", "nameservers",
                                       "gateway4",  "gateway6", "link-local",     "optional-addresses"};

    return is_key(line, keys, sizeof(keys) / sizeof(keys[0]));
}

/* Takes what is not the device's own out of the definition: to `out`, as the bridge's, and out of the copy.
 * A key begins a line; what belongs to it is indented, or a list. */
static int move_keys(struct copy *copy, FILE *out)
{
    bool moved = false;

    for (char *line = copy->definition, *end; *line; line = *end ? end + 1 : end) {
        char key[2 * ID_SIZE + 16];
        end = line + strcspn(line, "\n");
        const bool begins = *line != ' ' && *line != '-';
        if (begins)
            moved = !is_device_key(line);
        if (!moved)
            continue;
        fprintf(out, "      %.*s\n", (int)(end - line), line);
        if (!begins || !is_merged(line))
            continue;
        snprintf(key, sizeof(key), "%s.%s.%.*s=null", copy->section, copy->id, (int)strcspn(line, ":"), line);
        _cleanup_free_ char *said = netplan(copy, "set", key);
        if (!said)
            return -EINVAL;
    }
    return 0;
}

/* Adds the files of the copy that mention the NIC and are different now. */
static int add_changed(struct copy *copy, struct persist_files *files)
{
    _cleanup_globfree_ glob_t found = {.gl_pathc = 0};

    glob(FOLDER "*.yaml", 0, NULL, &found);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        const char *path = found.gl_pathv[i];
        char before[65536], after[sizeof(before)] = "network:\n  version: 2\n",
                            changed[PATH_MAX + sizeof(copy->root)];
        struct stat st;
        snprintf(changed, sizeof(changed), "%s%s", copy->root, path);
        if (stat(path, &st) < 0 || text_read(path, before, sizeof(before)) < 0 || !strstr(before, copy->id))
            continue;
        if (text_read(changed, after, sizeof(after)) < 0 && access(changed, F_OK) == 0)
            return error_set(copy->why, "%.200s cannot be read", changed), -EIO;
        if (strcmp(before, after) == 0)
            continue;
        const int err = persist_add(files, st.st_mode & 0777, strdup(after), "%s", path);
        if (err < 0)
            return err;
    }
    return 0;
}

/* cloud-init writes its file again at the first boot of each clone of this machine. */
static int check_cloud_init(struct copy *copy, const struct persist_files *files)
{
    const char *argv[] = {
        "grep", "-rqs", "config: *disabled", "/etc/cloud/cloud.cfg.d", "/etc/cloud/cloud.cfg", NULL};

    for (size_t i = 0; i < files->count; i++)
        if (strstr(files->list[i].path, "cloud-init") &&
            process_capture(argv, false, PROCESS_QUERY_MS, NULL) != 0)
            return error_set(
                       copy->why,
                       "%s was written by cloud-init, which may write it again; turn that off first: echo 'network: {config: "
                       "disabled}' | sudo tee /etc/cloud/cloud.cfg.d/99-disable-network-config.cfg",
                       files->list[i].path),
                   -EPERM;
    return 0;
}

/* Puts into the copy what will be installed, and nothing else. */
static bool rebuild_copy(struct copy *copy, const struct persist_files *files)
{
    char folder[sizeof(copy->root) + sizeof("/etc/netplan")];

    snprintf(folder, sizeof(folder), "%s/etc/netplan", copy->root);
    process_capture((const char *[]){"rm", "-rf", folder, NULL}, false, PROCESS_QUERY_MS, NULL);
    if (!copy_files(copy))
        return false;
    for (size_t i = 0; i < files->count; i++) {
        _cleanup_free_ char *path = NULL;
        struct error why = {0};
        if (asprintf(&path, "%s%s", copy->root, files->list[i].path) < 0 ||
            file_configure(path, files->list[i].text, 0600, &why) != 0)
            return false;
    }
    return true;
}

/* Reads what netplan made of a definition: networkd's file, or NetworkManager's. */
static bool read_generated(const struct copy *copy, const char *id, char *text, size_t size)
{
    char path[sizeof(copy->root) + 2 * ID_SIZE + 64];

    snprintf(path, sizeof(path), "%s/run/systemd/network/10-netplan-%s.network", copy->root, id);
    if (text_read(path, text, size) >= 0)
        return true;
    snprintf(path, sizeof(path), "%s/run/NetworkManager/system-connections/netplan-%s.nmconnection",
             copy->root, id);
    return text_read(path, text, size) >= 0;
}

/* Asks netplan what the files mean: the NIC a port without addresses, the bridge with all of them. */
static int check_meaning(struct copy *copy, const struct persist_plan *plan)
{
    static const char *const unwanted[] = {"\nAddress=", "\nGateway=",  "\nDNS=",         "\nDHCP=ipv",
                                           "\nDHCP=yes", "\naddress1=", "\nmethod=manual"};
    char port[16384] = "", bridge[16384] = "", cidr[CIDR_TEXT];
    _cleanup_free_ char *said = netplan(copy, "generate", NULL);

    if (!said)
        return -EINVAL;
    if (!read_generated(copy, plan->bridge, bridge, sizeof(bridge)))
        return error_set(copy->why, "netplan makes nothing for '%s'", plan->bridge), -EINVAL;
    for (size_t i = 0; i < plan->address_count; i++) {
        cidr_print(&plan->addresses[i], cidr);
        if (!strstr(bridge, cidr))
            return error_set(
                       copy->why,
                       "'%s' has the address %s, which is not in its definition in netplan's files (%s.%s): add "
                       "it there, or remove it",
                       *plan->uplink ? plan->uplink : plan->bridge, cidr,
                       copy->section ? copy->section : "bridges", *copy->id ? copy->id : plan->bridge),
                   -EINVAL;
    }
    if (!*plan->uplink)
        return 0;
    if (!read_generated(copy, copy->id, port, sizeof(port)) ||
        (!strstr(port, "\nBridge=") && !strstr(port, "-type=bridge")))
        return error_set(copy->why, "netplan would not make '%s' a port of '%s'", plan->uplink, plan->bridge),
               -EINVAL;
    for (size_t i = 0; i < sizeof(unwanted) / sizeof(unwanted[0]); i++)
        if (strstr(port, unwanted[i]))
            return error_set(copy->why, "netplan would leave '%s' with %s", plan->uplink, unwanted[i] + 1),
                   -EINVAL;
    return 0;
}

/* Adds the bridge's own file. */
static int add_own(struct copy *copy, const struct persist_plan *plan, const char *moved,
                   struct persist_files *files)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return -ENOMEM;
    persist_netplan_print(out, plan, copy->section ? copy->section : "ethernets", copy->id,
                          copy->section ? moved : NULL);
    if (fclose(out) != 0)
        return -ENOMEM;
    return persist_add(files, 0600, text, OWN "%s.yaml", plan->bridge);
}

int persist_netplan(const struct persist_plan *plan, struct persist_files *files, struct error *why)
{
    _cleanup_copy_ struct copy copy = {.why = why};
    _cleanup_free_ char *moved = NULL;
    size_t size;
    FILE *out = open_memstream(&moved, &size);
    int err = out && make_copy(&copy) ? 0 : -EIO;

    if (err == 0 && *plan->uplink && !find_definition(&copy, plan))
        err = -EINVAL;
    if (err == 0 && copy.section)
        err = move_keys(&copy, out);
    if (out && fclose(out) != 0)
        err = -ENOMEM;
    if (err == 0 && copy.section)
        err = add_changed(&copy, files);
    if (err == 0)
        err = check_cloud_init(&copy, files);
    if (err == 0)
        err = add_own(&copy, plan, moved, files);
    if (err == 0 && !rebuild_copy(&copy, files))
        err = -EIO;
    return err < 0 ? err : check_meaning(&copy, plan);
}
