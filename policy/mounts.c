/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "rootfile.h"

#include "base/array.h"
#include "base/closing.h"
#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A line of mountinfo (proc_pid_mountinfo(5)). */
struct mount {
    unsigned long long id, parent;
    const char *device, *root; /* the file system, and which folder of it */
    const char *point;         /* where it is mounted */
    bool shared, slave;
    unsigned long group; /* peer group: its own, or its master's */
};

struct mounts {
    char *text; /* what the others point into */
    struct mount *list;
    size_t count;
};

static void mounts_free(struct mounts *mounts)
{
    free(mounts->list);
    free(mounts->text);
}

#define _cleanup_mounts_ __attribute__((cleanup(mounts_free)))

static bool parse_line(struct mount *out, char *line)
{
    const char *fields[6], *word; /* ID, parent, device, root, point, options */

    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
        if (!(fields[i] = strsep(&line, " ")))
            return false;
    *out = (struct mount){.id = strtoull(fields[0], NULL, 10),
                          .parent = strtoull(fields[1], NULL, 10),
                          .device = fields[2],
                          .root = fields[3],
                          .point = fields[4]};
    while ((word = strsep(&line, " ")) && strcmp(word, "-") != 0) {
        const bool shared = strncmp(word, "shared:", 7) == 0, slave = strncmp(word, "master:", 7) == 0;
        out->shared = out->shared || shared;
        out->slave = out->slave || slave;
        if (slave || (shared && !out->slave))
            out->group = strtoul(word + 7, NULL, 10);
    }
    return word; /* the separator is on every line */
}

static bool read_mounts(struct mounts *out)
{
    _cleanup_fclose_ FILE *file = fopen("/proc/self/mountinfo", "re");
    size_t room = 0;

    if (!file || getdelim(&out->text, &room, '\0', file) < 0 || ferror(file))
        return false;
    for (char *line, *rest = out->text; (line = strsep(&rest, "\n")) && *line;) {
        struct mount mount;
        if (!parse_line(&mount, line) || array_add(&out->list, &out->count, &mount, sizeof(mount)) < 0)
            return false;
    }
    return true;
}

static const struct mount *find(const struct mounts *mounts, unsigned long long id)
{
    for (size_t i = 0; i < mounts->count; i++)
        if (mounts->list[i].id == id)
            return &mounts->list[i];
    return NULL;
}

/* Returns the part of a path below a folder, with its leading '/'; "": the same; NULL: not below. */
static const char *below(const char *path, const char *folder)
{
    size_t length = strlen(folder);

    if (length == 1) /* the root */
        length = 0;
    if (strncmp(path, folder, length) != 0)
        return NULL;
    if (strcmp(path + length, "/") == 0)
        return "";
    return path + length;
}

/* Returns whether a mount shows the same files as its parent at that place. */
static bool shows_the_same(const struct mount *mount, const struct mount *parent)
{
    const char *rest = below(mount->root, parent->root), *place = below(mount->point, parent->point);

    return strcmp(mount->device, parent->device) == 0 && rest && place && strcmp(rest, place) == 0;
}

/* Whether the mount's peer group contains no mount of other files. A bind mount made by this process's
 * sandbox is in the group of the mount it was made from; one made before the host's began to propagate is
 * alone. */
static bool is_alone(const struct mounts *mounts, const struct mount *mount)
{
    for (size_t i = 0; i < mounts->count; i++) {
        const struct mount *other = &mounts->list[i];
        if (other->group == mount->group && strncmp(other->root, mount->root, strlen(mount->root)) != 0)
            return false;
    }
    return true;
}

static bool is_the_hosts(const struct mounts *mounts, const struct mount *mount, const struct mount *parent,
                         const struct mount *slash, bool anywhere)
{
    const bool whole = strcmp(mount->root, "/") == 0, at_top = !strchr(mount->point + 1, '/');

    if (!slash->slave && !slash->shared)
        return whole && (at_top || anywhere) && strcmp(mount->point, parent->point) != 0;
    return (mount->slave || (mount->shared && !slash->slave)) &&
           (whole || (at_top && is_alone(mounts, mount)));
}

/* Walks from a mount up to the root, as long as each mount shows the same files as its parent. */
static bool is_accepted(uint64_t id, bool anywhere)
{
    _cleanup_mounts_ struct mounts mounts = {0};
    struct statx root;

    if (statx(AT_FDCWD, "/", 0, STATX_MNT_ID, &root) < 0 || !read_mounts(&mounts))
        return false;
    const struct mount *slash = find(&mounts, root.stx_mnt_id), *mount = find(&mounts, id);
    while (slash && mount && mount != slash) {
        const struct mount *parent = find(&mounts, mount->parent);
        if (!parent || parent == mount)
            return false;
        if (!shows_the_same(mount, parent))
            return is_the_hosts(&mounts, mount, parent, slash, anywhere);
        mount = parent;
    }
    return slash && mount;
}

int mounts_check(const char *path, uint64_t mount, bool anywhere, struct error *why)
{
    static uint64_t accepted; /* the last mount accepted; no other process changes our mounts */

    if (mount == accepted || getuid() == 0)
        return 0;
    if (!is_accepted(mount, anywhere)) {
        error_set(
            why,
            "'%.255s' is a mount that a sandbox or container made for this process; it may hide root's own files, "
            "for example a deny; start this outside it, or put the files themselves there (`findmnt %.255s`)",
            path, path);
        return -EPERM;
    }
    accepted = mount;
    return 0;
}
