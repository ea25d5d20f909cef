/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "base/text.h"
#include "network.h"

#include <errno.h>
#include <fnmatch.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Whether they would manage a tap with a name like ours. */
static const char sample[] = "vtap-0";

/* Files that an ordinary user cannot read may contain anything. Returns the first existing directory that is
 * not readable, or NULL. */
static const char *closed_folder(const char *const folders[])
{
    for (; *folders; folders++)
        if (access(*folders, R_OK | X_OK) < 0 && errno == EACCES)
            return *folders;
    return NULL;
}

/* Whether any item of a NetworkManager device list (NetworkManager.conf(5)) matches our taps. */
static bool list_has_taps(const char *list)
{
    char copy[1024], *save = NULL;

    if (strlen(list) >= sizeof(copy) || strstr(list, "except:interface-name:vtap-"))
        return false;
    strcpy(copy, list);
    for (const char *item = strtok_r(copy, ",; \t", &save); item; item = strtok_r(NULL, ",; \t", &save)) {
        const char *pattern = strncmp(item, "interface-name:", 15) == 0 ? item + 15 : item;
        if (fnmatch(pattern, sample, 0) == 0)
            return true;
    }
    return false;
}

struct nm_search {
    bool ours;      /* in a section that applies to our taps */
    bool unmanaged; /* result */
};

static bool nm_line(void *arg, const char *line, unsigned int number)
{
    struct nm_search *search = arg;
    const char *value = strchr(line, '=');
    (void)number;

    if (*line == '[')
        search->ours = false;
    else if (value && strncmp(line, "unmanaged-devices", 17) == 0)
        search->unmanaged |= list_has_taps(value + 1);
    else if (value && strncmp(line, "match-device", 12) == 0)
        search->ours = list_has_taps(value + 1);
    else if (value && search->ours && strncmp(line, "managed", 7) == 0)
        search->unmanaged |= strcspn(value + 1, "0fn") < 2; /* 0, false, no */
    return !search->unmanaged;
}

static void report_networkmanager(struct findings *out)
{
    static const char pattern[] =
        "{/etc/NetworkManager/NetworkManager.conf,{/etc,/run,/usr/lib}/NetworkManager/conf.d/*.conf}";
    static const char *const folders[] = {"/etc/NetworkManager/conf.d", "/run/NetworkManager/conf.d",
                                          "/usr/lib/NetworkManager/conf.d", NULL};
    struct nm_search search = {.ours = false};
    const char *closed = closed_folder(folders);
    char path[256] = "";
    glob_t files;

    if (access("/run/NetworkManager", F_OK) < 0)
        return;
    if (glob(pattern, GLOB_BRACE, NULL, &files) == 0) {
        for (size_t i = 0; i < files.gl_pathc && !search.unmanaged; i++) {
            search.ours = false;
            if (text_lines(files.gl_pathv[i], nm_line, &search) < 0 && !closed) {
                snprintf(path, sizeof(path), "%s", files.gl_pathv[i]);
                closed = path;
            }
        }
        globfree(&files);
    }
    if (search.unmanaged) {
        finding_add(out, NET_NETWORKMANAGER, "NetworkManager is running, configured to leave vtap-* alone");
        return;
    }
    if (closed) {
        finding_add(out, NET_NETWORKMANAGER_SKIPPED, "NetworkManager is running, and %s cannot be read",
                    closed);
        return;
    }
    finding_add_fixable(out, NET_NETWORKMANAGER_CLAIMS, "",
                        "NetworkManager is running, and nothing tells it to leave vtap-* alone");
}

/* A .network file of systemd-networkd (systemd.network(5)): all conditions in [Match] must hold. */
struct networkd_search {
    bool in_match, conditions, matches, unmanaged;
};

/* A leading '!' negates the list. */
static bool any_matches(const char *patterns, const char *word)
{
    char copy[1024], *save = NULL;
    const bool otherwise = *(patterns += strspn(patterns, " \t")) == '!';

    if (strlen(patterns) >= sizeof(copy))
        return false;
    strcpy(copy, patterns + otherwise);
    for (const char *item = strtok_r(copy, " \t", &save); item; item = strtok_r(NULL, " \t", &save))
        if (fnmatch(item, word, 0) == 0)
            return !otherwise;
    return otherwise;
}

