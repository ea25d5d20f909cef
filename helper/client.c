/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "base/cleanup.h"
#include "base/error.h"
#include "broker.h"
#include "config.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

enum { TRIES = 2000 /* 10 ms apart */ };

static int reach(struct error *why)
{
    const struct sockaddr_un broker = {.sun_family = AF_UNIX, .sun_path = BROKER_PATH};
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    const struct error missing = *why;

    if (fd >= 0 && connect(fd, (const struct sockaddr *)&broker, sizeof(broker)) == 0)
        return take_fd(&fd);
    if (errno == ENOENT || errno == ECONNREFUSED)
        return error_set(why, "%s; or turn the broker on: sudo virt-tap broker enable", missing.text);
    return error_set(why, "%s; the broker at " BROKER_PATH " cannot be reached: %s", missing.text,
                     strerror(errno));
}

/* argv lies in one piece, as execve(2) left it. */
static int send_request(int fd, char *const argv[], struct error *why)
{
    const char *end = argv[1];

    for (int i = 1; argv[i]; i++)
        end = strchr(argv[i], '\0') + 1;
    const size_t length = (size_t)(end - argv[1]);
    if (length > BROKER_REQUEST_SIZE)
        return error_set(why, "the broker takes requests of up to %d bytes, not %zu; use fewer options",
                         BROKER_REQUEST_SIZE, length);
    /* If it is refused unread, the answer is there all the same. */
    if (send(fd, argv[1], length, MSG_NOSIGNAL) < 0 && errno != EPIPE && errno != ECONNRESET)
        return error_set(why, "the request cannot be sent to the broker: %s; try again", strerror(errno));
    return 0;
}

static int receive_answer(int fd, int *descriptor, struct error *why)
{
    unsigned char status;
    struct error words;
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec parts[] = {{&status, 1}, {words.text, sizeof(words.text) - 1}};
    struct msghdr message = {.msg_iov = parts,
                             .msg_iovlen = 2,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control)};

    const ssize_t length = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
    if (length <= 0)
        return error_set(why, "the broker ended this request without an answer (%s); try again",
                         length < 0 ? strerror(errno) : "it was stopped, or somebody killed it");
    if (CMSG_FIRSTHDR(&message))
        memcpy(descriptor, CMSG_DATA(&control.header), sizeof(*descriptor));
    words.text[length - 1] = '\0';
    if (status)
        error_set(why, "%s", words.text);
    return status;
}

int broker_ask(char *const argv[], int *descriptor, struct error *why)
{
    const struct timespec pause = {.tv_nsec = 10 * 1000 * 1000};
    int status = BROKER_BUSY;

    *descriptor = -1;
    for (int tries = 0; status == BROKER_BUSY && tries < TRIES; tries++) {
        if (tries)
            nanosleep(&pause, NULL);
        _cleanup_close_ const int fd = reach(why);
        if (fd < 0 || send_request(fd, argv, why) < 0)
            return -1;
        status = receive_answer(fd, descriptor, why);
    }
    return status == BROKER_BUSY ? -1 : status;
}
