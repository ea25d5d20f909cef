/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
/*
 * Measures how many frames a second one processor takes from some taps to another over their bridge.
 * filter.py starts it:
 *
 *   flow TO MS FROM FRAME...    TO and each FROM are open taps with vnet headers, FRAME files, each with its
 *                               header in front
 *
 * The senders take turns, so that the machine's moods fall on all alike; processor time is counted, of which
 * other programs take none away. Prints for each sender the median of its turns. */
#include <err.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    FRAME_MAX = 70000,
    HEADER = 10 /* struct virtio_net_hdr */,
    SENDERS_MAX = 8,
    TURN = 100,
    TURNS_MAX = 100000
};

struct sender {
    int fd;
    size_t size;
    char frame[FRAME_MAX];
    double turns[TURNS_MAX]; /* seconds that each took */
};

static struct sender senders[SENDERS_MAX];

static double now(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void read_frame(struct sender *sender, const char *path)
{
    FILE *file = fopen(path, "re");

    if (!file)
        err(1, "%s", path);
    sender->size = fread(sender->frame, 1, sizeof(sender->frame), file);
    if (sender->size < HEADER + 14)
        errx(1, "%s holds no frame", path);
    fclose(file);
}

/* Returns how many frames of the sender's type came out. */
static int take_frames(int to, const struct sender *sender)
{
    static char frame[FRAME_MAX];
    int count = 0;
    ssize_t size;

    while ((size = read(to, frame, sizeof(frame))) > 0)
        count += size > HEADER + 14 && memcmp(frame + HEADER + 12, sender->frame + HEADER + 12, 2) == 0;
    return count;
}

/* Returns the seconds that the frames of one turn took all the way. */
static double take_turn(const struct sender *sender, int to)
{
    const double start = now(CLOCK_PROCESS_CPUTIME_ID);

    for (int i = 0; i < TURN; i++)
        if (write(sender->fd, sender->frame, sender->size) != (ssize_t)sender->size)
            err(1, "cannot send");
    const int count = take_frames(to, sender);
    if (count != TURN)
        errx(1, "%d of %d frames arrived", count, TURN);
    return now(CLOCK_PROCESS_CPUTIME_ID) - start;
}

int main(int argc, char *argv[])
{
    const int count = (argc - 3) / 2;
    int turns = 0;

    if (argc < 5 || argc % 2 == 0 || count > SENDERS_MAX)
        errx(2, "flow TO MS FROM FRAME...");
    const int to = (int)strtol(argv[1], NULL, 10);
    if (fcntl(to, F_SETFL, O_NONBLOCK) < 0)
        err(1, "cannot begin");
    for (int i = 0; i < count; i++) {
        senders[i].fd = (int)strtol(argv[3 + 2 * i], NULL, 10);
        read_frame(&senders[i], argv[4 + 2 * i]);
    }
    take_frames(to, &senders[0]); /* what came before */
    for (const double end = now(CLOCK_MONOTONIC) + strtod(argv[2], NULL) / 1000;
         turns < TURNS_MAX && (turns < 3 || now(CLOCK_MONOTONIC) < end); turns++)
        for (int i = 0; i < count; i++) {
            struct sender *sender = &senders[turns % 2 ? count - 1 - i : i];
            sender->turns[turns] = take_turn(sender, to);
        }
    for (int i = 0; i < count; i++) {
        qsort(senders[i].turns, (size_t)turns, sizeof(double), compare);
        printf("%.0f\n", TURN / senders[i].turns[turns / 2]);
    }
    return 0;
}
