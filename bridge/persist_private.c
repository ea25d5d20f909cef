/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "persist_private.h"
#include "base/cleanup.h"
#include "base/text.h"

#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>

static int cover(const struct overlay *overlays, size_t count, struct error *why)
{
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return error_set(why, "a mount namespace cannot be made private: %s", strerror(errno));
    for (size_t i = 0; i < count; i++) {
        const char *shown = text_or(overlays[i].shown, "tmpfs");
        if (mount(shown, overlays[i].path, "tmpfs", overlays[i].shown ? MS_BIND : 0, "mode=0700") < 0)
            return error_set(why, "%s cannot be shown in place of %s: %s", shown, overlays[i].path,
                             strerror(errno));
    }
    return 0;
}

int private_call(const struct overlay *overlays, size_t count, int (*act)(void *arg), void *arg,
                 struct error *why)
{
    _cleanup_close_ const int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    _cleanup_close_ const int namespace = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);

    if (root < 0 || namespace < 0 || unshare(CLONE_NEWNS) < 0)
        return error_set(why, "a mount namespace cannot be made: %s", strerror(errno));
    const int err = cover(overlays, count, why);
    const int status = err < 0 ? err : act(arg);
    if (setns(namespace, CLONE_NEWNS) < 0 || fchdir(root) < 0 || chroot(".") < 0) /* of a chroot, too */
        _exit(1);
    return status;
}
