/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kvm_device.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
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
        return "may not be opened by this user; usually one must be in the group that `ls -l /dev/kvm` shows";
    case EPERM:
        return "is kept from this process, by a container's rules for devices or a security module";
    case ENODEV:
    case ENXIO:
        return "has no driver behind it: KVM's module is not loaded";
    case ENOTTY:
        return "is not KVM's device";
    case EPROTONOSUPPORT:
        return "has another API version than 12, the only one there is use for";
    default:
        return strerror(-err);
    }
}
