/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The state of a move on disk: one JSON object, readable by root only. */
#include "state.h"
#include "base/cleanup.h"
#include "dhcp_words.h"
#include "move.h"
#include "rootpath.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { FORMAT = 1, SIZE_MAX_BYTES = 64 * 1024 * 1024 };

static const char *const endings[] = {"arming", "moving", "moved", "confirmed", "restoring"};

void state_path(char path[64], const char *bridge, enum phase phase)
{
    snprintf(path, 64, STATE_FOLDER "/bridge.%.15s.%s", bridge, endings[phase]);
}

void move_free(struct move *move)
{
    messages_free(&move->addresses);
    messages_free(&move->routes);
    messages_free(&move->neighbours);
    dhcp_free(&move->clients);
    json_decref(move->settings);
    json_decref(move->own);
    *move = (struct move){.mover = 0};
}

long move_clock(void)
{
    struct timespec now;

    clock_gettime(CLOCK_BOOTTIME, &now);
    return now.tv_sec;
}

/* Which boot this is: after another one nothing of a saved state is true. */
static void read_boot(char boot[64])
{
    const int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    const ssize_t got = fd < 0 ? -1 : read(fd, boot, 63);

    if (fd >= 0)
        close(fd);
    boot[got > 0 ? got : 0] = '\0';
    boot[strcspn(boot, "\n")] = '\0';
}

static json_t *write_message(const struct nlmsghdr *message)
{
    const uint8_t *bytes = (const uint8_t *)message;
    const size_t length = message->nlmsg_len;
    char *text = malloc(2 * length + 1);

    if (!text)
        return NULL;
    for (size_t i = 0; i < length; i++)
        snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    json_t *string = json_string(text);
    free(text);
    return string;
}

/* Takes over the item, which may be NULL. Without memory for it the list is freed, and set to NULL:
 * json_pack() then fails, so that a state is saved whole or not at all. */
static void append(json_t **list, json_t *item)
{
    if (json_array_append_new(*list, item) == 0)
        return;
    json_decref(*list);
    *list = NULL;
}

static json_t *write_messages(const struct messages *all)
{
    json_t *list = json_array();

    for (size_t i = 0; i < all->count; i++)
        append(&list, write_message(all->list[i]));
    return list;
}

static json_t *write_clients(const struct dhcp_clients *clients)
{
    json_t *list = json_array();

    for (size_t i = 0; i < clients->count; i++) {
        json_t *words = json_array();
        for (char **word = clients->list[i].words; *word; word++)
            append(&words, json_string(*word));
        append(&list, words ? json_pack("{s:o}", "argv", words) : NULL);
    }
    return list;
}

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_message(const char *text, struct messages *out, size_t least)
{
    const size_t length = text ? strlen(text) / 2 : 0;
    uint8_t *bytes = length >= NLMSG_HDRLEN + least ? malloc(length) : NULL;
    struct nlmsghdr header;
    bool good = bytes && strlen(text) == 2 * length;

    for (size_t i = 0; good && i < length; i++) {
        const int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);
        good = high >= 0 && low >= 0;
        bytes[i] = (uint8_t)(16 * high + low);
    }
    if (good) {
        memcpy(&header, bytes, sizeof(header));
        good = header.nlmsg_len == length && messages_add(out, (struct nlmsghdr *)(void *)bytes) == 0;
    }
    free(bytes);
    return good;
}

static bool read_messages(const json_t *list, struct messages *out, size_t least)
{
    size_t i;
    json_t *text;

    json_array_foreach(list, i, text) if (!read_message(json_string_value(text), out, least)) return false;
    return json_is_array(list);
}

