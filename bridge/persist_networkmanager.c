/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * A plan as NetworkManager's profiles. nmcli writes both: from the profile that the NIC uses, the bridge gets
 * everything that is not the device's own, and the port the rest. The NIC's profile remains as it is and
 * yields by its lower priority, so that it is there if the others fail. */
#include "base/cleanup.h"
#include "base/hash.h"
#include "base/process.h"
#include "base/text.h"
#include "persist.h"

#include <errno.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FOLDERS                                                                                              \
    "/etc/NetworkManager/system-connections", "/run/NetworkManager/system-connections",                      \
        "/usr/lib/NetworkManager/system-connections"
#define OWN "/etc/NetworkManager/system-connections/virt-tap-"

enum { WORDS_MAX = 64, WORD_SIZE = 160, PRIORITY_MIN = 100, PRIORITY_MAX = 999 };

/* The profile that a NIC uses. */
struct profile {
    char uuid[40], file[PATH_MAX], metric[16];
    char *text;   /* owned; NULL: there is none */
    int priority; /* the port's: above that of all other profiles */
};

static void profile_free(struct profile *profile)
{
    free(profile->text);
}

#define _cleanup_profile_ __attribute__((cleanup(profile_free)))

/* A command line that grows. */
struct words {
    char text[WORDS_MAX][WORD_SIZE];
    const char *argv[WORDS_MAX + 1];
    size_t count;
    bool full;
};

static void add_word(struct words *words, const char *word)
{
    if (words->count == WORDS_MAX || strlen(word) >= WORD_SIZE) {
        words->full = true;
        return;
    }
    strcpy(words->text[words->count], word);
    words->argv[words->count] = words->text[words->count];
    words->count++;
}

__attribute__((format(printf, 3, 4))) static void add_setting(struct words *words, const char *property,
                                                              const char *format, ...)
{
    char value[WORD_SIZE];
    va_list args;

    va_start(args, format);
    vsnprintf(value, sizeof(value), format, args);
    va_end(args);
    add_word(words, property);
    add_word(words, value);
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
    const char *end = strstr(start, "\n\n");
    _cleanup_free_ char *part = strndup(start, end ? (size_t)(end - start) : strlen(start));
    return part && text_value(part, key, value, size);
}

static bool has_value(const struct profile *profile, const char *section, const char *key)
{
    char value[256];

    return profile->text && keyfile_value(profile->text, section, key, value, sizeof(value));
}

/* Runs nmcli. Returns the keyfile that it prints, or NULL and what it said. */
static char *capture(const char *const argv[], struct error *why)
{
    _cleanup_free_ char *said = NULL;
    char *text = NULL;
    const int status = process_capture(argv, false, PROCESS_QUERY_MS, &text);

    if (status == 0 && text)
        return text;
    free(text);
    process_capture(argv, true, PROCESS_QUERY_MS, &said);
    error_set(why, "nmcli rejects it (this requires NetworkManager 1.38 or later): %.300s",
              process_reason(said));
    return NULL;
}

/* Runs nmcli with what awk makes of a keyfile. Returns the new keyfile, or NULL and what nmcli said. */
static char *nmcli_modify(const char *file, const char *awk, const struct words *words, struct error *why)
{
    static const char script[] = "file=$1 awk=$2; shift 2; nmcli --offline connection modify "
                                 "connection.autoconnect yes <\"$file\" | awk \"$awk\" | "
                                 "exec nmcli --offline connection modify \"$@\"";
    const char *argv[WORDS_MAX + 8] = {"sh", "-c", script, "sh", file, awk};

    memcpy(argv + 6, words->argv, words->count * sizeof(*argv));
    return capture(argv, why);
}

/* Finds the file of the NIC's profile among NetworkManager's, and the highest priority that any has. */
static void read_list(struct profile *profile)
{
    _cleanup_free_ char *list = NULL;
    const char *argv[] = {"nmcli",      "-t",   "-e", "no", "-f", "AUTOCONNECT-PRIORITY,UUID,FILENAME",
                          "connection", "show", NULL};

    if (process_capture(argv, false, PROCESS_QUERY_MS, &list) != 0 || !list)
        return;
    char *rest = list;
    for (char *line; (line = strsep(&rest, "\n"));) {
        const char *priority = strsep(&line, ":"), *uuid = line ? strsep(&line, ":") : NULL;
        if (!uuid || !line)
            continue;
        if (strncmp(line, OWN, strlen(OWN)) != 0 && atoi(priority) >= profile->priority)
            profile->priority = atoi(priority) + 1;
        if (strcmp(uuid, profile->uuid) == 0)
            snprintf(profile->file, sizeof(profile->file), "%s", line);
    }
}

