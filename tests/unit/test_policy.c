/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Policy files in both dialects, and the judgement, on files that live in memory. The verdicts of POLICY_QEMU
 * are held against the real qemu-bridge-helper by tests/netns/test_differential.py. */
#include "memory.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void default_is_deny(void **state)
{
    (void)state;
    assert_int_equal(verdict(FILES(MAIN("")), POLICY_STRICT, "br0"), 0);
    assert_int_equal(verdict(FILES(MAIN("allow br1\n")), POLICY_STRICT, "br0"), 0);
    assert_int_equal(verdict(FILES(MAIN("allow br0\n")), POLICY_STRICT, "br0"), 1);
    assert_int_equal(verdict(FILES(MAIN("allow all")), POLICY_STRICT, "br0"), 1);
}

static void deny_wins_wherever_it_stands(void **state)
{
    static const char *const texts[] = {"allow br0\ndeny br0\n", "deny br0\nallow br0\n",
                                        "deny all\nallow br0\n", "allow all\ndeny br0\n",
                                        "allow br0\ndeny all\n"};
    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_int_equal(verdict(FILES(MAIN(texts[i])), POLICY_STRICT, "br0"), 0);
        assert_int_equal(verdict(FILES(MAIN(texts[i])), POLICY_QEMU, "br0"), 0);
    }
}

static void the_verdict_names_its_rule(void **state)
{
    (void)state;
    assert_int_equal(
        read_policy(FILES(MAIN("# c\n\nallow all\ninclude /inc\n"), {"/inc", "\n deny br0\n", 0, 0}),
                    POLICY_STRICT),
        0);
    const struct policy_rule *rule = decide("br0").rule;
    assert_string_equal(policy.files[rule->file].path, "/inc");
    assert_int_equal(rule->line, 2);
    rule = decide("br1").rule;
    assert_string_equal(policy.files[rule->file].path, "/main");
    assert_int_equal(rule->line, 3);
    policy_free(&policy);
    assert_int_equal(read_policy(FILES(MAIN("allow br1")), POLICY_STRICT), 0);
    assert_null(decide("br0").rule);
    policy_free(&policy);
}

static void blanks_and_comments(void **state)
{
    (void)state;
    for (int dialect = POLICY_QEMU; dialect <= POLICY_STRICT; dialect++) {
        assert_int_equal(verdict(FILES(MAIN(" \t\r\f#x\n  \t allow \t br0 \t\r\n")), dialect, "br0"), 1);
        assert_int_equal(verdict(FILES(MAIN("allow\tbr0")), dialect, "br0"), 1);
    }
    /* '#' begins a comment only at the start of a line; the first blank looked for is a space. */
    assert_int_equal(verdict(FILES(MAIN("allow br0 # why\n")), POLICY_QEMU, "br0"), 0);
    assert_int_equal(verdict(FILES(MAIN("allow br0 # why\n")), POLICY_STRICT, "br0"), -1);
    assert_int_equal(verdict(FILES(MAIN("allow\tbr0 \n")), POLICY_QEMU, "br0"), -1);
}

static void a_bad_line_of_the_main_file_is_fatal(void **state)
{
    static const char *const lines[] = {"allow\n",       "permit br0\n", "Allow br0\n",
                                        "\vallow br0\n", "allow\vbr0\n", "x"};
    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        for (int dialect = POLICY_QEMU; dialect <= POLICY_STRICT; dialect++) {
            char text[64] = "allow br0\n\n";
            assert_int_equal(verdict(FILES(MAIN(strcat(text, lines[i]))), dialect, "br0"), -1);
            assert_non_null(strstr(why.text, "/main:3 does not parse"));
        }
}

static void names_no_bridge_can_have(void **state)
{
    (void)state;
    assert_int_equal(verdict(FILES(MAIN("allow br0\nallow abcdefghijklmnop\n")), POLICY_STRICT, "br0"), -1);
    assert_non_null(strstr(why.text, "/main:2"));
    assert_int_equal(verdict(FILES(MAIN("allow \n")), POLICY_STRICT, "br0"), -1);
    assert_int_equal(verdict(FILES(MAIN("allow br/0\n")), POLICY_STRICT, "br0"), -1);
}

