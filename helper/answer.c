/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "answer.h"

#include "base/error.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

static const char *socket_problem(int err)
{
    if (err == EBADF)
        return "no such descriptor is open";
    if (err == ENOTSOCK)
        return "it is open, but not a socket";
    if (err == EPIPE || err == ECONNREFUSED)
        return "the other end is closed";
    return strerror(err);
}

int answer_check(int fd, struct error *why)
{
    const char *problem = "it is a socket, but not a Unix one";
    int domain = 0;
    socklen_t size = sizeof(domain);

    if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) < 0)
        problem = socket_problem(errno);
    else if (domain == AF_UNIX)
        return 0;
    return error_set(why,
                     "--fd=%d: %s; QEMU and libvirt pass a Unix socket: run this through -netdev "
                     "tap,helper= or bridge_helper",
                     fd, problem);
}

int answer_send(int fd, int descriptor, struct error *why)
{
    char byte = 0;
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {{.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))}};
    struct iovec data = {.iov_base = &byte, .iov_len = 1};
    struct msghdr message = {
        .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};

    memcpy(CMSG_DATA(&control.header), &descriptor, sizeof(descriptor));
    if (sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) == 1)
        return 0;
    return error_set(why,
                     "the tap was made, but could not be handed over on --fd=%d: %s; it is removed again", fd,
                     socket_problem(errno));
}

void answer_say(int fd, unsigned char status, const char *text)
{
    struct iovec parts[] = {{.iov_base = &status, .iov_len = 1},
                            {.iov_base = (void *)text, .iov_len = strlen(text)}};
    const struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};

    (void)sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}
