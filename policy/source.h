/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Where the files of a policy are read from, so that it can be read from elsewhere than a file system. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

struct error;

/* One file, whole. */
struct policy_text {
    /* NULL: the file adds nothing (it is a folder); else malloc(size + 1) at least, which the policy changes,
     * the last byte too, and frees. */
    char *bytes;
    size_t size;
    dev_t device; /* device and inode tell files apart, so that loops are seen */
    ino_t inode;
};

/* Where the files are read from. */
struct policy_source {
    void *context; /* handed to both */

    /* Reads the file at an absolute path. Returns 0; or -errno and the reason in `why`, -EPERM meaning that
     * the file is not one that root alone could have written, -EFBIG that it is larger than `limit` bytes. */
    int (*read)(void *context, const char *path, size_t limit, struct policy_text *out, struct error *why);

    /* Calls each(arg, path) for every file of the folder whose name matches the pattern, in the order of
     * their bytes, until one returns other than 0. Returns 0, -1 then, or -errno and the reason as above. */
    int (*list)(void *context, const char *folder, const char *pattern,
                int (*each)(void *arg, const char *path), void *arg, struct error *why);
};
