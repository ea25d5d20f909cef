/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "network.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define TUN_PATH "/dev/net/tun"
#define VHOST_PATH "/dev/vhost-net"

static void explain_tun(const struct probe_context *context, int error, struct findings *out)
{
    struct stat st;

    if (error == ENOENT || error == ENODEV || error == ENXIO) {
        finding_add_fixable(out, NET_TUN_MISSING, "", TUN_PATH " %s",
                            error == ENOENT ? "does not exist" : "has no driver");
    } else if (error == EACCES || error == EPERM) {
        const bool known = stat(TUN_PATH, &st) == 0;
        finding_add(out, NET_TUN_PERMISSION, TUN_PATH " cannot be opened by %s (mode %04o): %s",
                    context->user->name, known ? st.st_mode & 07777 : 0, strerror(error));
        if (known && (st.st_mode & 06) != 06)
            finding_fixable(out, "");
    } else {
        finding_add(out, NET_TUN_WRONG, TUN_PATH " cannot be used: %s", strerror(error));
    }
}

/* Only queries the kernel; creates nothing. */
static void report_tun(const struct probe_context *context, struct findings *out)
{
    const int fd = open(TUN_PATH, O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    unsigned int features = 0;

    if (fd < 0) {
        explain_tun(context, errno, out);
        return;
    }
    if (ioctl(fd, TUNGETFEATURES, &features) < 0 || !(features & IFF_TAP))
        finding_add(out, NET_TUN_WRONG, TUN_PATH " is another device: it does not support taps");
    else
        finding_add(out, NET_TUN, TUN_PATH " opens%s",
                    features & IFF_VNET_HDR ? "" : ", but lacks virtio-net headers: guests will be slow");
    close(fd);
}

static void report_vhost(struct findings *out)
{
    const int fd = open(VHOST_PATH, O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

    if (fd >= 0) {
        finding_add(out, NET_VHOST, VHOST_PATH " opens");
        close(fd);
    } else if (errno == EACCES || errno == EPERM) {
        finding_add(out, NET_VHOST_PERMISSION, VHOST_PATH " cannot be opened by this user: %s",
                    strerror(errno));
    } else {
        finding_add_fixable(out, NET_VHOST_MISSING, "", VHOST_PATH " cannot be opened: %s", strerror(errno));
    }
}

void network_devices_probe(const struct probe_context *context, struct findings *out)
{
    report_tun(context, out);
    report_vhost(out);
}
