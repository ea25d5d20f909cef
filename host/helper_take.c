/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Calls the helper as QEMU does (net/tap.c, net_bridge_run_helper). */
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/text.h"
#include "config.h"
#include "helper_probe.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/param.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

/* What file capabilities need, and, for root, what it has anyway. */
static void give_up_capability(void)
{
    prctl(PR_CAPBSET_DROP, CAP_NET_ADMIN, 0, 0, 0);
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

static void run_helper(const struct helper_trial *trial, bool by_broker, int fd, int errors)
{
    char for_fd[sizeof("--fd=2147483647")], for_bridge[sizeof("--br=") + 16],
        for_mac[sizeof("--mac=") + MAC_TEXT];
    char *const environment[] = {NULL};

    snprintf(for_fd, sizeof(for_fd), "--fd=%d", fd);
    snprintf(for_bridge, sizeof(for_bridge), "--br=%.15s", text_or(trial->bridge, ""));
    snprintf(for_mac, sizeof(for_mac), "--mac=%s", trial->mac);
    char *const make[] = {"virt-tap-helper", "--use-vnet", for_bridge, for_fd, for_mac, NULL};
    char *const idle[] = {"virt-tap-helper", "delete", "--domain=" NO_DOMAIN, NULL};
    if (by_broker)
        give_up_capability();
    if (fcntl(fd, F_SETFD, 0) == 0 && dup2(errors, STDERR_FILENO) >= 0)
        execve(HELPER_PATH, trial->bridge ? make : idle, environment);
    dprintf(errors, "%s", strerror(errno));
    _exit(127);
}

/* Returns whether a byte with a descriptor came, which is closed. */
static bool receive(int fd)
{
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {.room = {0}};
    char byte;
    struct iovec data = {.iov_base = &byte, .iov_len = 1};
    struct msghdr message = {
        .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};

    if (recvmsg(fd, &message, MSG_CMSG_CLOEXEC) != 1)
        return false;
    const struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (!header || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS ||
        header->cmsg_len != CMSG_LEN(sizeof(int)))
        return false;
    int tap;
    memcpy(&tap, CMSG_DATA(header), sizeof(tap));
    close(tap);
    return true;
}

/* Reads to the end: what does not fit is dropped. Returns whether the end came before the deadline. */
static bool read_words(int fd, char *words, size_t size, int64_t deadline)
{
    char rest[256];
    size_t length = 0;

    words[0] = '\0';
    for (ssize_t some = 1; some > 0;) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        if (poll(&ready, 1, (int)MAX(deadline - clock_ms(), 0)) <= 0)
            return false;
        const bool full = length == size - 1;
        some = full ? read(fd, rest, sizeof(rest)) : read(fd, words + length, size - 1 - length);
        if (some > 0 && !full)
            length += (size_t)some;
        words[length] = '\0';
    }
    return true;
}

int helper_take_tap(const struct helper_trial *trial, bool by_broker, char *words, size_t size)
{
    int sockets[2], errors[2], status;

    words[0] = '\0';
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) < 0 || pipe2(errors, O_CLOEXEC) < 0)
        return -errno; /* the process ends soon */
    const pid_t pid = fork();
    if (pid < 0)
        return -errno;
    if (pid == 0)
        run_helper(trial, by_broker, sockets[1], errors[1]);
    close(sockets[1]);
    close(errors[1]);
    const int64_t limit_ms = by_broker ? HELPER_ANSWER_SECONDS * 1000 : PROBE_SECONDS * 2000;
    const bool late = !read_words(errors[0], words, size, clock_ms() + limit_ms);
    if (late)
        kill(pid, SIGKILL);
    const bool received = receive(sockets[0]);
    close(sockets[0]);
    close(errors[0]);
    if (waitpid(pid, &status, 0) < 0)
        return -errno;
    if (late)
        return -ETIMEDOUT;
    if (WIFSIGNALED(status))
        return 128 + WTERMSIG(status);
    if (WEXITSTATUS(status) == 0 && trial->bridge && !received)
        return -ENOMSG;
    return WEXITSTATUS(status);
}
