/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Where the files of a policy are read from, so that they need not be in a file system. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

struct error;

/* One whole file. */
struct policy_text {
    /* NULL: the file adds nothing (it is a folder); otherwise at least malloc(size + 1), which the policy
     * modifies (including the last byte) and frees. */
    char *bytes;
    size_t size;
    dev_t device; /* device and inode identify a file, to detect loops */
    ino_t inode;
};

/* Where the files are read from. */
struct policy_source {
    void *context; /* passed to both functions */

    /* Reads the file at an absolute path. Returns 0, or -errno with the reason in `why`: -EPERM means that
     * users other than root could have written the file, -EFBIG that it is larger than `limit` bytes. */
    int (*read)(void *context, const char *path, size_t limit, struct policy_text *out, struct error *why);

    /* Calls each(arg, path) for every file in the folder whose name matches the pattern, in byte order, until
     * a call returns a positive number. Returns 0; that number; or -errno and the reason as above. */
    int (*list)(void *context, const char *folder, const char *pattern,
                int (*each)(void *arg, const char *path), void *arg, struct error *why);
};