/* Whether a line in [Match] may hold for one of our taps. */
static bool may_match(const char *line, const char *value)
{
    static const struct {
        const char *key, *of_taps; /* NULL: taps do not have this property, or its value is unpredictable */
    } conditions[] = {{"Name", sample},  {"Type", "ether"},    {"Kind", "tun"},
                      {"Driver", "tun"}, {"MACAddress", NULL}, {"PermanentMACAddress", NULL},
                      {"Path", NULL},    {"Property", NULL},   {"WLANInterfaceType", NULL},
                      {"SSID", NULL},    {"BSSID", NULL}};
    const size_t length = strcspn(line, " \t=");

    for (size_t i = 0; i < sizeof(conditions) / sizeof(conditions[0]); i++)
        if (strlen(conditions[i].key) == length && strncmp(line, conditions[i].key, length) == 0)
            return conditions[i].of_taps && any_matches(value, conditions[i].of_taps);
    return true; /* a condition on the host */
}

static bool networkd_line(void *arg, const char *line, unsigned int number)
{
    struct networkd_search *search = arg;
    const char *value = strchr(line, '=');
    (void)number;

    if (*line == '[') {
        search->in_match = strncmp(line, "[Match]", 7) == 0;
    } else if (value && search->in_match) {
        search->conditions = true;
        search->matches &= may_match(line, value + 1);
    } else if (value && strncmp(line, "Unmanaged", 9) == 0) {
        search->unmanaged = strcspn(value + 1, "1yYtT") < 2;
    }
    return true;
}

static const char *base_name(const char *path)
{
    return strrchr(path, '/') + 1;
}

static int by_base_name(const void *a, const void *b)
{
    const char *path_a = *(char *const *)a, *path_b = *(char *const *)b;
    const int order = strcmp(base_name(path_a), base_name(path_b));

    return order ? order : strcmp(path_a, path_b); /* /etc, /run, /usr: in networkd's order of precedence */
}

/* The first matching file applies; of two files with the same name, the one in the first directory. */
static void search_networkd(glob_t *files, struct findings *out)
{
    const char *last = "/";

    qsort(files->gl_pathv, files->gl_pathc, sizeof(*files->gl_pathv), by_base_name);
    for (size_t i = 0; i < files->gl_pathc; i++) {
        struct networkd_search search = {.matches = true};
        if (strcmp(base_name(last), base_name(files->gl_pathv[i])) == 0)
            continue;
        last = files->gl_pathv[i];
        if (text_lines(last, networkd_line, &search) < 0) {
            finding_add(out, NET_NETWORKD_SKIPPED, "systemd-networkd is running, and %s cannot be read",
                        last);
            return;
        }
        if (!search.conditions || !search.matches)
            continue;
        if (search.unmanaged)
            break;
        finding_add_fixable(out, NET_NETWORKD_CLAIMS, "",
                            "systemd-networkd is running, and %s also matches vtap-*", last);
        return;
    }
    finding_add(out, NET_NETWORKD, "systemd-networkd is running, and none of its files matches vtap-*");
}

static void report_networkd(struct findings *out)
{
    static const char *const folders[] = {"/etc/systemd/network", "/run/systemd/network",
                                          "/usr/lib/systemd/network", NULL};
    const char *closed = closed_folder(folders);
    glob_t files;

    if (access("/run/systemd/netif", F_OK) < 0)
        return;
    if (closed)
        finding_add(out, NET_NETWORKD_SKIPPED, "systemd-networkd is running, and %s cannot be read", closed);
    else if (glob("{/etc,/run,/usr/lib}/systemd/network/*.network", GLOB_BRACE, NULL, &files) != 0)
        finding_add(out, NET_NETWORKD, "systemd-networkd is running, and has no .network files");
    else {
        search_networkd(&files, out);
        globfree(&files);
    }
}

void network_managers_probe(const struct probe_context *context, struct findings *out)
{
    (void)context;
    report_networkmanager(out);
    report_networkd(out);
}
