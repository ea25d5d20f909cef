/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * The state of a move as a JSON object. */
#include "base/cleanup.h"
#include "base/text.h"
#include "move.h"
#include "state.h"

#include <jansson.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FORMAT = 1, BOOT_SIZE = 64 };

/* A saved state is void after a reboot. */
static void read_boot(char boot[BOOT_SIZE])
{
    text_line("/proc/sys/kernel/random/boot_id", boot, BOOT_SIZE);
}

/* The scalar members of the file, except format and boot. */
static const struct {
    const char *key;
    size_t offset, size;
} texts[] = {
    {"bridge", offsetof(struct move, bridge), sizeof(((struct move *)NULL)->bridge)},
    {"uplink", offsetof(struct move, uplink), sizeof(((struct move *)NULL)->uplink)},
    {"manager", offsetof(struct move, manager), sizeof(((struct move *)NULL)->manager)},
};
static const struct {
    const char *key;
    size_t offset; /* of an int or unsigned int */
} numbers[] = {
    {"uplink_index", offsetof(struct move, uplink_index)},
    {"mtu", offsetof(struct move, mtu)},
    {"addr_gen_mode", offsetof(struct move, addr_gen_mode)},
    {"confirm_ms", offsetof(struct move, confirm_ms)},
    {"saved_at", offsetof(struct move, saved_at)},
    {"mover", offsetof(struct move, mover)},
};
static const struct {
    const char *key;
    size_t offset, header_size;
} lists[] = {
    {"addresses", offsetof(struct move, addresses), sizeof(struct ifaddrmsg)},
    {"routes", offsetof(struct move, routes), sizeof(struct rtmsg)},
    {"neighbours", offsetof(struct move, neighbours), sizeof(struct ndmsg)},
};
#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* Takes ownership of the item, which may be NULL. Out of memory frees the list and sets it to NULL, so that a
 * state is saved completely or not at all. */
static void append(json_t **list, json_t *item)
{
    if (json_array_append_new(*list, item) == 0)
        return;
    json_decref(*list);
    *list = NULL;
}

/* As hexadecimal digits. */
static json_t *write_message(const struct nlmsghdr *message)
{
    const uint8_t *bytes = (const uint8_t *)message;
    const size_t length = message->nlmsg_len;
    _cleanup_free_ char *text = malloc(2 * length + 1);

    if (!text)
        return NULL;
    for (size_t i = 0; i < length; i++)
        snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    return json_string(text);
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
        const struct dhcp_argv *argv = &clients->list[i].argv;
        for (size_t k = 0; k < argv->count; k++)
            append(&words, json_string(argv->words[k]));
        append(&list, json_pack("{s:o}", "argv", words));
    }
    return list;
}

static json_t *write_own(const struct move *move)
{
    json_t *list = json_array();
    char text[CIDR_TEXT];

    for (size_t i = 0; i < move->own_count; i++) {
        cidr_print(&move->own[i], text);
        append(&list, json_string(text));
    }
    return list;
}

/* NULL: out of memory. */
static json_t *to_json(const struct move *move)
{
    const char *start = (const char *)move;
    json_t *root = json_object();
    char boot[BOOT_SIZE];
    int failed = 0;

    read_boot(boot);
    failed |= json_object_set_new(root, "format", json_integer(FORMAT));
    failed |= json_object_set_new(root, "boot", json_string(boot));
    for (size_t i = 0; i < COUNT(texts); i++)
        failed |= json_object_set_new(root, texts[i].key, json_string(start + texts[i].offset));
    for (size_t i = 0; i < COUNT(numbers); i++) {
        int number;
        memcpy(&number, start + numbers[i].offset, sizeof(number));
        failed |= json_object_set_new(root, numbers[i].key, json_integer(number));
    }
    for (size_t i = 0; i < COUNT(lists); i++) {
        const void *list = start + lists[i].offset;
        failed |= json_object_set_new(root, lists[i].key, write_messages(list));
    }
    failed |= json_object_set_new(root, "clients", write_clients(&move->clients));
    failed |= json_object_set_new(root, "own", write_own(move));
    if (!failed)
        return root;
    json_decref(root);
    return NULL;
}