/* Reads the profile that the NIC uses, from what NetworkManager keeps of each device: also the metric of the
 * NIC's routes, which is another than a bridge's. Returns 0, or -1 and why not. */
static int profile_read(const char *nic, struct profile *profile, struct error *why)
{
    char path[64], state[4096], managed[8];

    profile->priority = PRIORITY_MIN;
    snprintf(path, sizeof(path), "/run/NetworkManager/devices/%u", if_nametoindex(nic));
    const bool known = text_read(path, state, sizeof(state)) > 0 &&
                       text_value(state, "connection-uuid", profile->uuid, sizeof(profile->uuid));
    if (known && text_value(state, "managed", managed, sizeof(managed)) && strcmp(managed, "true") != 0)
        return error_set(why, "NetworkManager does not manage '%s': name who does with --format", nic);
    read_list(profile);
    if (profile->priority > PRIORITY_MAX)
        return error_set(why,
                         "a profile has the highest autoconnect-priority, %d: the port needs a higher one",
                         PRIORITY_MAX);
    if (!known)
        return 0;
    text_value(state, "route-metric-default-effective", profile->metric, sizeof(profile->metric));
    if (!*profile->file)
        return error_set(why,
                         "NetworkManager has no file of the profile that '%s' uses, %s (`nmcli -f "
                         "UUID,FILENAME connection show`)",
                         nic, profile->uuid);
    struct words words = {.count = 0};
    add_setting(&words, "connection.autoconnect", "yes");
    profile->text = nmcli_modify(profile->file, "1", &words, why);
    return profile->text ? 0 : -1;
}

/* What the profile has and neither a bridge nor its port can. */
static int refuse_profile(const struct profile *profile, const struct persist_plan *plan, struct error *why)
{
    static const char *const types[] = {"ethernet", "bond", "team", "vlan"};
    _cleanup_free_ char *users = NULL, *answer = NULL;
    const char *state[] = {"nmcli", "-g", "GENERAL.STATE", "device", "show", plan->uplink, NULL};
    char type[32];
    const char *argv[] = {"grep", "-rlsF", profile->uuid, FOLDERS, NULL};
    bool known = false;

    keyfile_value(profile->text, "connection", "type", type, sizeof(type));
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        known |= strcmp(type, types[i]) == 0;
    if (!known)
        return error_set(why, "'%s' uses a profile of the type %s, which cannot be a bridge's port",
                         plan->uplink, type);
    if (strstr(profile->file, "/netplan-"))
        return error_set(why, "netplan writes NetworkManager's profiles here: use --format netplan");
    process_capture(state, false, PROCESS_QUERY_MS, &answer);
    if (answer && strstr(answer, "externally"))
        return error_set(why, "NetworkManager only watches '%s': name who configures it with --format",
                         plan->uplink);
    if (has_value(profile, "connection", "master") || has_value(profile, "connection", "controller"))
        return error_set(why, "the profile of '%s' makes it a port already", plan->uplink);
    process_capture(argv, false, PROCESS_QUERY_MS, &users);
    char *rest = users;
    for (const char *file; (file = strsep(&rest, "\n"));)
        if (*file && strcmp(file, profile->file) != 0)
            return error_set(why,
                             "%.200s refers to the profile of '%s' by its UUID: let it use the name '%s'",
                             file, plan->uplink, plan->uplink);
    return 0;
}

/* A bridge of that name that NetworkManager has already. */
static int refuse_bridge(const struct persist_plan *plan, struct error *why)
{
    _cleanup_free_ char *found = NULL;
    char line[64];
    const char *argv[] = {"grep", "-rlsxF", "--exclude=virt-tap-*", line, FOLDERS, NULL};

    snprintf(line, sizeof(line), "interface-name=%s", plan->bridge);
    if (process_capture(argv, false, PROCESS_QUERY_MS, &found) != 0 || !found)
        return 0;
    return error_set(why, "NetworkManager has a profile for '%s' already: %s", plan->bridge,
                     process_reason(found));
}

