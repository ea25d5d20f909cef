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

static int call(int fd, unsigned long request, unsigned long argument)
{
    if (ioctl(fd, request, argument) < 0)
        return -errno;
    return 0;
}

int tap_open(void)
{
    const int fd = open(TAP_DEVICE, O_RDWR | O_CLOEXEC);

    if (fd < 0)
        return -errno;
    return fd;
}

static int set_iff(int fd, const char *name, struct tap_kind kind, int flags)
{
    struct ifreq request = {.ifr_flags = 0};
    unsigned int features = 0, needed = 0;

    if (strlen(name) >= IFNAMSIZ)
        return -ENAMETOOLONG;
    strcpy(request.ifr_name, name);
    if (kind.vnet_hdr)
        needed |= IFF_VNET_HDR;
    if (kind.multi_queue)
        needed |= IFF_MULTI_QUEUE;
    if (needed && ioctl(fd, TUNGETFEATURES, &features) < 0)
        return -errno;
    if (needed & ~features)
        return -EOPNOTSUPP;
    if (!kind.packet_info)
        flags |= IFF_NO_PI;
    flags |= kind.tun ? IFF_TUN : IFF_TAP;
    request.ifr_flags = (short)(flags | (int)needed);
    return call(fd, TUNSETIFF, (unsigned long)&request);
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
    return call(fd, TUNSETOWNER, owner);
}

int tap_set_group(int fd, gid_t group)
{
    return call(fd, TUNSETGROUP, group);
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
    return call(fd, TUNSETPERSIST, 1);
}

int tap_get_mac(int fd, uint8_t mac[6])
{
    struct ifreq request = {.ifr_flags = 0};

    if (ioctl(fd, SIOCGIFHWADDR, &request) < 0)
        return -errno;
    memcpy(mac, request.ifr_hwaddr.sa_data, 6);
    return 0;
}
