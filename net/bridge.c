/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bridge.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static int ask(int sock, const char *name, struct bridge *out)
{
    struct ethtool_drvinfo driver = {.cmd = ETHTOOL_GDRVINFO};
    struct ifreq request = {.ifr_ifindex = 0};

    strcpy(request.ifr_name, name);
    if (ioctl(sock, SIOCGIFINDEX, &request) < 0)
        return -errno;
    out->ifindex = request.ifr_ifindex;
    if (ioctl(sock, SIOCGIFMTU, &request) < 0)
        return -errno;
    out->mtu = (unsigned int)request.ifr_mtu;
    if (ioctl(sock, SIOCGIFHWADDR, &request) < 0)
        return -errno;
    memcpy(out->mac, request.ifr_hwaddr.sa_data, sizeof(out->mac));
    request.ifr_data = (char *)&driver;
    if (ioctl(sock, SIOCETHTOOL, &request) < 0 && errno != EOPNOTSUPP)
        return -errno;
    memcpy(out->driver, driver.driver, sizeof(out->driver) - 1); /* the last byte stays '\0' */
    /* Last, so that the answers before were about the device that has this number. */
    request.ifr_ifindex = out->ifindex;
    if (ioctl(sock, SIOCGIFNAME, &request) < 0)
        return -errno;
    memcpy(out->name, request.ifr_name, sizeof(out->name));
    return strcmp(out->driver, "bridge") == 0 ? 0 : -EMEDIUMTYPE;
}

int bridge_find(const char *name, struct bridge *out)
{
    *out = (struct bridge){.ifindex = 0};
    if (strlen(name) >= IFNAMSIZ)
        return -ENAMETOOLONG;
    const int sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (sock < 0)
        return -errno;
    const int err = ask(sock, name, out);
    close(sock);
    return err;
}
