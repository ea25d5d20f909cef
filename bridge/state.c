/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * The state of a move on disk, readable by root only. */
#include "state.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/complain.h"
#include "base/quote.h"
#include "base/statefolder.h"
#include "move.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <time.h>

enum { SIZE_MAX_BYTES = 64 * 1024 * 1024 };

static const char *const endings[] = {"arming", "moving", "moved", "confirmed", "restoring"};

struct state_path state_path(const char *bridge, enum phase phase)
{
    struct state_path path;

    snprintf(path.text, sizeof(path.text), STATE_FOLDER "/bridge.%.15s.%s", bridge, endings[phase]);
    return path;
}

void move_free(struct move *move)
{
    messages_free(&move->addresses);
    messages_free(&move->routes);
    messages_free(&move->neighbours);
    dhcp_free(&move->clients);
    free(move->own);
    *move = (struct move){.mover = 0};
}

int move_clock(void)
{
    struct timespec now;

    clock_gettime(CLOCK_BOOTTIME, &now);
    return (int)now.tv_sec;
}

/* Writes everything, or nothing. Returns a descriptor that holds the lock, or -errno. */
static int write_state(const char *text, const char *path)
{
    _cleanup_close_ int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    const ssize_t length = (ssize_t)strlen(text);

    if (fd < 0)
        return -errno;
    errno = ENOSPC; /* in case write() was short */
    if (flock(fd, LOCK_EX | LOCK_NB) == 0 && write(fd, text, (size_t)length) == length && fsync(fd) == 0)
        return take_fd(&fd);
    const int err = -errno;
    unlink(path);
    return err;
}

/* Opens a saved state, which must be a regular file owned by root. Returns a descriptor or -errno. */
static int open_state(const char *path)
{
    struct stat st;
    const int err = state_folder_check();

    if (err < 0)
        return err;
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode) || st.st_uid != 0 || st.st_mode & (S_IWGRP | S_IWOTH) ||
        st.st_size > SIZE_MAX_BYTES)
        return -EPERM;
    return take_fd(&fd);
}

int state_save(const struct move *move)
{
    const int err = state_folder_make();

    if (err < 0)
        return err;
    unlink(state_path(move->bridge, PHASE_CONFIRMED).text); /* of a bridge that was removed by other means */
    _cleanup_free_ char *text = state_text(move);
    if (text)
        return write_state(text, state_path(move->bridge, PHASE_ARMING).text);
    return -ENOMEM;
}

const char *state_load(const char *bridge, enum phase phase, struct move *out)
{
    *out = (struct move){.mover = 0};
    _cleanup_close_ const int fd = open_state(state_path(bridge, phase).text);
    if (fd == -ENOENT)
        return "";
    if (fd == -EPERM)
        return "is not a file that only root can have written";
    if (fd < 0)
        return "cannot be opened";
    const char *why = state_parse(fd, out);
    if (why)
        move_free(out); /* half a state is worse than none */
    return why;
}

int state_advance(const char *bridge, enum phase from, enum phase to)
{
    if (rename(state_path(bridge, from).text, state_path(bridge, to).text) < 0)
        return -errno;
    return 0;
}

bool state_await(const char *bridge, enum phase phase, int ms)
{
    const int64_t end = clock_ms() + ms;
    const struct state_path path = state_path(bridge, phase);
    char event[sizeof(struct inotify_event) + NAME_MAX + 1];
    _cleanup_close_ const int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    struct pollfd wait = {.fd = fd, .events = POLLIN};

    /* IN_ATTRIB: the only event when a file is removed while it is held open. */
    inotify_add_watch(fd, path.text, IN_MOVE_SELF | IN_ATTRIB);
    while (access(path.text, F_OK) == 0) {
        const int64_t left = end - clock_ms();
        if (left <= 0 || poll(&wait, 1, (int)left) == 0)
            break;
        (void)!read(fd, event, sizeof(event));
    }
    return access(path.text, F_OK) != 0;
}

static bool is_later(int fd)
{
    __attribute__((cleanup(move_free))) struct move move = {.mover = 0};
    const char *why = state_parse(fd, &move);

    return why && strcmp(why, STATE_LATER) == 0;
}

int state_refuse(const char *verb, const char *bridge)
{
    static const enum phase phases[] = {PHASE_ARMING, PHASE_MOVING, PHASE_MOVED, PHASE_RESTORING,
                                        PHASE_CONFIRMED};

    for (size_t i = 0; i < sizeof(phases) / sizeof(phases[0]); i++) {
        const struct state_path path = state_path(bridge, phases[i]);
        _cleanup_close_ const int fd = open_state(path.text);
        if (fd < 0)
            continue;
        if (is_later(fd))
            return complain(1, verb, "nothing was changed: %s " STATE_LATER "; use that one", path.text);
        if (phases[i] == PHASE_CONFIRMED)
            continue;
        if (flock(fd, LOCK_EX | LOCK_NB) < 0)
            return complain(1, verb,
                            "the move of '%s' is not confirmed yet: `virt-tap bridge confirm %s`, or wait",
                            bridge, quote(bridge).text);
        unlink(path.text);
    }
    return 0;
}
