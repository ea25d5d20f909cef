/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "attributes.h"
#include "error.h"

#include <errno.h>
#include <linux/limits.h>
#include <linux/xattr.h>
#include <stdbool.h>
#include <string.h>
#include <sys/xattr.h>

static bool is_left_out(const char *name)
{
    return strcmp(name, XATTR_NAME_CAPS) == 0 || strcmp(name, XATTR_NAME_IMA) == 0 ||
           strcmp(name, XATTR_NAME_EVM) == 0;
}

static int keep_one(int from, int to, const char *name, struct error *why)
{
    char value[XATTR_SIZE_MAX], other[XATTR_SIZE_MAX];
    const ssize_t size = fgetxattr(from, name, value, sizeof(value));

    if (size < 0 && errno == ENODATA)
        return 0; /* removed in the meantime */
    if (size >= 0 && fgetxattr(to, name, other, sizeof(other)) == size &&
        memcmp(value, other, (size_t)size) == 0)
        return 0;
    if (size >= 0 && fsetxattr(to, name, value, (size_t)size, 0) == 0)
        return 0;
    return error_set(why, "its attribute %.255s (`getfattr -m - -d` shows it) cannot be kept: %s", name,
                     strerror(errno));
}

/* Removes an ACL that only the new file has, inherited from its folder. */
static int drop_inherited(int from, int to, struct error *why)
{
    if (fgetxattr(from, XATTR_NAME_POSIX_ACL_ACCESS, NULL, 0) >= 0 ||
        fgetxattr(to, XATTR_NAME_POSIX_ACL_ACCESS, NULL, 0) < 0 ||
        fremovexattr(to, XATTR_NAME_POSIX_ACL_ACCESS) == 0)
        return 0;
    return error_set(why, "the ACL that it inherited from its folder cannot be removed: %s", strerror(errno));
}

int attributes_keep(int from, int to, struct error *why)
{
    char names[XATTR_LIST_MAX];
    const ssize_t size = flistxattr(from, names, sizeof(names));

    if (size < 0 && errno != EOPNOTSUPP)
        return error_set(why, "its attributes cannot be read: %s", strerror(errno));
    if (drop_inherited(from, to, why) < 0)
        return -1;
    for (const char *name = names; size > 0 && name < names + size; name += strlen(name) + 1)
        if (!is_left_out(name) && keep_one(from, to, name, why) < 0)
            return -1;
    return 0;
}