/* The words are judged when they are used: see dhcp_words(). */
static bool read_client(const json_t *argv, struct dhcp_clients *out)
{
    char **words = calloc(json_array_size(argv) + 1, sizeof(*words));
    bool good = words;
    size_t i;
    json_t *word;

    json_array_foreach(argv, i, word) if (good)
    {
        words[i] = json_is_string(word) ? strdup(json_string_value(word)) : NULL;
        good = words[i];
    }
    char **line = good ? dhcp_line(words) : NULL;
    good = line && dhcp_add(out, -1, line) == 0;
    for (i = 0; words && i < json_array_size(argv); i++)
        free(words[i]);
    free(words);
    return good;
}

static bool read_clients(const json_t *list, struct dhcp_clients *out)
{
    size_t i;
    json_t *client;

    json_array_foreach(list, i, client) if (!read_client(json_object_get(client, "argv"), out)) return false;
    return json_is_array(list);
}

static json_t *to_json(const struct move *move)
{
    char boot[64];

    read_boot(boot);
    return json_pack("{s:i, s:s, s:s, s:s, s:s, s:i, s:i, s:i, s:i, s:I, s:i, s:o, s:o, s:o, s:o, s:O}",
                     "format", FORMAT, "boot", boot, "bridge", move->bridge, "uplink", move->uplink,
                     "manager", move->manager, "uplink_index", move->uplink_index, "mtu", (int)move->mtu,
                     "addr_gen_mode", move->addr_gen_mode, "confirm_ms", (int)move->confirm_ms, "saved_at",
                     (json_int_t)move->saved_at, "mover", (int)move->mover, "addresses",
                     write_messages(&move->addresses), "routes", write_messages(&move->routes), "neighbours",
                     write_messages(&move->neighbours), "clients", write_clients(&move->clients), "own",
                     move->own);
}

char *state_text(const struct move *move)
{
    /* Not json_dumps(), which leaves out keys of objects when memory is out (jansson 2.14, src/dump.c). */
    json_t *root = to_json(move);
    const size_t size = root ? json_dumpb(root, NULL, 0, JSON_COMPACT) : 0;
    char *text = size > 0 ? malloc(size + 1) : NULL;

    if (text && json_dumpb(root, text, size, JSON_COMPACT) == size) {
        text[size] = '\0';
    } else {
        free(text);
        text = NULL;
    }
    json_decref(root);
    return text;
}

/* All of it in one write, or nothing. */
static int write_text(int fd, const char *text)
{
    const size_t length = strlen(text);
    const ssize_t written = write(fd, text, length);

    if (written < 0 || fsync(fd) < 0)
        return -errno;
    return (size_t)written == length ? 0 : -ENOSPC;
}

static int write_state(const char *text, const char *path)
{
    const int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -errno;
    const int err = flock(fd, LOCK_EX | LOCK_NB) < 0 ? -errno : write_text(fd, text);
    if (err == 0)
        return fd;
    unlink(path);
    close(fd);
    return err;
}

/* Whether the folder is root's alone, and a folder, not a link to one. */
static int check_folder(void)
{
    char real[PATH_MAX];
    struct stat st;
    const int err = rootpath(STATE_FOLDER, real, &st);

    if (err < 0)
        return err;
    return S_ISDIR(st.st_mode) && strcmp(real, STATE_FOLDER) == 0 ? 0 : -EPERM;
}

/* Opens a saved state, a regular file of root's. Returns a descriptor or -errno. */
static int open_state(const char *path)
{
    struct stat st;
    const int err = check_folder();

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
    char path[64];

    if (mkdir(STATE_FOLDER, 0755) < 0 && errno != EEXIST)
        return -errno;
    const int err = check_folder();
    if (err < 0)
        return err;
    state_path(path, move->bridge, PHASE_CONFIRMED); /* of a bridge that somebody removed by other means */
    unlink(path);
    state_path(path, move->bridge, PHASE_ARMING);
    char *text = state_text(move);
    if (!text)
        return -ENOMEM;
    const int fd = write_state(text, path);
    free(text);
    return fd;
}