char *state_text(const struct move *move)
{
    /* Not json_dumps(), which omits object keys when it runs out of memory (jansson 2.14, src/dump.c). */
    json_auto_t *root = to_json(move);
    const size_t size = root ? json_dumpb(root, NULL, 0, JSON_COMPACT) : 0;
    char *text = size > 0 ? malloc(size + 1) : NULL;

    if (!text)
        return NULL;
    if (json_dumpb(root, text, size, JSON_COMPACT) != size) {
        free(text);
        return NULL;
    }
    text[size] = '\0';
    return text;
}

static bool read_message(const char *text, struct messages *out, size_t header_size)
{
    struct nlmsghdr header;

    if (!text || text[strspn(text, "0123456789abcdef")])
        return false;
    const size_t length = strlen(text) / 2;
    if (length < NLMSG_HDRLEN + header_size || strlen(text) != 2 * length)
        return false;
    _cleanup_free_ uint8_t *bytes = malloc(length);
    if (!bytes)
        return false;
    for (size_t i = 0; i < length; i++) {
        const char digits[] = {text[2 * i], text[2 * i + 1], '\0'};
        bytes[i] = (uint8_t)strtoul(digits, NULL, 16);
    }
    memcpy(&header, bytes, sizeof(header));
    return header.nlmsg_len == length && messages_add(out, (struct nlmsghdr *)(void *)bytes) == 0;
}

static bool read_messages(const json_t *list, struct messages *out, size_t header_size)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        if (!read_message(json_string_value(json_array_get(list, i)), out, header_size))
            return false;
    return json_is_array(list);
}

/* The words are checked when they are used; see dhcp_words(). */
static bool read_client(const json_t *argv, struct dhcp_clients *out)
{
    const size_t count = json_array_size(argv);
    _cleanup_free_ const char **words = calloc(count + 1, sizeof(*words));

    if (!words)
        return false;
    for (size_t i = 0; i < count; i++) {
        words[i] = json_string_value(json_array_get(argv, i));
        if (!words[i])
            return false;
    }
    const char **line = dhcp_line(words);
    return line && dhcp_add(out, -1, line) == 0;
}

static bool read_clients(const json_t *list, struct dhcp_clients *out)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        if (!read_client(json_object_get(json_array_get(list, i), "argv"), out))
            return false;
    return json_is_array(list);
}

static bool read_own(const json_t *list, struct move *out)
{
    const size_t count = json_array_size(list);

    out->own = calloc(count + 1, sizeof(*out->own));
    if (!out->own || !json_is_array(list))
        return false;
    for (; out->own_count < count; out->own_count++) {
        const char *text = json_string_value(json_array_get(list, out->own_count));
        if (!text || cidr_parse(text, &out->own[out->own_count]))
            return false;
    }
    return true;
}

static bool read_fields(const json_t *root, struct move *out)
{
    char *start = (char *)out;

    for (size_t i = 0; i < COUNT(texts); i++) {
        const char *text = json_string_value(json_object_get(root, texts[i].key));
        if (!text || strlen(text) >= texts[i].size)
            return false;
        strcpy(start + texts[i].offset, text);
    }
    for (size_t i = 0; i < COUNT(numbers); i++) {
        const json_t *value = json_object_get(root, numbers[i].key);
        const int number = (int)json_integer_value(value);
        if (!json_is_integer(value) || number != json_integer_value(value))
            return false;
        memcpy(start + numbers[i].offset, &number, sizeof(number));
    }
    for (size_t i = 0; i < COUNT(lists); i++) {
        void *list = start + lists[i].offset;
        if (!read_messages(json_object_get(root, lists[i].key), list, lists[i].header_size))
            return false;
    }
    return true;
}

const char *state_parse(int fd, struct move *out)
{
    json_auto_t *root = json_loadfd(fd, 0, NULL);
    const char *boot = json_string_value(json_object_get(root, "boot"));
    const json_int_t format = json_integer_value(json_object_get(root, "format"));
    char now[BOOT_SIZE];

    if (format > FORMAT)
        return STATE_LATER;
    if (format != FORMAT || !boot || !read_fields(root, out) ||
        !read_clients(json_object_get(root, "clients"), &out->clients) ||
        !read_own(json_object_get(root, "own"), out))
        return "is damaged";
    read_boot(now);
    if (strcmp(boot, now) == 0)
        return NULL;
    return "is of another boot";
}