static void names_of_16_characters(void **state)
{
    (void)state;
    for (int dialect = POLICY_QEMU; dialect <= POLICY_STRICT; dialect++) {
        assert_int_equal(verdict(FILES(MAIN("allow abcdefghijklmno\n")), dialect, "abcdefghijklmno"), 1);
        assert_int_equal(verdict(FILES(MAIN("allow all\nallow abcdefghijklmnop\n")), dialect, "br0"), -1);
        assert_int_equal(verdict(FILES(MAIN("allow all\ndeny abcdefghijklmnop\n")), dialect, "br0"), -1);
        assert_non_null(strstr(why.text, "/main:2 does not parse"));
    }
    assert_int_equal(verdict(FILES(MAIN("allow br/0\nallow \nallow br0\n")), POLICY_QEMU, "br0"), 1);
}

static void lines_longer_than_qemus_buffer(void **state)
{
    char text[4095 + sizeof("deny br0\n")];
    (void)state;
    memset(text, ' ', sizeof(text));
    memcpy(text, "allow br0", 9);
    strcpy(text + 4095, "deny br0\n"); /* a line of its own for fgets() */
    assert_int_equal(verdict(FILES(MAIN(text)), POLICY_QEMU, "br0"), 0);
    assert_int_equal(verdict(FILES(MAIN(text)), POLICY_STRICT, "br0"), -1);
    assert_non_null(strstr(why.text, "/main:1 does not parse: longer"));
    text[4095] = '\0';
    assert_int_equal(verdict(FILES(MAIN(text)), POLICY_STRICT, "br0"),
                     1); /* the longest that fits, without newline */
}

static void bytes_of_value_zero(void **state)
{
    static const char text[] = "allow br0\0junk\nallow br1\n";
    (void)state;
    assert_int_equal(verdict(FILES({"/main", text, 0, sizeof(text) - 1}), POLICY_QEMU, "br0"), 1);
    assert_int_equal(verdict(FILES({"/main", text, 0, sizeof(text) - 1}), POLICY_QEMU, "br1"), 1);
    assert_int_equal(verdict(FILES({"/main", text, 0, sizeof(text) - 1}), POLICY_STRICT, "br0"), -1);
}

static void includes_add_their_rules(void **state)
{
    (void)state;
    for (int dialect = POLICY_QEMU; dialect <= POLICY_STRICT; dialect++) {
        assert_int_equal(
            verdict(FILES(MAIN("include /a"), {"/a", "include /b\n", 0, 0}, {"/b", "allow br0", 0, 0}),
                    dialect, "br0"),
            1);
        assert_int_equal(
            verdict(FILES(MAIN("allow br0\ninclude /a\n"), {"/a", "deny br0", 0, 0}), dialect, "br0"), 0);
    }
}

static void includes_that_cannot_be_read(void **state)
{
    static const struct {
        int error, qemu, strict;
    } cases[] = {
        {EACCES, 1, 1},   {ENOENT, 1, -1}, {ENOTDIR, 1, -1}, {ELOOP, 1, -1},   {ENAMETOOLONG, 1, -1},
        {ENXIO, 1, -1},   {ENODEV, 1, -1}, {EPERM, -1, -1},  {EMFILE, -1, -1}, {ENFILE, -1, -1},
        {ENOMEM, -1, -1}, {EIO, -1, -1},   {EFBIG, -1, -1},  {0, 1, -1}, /* a folder */
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct memory_file files[] = {
            MAIN("include /a\nallow br0\n"), {"/a", NULL, cases[i].error, 0}, {NULL, NULL, 0, 0}};
        assert_int_equal(verdict(files, POLICY_QEMU, "br0"), cases[i].qemu);
        if (cases[i].qemu < 0)
            assert_non_null(strstr(why.text, "/main:1 includes a file that cannot be used: /a"));
        assert_int_equal(verdict(files, POLICY_STRICT, "br0"), cases[i].strict);
    }
}

static void a_bad_line_of_an_include(void **state)
{
    const struct memory_file *files =
        FILES(MAIN("include /a\nallow br2\n"), {"/a", "allow br0\nnonsense\nallow br1\n", 0, 0});
    (void)state;
    assert_int_equal(verdict(files, POLICY_QEMU, "br0"), 1); /* what stood before it counts */
    assert_int_equal(verdict(files, POLICY_QEMU, "br1"), 0); /* what stood after it does not */
    assert_int_equal(verdict(files, POLICY_QEMU, "br2"), 1); /* the including file goes on */
    assert_int_equal(verdict(files, POLICY_STRICT, "br0"), -1);
    assert_non_null(strstr(why.text, "/a:2"));
}