int persist_networkmanager_inspect(struct persist_plan *plan, struct error *why)
{
    _cleanup_profile_ struct profile profile = {.text = NULL};
    const char *argv[] = {"nmcli", "--version", NULL};
    char mac[32];

    if (process_capture(argv, false, PROCESS_QUERY_MS, NULL) != 0)
        return error_set(why, "NetworkManager's profiles are written by nmcli, which is not installed");
    if (refuse_bridge(plan, why) != 0)
        return -1;
    if (!*plan->uplink)
        return 0;
    if (profile_read(plan->uplink, &profile, why) != 0)
        return -1;
    if (!profile.text)
        return 0;
    plan->managed = true;
    if (refuse_profile(&profile, plan, why) != 0)
        return -1;
    if (strstr(profile.text, "\n[802-1x]"))
        persist_lose(plan, "802.1X of a bridge's port");
    if (keyfile_value(profile.text, "ethernet", "cloned-mac-address", mac, sizeof(mac)) &&
        strcmp(mac, "random") == 0)
        persist_lose(plan, "a random MAC for each connection");
    if (keyfile_value(profile.text, "ipv4", "dhcp-client-id", mac, sizeof(mac)) &&
        strcmp(mac, "perm-mac") == 0)
        persist_lose(plan, "dhcp-client-id=perm-mac, for a bridge has none");
    return 0;
}

/* A profile needs a stable UUID, so derive it from the name. */
static void add_names(struct words *words, const struct persist_plan *plan, const char *part)
{
    uint64_t hash[2] = {HASH_START, HASH_START << 32 | HASH_START >> 32};
    char name[64];

    snprintf(name, sizeof(name), "virt-tap %s %s", plan->bridge, *part ? "uplink" : "bridge");
    for (int i = 0; i < 2; i++)
        hash[i] = hash_bytes(hash[i], name, strlen(name));
    add_setting(words, "connection.id", "virt-tap-%s%s", plan->bridge, part);
    add_setting(words, "connection.uuid", "%08x-%04x-4%03x-8%03x-%012llx", (unsigned int)(hash[0] >> 32),
                (unsigned int)(hash[0] >> 16) & 0xffff, (unsigned int)hash[0] & 0xfff,
                (unsigned int)(hash[1] >> 48) & 0xfff, (unsigned long long)hash[1] & 0xffffffffffff);
    add_setting(words, "connection.autoconnect", "yes");
    if (plan->mtu)
        add_setting(words, "802-3-ethernet.mtu", "%u", plan->mtu);
}

/* The kernel's addresses and routes, where no profile has them. */
static void add_network(struct words *words, const struct persist_plan *plan, int family, const char *group)
{
    const char *method = family == AF_INET ? "disabled" : "auto";
    char cidr[CIDR_TEXT], property[32];

    for (size_t i = 0; i < plan->address_count; i++) {
        if (plan->addresses[i].family != family)
            continue;
        cidr_print(&plan->addresses[i], cidr);
        snprintf(property, sizeof(property), "+%s.addresses", group);
        add_setting(words, property, "%s", cidr);
        method = "manual";
    }
    for (size_t i = 0; i < plan->route_count; i++) {
        const struct persist_route *route = &plan->routes[i];
        if (route->family != family)
            continue;
        snprintf(property, sizeof(property), "+%s.routes", group);
        char metric[16] = "";
        if (route->metric)
            snprintf(metric, sizeof(metric), " %u", route->metric);
        add_setting(words, property, "%s %s%s%s", persist_destination(route), route->via, metric,
                    route->onlink ? " onlink=true" : "");
    }
    snprintf(property, sizeof(property), "%s.method", group);
    add_setting(words, property, "%s", plan->dhcp ? "auto" : method);
}

static void add_bridge(struct words *words, const struct persist_plan *plan)
{
    add_setting(words, "connection.interface-name", "%s", plan->bridge);
    add_setting(words, "connection.autoconnect-slaves", "1");
    add_setting(words, "bridge.mac-address", "%s", plan->mac);
    add_setting(words, "bridge.stp", "%s", plan->stp ? "yes" : "no");
    if (!plan->stp)
        add_setting(words, "bridge.forward-delay", "0");
    if (plan->vlan_filtering)
        add_setting(words, "bridge.vlan-filtering", "yes");
}

static void add_port(struct words *words, const struct persist_plan *plan, const struct profile *profile)
{
    /* What is bound to a MAC follows the NIC if its name changes. */
    if (!has_value(profile, "ethernet", "mac-address"))
        add_setting(words, "connection.interface-name", "%s", plan->uplink);
    add_setting(words, "connection.autoconnect-priority", "%d", profile->priority);
    add_setting(words, "connection.master", "%s", plan->bridge);
    add_setting(words, "connection.slave-type", "bridge");
}

