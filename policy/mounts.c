/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "mounts.h"

#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* A line of mountinfo. */
struct mount {
    unsigned long long id, parent;
    char device[24];
    char root[PATH_MAX];  /* within its file system */
    char point[PATH_MAX]; /* where it is mounted */
    bool shared, slave;
    unsigned long group; /* peer group: its own, or its master's */
};

/* line ends with '\n' or '\0'. */
static bool parse_line(struct mount *out, const char *line)
{
    const char *shared = strstr(line, " shared:"), *slave = strstr(line, " master:"),
               *end = strstr(line, " - ");

    out->shared = shared && shared < end;
    out->slave = slave && slave < end;
    out->group = 0;
    if (out->shared)
        out->group = strtoul(shared + strlen(" shared:"), NULL, 10);
    if (out->slave)
        out->group = strtoul(slave + strlen(" master:"), NULL, 10);
    char *rest;
    out->id = strtoull(line, &rest, 10);
    out->parent = strtoull(rest, &rest, 10);
    return end && sscanf(rest, " %23s %4095s %4095s ", out->device, out->root, out->point) == 3;
}

/* Returns whether mountinfo has a mount with that ID. */
static bool find(const char *mountinfo, unsigned long long id, struct mount *out)
{
    for (const char *line = mountinfo; *line; line += strcspn(line, "\n"), line += *line != '\0')
        if (strtoull(line, NULL, 10) == id)
            return parse_line(out, line);
    return false;
}

/* Returns the part of a path below a folder, with its leading '/'; "" if they are the same. */
static const char *below(const char *path, const char *folder)
{
    const size_t length = strcmp(folder, "/") == 0 ? 0 : strlen(folder);

    return strncmp(path, folder, length) == 0 ? path + length : path;
}

/* Returns whether a mount shows the same files as its parent at that place. */
static bool shows_the_same(const struct mount *mount, const struct mount *parent)
{
    const char *root = strcmp(parent->root, "/") == 0 ? "" : parent->root, *rest = below(mount->root, root);

    return strcmp(mount->device, parent->device) == 0 && strncmp(mount->root, root, strlen(root)) == 0 &&
           strcmp(*rest ? rest : "/",
                  *below(mount->point, parent->point) ? below(mount->point, parent->point) : "/") == 0;
}

/* Returns whether the mount's peer group contains no mount of other files. A bind mount made by this
 * process's sandbox is in the group of the mount it was made from; one made before the host's mounts began to
 * propagate is alone. */
static bool is_alone(const char *mountinfo, const struct mount *mount)
{
    struct mount other;

    for (const char *line = mountinfo; *line; line += strcspn(line, "\n"), line += *line != '\0')
        if (parse_line(&other, line) && other.group == mount->group &&
            strncmp(other.root, mount->root, strlen(mount->root)) != 0)
            return false;
    return true;
}

static bool is_the_hosts(const char *mountinfo, const struct mount *mount, const struct mount *parent,
                         const struct mount *slash, bool anywhere)
{
    const bool whole = strcmp(mount->root, "/") == 0, at_top = !strchr(mount->point + 1, '/');

    if (!slash->slave && !slash->shared)
        return whole && (at_top || anywhere) && strcmp(mount->point, parent->point) != 0;
    return (mount->slave || (mount->shared && !slash->slave)) &&
           (whole || (at_top && is_alone(mountinfo, mount)));
}

/* Walks from a mount up to the root, as long as each mount shows the same files as its parent. */
static bool is_accepted(const char *mountinfo, uint64_t id, bool anywhere)
{
    struct mount mount, parent, slash;
    struct statx root;

    if (statx(AT_FDCWD, "/", 0, STATX_MNT_ID, &root) < 0 || !find(mountinfo, root.stx_mnt_id, &slash) ||
        !find(mountinfo, id, &mount))
        return false;
    while (mount.id != slash.id) {
        if (!find(mountinfo, mount.parent, &parent))
            return false;
        if (!shows_the_same(&mount, &parent))
            return is_the_hosts(mountinfo, &mount, &parent, &slash, anywhere);
        mount = parent;
    }
    return true;
}

/* Reads the whole file. Returns its text, for the caller to free, or NULL. */
static char *read_mountinfo(void)
{
    FILE *file = fopen("/proc/self/mountinfo", "re");
    char *text = NULL;
    size_t room = 0;

    if (!file)
        return NULL;
    if (getdelim(&text, &room, '\0', file) < 0) {
        free(text);
        text = NULL;
    }
    fclose(file);
    return text;
}

int mounts_check(const char *path, uint64_t mount, bool anywhere, struct error *why)
{
    static uint64_t accepted; /* the last mount accepted; no other process changes our mounts */

    if (mount == accepted)
        return 0;
    char *mountinfo = read_mountinfo();
    const bool good = mountinfo && is_accepted(mountinfo, mount, anywhere);
    free(mountinfo);
    if (!good) {
        error_set(
            why,
            "'%.255s' is a mount of this process's own surroundings (a sandbox, a container), which may hide what "
            "root wrote there, a deny for one; start this outside of it, or put the files themselves there "
            "(`findmnt %.255s`)",
            path, path);
        return -EPERM;
    }
    accepted = mount;
    return 0;
}
