/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
/*
 * Measures how many frames a tap's port passes to another's, as fast as one process can write and another
 * read. filter.py starts it:
 *
 *   flow FROM TO MS <FRAME      FROM and TO are open taps with vnet headers; the frame has its header in
 * front
 *
 * Prints how many frames came out a second. */
#include <err.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { FRAME_MAX = 70000, HEADER = 10 /* struct virtio_net_hdr */, AT_ONCE = 256, QUIET_MS = 100 };

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Writes frames for that many seconds. */
static void send_frames(int fd, const char *frame, size_t size, double seconds)
{
    const double end = now() + seconds;

    while (now() < end)
        for (int i = 0; i < AT_ONCE; i++)
            if (write(fd, frame, size) != (ssize_t)size)
                err(1, "cannot send");
}

/* Reads until nothing more comes; returns how many frames of that type came. */
static unsigned long take_frames(int fd, const char *type)
{
    static char frame[FRAME_MAX];
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    unsigned long count = 0;

    while (poll(&ready, 1, QUIET_MS) > 0) {
        ssize_t size;
        while ((size = read(fd, frame, sizeof(frame))) > 0)
            count += size > HEADER + 14 && memcmp(frame + HEADER + 12, type, 2) == 0;
    }
    return count;
}

int main(int argc, char *argv[])
{
    static char frame[FRAME_MAX];

    if (argc != 4)
        errx(2, "flow FROM TO MS <FRAME");
    const int from = (int)strtol(argv[1], NULL, 10), to = (int)strtol(argv[2], NULL, 10);
    const double seconds = strtod(argv[3], NULL) / 1000;
    const size_t size = fread(frame, 1, sizeof(frame), stdin);
    if (size < HEADER + 14 || fcntl(to, F_SETFL, O_NONBLOCK) < 0)
        err(1, "cannot begin");
    const pid_t sender = fork();
    if (sender < 0)
        err(1, "fork");
    if (sender == 0) {
        send_frames(from, frame, size, seconds);
        _exit(0);
    }
    const unsigned long count = take_frames(to, frame + HEADER + 12);
    int status;
    if (waitpid(sender, &status, 0) != sender || status != 0)
        errx(1, "the sender failed");
    printf("%.0f\n", (double)count / seconds);
    return 0;
}
