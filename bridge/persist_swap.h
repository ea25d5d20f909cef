/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Replaces several configuration files in one step, on any file system that has symbolic and hard links:
 * whoever reads them, whenever this process or the machine dies, sees either all the old ones or all the new
 * ones.
 *
 * Old and new versions are stored beside each file, with names that start with a dot, which no network
 * manager reads. Each file then becomes a link through the one link /etc/virt-tap/.swap/now, first to its old
 * version. Renaming that link is the switch. Afterwards each file is again a file of its own, and what was
 * stored is removed. A file that is missing before or after is /dev/null in between, which all managers take
 * for an empty file or for none (NetworkManager wants what stat(2) calls a regular file:
 * nms-keyfile-utils.c). Until it is removed, /etc/virt-tap/.swap describes what the next swap has to complete
 * or undo first. */
#pragma once

#include "base/error.h"

#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

struct swap {
    size_t count;
    int lock;         /* a descriptor that holds it, or -errno */
    sigset_t signals; /* that were blocked already */
    mode_t umask;     /* as it was */
    struct error why; /* of the first failure, after which nothing more is done until swap_close() */
};

/* Waits up to a minute for other swaps, whose lock no user but root can take, blocks the signals of
 * terminals, and completes or undoes a swap that was killed. Like all functions here that return an int: 0,
 * or -1 and swap->why. swap_close() must be called in any case. */
int swap_open(struct swap *swap);

/* Gets the name beside a file for another version of it, hidden from the managers. */
void swap_beside(char out[PATH_MAX], const char *path, const char *part);

/* When a file was last written, in ns since 1970. */
static inline long long swap_time(const struct stat *st)
{
    return (long long)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
}

/* What a file is to be: a new file of that mode, with the owner, the ACL and the other attributes of the one
 * that it replaces, and *written as swap_time() has it; or the same as the existing file `from`; or nothing,
 * if that is NULL. The path is absolute, and only root may be able to change its folder, which is created if
 * it is missing. */
int swap_text(struct swap *swap, const char *path, const char *text, mode_t mode, long long *written);
int swap_link(struct swap *swap, const char *path, const char *from);

/* Calls act(arg), which returns 0 or more, in a mount namespace in which the files are the new ones. Returns
 * its value, or -1. */
int swap_preview(struct swap *swap, int (*act)(void *arg), void *arg);

/* The switch. On failure the files are the old ones again, as far as that can be done: swap_close() tells. */
int swap_commit(struct swap *swap);

/* Ends the swap: as it was, unless swap_commit() was called. Returns whether the new files are in force. */
bool swap_close(struct swap *swap);