static const char *from_json(json_t *root, struct move *out)
{
    const char *boot, *bridge, *uplink, *manager;
    json_t *addresses, *routes, *neighbours, *clients;
    int format, mtu, confirm_ms, mover;
    json_int_t saved_at;
    char now[64];

    if (json_unpack(root, "{s:i, s:s, s:s, s:s, s:s, s:i, s:i, s:i, s:i, s:I, s:i, s:o, s:o, s:o, s:o, s:O}",
                    "format", &format, "boot", &boot, "bridge", &bridge, "uplink", &uplink, "manager",
                    &manager, "uplink_index", &out->uplink_index, "mtu", &mtu, "addr_gen_mode",
                    &out->addr_gen_mode, "confirm_ms", &confirm_ms, "saved_at", &saved_at, "mover", &mover,
                    "addresses", &addresses, "routes", &routes, "neighbours", &neighbours, "clients",
                    &clients, "own", &out->own) < 0 ||
        format != FORMAT || strlen(bridge) >= IFNAMSIZ || strlen(uplink) >= IFNAMSIZ ||
        strlen(manager) >= sizeof(out->manager) ||
        !read_messages(addresses, &out->addresses, sizeof(struct ifaddrmsg)) ||
        !read_messages(routes, &out->routes, sizeof(struct rtmsg)) ||
        !read_messages(neighbours, &out->neighbours, sizeof(struct ndmsg)) ||
        !read_clients(clients, &out->clients))
        return "is damaged";
    read_boot(now);
    if (strcmp(boot, now) != 0)
        return "is of another boot";
    strcpy(out->bridge, bridge);
    strcpy(out->uplink, uplink);
    strcpy(out->manager, manager);
    out->mtu = (unsigned int)mtu;
    out->confirm_ms = (unsigned int)confirm_ms;
    out->saved_at = (long)saved_at;
    out->mover = mover;
    return NULL;
}

const char *state_load(const char *bridge, enum phase phase, struct move *out)
{
    char path[64];

    *out = (struct move){.mover = 0};
    state_path(path, bridge, phase);
    const int fd = open_state(path);
    if (fd == -EPERM)
        return "is not a file that only root can have written";
    if (fd < 0)
        return fd == -ENOENT ? "" : "cannot be opened";
    json_t *root = json_loadfd(fd, 0, NULL);
    close(fd);
    const char *why = root ? from_json(root, out) : "is damaged";
    json_decref(root);
    if (why)
        move_free(out); /* half of it is worse than nothing */
    return why;
}

int state_advance(const char *bridge, enum phase from, enum phase to)
{
    char old[64], new[64];

    state_path(old, bridge, from);
    state_path(new, bridge, to);
    return rename(old, new) < 0 ? -errno : 0;
}

static int64_t clock_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

bool state_await(const char *bridge, enum phase phase, int ms)
{
    const int64_t end = clock_ms() + ms;
    char path[64], event[sizeof(struct inotify_event) + NAME_MAX + 1];
    const int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    struct pollfd wait = {.fd = fd, .events = POLLIN};

    state_path(path, bridge, phase);
    /* Removing a file that somebody holds open is only a change of its attributes. */
    if (fd >= 0)
        inotify_add_watch(fd, path, IN_MOVE_SELF | IN_ATTRIB);
    while (access(path, F_OK) == 0) {
        const int64_t left = end - clock_ms();
        if (left <= 0 || poll(&wait, 1, (int)left) == 0)
            break;
        (void)!read(fd, event, sizeof(event));
    }
    if (fd >= 0)
        close(fd);
    return access(path, F_OK) != 0;
}

bool state_in_progress(const char *bridge)
{
    static const enum phase phases[] = {PHASE_ARMING, PHASE_MOVING, PHASE_MOVED, PHASE_RESTORING};
    char path[64];

    for (size_t i = 0; i < sizeof(phases) / sizeof(phases[0]); i++) {
        state_path(path, bridge, phases[i]);
        const int fd = open_state(path);
        if (fd < 0)
            continue;
        const bool held = flock(fd, LOCK_EX | LOCK_NB) < 0;
        close(fd);
        if (held)
            return true;
        unlink(path);
    }
    return false;
}
