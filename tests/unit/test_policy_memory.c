/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Policies that are read when memory runs out. The linker sends each call of the functions below through
 * __wrap_ (tests/unit/meson.build), which fails the one that is to fail. */
#include "base/error.h"
#include "memory.h"
#include "policy/policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int calls_until_failure; /* the call that finds 0 fails */
static bool fails_for_good;     /* so do all that follow */

static bool memory_left(void)
{
    const int left = calls_until_failure--;
    return left > 0 || (left < 0 && !fails_for_good);
}

/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): the linker makes these names */
void *__real_reallocarray(void *array, size_t count, size_t size);
char *__real_strdup(const char *text);
void *__wrap_reallocarray(void *array, size_t count, size_t size);
char *__wrap_strdup(const char *text);

void *__wrap_reallocarray(void *array, size_t count, size_t size)
{
    return memory_left() ? __real_reallocarray(array, count, size) : NULL;
}

char *__wrap_strdup(const char *text)
{
    return memory_left() ? __real_strdup(text) : NULL;
}
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */

static int read_two_files(void *context, const char *path, size_t limit, struct policy_text *out,
                          struct error *reason)
{
    const bool main_file = strcmp(path, "/main") == 0;
    const char *text = main_file ? "allow br0\nallow br1\ninclude /a\n" : "allow br2\ndeny br0\n";
    (void)context;
    (void)limit;
    (void)reason;
    *out = (struct policy_text){.size = strlen(text), .inode = main_file ? 1 : 2};
    out->bytes = malloc(out->size + 1);
    assert_non_null(out->bytes);
    memcpy(out->bytes, text, out->size);
    return 0;
}

/* Lets each call that takes memory fail in turn, until a reading gets by with fewer. */
static void fail_each_call(enum policy_dialect dialect)
{
    static const struct policy_source source = {.read = read_two_files};
    struct policy_match verdict;
    int calls = 0;

    for (;; calls++) {
        calls_until_failure = calls;
        if (policy_read(&policy, "/main", dialect, NULL, &source, &why) == 0)
            break;
        assert_string_equal(why.text, "the policy could not be read: no memory");
        policy_free(&policy);
    }
    assert_int_equal(calls_until_failure, 0);
    assert_int_equal(calls, 7); /* two paths; an array of 1 and 2 files; one of 1, 2 and 4 rules */
    assert_int_equal(policy.rule_count, 4);
    assert_int_equal(policy_match(&verdict, &policy, "br0", &alice, &why), 0);
    assert_false(verdict.allowed);
    assert_int_equal(policy_match(&verdict, &policy, "br2", &alice, &why), 0);
    assert_true(verdict.allowed);
    policy_free(&policy);
}

/* An include is not passed over for want of memory, or its deny would be lost. */
static void without_memory_nothing_counts(void **state)
{
    (void)state;
    for (int dialect = POLICY_QEMU; dialect <= POLICY_STRICT; dialect++) {
        fails_for_good = false;
        fail_each_call(dialect);
        fails_for_good = true;
        fail_each_call(dialect);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_memory_nothing_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
