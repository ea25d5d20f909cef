/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "call.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* What a child finds its socket and its gate at, and what a helper may take before it counts as hung. */
enum { SOCKET_FD = 3, GATE_FD = 4, ANSWER_SECONDS = 20 };

/* Memory shared with the children: it outlives their exec. */
struct shared {
    atomic_int waiting; /* children at the gate */
    double exec_at[CALLERS_MAX];
};

static struct shared *shared;

static double now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

void call_setup(void)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

    /* Keeps SOCKET_FD and GATE_FD taken, so that a child can put its own there without overwriting any it
     * needs. */
    if (fd < 0 || fcntl(fd, F_DUPFD_CLOEXEC, SOCKET_FD) < 0 || fcntl(fd, F_DUPFD_CLOEXEC, GATE_FD) < 0)
        err(1, "/dev/null");
    shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        err(1, "shared memory");
}

/* Say what failed in a child and end it, without flushing the figures that it inherited in stdout's buffer.
 */
static _Noreturn void child_fails(const char *what)
{
    warn("%s", what);
    _exit(127);
}

/* The child's side, after fork. Everything that is not QEMU's doing comes before the stamp. */
static _Noreturn void child(const struct call *call, int socket, const struct gate *gate)
{
    const struct helper *helper = call->helper;
    const struct rlimit files = {1024,
                                 4096}; /* ours is raised for the taps held; an ordinary caller's is not */
    char bridge[64];
    char fd_option[] = "--fd=3";
    char vnet_option[] = "--use-vnet";
    char *argv[4 + OPTIONS_MAX + 1] = {(char *)(uintptr_t)helper->path, vnet_option, fd_option, bridge};
    char byte;

    _Static_assert(SOCKET_FD == 3, "fd_option says so");
    memcpy(argv + 4, helper->options, sizeof(helper->options));
    (void)snprintf(bridge, sizeof(bridge), "--br=%s", helper->bridge);
    if (dup2(socket, SOCKET_FD) < 0 || (gate && dup2(gate->read_end, GATE_FD) < 0))
        child_fails("dup2");
    if (close_range(gate ? GATE_FD + 1 : SOCKET_FD + 1, ~0U, 0) < 0)
        child_fails("close_range");
    if (setrlimit(RLIMIT_NOFILE, &files) < 0 || setgroups(0, NULL) < 0 ||
        setresgid(helper->uid, helper->uid, helper->uid) < 0 ||
        setresuid(helper->uid, helper->uid, helper->uid) < 0)
        child_fails("becoming the unprivileged user");
    if (gate) {
        atomic_fetch_add(&shared->waiting, 1);
        if (read(GATE_FD, &byte, 1) != 0)
            child_fails("gate");
        close(GATE_FD);
    }
    shared->exec_at[call->slot] = now_us();
    execv(helper->path, argv);
    child_fails(helper->path);
}

void call_start(struct call *call, const struct helper *helper, int slot, const struct gate *gate)
{
    const struct timeval limit = {.tv_sec = ANSWER_SECONDS};
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0 ||
        setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) < 0)
        err(1, "socketpair");
    *call = (struct call){.helper = helper, .socket = pair[0], .slot = slot, .tap = -1};
    call->pid = fork();
    if (call->pid < 0)
        err(1, "fork");
    if (call->pid == 0)
        child(call, pair[1], gate);
    close(pair[1]);
}

/* The one descriptor of a complete answer, or -1. */
static int descriptor_in(struct msghdr *message)
{
    struct cmsghdr *control = CMSG_FIRSTHDR(message);
    int fd;

    if (!control || control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_RIGHTS ||
        control->cmsg_len != CMSG_LEN(sizeof(fd)) || (message->msg_flags & MSG_CTRUNC))
        return -1;
    memcpy(&fd, CMSG_DATA(control), sizeof(fd));
    return fd;
}

void call_receive(struct call *call)
{
    char byte = 1;
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(2 * sizeof(int))];
    struct iovec part = {.iov_base = &byte, .iov_len = 1};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
    ssize_t length;

    do {
        length = recvmsg(call->socket, &message, MSG_CMSG_CLOEXEC);
    } while (length < 0 && errno == EINTR);
    call->microseconds = now_us() - shared->exec_at[call->slot];
    if (length < 0)
        err(1, "%s: no answer within %d s", call->helper->path, ANSWER_SECONDS);
    call->tap = descriptor_in(&message);
    if (length != 1 || byte != 0 || call->tap < 0)
        errx(1, "%s: answered %zd bytes %s descriptor", call->helper->path, length,
             call->tap < 0 ? "without" : "with");
    close(call->socket);
    call->socket = -1;
}

int call_finish(struct call *call)
{
    int status;

    while (waitpid(call->pid, &status, 0) < 0) {
        if (errno != EINTR)
            err(1, "waitpid");
    }
    if (status != 0)
        errx(1, "%s: sent a descriptor, then ended with wait status 0x%x", call->helper->path,
             (unsigned)status);
    return call->tap;
}

void gate_make(struct gate *gate)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) < 0)
        err(1, "pipe");
    *gate = (struct gate){.read_end = ends[0], .write_end = ends[1]};
    atomic_store(&shared->waiting, 0);
}

void gate_open(struct gate *gate, int children)
{
    const struct timespec pause = {.tv_nsec = 100000};

    for (int tries = 0; atomic_load(&shared->waiting) < children; tries++) {
        if (tries > 50000)
            errx(1, "%d of %d children came to the gate", atomic_load(&shared->waiting), children);
        nanosleep(&pause, NULL);
    }
    nanosleep(&pause, NULL); /* the last one has counted itself, and blocks now */
    close(gate->read_end);
    close(gate->write_end);
}
