/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "attributes.h"

#include "helper/refusal.h"
#include "host/cleanup.h"

#include <limits.h>
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

static int keep_one(int from, int to, const char *name, char *value, char *other, struct refusal *why)
{
    const ssize_t size = fgetxattr(from, name, value, XATTR_SIZE_MAX);

    if (size < 0 && errno == ENODATA)
        return 0; /* gone meanwhile */
    if (size >= 0 && fgetxattr(to, name, other, XATTR_SIZE_MAX) == size &&
        memcmp(value, other, (size_t)size) == 0)
        return 0;
    if (size >= 0 && fsetxattr(to, name, value, (size_t)size, 0) == 0)
        return 0;
    return refuse(why, "its attribute %.255s (`getfattr -m - -d` shows it) cannot be kept: %s", name,
                  strerror(errno));
}

static int keep_all(int from, int to, const char *names, size_t size, struct refusal *why)
{
    _cleanup_free_ char *value = malloc(XATTR_SIZE_MAX), *other = malloc(XATTR_SIZE_MAX);

    if (!value || !other)
        return refuse(why, "no memory");
    for (const char *name = names; name < names + size; name += strlen(name) + 1)
        if (!is_left_out(name) && keep_one(from, to, name, value, other, why) < 0)
            return -1;
    return 0;
}

int attributes_keep(int from, int to, struct refusal *why)
{
    _cleanup_free_ char *names = malloc(XATTR_LIST_MAX);
    char byte;

    if (!names)
        return refuse(why, "no memory");
    const ssize_t size = flistxattr(from, names, XATTR_LIST_MAX);
    if (size < 0 && errno != EOPNOTSUPP)
        return refuse(why, "its attributes cannot be read: %s", strerror(errno));
    if (fgetxattr(from, XATTR_NAME_POSIX_ACL_ACCESS, &byte, 0) < 0 &&
        fgetxattr(to, XATTR_NAME_POSIX_ACL_ACCESS, &byte, 0) >= 0 &&
        fremovexattr(to, XATTR_NAME_POSIX_ACL_ACCESS) < 0)
        return refuse(why, "the access list that files in its folder get cannot be taken away: %s",
                      strerror(errno));
    return size > 0 ? keep_all(from, to, names, (size_t)size, why) : 0;
}
