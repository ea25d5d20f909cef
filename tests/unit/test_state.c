/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * The saved state of a move when memory runs out: whole, or none; and in each format that was released
 * (tests/data/formats). */
#include "base/text.h"
#include "bridge/state.h"

#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

/* NOLINTBEGIN(bugprone-reserved-identifier): the linker's names */
void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
/* NOLINTEND(bugprone-reserved-identifier) */

static long left = -1; /* allocations until one fails; negative: none does */

void *__wrap_malloc(size_t size)
{
    if (left == 0) {
        left = -1;
        return NULL;
    }
    left -= left > 0;
    return __real_malloc(size);
}

static void add_messages(struct messages *all, size_t count)
{
    struct {
        struct nlmsghdr header;
        uint8_t bytes[16];
    } message = {.header = {.nlmsg_len = sizeof(message)}};

    for (size_t i = 0; i < count; i++) {
        message.bytes[0] = (uint8_t)i;
        assert_int_equal(messages_add(all, &message.header), 0);
    }
}

static void test_whole_or_none(void **state)
{
    const char *const words[] = {"dhclient", "-pf", "/run/dhclient.eth0.pid", "eth0", NULL};
    struct move move = {.bridge = "br0", .uplink = "eth0", .own_count = 1};
    size_t failures = 0;
    (void)state;

    json_set_alloc_funcs(__wrap_malloc, free);
    move.own = calloc(1, sizeof(*move.own));
    assert_true(move.own && !cidr_parse("192.0.2.1/24", move.own));
    add_messages(&move.addresses, 3);
    add_messages(&move.routes, 4);
    add_messages(&move.neighbours, 2);
    assert_int_equal(dhcp_add(&move.clients, -1, words), 0);
    char *whole = state_text(&move);
    assert_non_null(whole);
    assert_non_null(strstr(whole, "dhclient.eth0.pid"));
    for (long number = 0;; number++) {
        left = number;
        char *text = state_text(&move);
        const bool failed = left < 0;
        left = -1;
        if (text)
            assert_string_equal(text, whole);
        free(text);
        if (!failed)
            break;
        failures += text == NULL;
    }
    assert_true(failures > 30);
    free(whole);
    move_free(&move);
}

static const char *folder; /* of the formats */

enum { TEXT_SIZE = 65536 };

/* Reads a frozen state, with this boot in the place of the one that wrote it, and with `format`. */
static void read_frozen(char text[TEXT_SIZE], const char *path, const char *format)
{
    char frozen[TEXT_SIZE], boot[64];
    FILE *file = fopen(path, "r");

    assert_non_null(file);
    frozen[fread(frozen, 1, sizeof(frozen) - 1, file)] = '\0';
    fclose(file);
    frozen[strcspn(frozen, "\n")] = '\0';
    assert_true(text_line("/proc/sys/kernel/random/boot_id", boot, sizeof(boot)));
    char *after_format = strchr(frozen, ','), *of_boot = strstr(frozen, "BOOT");
    assert_true(after_format && of_boot);
    snprintf(text, TEXT_SIZE, "{\"format\":%s%.*s%s%s", format, (int)(of_boot - after_format), after_format,
             boot, of_boot + strlen("BOOT"));
}

static const char *parse(const char *text, struct move *out)
{
    const int fd = memfd_create("state", 0);

    *out = (struct move){.mover = 0};
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    const char *why = state_parse(fd, out);
    close(fd);
    return why;
}

/* Each is read; the newest is what is written, to the letter: a change of it needs a new format. */
static void test_released_formats(void **state)
{
    char pattern[4096], text[TEXT_SIZE];
    struct move move;
    glob_t found;
    size_t newest = 0;
    (void)state;

    snprintf(pattern, sizeof(pattern), "%s/*/state.json", folder);
    assert_int_equal(glob(pattern, 0, NULL, &found), 0);
    for (size_t i = 1; i < found.gl_pathc; i++)
        if (strverscmp(found.gl_pathv[i], found.gl_pathv[newest]) > 0)
            newest = i;
    for (size_t i = 0; i < found.gl_pathc; i++) {
        read_frozen(text, found.gl_pathv[i], "1");
        assert_null(parse(text, &move));
        assert_string_equal(move.uplink, "eth0");
        char *written = state_text(&move);
        if (i == newest)
            assert_string_equal(written, text);
        free(written);
        move_free(&move);
    }
    for (const char *const *format = (const char *const[]){"2", "1000", NULL}; *format; format++) {
        read_frozen(text, found.gl_pathv[0], *format);
        assert_string_equal(parse(text, &move), STATE_LATER);
        move_free(&move);
    }
    read_frozen(text, found.gl_pathv[0], "\"1\"");
    assert_string_equal(parse(text, &move), "is damaged");
    move_free(&move);
    globfree(&found);
}

int main(int argc, char *argv[])
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_whole_or_none),
                                       cmocka_unit_test(test_released_formats)};

    if (argc != 2)
        return 2;
    folder = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