/* The bridge's keyfile from the NIC's, without what describes the device. */
static char *clone_bridge(const struct persist_plan *plan, const struct profile *profile, struct error *why)
{
    static const char awk[] =
        "/^\\[/ { section = $0; drop = /^\\[(match|ethtool|dcb|sriov|tc|link|bond|team|vlan|802-1x)\\]/ }"
        "section == \"[connection]\" && /^type=/ { $0 = \"type=bridge\" }"
        "section == \"[connection]\" && /^(multi-connect|timestamp|lldp)=/ { next }"
        "section == \"[ethernet]\" && /=/ && !/^mtu=/ { next }"
        "!drop";
    static const char *const families[] = {"ipv4", "ipv6"};
    struct words words = {.count = 0};

    add_names(&words, plan, "");
    add_bridge(&words, plan);
    for (int i = 0; i < 2; i++) {
        char property[32];
        snprintf(property, sizeof(property), "%s.route-metric", families[i]);
        if (*profile->metric && !has_value(profile, families[i], "route-metric"))
            add_setting(&words, property, "%s", profile->metric);
    }
    return nmcli_modify(profile->file, awk, &words, why);
}

static char *clone_port(const struct persist_plan *plan, const struct profile *profile, struct error *why)
{
    static const char awk[] =
        "/^\\[/ { section = $0 }"
        "section == \"[connection]\" && /^(multi-connect|timestamp|secondaries|zone)=/ { next }"
        "section != \"[match]\"";
    struct words words = {.count = 0};

    add_names(&words, plan, "-uplink");
    add_port(&words, plan, profile);
    return nmcli_modify(profile->file, awk, &words, why);
}

/* A keyfile from nothing but the plan. */
static char *make_new(const struct persist_plan *plan, const struct profile *profile, bool port,
                      struct error *why)
{
    static const char *const start[] = {"nmcli", "--offline", "connection", "add", "type"};
    struct words words = {.count = 0};

    for (size_t i = 0; i < sizeof(start) / sizeof(start[0]); i++)
        add_word(&words, start[i]);
    add_word(&words, port ? "ethernet" : "bridge");
    add_names(&words, plan, port ? "-uplink" : "");
    if (port) {
        add_port(&words, plan, profile);
    } else {
        add_bridge(&words, plan);
        add_network(&words, plan, AF_INET, "ipv4");
        add_network(&words, plan, AF_INET6, "ipv6");
    }
    if (words.full)
        return error_set(why, "'%s' has too many addresses and routes", plan->uplink), NULL;
    return capture(words.argv, why);
}

/* Whether the bridge's keyfile has what the kernel has, and no profile of before can have forgotten. */
static int check_bridge(const struct persist_plan *plan, const char *text, struct error *why)
{
    char cidr[CIDR_TEXT + 1] = "=";

    for (size_t i = 0; i < plan->address_count; i++) {
        cidr_print(&plan->addresses[i], cidr + 1);
        if (!strstr(text, cidr))
            return error_set(why,
                             "'%s' has the address %s, which is not in the profile that it uses: add it "
                             "there, or remove it",
                             plan->uplink, cidr + 1);
    }
    for (size_t i = 0; i < plan->route_count; i++)
        if (!strstr(text, plan->routes[i].via) || !strstr(text, persist_destination(&plan->routes[i])))
            return error_set(why,
                             "'%s' has a route to %s through %s, which is not in the profile that it uses: "
                             "add it there, or remove it",
                             plan->uplink, plan->routes[i].to, plan->routes[i].via);
    return 0;
}

int persist_networkmanager(const struct persist_plan *plan, struct persist_files *files, struct error *why)
{
    _cleanup_profile_ struct profile profile = {.priority = PRIORITY_MIN};
    _cleanup_free_ char *bridge = NULL, *port = NULL;

    if (*plan->uplink && profile_read(plan->uplink, &profile, why) != 0)
        return -EINVAL;
    bridge = profile.text ? clone_bridge(plan, &profile, why) : make_new(plan, &profile, false, why);
    if (!bridge || check_bridge(plan, bridge, why) != 0)
        return -EINVAL;
    int err = persist_add(files, 0600, take_text(&bridge), OWN "%s.nmconnection", plan->bridge);
    if (err < 0 || !*plan->uplink)
        return err;
    port = profile.text ? clone_port(plan, &profile, why) : make_new(plan, &profile, true, why);
    if (!port)
        return -EINVAL;
    return persist_add(files, 0600, take_text(&port), OWN "%s-uplink.nmconnection", plan->bridge);
}
