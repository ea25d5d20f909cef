/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * What others wrote, shown and quoted (base/printable.c, base/quote.c). */
#include "base/printable.h"
#include "base/quote.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

static void shown(const char *text, const char *as)
{
    char *line = printable_line(text);

    assert_non_null(line);
    assert_string_equal(line, as);
    free(line);
}

static void shows_text_as_it_is(void **state)
{
    (void)state;
    shown("", "");
    shown("web 1 ~!\"\\$'`", "web 1 ~!\"\\$'`");
    shown("M\xc3\xbcller \xe2\x82\xac \xf0\x9f\x98\x80 \xe4\xb8\xad",
          "M\xc3\xbcller \xe2\x82\xac \xf0\x9f\x98\x80 \xe4\xb8\xad");
}

static void escapes_what_steers_or_hides(void **state)
{
    (void)state;
    shown("\a\b\t\n\r\x1b[31m\x7f", "\\u0007\\u0008\\u0009\\u000a\\u000d\\u001b[31m\\u007f");
    shown("\xc2\x80\xc2\x9b\xc2\x9f\xc2\xa0", "\\u0080\\u009b\\u009f\xc2\xa0");
    shown("\xc2\xad\xd8\x9c\xe2\x80\x8b\xe2\x80\x8e\xe2\x80\x8f", "\\u00ad\\u061c\\u200b\\u200e\\u200f");
    /* NOLINTNEXTLINE(misc-misleading-bidirectional): that is what it is about */
    shown("\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xaa\xe2\x80\xae", "\\u2028\\u2029\\u202a\\u202e");
    shown("\xe2\x81\xa6\xe2\x81\xa9\xef\xbb\xbf", "\\u2066\\u2069\\ufeff");
    shown("\xf3\xa0\x80\x81\xf3\xa0\x81\xbf", "\\udb40\\udc01\\udb40\\udc7f");
}

static void escapes_what_is_no_utf8(void **state)
{
    (void)state;
    shown("\x80\x9b\xff", "\\x80\\x9b\\xff");
    shown("\xc2", "\\xc2");
    shown("\xc2x\xe2\x80", "\\xc2x\\xe2\\x80");
    shown("\xc0\x9b\xc1\xbf", "\\xc0\\x9b\\xc1\\xbf"); /* too long */
    shown("\xe0\x82\x9b\xf0\x80\x82\x9b", "\\xe0\\x82\\x9b\\xf0\\x80\\x82\\x9b");
    shown("\xed\xa0\x80", "\\xed\\xa0\\x80"); /* half of UTF-16's */
    shown("\xf4\x90\x80\x80\xf5\x80\x80\x80", "\\xf4\\x90\\x80\\x80\\xf5\\x80\\x80\\x80");
}

/* A character that is not whole is waited for, unless nothing follows. */
static void waits_for_the_rest(void **state)
{
    static const char euro[] = "\xe2\x82\xac";
    char out[PRINTABLE_PIECE];
    size_t size = 0;

    (void)state;
    for (size_t i = 1; i < 3; i++)
        assert_int_equal(printable_character(euro, i, false, out, &size), 0);
    assert_int_equal(printable_character(euro, 3, false, out, &size), 3);
    assert_int_equal(size, 3);
    assert_memory_equal(out, euro, 3);
    assert_int_equal(printable_character(euro, 2, true, out, &size), 1);
    assert_int_equal(size, 4);
    assert_memory_equal(out, "\\xe2", 4);
}

/* What the shell makes of a command with that word: two arguments, the second being it. */
static void pasted(const char *shell, const char *word, bool same)
{
    char command[QUOTE_SIZE + 128], got[512] = "", want[512];

    snprintf(command, sizeof(command), "%s <<'EOF'\nprintf '[%%s]' first %s\nEOF\n", shell, quote(word).text);
    FILE *pipe = popen(command, "r"); /* NOLINT(cert-env33-c): a shell is what is asked */
    assert_non_null(pipe);
    const size_t length = fread(got, 1, sizeof(got) - 1, pipe);
    got[length] = '\0';
    assert_int_equal(pclose(pipe), 0);
    snprintf(want, sizeof(want), "[first][%s]", word);
    if (same)
        assert_string_equal(got, want);
    assert_true(strncmp(got, "[first][", 8) == 0 && strchr(got, ']') == strstr(got, "][") &&
                got[length - 1] == ']');
}

static void quotes_for_a_shell(void **state)
{
    static const char *const words[] = {
        "web",      "",          " ",
        "a b",      "a;id",      "a';touch /nowhere/x;'",
        "$(id)",    "${HOME}",   "~",
        "*",        "a&b|c>d<e", "#a",
        "a\"b",     "!!",        "a\\",
        "a\\'b",    "`id`",      "a'`id`'b",
        "a\nid\n",  "\x1b[31m",  "M\xc3\xbcller",
        "\xc2\x9b", "\xff",      "-rf",
        "a\tb",     "'",         "''",
        "\\'",      "$'\\''",
    };

    (void)state;
    assert_string_equal(quote("vtap-web_1.2").text, "vtap-web_1.2");
    assert_string_equal(quote("").text, "''");
    assert_string_equal(quote("a b").text, "'a b'");
    assert_string_equal(quote("a'b").text, "'a'\\''b'");
    assert_string_equal(quote("a`'b\x9b").text, "$'a\\140\\047b\\233'");
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        const struct quoted quoted = quote(words[i]);
        for (const char *text = quoted.text; *text; text++)
            assert_true(*text >= ' ' && *text <= '~' && *text != '`');
        pasted("bash", words[i], true);
        pasted("sh", words[i], false);
    }
}

static void refuses_to_cut(void **state)
{
    char word[QUOTE_SIZE + 1], out[8];

    (void)state;
    memset(word, 'a', sizeof(word));
    word[QUOTE_SIZE - 1] = '\0';
    assert_string_equal(quote(word).text, word);
    word[QUOTE_SIZE - 1] = 'a';
    word[QUOTE_SIZE] = '\0';
    assert_string_equal(quote(word).text, "'(a name too long to be shown)'");
    assert_true(quote_into("abcdefg", out, sizeof(out)));
    assert_false(quote_into("abcdefgh", out, sizeof(out)));
    assert_string_equal(out, "''");
    assert_false(quote_into("a bcdefg", out, sizeof(out)));
    assert_string_equal(out, "''");
    assert_false(quote_into("a\xff", out, sizeof(out)));
    assert_string_equal(out, "''");
    assert_true(quote_into("\xff", out, sizeof(out)));
    assert_string_equal(out, "$'\\377'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shows_text_as_it_is),     cmocka_unit_test(escapes_what_steers_or_hides),
        cmocka_unit_test(escapes_what_is_no_utf8), cmocka_unit_test(waits_for_the_rest),
        cmocka_unit_test(quotes_for_a_shell),      cmocka_unit_test(refuses_to_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
