/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "kvm.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

int kvm_device_open(void)
{
    const int fd = open(KVM_PATH, O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

    if (fd < 0)
        return -errno;
    const int version = ioctl(fd, KVM_GET_API_VERSION, 0);
    if (version == KVM_API_VERSION)
        return fd;
    close(fd);
    return version < 0 ? -ENOTTY : -EPROTONOSUPPORT;
}

const char *kvm_device_problem(int err)
{
    switch (-err) {
    case ENOENT:
        return "is not there";
    case EACCES:
        return "cannot be opened by this user, who usually must be in the group that `ls -l /dev/kvm` shows";
    case EPERM:
        return "is denied to this process by a container's device rules or a security module";
    case ENODEV:
    case ENXIO:
        return "has no driver: the KVM module is not loaded";
    case ENOTTY:
        return "is not the KVM device";
    case EPROTONOSUPPORT:
        return "has an API version other than 12, the only supported one";
    default:
        return strerror(-err);
    }
}
