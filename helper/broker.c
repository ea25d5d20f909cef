/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * This process accepts and forks; it reads nothing that a peer wrote. Nor does it close the last descriptor of
 * a connection: descriptors in messages that nobody read are closed with it, which takes as long as their owner
 * likes (SO_LINGER; a large file that has been deleted). Another process, the closer, does. */
#include "broker.h"

#include "answer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    SLOTS = 64,
    SLOTS_PER_UID = 4,
    BACKLOG = 16, /* who floods us delays others by no more than this many */
    SENT_WITHIN = 5,
    DONE_WITHIN = 35, /* seconds; its own limit, 30, is void while its user has it stopped */
    IDLE = 30,
};

/* An unfinished connection. */
struct slot {
    int fd;    /* it waits for the peer's message; -1: a child has it, or the slot is free */
    pid_t pid; /* of the child; 0: none */
    uid_t uid;
    time_t since;
};

struct broker {
    int listener;
    int (*serve)(int connection);
    int closer; /* a socket: descriptors sent there are closed by closer_pid (0: it has ended) */
    pid_t closer_pid;
    struct slot slots[SLOTS];
};

static volatile sig_atomic_t ending;

int broker_listen(const char *path, struct error *why)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    if (strlen(path) >= sizeof(address.sun_path))
        return error_set(why, "--listen='%.64s...': the kernel takes no path that long for a socket", path);
    strcpy(address.sun_path, path);
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
        return error_set(why, "--listen='%s': another broker listens there; end it first", path);
    if (errno == ECONNREFUSED)
        unlink(path);
    mkdir(STATE_FOLDER, 0755);
    umask(0111); /* everybody may connect */
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        return error_set(why, "--listen='%s': %s; its folder must exist", path, strerror(errno));
    umask(022);
    return take_fd(&fd);
}

static void on_signal(int number)
{
    if (number == SIGTERM)
        ending = 1;
}

static time_t now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec;
}

static bool is_used(const struct slot *slot)
{
    return slot->fd >= 0 || slot->pid > 0;
}

/* In a child: what it must not hold, or others would wait for it. */
static void forget_all_but(const struct broker *b, int connection)
{
    sigset_t none;

    signal(SIGCHLD, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    close(b->listener);
    close(b->closer);
    for (int i = 0; i < SLOTS; i++)
        if (b->slots[i].fd >= 0 && b->slots[i].fd != connection)
            close(b->slots[i].fd);
}

static void end_closer(struct broker *b)
{
    if (b->closer_pid > 0)
        kill(b->closer_pid, SIGKILL); /* nothing keeps it waiting then */
    close(b->closer);
    b->closer = -1;
    b->closer_pid = 0;
}

static int start_closer(struct broker *b)
{
    int pair[2];
    char byte;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return -1;
    b->closer = pair[0];
    b->closer_pid = fork();
    if (b->closer_pid == 0) {
        forget_all_but(b, -1);
        while (recv(pair[1], &byte, 1, 0) > 0) /* without room for descriptors: the kernel closes them */
            ;
        exit(0);
    }
    close(pair[1]);
    return b->closer_pid;
}

/* Gives up a connection. A closer that is stuck with what a peer sent is replaced. */
static void retire(struct broker *b, int fd)
{
    struct error unused;

    if (answer_send(b->closer, fd, &unused) < 0) {
        end_closer(b);
        if (start_closer(b) > 0)
            answer_send(b->closer, fd, &unused);
    }
    close(fd);
}

static void refuse(struct broker *b, int fd, const char *text)
{
    answer_say(fd, BROKER_BUSY, text);
    retire(b, fd);
}

static void free_slot(struct broker *b, struct slot *slot)
{
    if (slot->pid > 0)
        kill(slot->pid, SIGKILL); /* leaves nothing, wherever it is; reaped later */
    if (slot->fd >= 0)
        retire(b, slot->fd);
    *slot = (struct slot){.fd = -1};
}

/* Accepts one connection. If all slots are taken, the oldest loses its: many uids can be one person's, and a
 * request takes milliseconds. */
static void admit(struct broker *b)
{
    struct slot *place = &b->slots[0];
    struct ucred peer;
    socklen_t size = sizeof(peer);
    int of_uid = 0;

    const int fd = accept4(b->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) {
        if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
            poll(NULL, 0, 10); /* no descriptors: others must give some back */
        return;
    }
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0) {
        retire(b, fd);
        return;
    }
    for (struct slot *slot = b->slots; slot < b->slots + SLOTS; slot++) {
        if (is_used(slot) && slot->uid == peer.uid)
            of_uid++;
        if (is_used(place) && (!is_used(slot) || slot->since < place->since))
            place = slot;
    }
    if (of_uid >= SLOTS_PER_UID) {
        refuse(b, fd, "4 requests of this user are unfinished");
        return;
    }
    free_slot(b, place);
    *place = (struct slot){.fd = fd, .uid = peer.uid, .since = now()};
}

