/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Replaces several configuration files in one step, on any file system: whoever reads them, whenever this
 * process or the machine dies, sees either all the old ones or all the new ones.
 *
 * Old and new versions are stored beside each file, with names that start with a dot, which no network
 * manager reads. Each file then becomes a link through the one link /etc/virt-tap/.swap/now, first to its old
 * version. Renaming that link is the switch. Afterwards each file is again a file of its own, and what was
 * stored is removed. A file that is missing before or after is /dev/null in between, which all managers take
 * for an empty file or for none (NetworkManager wants what stat(2) calls a regular file:
 * nms-keyfile-utils.c). Until it is removed, /etc/virt-tap/.swap describes what the next swap has to complete
 * or undo first. */
#pragma once

#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

struct swap {
    size_t count;
    int lock;        /* the folder /etc/virt-tap, locked */
    sigset_t before; /* signals that were blocked already */
    mode_t umask;    /* as it was */
    int err;         /* -errno of the first failure, after which nothing more is done until swap_close() */
    char failed[PATH_MAX + 32]; /* what it was: `FILE cannot be written` */
};

/* Waits for other swaps, blocks the signals of terminals, and completes or undoes a swap that was killed.
 * swap_close() must be called in any case. */
void swap_open(struct swap *swap);

/* What a file is to be: a new file of that mode, with the owner of the one that it replaces; or the same as
 * the existing file `from`; or nothing, if that is NULL. The path is absolute, and only root may be able to
 * change its folder, which is created if it is missing. Failures are recorded in swap->err. */
void swap_text(struct swap *swap, const char *path, const char *text, mode_t mode);
void swap_link(struct swap *swap, const char *path, const char *from);

/* When a file was last written, in ns since 1970. */
long long swap_time(const struct stat *st);

/* The same of a new file; 0: swap_text() has failed. */
long long swap_written(const struct swap *swap, const char *path);

/* Calls act(arg) in a mount namespace in which the files are the new ones. Returns its value, or -errno. */
int swap_preview(struct swap *swap, int (*act)(void *arg), void *arg);

/* The switch. On failure the files are the old ones again. */
void swap_commit(struct swap *swap);

/* Ends the swap: as it was, unless swap_commit() was called. Returns 0 or swap->err. */
int swap_close(struct swap *swap);