static void relative_includes(void **state)
{
    (void)state;
    assert_int_equal(verdict(FILES(MAIN("allow br0\ninclude a\n"), {"a", "", 0, 0}), POLICY_QEMU, "br0"), -1);
    assert_non_null(strstr(why.text, "/main:2"));
    assert_int_equal(verdict(FILES(MAIN("allow br0\ninclude a\n"), {"a", "", 0, 0}), POLICY_STRICT, "br0"),
                     -1);
    assert_int_equal(verdict(FILES(MAIN("allow br0\ninclude \n")), POLICY_QEMU, "br0"), 1);
    assert_int_equal(verdict(FILES(MAIN("allow br0\ninclude \n")), POLICY_STRICT, "br0"), -1);
}

static void loops(void **state)
{
    (void)state;
    assert_int_equal(verdict(FILES(MAIN("include /main\nallow br0\n")), POLICY_QEMU, "br0"), 1);
    assert_int_equal(
        verdict(FILES(MAIN("include /a"), {"/a", "include /main\nallow br0", 0, 0}), POLICY_QEMU, "br0"), 1);
    assert_int_equal(verdict(FILES(MAIN("allow br0\ninclude /main\n")), POLICY_STRICT, "br0"), -1);
    assert_non_null(strstr(why.text, "/main:2 includes /main, which is being read already"));
    /* twice, but not one inside the other, is no loop */
    assert_int_equal(
        verdict(FILES(MAIN("include /a\ninclude /a\n"), {"/a", "allow br0", 0, 0}), POLICY_STRICT, "br0"), 1);
}

static void too_many_includes(void **state)
{
    struct memory_file files[302] = {MAIN("include /00001")};
    char names[300][8], texts[300][32];
    (void)state;
    for (int i = 0; i < 300; i++) {
        snprintf(names[i], sizeof(names[i]), "/%05d", i + 1);
        snprintf(texts[i], sizeof(texts[i]), "allow br0\ninclude /%05d", i + 2);
        files[i + 1] = (struct memory_file){names[i], texts[i], 0, 0};
    }
    assert_int_equal(verdict(files, POLICY_QEMU, "br0"), -1);
    assert_non_null(strstr(why.text, "exceeds the limit of 4096 files and 64 levels"));

    char wide[16 * 5000 + 1];
    for (int i = 0; i < 5000; i++)
        strcpy(wide + 11 * i, "include /a\n");
    assert_int_equal(verdict(FILES(MAIN(wide), {"/a", "\n", 0, 0}), POLICY_QEMU, "br0"), -1);
    assert_non_null(strstr(why.text, "exceeds the limit of 4096 files and 64 levels"));
}

static void too_many_bytes(void **state)
{
    const size_t size = 3 * 1024 * 1024;
    char *text = malloc(size + 1);
    (void)state;
    assert_non_null(text);
    memset(text, '\n', size);
    text[size] = '\0';
    assert_int_equal(verdict(FILES(MAIN("include /a\nallow br0\n"), {"/a", text, 0, 0}), POLICY_QEMU, "br0"),
                     1);
    assert_int_equal(
        verdict(FILES(MAIN("include /a\ninclude /b\nallow br0\n"), {"/a", text, 0, 0}, {"/b", text, 0, 0}),
                POLICY_QEMU, "br0"),
        -1);
    free(text);
}

static void the_main_file_must_be_there(void **state)
{
    (void)state;
    assert_int_equal(read_policy(FILES({"/x", "", 0, 0}), POLICY_QEMU), -1);
    assert_true(policy.absent);
    policy_free(&policy);
    assert_int_equal(read_policy(FILES({"/main", NULL, EACCES, 0}), POLICY_QEMU), -1);
    assert_false(policy.absent);
    policy_free(&policy);
    assert_int_equal(read_policy(FILES({"/main", NULL, 0, 0}), POLICY_QEMU), -1);
    assert_non_null(strstr(why.text, "/main is a folder"));
    policy_free(&policy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(default_is_deny),
        cmocka_unit_test(deny_wins_wherever_it_stands),
        cmocka_unit_test(the_verdict_names_its_rule),
        cmocka_unit_test(blanks_and_comments),
        cmocka_unit_test(a_bad_line_of_the_main_file_is_fatal),
        cmocka_unit_test(names_no_bridge_can_have),
        cmocka_unit_test(names_of_16_characters),
        cmocka_unit_test(lines_longer_than_qemus_buffer),
        cmocka_unit_test(bytes_of_value_zero),
        cmocka_unit_test(includes_add_their_rules),
        cmocka_unit_test(includes_that_cannot_be_read),
        cmocka_unit_test(a_bad_line_of_an_include),
        cmocka_unit_test(relative_includes),
        cmocka_unit_test(loops),
        cmocka_unit_test(too_many_includes),
        cmocka_unit_test(too_many_bytes),
        cmocka_unit_test(the_main_file_must_be_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