static void start(struct broker *b, struct slot *slot)
{
    const int fd = slot->fd;

    slot->pid = fork();
    if (slot->pid == 0) {
        forget_all_but(b, fd);
        exit(b->serve(fd));
    }
    slot->fd = -1;
    if (slot->pid < 0)
        answer_say(fd, BROKER_BUSY, "no process can be started");
    retire(b, fd);
}

static void reap(struct broker *b)
{
    pid_t pid;

    while ((pid = waitpid(-1, NULL, WNOHANG)) > 0) {
        if (pid == b->closer_pid)
            b->closer_pid = 0;
        for (int i = 0; i < SLOTS; i++)
            if (b->slots[i].pid == pid)
                b->slots[i].pid = 0;
    }
}

/* Frees the slots whose time is up. Returns how many are used. */
static int expire(struct broker *b)
{
    int used = 0;

    for (struct slot *slot = b->slots; slot < b->slots + SLOTS; slot++) {
        if (!is_used(slot))
            continue;
        if (now() - slot->since > (slot->pid ? DONE_WITHIN : SENT_WITHIN))
            free_slot(b, slot);
        else
            used++;
    }
    return used;
}

/* Waits until something happens and deals with it. Returns false if nothing did. */
static bool turn(struct broker *b, const struct timespec *limit, const sigset_t *mask)
{
    struct pollfd polled[SLOTS + 1];

    for (int i = 0; i < SLOTS; i++)
        polled[i] = (struct pollfd){.fd = b->slots[i].fd, .events = POLLIN};
    polled[SLOTS] = (struct pollfd){.fd = ending ? -1 : b->listener, .events = POLLIN};
    const int happened = ppoll(polled, SLOTS + 1, limit, mask);
    reap(b);
    for (int i = 0; happened > 0 && i < SLOTS; i++)
        if (polled[i].revents & (POLLHUP | POLLERR))
            free_slot(b, &b->slots[i]);
        else if (polled[i].revents)
            start(b, &b->slots[i]);
    if (happened > 0 && polled[SLOTS].revents)
        admit(b);
    return happened != 0;
}

int broker_run(int listener, bool passing, int (*serve)(int connection), struct error *why)
{
    static struct broker b;
    const struct sigaction action = {.sa_handler = on_signal};
    const struct timespec second = {.tv_sec = 1}, idle = {.tv_sec = IDLE};
    sigset_t blocked, unblocked;
    int used = 0;

    b = (struct broker){.listener = listener, .serve = serve, .closer = -1};
    for (int i = 0; i < SLOTS; i++)
        b.slots[i].fd = -1;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGCHLD);
    sigaddset(&blocked, SIGTERM);
    /* Its backlog is systemd's own, or ours: the last call decides. */
    if (fcntl(listener, F_SETFL, O_NONBLOCK) < 0 || listen(listener, BACKLOG) < 0 ||
        sigprocmask(SIG_BLOCK, &blocked, &unblocked) < 0 || sigaction(SIGCHLD, &action, NULL) < 0 ||
        sigaction(SIGTERM, &action, NULL) < 0 || start_closer(&b) < 0)
        return error_set(why, "broker: cannot start: %s", strerror(errno));
    sigdelset(&unblocked, SIGCHLD);
    sigdelset(&unblocked, SIGTERM);
    do {
        const struct timespec *limit = passing ? &idle : NULL;
        const bool happened = turn(&b, used ? &second : limit, &unblocked);
        if (!happened && !used)
            break;
        used = expire(&b);
    } while (used || !ending);
    end_closer(&b);
    return 0;
}

int broker_receive(int connection, char message[BROKER_REQUEST_SIZE], char *argv[BROKER_WORDS_SIZE],
                   struct error *why)
{
    struct iovec room = {message, BROKER_REQUEST_SIZE};
    struct msghdr header = {.msg_iov = &room, .msg_iovlen = 1};
    const ssize_t length = recvmsg(connection, &header, MSG_DONTWAIT);
    int count = 0;

    if (length < 0)
        return error_set(why, "the request cannot be read: %s", strerror(errno));
    if (header.msg_flags & (MSG_TRUNC | MSG_CTRUNC) || length == 0 || message[length - 1])
        return error_set(why, "a request is one message of up to %d bytes: words that each end in a zero byte, and no "
                              "descriptor", BROKER_REQUEST_SIZE);
    argv[count++] = HELPER_NAME;
    for (char *word = message; word < message + length; word = strchr(word, '\0') + 1) {
        if (count == BROKER_WORDS_SIZE - 1)
            return error_set(why, "a request has up to %d words", BROKER_WORDS_SIZE - 2);
        argv[count++] = word;
    }
    argv[count] = NULL;
    return 0;
}
