/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "folder.h"
#include "cleanup.h"
#include "error.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { LINKS_MAX = 40 /* the kernel's limit */ };

struct walk {
    int fd;              /* the current position; closed by whoever began the walk */
    char rest[PATH_MAX]; /* the rest of the path */
    unsigned int links;
};

static int go(struct walk *walk, int to)
{
    close(walk->fd);
    walk->fd = to;
    return 0;
}

static int start_at(struct walk *walk, const char *path, struct error *why)
{
    const int fd = open(path[0] == '/' ? "/" : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return error_set(why, "its folder: %s", strerror(errno));
    return go(walk, fd);
}

/* Prepends the link's target to the rest of the path. */
static int follow(struct walk *walk, int link, const struct stat *st, const char *name, struct error *why)
{
    char target[PATH_MAX], rest[PATH_MAX];

    if (st->st_uid != 0 && st->st_uid != geteuid())
        return error_set(
            why,
            "'%.255s' on the way there is a symbolic link of another user, uid %u, who chooses where "
            "it leads; name the folder itself",
            name, st->st_uid);
    const ssize_t length = readlinkat(link, "", target, sizeof(target) - 1);
    if (length < 0)
        return error_set(why, "'%.255s': %s", name, strerror(errno));
    target[length] = '\0';
    if (++walk->links > LINKS_MAX ||
        snprintf(rest, sizeof(rest), "%s/%s", target, walk->rest) >= (int)sizeof(rest))
        return error_set(why, "'%.255s' leads too far", name);
    strcpy(walk->rest, rest);
    if (target[0] == '/')
        return start_at(walk, target, why);
    return 0;
}

static int step(struct walk *walk, const char *name, struct error *why)
{
    _cleanup_close_ int next = openat(walk->fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;

    if (next < 0 || fstat(next, &st) < 0)
        return error_set(why, "'%.255s': %s", name, strerror(errno));
    if (S_ISDIR(st.st_mode))
        return go(walk, take_fd(&next));
    if (S_ISLNK(st.st_mode))
        return follow(walk, next, &st, name, why);
    return error_set(why, "'%.255s': %s", name, strerror(ENOTDIR));
}

/* Removes the first name from the rest of the path; "": the end. */
static int next_name(struct walk *walk, char name[NAME_MAX + 1], struct error *why)
{
    const char *first = walk->rest + strspn(walk->rest, "/");
    const size_t length = strcspn(first, "/");

    if (length > NAME_MAX)
        return error_set(why, "%s", strerror(ENAMETOOLONG));
    memcpy(name, first, length);
    name[length] = '\0';
    memmove(walk->rest, first + length, strlen(first + length) + 1);
    return 0;
}

int folder_open(const char *path, struct error *why)
{
    struct walk walk = {.fd = -1};
    char name[NAME_MAX + 1] = "";

    if (strlen(path) >= sizeof(walk.rest))
        return error_set(why, "%s", strerror(ENAMETOOLONG));
    strcpy(walk.rest, path);
    int err = start_at(&walk, path, why);
    while (!err) {
        err = next_name(&walk, name, why);
        if (!err && !*name)
            return walk.fd;
        if (!err)
            err = step(&walk, name, why);
    }
    if (walk.fd >= 0)
        close(walk.fd);
    return -1;
}
