/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "broker.h"
#include "base/cleanup.h"
#include "config.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>

int broker_look(pid_t *pid)
{
    const struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = BROKER_PATH};
    struct ucred listener;
    socklen_t size = sizeof(listener);
    const _cleanup_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
        getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &listener, &size) < 0)
        return -errno;
    *pid = listener.pid;
    return 0;
}
