/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Users and groups from the texts of files. That what is said is what glibc reads in them is held by
 * tests/fuzz/fuzz_accounts.c, whose corpus is a test too; that NSS says the same, by
 * tests/netns/test_names.py. */
#include "helper/accounts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char passwd[] = "root:x:0:0:root:/root:/bin/bash\n"
                             "# alice:x:1:1::/:\n"
                             " \t\n"
                             "alice:x:1000:100:Alice:/home/alice:/bin/sh\n"
                             "alice:x:1001:100::/:\n"
                             "+nis:x:7:7::/:\n"
                             "-nis:x:8:8::/:\n"
                             "al:*:1000:100::/:\n"
                             "last:x:4294967294:5";

static void finds_users(void **state)
{
    static const struct {
        const char *name;
        id_t id;
    } users[] = {{"root", 0}, {"alice", 1000}, {"al", 1000}, {"last", 4294967294}};
    id_t id;
    (void)state;
    for (size_t i = 0; i < COUNT(users); i++) {
        assert_true(accounts_find(passwd, ACCOUNTS_USERS, users[i].name, &id));
        assert_int_equal(id, users[i].id);
    }
}

static void does_not_know(void **state)
{
    static const char *const names[] = {"",
                                        "bob",
                                        "ali",
                                        "alice:x",
                                        "x",
                                        "+nis",
                                        "-nis",
                                        "#",
                                        "roo",
                                        "roott",
                                        "root:",
                                        "\talice",
                                        " alice",
                                        "a\nal",
                                        "Root",
                                        "1000",
                                        "last:x:4294967294"};
    id_t id;
    (void)state;
    for (size_t i = 0; i < COUNT(names); i++)
        assert_false(accounts_find(passwd, ACCOUNTS_USERS, names[i], &id));
    assert_false(accounts_find("", ACCOUNTS_USERS, "root", &id));
}

static void finds_groups(void **state)
{
    static const char group[] = "wheel:x:10:alice,bob\nusers:x:100:\nempty::5\nodd:x:5x:\n";
    id_t id;
    (void)state;
    assert_true(accounts_find(group, ACCOUNTS_GROUPS, "wheel", &id));
    assert_int_equal(id, 10);
    assert_true(accounts_find(group, ACCOUNTS_GROUPS, "users", &id));
    assert_int_equal(id, 100);
    assert_true(accounts_find(group, ACCOUNTS_GROUPS, "empty", &id));
    assert_int_equal(id, 5);
    assert_false(accounts_find(group, ACCOUNTS_GROUPS, "odd", &id));
    assert_false(accounts_find(group, ACCOUNTS_GROUPS, "alice", &id));
}

/* Some of these glibc passes over, to find a later one of that name, and some it takes. */
static void leaves_what_is_not_plain_to_nss(void **state)
{
    static const char *const lines[] = {
        "a",
        "a:x",
        "a:x:5",
        "a:x::5:",
        "a:x:5::",
        "a:x:5:x:",
        "a:x:+5:5:",
        "a:x: 5:5:",
        "a:x:-1:5:",
        "a:x:5 :5:",
        "a:x:0x5:5:",
        "a:x:4294967295:5:",
        "a:x:5:5 :",
        "a::5",
        "a:x:5\n:5:/:/:b",
        "a\n:x:5:5::",
        "a:x:5:4294967295",
        "a:x\n:5:5::",
        "a:x:00000000000000005:5:",
        " a:x:5:5::/:",
        "\ra:x:5:5",
    };
    char name[8];
    id_t id;
    (void)state;
    for (size_t i = 0; i < COUNT(lines); i++) {
        char text[64] = "b:x:1:1::/:\n";
        strcat(text, lines[i]);
        assert_false(accounts_find(text, ACCOUNTS_USERS, "a", &id));
        assert_false(accounts_find_name(text, 5, name, sizeof(name)));
    }
}

static void finds_names(void **state)
{
    char name[8];
    (void)state;
    assert_true(accounts_find_name(passwd, 1000, name, sizeof(name)));
    assert_string_equal(name, "alice");
    assert_true(accounts_find_name(passwd, 4294967294, name, sizeof(name)));
    assert_string_equal(name, "last");
    assert_false(accounts_find_name(passwd, 7, name, sizeof(name)));
    assert_false(accounts_find_name(passwd, 8, name, sizeof(name)));
    assert_true(accounts_find_name("abcdefg:x:1:1::/:\n", 1, name, sizeof(name)));
    assert_string_equal(name, "abcdefg");
    assert_false(accounts_find_name("abcdefgh:x:1:1::/:\n", 1, name, sizeof(name)));
    assert_false(accounts_find_name("odd line\na:x:1:1::/:\n", 1, name, sizeof(name)));
}

static void asks_the_file_only_where_it_is_final(void **state)
{
    static const char *const final[] = {
        "passwd: files\n",
        "passwd:files",
        "# passwd: sss\n\n  passwd:\t files systemd\ngroup: sss\n",
        "passwd: files # [SUCCESS=continue]\n",
        "passwd: files sss [NOTFOUND=return] ldap\n",
        "passwd_compat: nis\npasswd: files\n",
    };
    static const char *const not_final[] = {
        "",
        "passwd:\n",
        "passwd: sss files\n",
        "passwd: compat\n",
        "passwd: filesystem\n",
        "passwd: file\n",
        "passwd: [NOTFOUND=return] files\n",
        "passwd: files [SUCCESS=continue] sss\n",
        "passwd: files\v[SUCCESS=merge] sss\n",
        "passwd: files[SUCCESS=merge] sss\n",
        "passwd: files\npasswd: sss\n",
        "passwd: sss\npasswd: files\n",
        "passwd : sss\npasswd: files\n",
        "passwd :files\n",
        "passwd\nfiles\n",
        "Passwd: files\n",
        "group: files\n",
        "shadow: files\nxpasswd: files\n",
        "passwd:: files\n",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(final); i++)
        assert_true(accounts_files_first(final[i], "passwd"));
    for (size_t i = 0; i < COUNT(not_final); i++)
        assert_false(accounts_files_first(not_final[i], "passwd"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_users),  cmocka_unit_test(does_not_know),
        cmocka_unit_test(finds_groups), cmocka_unit_test(leaves_what_is_not_plain_to_nss),
        cmocka_unit_test(finds_names),  cmocka_unit_test(asks_the_file_only_where_it_is_final),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
