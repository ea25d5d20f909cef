/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * This process accepts and forks; it reads nothing that a peer wrote. Nor is its descriptor of a connection
 * ever the last: with that, descriptors in unread messages are closed, which takes as long as their owner
 * likes (SO_LINGER, a large deleted file). A child has the last, and ends with it. */
#include "broker.h"

#include "answer.h"
#include "base/closing.h"
#include "base/error.h"
#include "base/log.h"
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/times.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77 /* Linux 6.5, include/uapi/asm-generic/socket.h */
#endif

enum {
    CHILDREN = 64,
    CHILDREN_OF_UID = 4,
    BACKLOG = 128,         /* a flood delays others by this many connections at most */
    REQUEST_WITHIN = 5000, /* ms */
    CHILD_LIMIT = 3500,    /* 1/100 s: its own limit, 30 s, does not count while its user has it stopped */
    MOMENT = 5,            /* 1/100 s: as long as a connection that asks nothing counts after its end */
    HELD = 32,
};

struct child {
    bool counts; /* towards the limits */
    pid_t pid;   /* 0: has ended */
    uid_t uid;
    clock_t since; /* times(2) */
};

struct broker {
    int listener;
    int held[HELD], held_count; /* connections to be closed */
    struct child children[CHILDREN];
};

/* Forks. The child, which is root's until all held connections are closed here, keeps them. */
static pid_t begin_child(struct broker *b)
{
    int gate[2];
    char byte;

    if (pipe(gate) < 0)
        return -1;
    const pid_t pid = fork();
    if (pid == 0) {
        close(b->listener);
        close(gate[1]);
        if (read(gate[0], &byte, 1) == 0)
            return 0;
        exit(1); /* it must not take itself for the broker */
    }
    while (pid > 0 && b->held_count > 0)
        close(b->held[--b->held_count]);
    close(gate[0]);
    close(gate[1]);
    return pid;
}

static void close_held(struct broker *b)
{
    if (b->held_count > 0 && begin_child(b) == 0)
        exit(0);
}

/* Accepts one connection, which it returns in a child that is to serve it; otherwise -1. Among too many
 * children, the oldest is killed, which leaves nothing: one person can have many uids. */
static int admit(struct broker *b)
{
    struct child *place = b->children;
    struct ucred peer = {.uid = 0};
    socklen_t size = sizeof(peer);
    int of_uid = 0, connection = -1;

    if (b->held_count == HELD)
        close_held(b);
    if (b->held_count < HELD)
        connection = accept4(b->listener, NULL, NULL, SOCK_CLOEXEC);
    if (connection < 0) {
        poll(NULL, 0, 10); /* until somebody gives back what is lacking */
        return -1;
    }
    getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &size);
    for (struct child *child = b->children; child < b->children + CHILDREN; child++) {
        of_uid += child->counts && child->uid == peer.uid;
        if (place->counts && (!child->counts || child->since < place->since))
            place = child;
    }
    struct pollfd gone = {.fd = connection};
    const bool serves = of_uid < CHILDREN_OF_UID && poll(&gone, 1, 0) == 0;
    if (serves)
        close_held(b);
    else
        answer_say(connection, BROKER_BUSY, "");
    b->held[b->held_count++] = connection;
    if (!serves)
        return -1;
    if (place->pid)
        kill(place->pid, SIGKILL);
    *place = (struct child){true, begin_child(b), peer.uid, times(NULL)};
    if (place->pid == 0)
        return connection;
    if (place->pid < 0)
        *place = (struct child){.counts = false};
    return -1;
}

/* Returns how many children there are, after ending those whose time is up. */
static int sweep(struct broker *b)
{
    const clock_t now = times(NULL);
    int count = 0, status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        for (struct child *child = b->children; child < b->children + CHILDREN; child++)
            if (child->pid == pid) {
                child->pid = 0;
                child->counts = WIFEXITED(status) && WEXITSTATUS(status) == BROKER_BUSY;
            }
    for (struct child *child = b->children; child < b->children + CHILDREN; child++) {
        if (child->pid > 0 && now - child->since > CHILD_LIMIT)
            kill(child->pid, SIGKILL);
        child->counts = child->counts && (child->pid || now - child->since < MOMENT);
        count += child->counts;
    }
    return count;
}

/* Returns a socket bound to that path, in place of one that nobody listens on; or -1 and why not. */
static int make_socket(const char *path, struct error *why)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct stat st;
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    if (strlen(path) >= sizeof(address.sun_path))
        return error_set(why, "--listen='%.64s...': longer than a socket's path can be", path);
    strcpy(address.sun_path, path);
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
        return error_set(why, "--listen='%s': another broker listens there; end it first", path);
    if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode))
        unlink(path);
    umask(0); /* anybody may connect */
    mkdir(STATE_FOLDER, 0755);
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        return error_set(why, "--listen='%s': %s; is its folder there?", path, strerror(errno));
    return take_fd(&fd);
}

