/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * The saved state of a move when memory runs out: whole, or none. */
#include "bridge/state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_whole_or_none)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
