/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "base/cleanup.h"
#include "base/text.h"
#include "config.h"
#include "network.h"
#include "networkd.h"

#include <errno.h>
#include <fnmatch.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A name like those of our taps, to find out whether the managers would manage one. */
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
    bool keyfile;   /* in that section */
    bool ours;      /* in a section that applies to our taps */
    bool listed;    /* as unmanaged, by the files so far */
    bool unmanaged; /* by a section */
};

/* A later assignment replaces the list, unless it adds to it (+=) or removes from it (-=). */
static void nm_list(struct nm_search *search, const char *value)
{
    const bool has = list_has_taps(value + 1);

    if (value[-1] == '+')
        search->listed = search->listed || has;
    else if (value[-1] == '-')
        search->listed = search->listed && !has;
    else
        search->listed = has;
}

static bool nm_line(void *arg, const char *line, unsigned int number)
{
    struct nm_search *search = arg;
    const char *value = strchr(line, '=');
    (void)number;

    if (*line == '[') {
        search->ours = false;
        search->keyfile = strncmp(line, "[keyfile]", 9) == 0;
    } else if (value && search->keyfile && strncmp(line, "unmanaged-devices", 17) == 0) {
        nm_list(search, value);
    } else if (value && strncmp(line, "match-device", 12) == 0) {
        search->ours = list_has_taps(value + 1);
    } else if (value && search->ours && strncmp(line, "managed", 7) == 0) {
        search->unmanaged |= strcspn(value + 1, "0fn") < 2; /* 0, false, no */
    }
    return true;
}

/* NetworkManager's folders of files: a file hides those of its name in the folders after its own. */
static const char *const nm_folders[] = {"/etc/NetworkManager/conf.d", "/run/NetworkManager/conf.d",
                                         "/usr/lib/NetworkManager/conf.d", NULL};

static bool nm_is_hidden(const char *path)
{
    const char *name = strrchr(path, '/') + 1;
    char other[PATH_MAX];

    for (const char *const *folder = nm_folders; *folder; folder++) {
        snprintf(other, sizeof(other), "%s/%s", *folder, name);
        if (access(other, F_OK) == 0)
            return strcmp(other, path) != 0;
    }
    return false;
}

/* Reads its files in its order: NetworkManager.conf(5). closed: the first that cannot be read, if there is
 * none yet. */
static void nm_read(struct nm_search *search, const char **closed, char path[PATH_MAX])
{
    static const char pattern[] = "{{/usr/lib,/run}/NetworkManager/conf.d/*.conf,/etc/NetworkManager/"
                                  "NetworkManager.conf,/etc/NetworkManager/conf.d/*.conf}";
    _cleanup_globfree_ glob_t files = {.gl_pathc = 0};

    if (glob(pattern, GLOB_BRACE, NULL, &files) != 0)
        return;
    for (size_t i = 0; i < files.gl_pathc; i++) {
        search->ours = search->keyfile = false;
        if (nm_is_hidden(files.gl_pathv[i]) || text_lines(files.gl_pathv[i], nm_line, search) >= 0 || *closed)
            continue;
        snprintf(path, PATH_MAX, "%s", files.gl_pathv[i]);
        *closed = path;
    }
}

static void report_networkmanager(struct findings *out)
{
    struct nm_search search = {.ours = false};
    const char *closed = closed_folder(nm_folders);
    char path[PATH_MAX];

    if (access("/run/NetworkManager", F_OK) < 0)
        return;
    nm_read(&search, &closed, path);
    if (search.unmanaged || search.listed)
        finding_add(out, NET_NETWORKMANAGER, "NetworkManager is running, configured to leave vtap-* alone");
    else if (closed)
        finding_add(out, NET_NETWORKMANAGER_SKIPPED, "NetworkManager is running, and %s cannot be read",
                    closed);
    else
        finding_add_fixable(out, NET_NETWORKMANAGER_CLAIMS, "",
                            "NetworkManager is running, and nothing tells it to leave vtap-* alone");
}

static void report_networkd(struct findings *out)
{
    char path[PATH_MAX];

    if (access("/run/systemd/netif", F_OK) < 0)
        return;
    switch (networkd_search(path)) {
    case NETWORKD_CLOSED:
        finding_add(out, NET_NETWORKD_SKIPPED, "systemd-networkd is running, and %s cannot be read", path);
        break;
    case NETWORKD_CLAIMED:
        finding_add_fixable(out, NET_NETWORKD_CLAIMS, "",
                            "systemd-networkd is running, and %s also matches " TAP_PREFIX "*", path);
        break;
    case NETWORKD_LEFT_ALONE:
        finding_add(out, NET_NETWORKD,
                    "systemd-networkd is running, and %s tells it to leave " TAP_PREFIX "* alone", path);
        break;
    default:
        finding_add(out, NET_NETWORKD,
                    "systemd-networkd is running, and none of its files matches " TAP_PREFIX "*");
    }
}

void network_managers_probe(const struct probe_context *context, struct findings *out)
{
    (void)context;
    report_networkmanager(out);
    report_networkd(out);
}
