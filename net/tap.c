/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <string.h>
#include <sys/ioctl.h>

int tap_open(void)
{
    const int fd = open(TAP_DEVICE, O_RDWR | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int tap_create(int fd, const char *name, bool vnet_hdr)
{
    struct ifreq request = {.ifr_flags = (short)(IFF_TAP | IFF_NO_PI | IFF_TUN_EXCL)};
    unsigned int features = 0;

    if (strlen(name) >= IFNAMSIZ)
        return -ENAMETOOLONG;
    strcpy(request.ifr_name, name);
    if (vnet_hdr) {
        if (ioctl(fd, TUNGETFEATURES, &features) < 0)
            return -errno;
        if (!(features & IFF_VNET_HDR))
            return -EOPNOTSUPP;
        request.ifr_flags |= IFF_VNET_HDR;
    }
    return ioctl(fd, TUNSETIFF, &request) < 0 ? -errno : 0;
}

int tap_set_owner(int fd, uid_t owner)
{
    return ioctl(fd, TUNSETOWNER, (unsigned long)owner) < 0 ? -errno : 0;
}

int tap_get_mac(int fd, uint8_t mac[6])
{
    struct ifreq request = {.ifr_flags = 0};

    if (ioctl(fd, SIOCGIFHWADDR, &request) < 0)
        return -errno;
    memcpy(mac, request.ifr_hwaddr.sa_data, 6);
    return 0;
}
