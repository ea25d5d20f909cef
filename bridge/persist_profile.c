/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "persist_profile.h"

#include "base/cleanup.h"
#include "base/process.h"
#include "base/text.h"

#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* For grep. NetworkManager does not read hidden files, and a persist that was killed has left some. */
#define NOT_HIDDEN "--exclude=.*"
#define FOLDERS                                                                                              \
    "/etc/NetworkManager/system-connections", "/run/NetworkManager/system-connections",                      \
        "/usr/lib/NetworkManager/system-connections"

enum { PRIORITY_MIN = 100, PRIORITY_MAX = 999 };

void profile_free(struct profile *profile)
{
    free(profile->text);
}

void words_set(struct words *words, const char *property, const char *format, ...)
{
    char value[WORD_SIZE];
    va_list args;

    va_start(args, format);
    words->full |= vsnprintf(value, sizeof(value), format, args) >= WORD_SIZE;
    va_end(args);
    words_add(words, "%s", property);
    words_add(words, "%s", value);
}

/* Gets a value of a keyfile as nmcli prints it. Returns whether there is one that fits; otherwise value is
 * "". */
static bool keyfile_value(const char *text, const char *section, const char *key, char *value, size_t size)
{
    char head[64];

    *value = '\0';
    snprintf(head, sizeof(head), "[%s]\n", section);
    const char *start = strstr(text, head);
    if (!start)
        return false;
    _cleanup_free_ char *part = persist_copy(start);
    char *end = strstr(part, "\n\n");
    if (end)
        *end = '\0';
    return text_value(part, key, value, size);
}

bool profile_has(const struct profile *profile, const char *section, const char *key)
{
    char value[256];

    return profile->text && keyfile_value(profile->text, section, key, value, sizeof(value));
}

char *nmcli_modify(const char *file, const char *awk, const struct words *words, struct error *why)
{
    static const char script[] =
        "file=$1 awk=$2; shift 2; if [ \"$file\" ]; then "
        "nmcli --offline connection modify connection.autoconnect yes <\"$file\"; else "
        "nmcli --offline connection add type ethernet; fi | awk \"$awk\" | "
        "exec nmcli --offline connection modify \"$@\"";
    const char *argv[WORDS_MAX + 8] = {"sh", "-c", script, "sh", file, awk};
    _cleanup_free_ char *said = NULL;
    char *text = NULL;

    if (words->full) {
        error_set(why, "it has too many addresses and routes");
        return NULL;
    }
    memcpy(argv + 6, words->argv, words->count * sizeof(*argv));
    if (process_capture(argv, false, PROCESS_QUERY_MS, &text) == 0 && text)
        return text;
    free(text);
    process_capture(argv, true, PROCESS_QUERY_MS, &said);
    error_set(why, "nmcli rejects it (this requires NetworkManager 1.38 or later): %.300s",
              process_reason(said));
    return NULL;
}

/* Finds the file of the NIC's profile among NetworkManager's, and which of all has the highest priority. A
 * profile's name can have line breaks, and is part of its file's: what comes after one has no '/'. */
static void read_list(struct profile *profile, char highest[PATH_MAX])
{
    static const char fields[] = "AUTOCONNECT-PRIORITY,UUID,FILENAME";
    _cleanup_free_ char *list = NULL;

    if (process_query(&list, "nmcli", "-t", "-e", "no", "-f", fields, "connection", "show") != 0 || !list)
        return;
    char *rest = list;
    for (const char *line; (line = strsep(&rest, "\n"));) {
        char priority[8], uuid[sizeof(profile->uuid)], file[PATH_MAX];
        if (sscanf(line, "%7[^:]:%39[^:]:%4095[^\n]", priority, uuid, file) < 3 || *file != '/')
            continue;
        const int given = (int)strtol(priority, NULL, 10);
        if (strncmp(file, NM_OWN, strlen(NM_OWN)) != 0 && given >= profile->priority) {
            profile->priority = given + 1;
            strcpy(highest, file);
        }
        if (strcmp(uuid, profile->uuid) == 0)
            strcpy(profile->file, file);
    }
}

/* Gets a value of lines such as `DHCP6.OPTION[3]:iaid = 2b:50:67:35`. */
static void lease_value(const char *lease, const char *key, char *value, size_t size)
{
    for (const char *line = lease; line && (line = strchr(line, ':')); line = strchr(line, '\n'))
        if (text_value(line + 1, key, value, size))
            return;
}

/* NetworkManager is asked, for it writes what it keeps of a device only seconds after a lease. The text of an
 * option can have line breaks, as the server likes: what this host itself sent comes before all such options,
 * within each family. */
static void read_leases(const char *nic, struct profile *profile)
{
    _cleanup_free_ char *v4 = NULL, *v6 = NULL;

    if (process_query(&v4, "nmcli", "-t", "-e", "no", "-f", "DHCP4", "device", "show", nic) == 0)
        lease_value(v4, "dhcp_client_identifier", profile->client_id, sizeof(profile->client_id));
    if (process_query(&v6, "nmcli", "-t", "-e", "no", "-f", "DHCP6", "device", "show", nic) != 0)
        return;
    lease_value(v6, "dhcp6_client_id", profile->duid, sizeof(profile->duid));
    lease_value(v6, "iaid", profile->iaid, sizeof(profile->iaid));
}

/* From what NetworkManager keeps of each device: also the metric of the NIC's routes, which is another than a
 * bridge's. */
