/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/if_arp.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <string.h>
#include <sys/ioctl.h>

int tap_open(void)
{
    const int fd = open(TAP_DEVICE, O_RDWR | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static int set_iff(int fd, const char *name, struct tap_kind kind, int flags)
{
    struct ifreq request = {.ifr_flags = 0};
    unsigned int features = 0;

    if (strlen(name) >= IFNAMSIZ)
        return -ENAMETOOLONG;
    strcpy(request.ifr_name, name);
    flags |= (kind.tun ? IFF_TUN : IFF_TAP) | (kind.packet_info ? 0 : IFF_NO_PI) |
             (kind.vnet_hdr ? IFF_VNET_HDR : 0) | (kind.multi_queue ? IFF_MULTI_QUEUE : 0);
    if (kind.vnet_hdr || kind.multi_queue) {
        if (ioctl(fd, TUNGETFEATURES, &features) < 0)
            return -errno;
        if ((kind.vnet_hdr && !(features & IFF_VNET_HDR)) ||
            (kind.multi_queue && !(features & IFF_MULTI_QUEUE)))
            return -EOPNOTSUPP;
    }
    request.ifr_flags = (short)flags;
    return ioctl(fd, TUNSETIFF, &request) < 0 ? -errno : 0;
}

int tap_create(int fd, const char *name, struct tap_kind kind)
{
    return set_iff(fd, name, kind, IFF_TUN_EXCL);
}

int tap_attach(int fd, const char *name, struct tap_kind kind)
{
    return set_iff(fd, name, kind, 0);
}

int tap_set_owner(int fd, uid_t owner)
{
    return ioctl(fd, TUNSETOWNER, (unsigned long)owner) < 0 ? -errno : 0;
}

int tap_set_group(int fd, gid_t group)
{
    return ioctl(fd, TUNSETGROUP, (unsigned long)group) < 0 ? -errno : 0;
}

void tap_forget_settings(int fd, struct tap_kind kind)
{
    const struct tun_filter every_frame = {.count = 0};
    const int no_program = -1, any_size = INT_MAX, header_size = sizeof(struct virtio_net_hdr), on = 1,
              off = 0;

    ioctl(fd, TUNDETACHFILTER, NULL);
    ioctl(fd, TUNSETTXFILTER, &every_frame);
    ioctl(fd, TUNSETFILTEREBPF, &no_program);
    ioctl(fd, TUNSETSTEERINGEBPF, &no_program);
    ioctl(fd, TUNSETOFFLOAD, 0UL);
    ioctl(fd, TUNSETSNDBUF, &any_size);
    ioctl(fd, TUNSETLINK, (unsigned long)(kind.tun ? ARPHRD_NONE : ARPHRD_ETHER));
    ioctl(fd, TUNSETCARRIER, &on);
    ioctl(fd, TUNSETVNETHDRSZ, &header_size);
    ioctl(fd, TUNSETVNETLE, &off);
    ioctl(fd, TUNSETVNETBE, &off);
}

int tap_set_persist(int fd)
{
    return ioctl(fd, TUNSETPERSIST, 1UL) < 0 ? -errno : 0;
}

int tap_get_mac(int fd, uint8_t mac[6])
{
    struct ifreq request = {.ifr_flags = 0};

    if (ioctl(fd, SIOCGIFHWADDR, &request) < 0)
        return -errno;
    memcpy(mac, request.ifr_hwaddr.sa_data, 6);
    return 0;
}

int tap_set_mac(int fd, const uint8_t mac[6])
{
    struct ifreq request = {.ifr_hwaddr.sa_family = ARPHRD_ETHER};

    memcpy(request.ifr_hwaddr.sa_data, mac, 6);
    return ioctl(fd, SIOCSIFHWADDR, &request) < 0 ? -errno : 0;
}