int broker_run(const char *path, int *connection, struct error *why)
{
    static struct broker b = {.listener = 3 /* SD_LISTEN_FDS_START, sd_listen_fds(3) */};
    const int idle = path ? -1 : 30 * 1000;
    int count = 0;

    if (path && (b.listener = make_socket(path, why)) < 0)
        return -1;
    if (listen(b.listener, BACKLOG) < 0)
        return error_set(why, "broker: no socket from systemd: %s; or use --listen PATH", strerror(errno));
    alarm(0);
    for (;;) {
        struct pollfd ready = {.fd = b.listener, .events = POLLIN};
        const int happened = poll(&ready, 1, count || b.held_count ? 1000 : idle);
        if (happened == 0 && !count && !b.held_count)
            return 0;
        sweep(&b);
        if (happened <= 0)
            close_held(&b);
        else if ((*connection = admit(&b)) >= 0)
            return 0;
        count = sweep(&b);
    }
}

int broker_receive(int connection, char *message, char *argv[], struct error *why)
{
    struct pollfd request = {.fd = connection, .events = POLLIN}, ended = {.events = POLLIN};
    struct ucred peer;
    socklen_t size = sizeof(peer);
    struct iovec room = {message, BROKER_REQUEST_SIZE};
    struct msghdr header = {.msg_iov = &room, .msg_iovlen = 1};
    ssize_t length = -1;

    if (poll(&request, 1, REQUEST_WITHIN) > 0)
        length = recvmsg(connection, &header, MSG_DONTWAIT);
    if (getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
        getsockopt(connection, SOL_SOCKET, SO_PEERPIDFD, &ended.fd, &size) == 0 && poll(&ended, 1, 0) == 0)
        audit_pid = peer.pid; /* no other process can have it yet */
    if (length <= 0 || message[length - 1] || header.msg_flags & (MSG_TRUNC | MSG_CTRUNC))
        return error_set(why, "a request is one message of up to 4 kB, within 5 s, of words with zero bytes");
    *argv++ = HELPER_NAME;
    for (char *word = message; word < message + length; word = strchr(word, '\0') + 1)
        *argv++ = word;
    *argv = NULL;
    return 0;
}

/* Sends argv, whose words lie one after another (execve(2)). Returns the answer's socket, or -1. */
static int send_request(char *const argv[], struct error *why)
{
    const struct sockaddr_un broker = {.sun_family = AF_UNIX, .sun_path = BROKER_PATH};
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    const struct error missing = *why;
    const char *end = argv[1];

    for (int i = 1; argv[i]; i++)
        end = strchr(argv[i], '\0') + 1;
    if (connect(fd, (const struct sockaddr *)&broker, sizeof(broker)) < 0)
        return error_set(why, "%s; or turn the broker on: sudo virt-tap broker enable (" BROKER_PATH ": %s)",
                         missing.text, strerror(errno));
    if (send(fd, argv[1], (size_t)(end - argv[1]), MSG_NOSIGNAL) < 0)
        shutdown(fd, SHUT_RDWR); /* it was refused before: the answer is there */
    return take_fd(&fd);
}

static int receive_answer(int fd, int *descriptor, struct error *why)
{
    unsigned char status;
    struct error words;
    char control[CMSG_SPACE(sizeof(int))] __attribute__((aligned(sizeof(size_t))));
    struct iovec parts[] = {{&status, 1}, {words.text, sizeof(words.text) - 1}};
    struct msghdr message = {
        .msg_iov = parts, .msg_iovlen = 2, .msg_control = control, .msg_controllen = sizeof(control)};

    const ssize_t length = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
    if (length < 0 && errno == ECONNRESET) /* the request was not read */
        return BROKER_BUSY;
    if (length <= 0)
        return error_set(why, "the broker did not answer: it was stopped, or somebody killed it; try again");
    if (CMSG_FIRSTHDR(&message))
        memcpy(descriptor, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(*descriptor));
    words.text[length - 1] = '\0';
    if (status && status != BROKER_BUSY)
        error_set(why, "%s", words.text);
    return status;
}

int broker_ask(char *const argv[], int *descriptor, struct error *why)
{
    *descriptor = -1;
    for (;;) { /* the time limit ends it */
        _cleanup_close_ const int fd = send_request(argv, why);
        const int status = fd < 0 ? fd : receive_answer(fd, descriptor, why);
        if (status != BROKER_BUSY)
            return status;
        poll(NULL, 0, 10);
    }
}