int profile_read(const char *nic, struct profile *profile, struct error *why)
{
    char path[64], state[4096], managed[8], highest[PATH_MAX] = "";

    profile->priority = PRIORITY_MIN;
    snprintf(path, sizeof(path), "/run/NetworkManager/devices/%u", if_nametoindex(nic));
    const bool known = text_read(path, state, sizeof(state)) > 0 &&
                       text_value(state, "connection-uuid", profile->uuid, sizeof(profile->uuid));
    if (known && text_value(state, "managed", managed, sizeof(managed)) && strcmp(managed, "true") != 0)
        return error_set(why, "NetworkManager does not manage '%s': name who does with --format", nic);
    read_list(profile, highest);
    if (profile->priority > PRIORITY_MAX)
        return error_set(why,
                         "the profile %.300s has the highest autoconnect-priority, %d, but the port needs a "
                         "higher one: lower it",
                         highest, PRIORITY_MAX);
    if (!known)
        return 0;
    text_value(state, "route-metric-default-effective", profile->metric, sizeof(profile->metric));
    read_leases(nic, profile);
    if (!*profile->file)
        return error_set(why,
                         "NetworkManager has no file of the profile that '%s' uses, %s (`nmcli -f "
                         "UUID,FILENAME connection show`)",
                         nic, profile->uuid);
    struct words words = {.count = 0};
    words_set(&words, "connection.autoconnect", "yes");
    profile->text = nmcli_modify(profile->file, "1", &words, why);
    return profile->text ? 0 : -1;
}

/* What the profile has and neither a bridge nor its port can. */
static int refuse_profile(const struct profile *profile, const struct persist_plan *plan, struct error *why)
{
    _cleanup_free_ char *users = NULL, *answer = NULL;
    char type[32], ours[64];

    keyfile_value(profile->text, "connection", "type", type, sizeof(type));
    if (!text_has_word("ethernet bond team vlan", type))
        return error_set(why, "'%s' uses a profile of the type %s, which cannot be a bridge's port",
                         plan->uplink, type);
    if (strstr(profile->file, "/netplan-"))
        return error_set(why, "netplan writes NetworkManager's profiles here: use --format netplan");
    process_query(&answer, "nmcli", "-g", "GENERAL.STATE", "device", "show", plan->uplink);
    if (answer && strstr(answer, "externally"))
        return error_set(why, "NetworkManager only watches '%s': name who configures it with --format",
                         plan->uplink);
    if (strncmp(profile->file, NM_OWN, strlen(NM_OWN)) == 0)
        return error_set(
            why,
            "'%s' is a port of '%s' already, as it was persisted: run `virt-tap bridge delete %s`, then "
            "persist it again",
            plan->uplink, plan->bridge, plan->bridge);
    if (profile_has(profile, "connection", "master") || profile_has(profile, "connection", "controller"))
        return error_set(why, "the profile of '%s' makes it a port already", plan->uplink);
    snprintf(ours, sizeof(ours), "--exclude=virt-tap-%s-uplink.nmconnection", plan->bridge); /* notes it */
    process_query(&users, "grep", "-rlsF", NOT_HIDDEN, ours, profile->uuid, FOLDERS);
    char *rest = users;
    for (const char *file; (file = strsep(&rest, "\n"));)
        if (*file && strcmp(file, profile->file) != 0)
            return error_set(why,
                             "%.200s refers to the profile of '%s' by its UUID: let it use the name '%s'",
                             file, plan->uplink, plan->uplink);
    return 0;
}

/* Whether NetworkManager made the file itself, to show an interface that it only watches. */
static bool is_generated(const char *path)
{
    char text[16384];

    return text_read(path, text, sizeof(text)) > 0 && strstr(text, "\nnm-generated=true\n");
}

int persist_networkmanager_free(const struct persist_plan *plan, struct error *why)
{
    _cleanup_free_ char *found = NULL;
    char line[64];

    snprintf(line, sizeof(line), "interface-name=%s", plan->bridge);
    process_query(&found, "grep", "-rlsxF", NOT_HIDDEN, "--exclude=virt-tap-*", line, FOLDERS);
    char *rest = found;
    for (const char *file; (file = strsep(&rest, "\n"));)
        if (*file && !is_generated(file))
            return error_set(why, "NetworkManager has a profile for '%s' already: %s", plan->bridge, file);
    return 0;
}

int persist_networkmanager_inspect(struct persist_plan *plan, struct error *why)
{
    _cleanup_profile_ struct profile profile = {.text = NULL};
    char mac[32];

    if (process_query(NULL, "nmcli", "--version") != 0)
        return error_set(why, "NetworkManager's profiles are written by nmcli, which is not installed");
    if (persist_networkmanager_free(plan, why) != 0)
        return -1;
    if (!*plan->uplink)
        return 0;
    if (profile_read(plan->uplink, &profile, why) != 0)
        return -1;
    if (!*profile.uuid)
        return 0;
    plan->managed = true;
    if (refuse_profile(&profile, plan, why) != 0)
        return -1;
    if (strstr(profile.text, "\n[802-1x]"))
        persist_lose(plan, "802.1X of a bridge's port");
    if (keyfile_value(profile.text, "ethernet", "cloned-mac-address", mac, sizeof(mac)) &&
        strcmp(mac, "random") == 0)
        persist_lose(plan, "a random MAC for each connection");
    return 0;
}
