/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * What policy.conf has and bridge.conf has not: terms, and includes of a folder. */
#include "memory.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void terms_select_and_grant(void **state)
{
    const struct memory_file *files =
        FILES(MAIN("allow br0 user=bob quota=1\nallow br0 group=students quota=4\n"
                   "allow br0 quota=9\nallow br1\nallow br2 user=1001\n"
                   "allow br3\ndeny br3 user=alice\ndeny br1 group=teachers\n"));
    (void)state;
    assert_int_equal(read_policy(files, POLICY_STRICT), 0);
    assert_true(decide("br0").allowed);
    assert_int_equal(decide("br0").rule->terms.quota, 4); /* the first that matches, and no other */
    assert_int_equal(decide("br1").rule->terms.quota, 16);
    assert_false(decide("br2").allowed);
    assert_null(decide("br2").rule);
    assert_false(decide("br3").allowed);
    assert_int_equal(decide("br3").rule->line, 7);
    policy_free(&policy);
    assert_int_equal(read_policy(FILES(MAIN("allow br0\n")), POLICY_QEMU), 0);
    assert_int_equal(decide("br0").rule->terms.quota, 0);
    policy_free(&policy);
}

/* What is about others is not kept, but must parse. */
static void rules_of_one_bridge(void **state)
{
    const struct memory_file *files = FILES(MAIN("allow br1 user=alice\nallow br0 user=bob\ninclude /a"),
                                            {"/a", "allow br0 user=alice quota=3\nallow all", 0, 0});
    (void)state;
    assert_int_equal(read_policy_of("br0", files, POLICY_STRICT), 0);
    assert_int_equal(policy.rule_count, 3);
    assert_string_equal(policy.rules[0].terms.user, "bob");
    assert_string_equal(policy.rules[1].terms.user, "alice");
    assert_string_equal(policy.files[policy.rules[1].file].path, "/a");
    assert_int_equal(decide("br0").rule->terms.quota, 3);
    policy_free(&policy);
    assert_int_equal(read_policy_of("br0", FILES(MAIN("allow br0\nallow br1 quota=0\n")), POLICY_STRICT), -1);
    assert_non_null(strstr(why.text, "/main:2 does not parse"));
    policy_free(&policy);
    assert_int_equal(read_policy_of("br0", FILES(MAIN("allow br1\ndeny all\nallow br0\n")), POLICY_QEMU), 0);
    assert_int_equal(policy.rule_count, 2);
    assert_false(decide("br0").allowed);
    policy_free(&policy);
}

static void terms_that_do_not_parse(void **state)
{
    (void)state;
    assert_int_equal(verdict(FILES(MAIN("allow br0\nallow br1 quota=none\n")), POLICY_STRICT, "br0"), -1);
    assert_non_null(strstr(why.text, "/main:2 does not parse: quota= must be"));
    assert_int_equal(verdict(FILES(MAIN("deny br1 quota=1\n")), POLICY_STRICT, "br0"), -1);
    /* For QEMU they are part of a name that no bridge has. */
    assert_int_equal(verdict(FILES(MAIN("allow br0 quota=1\n")), POLICY_QEMU, "br0"), 0);
    assert_int_equal(verdict(FILES(MAIN("allow br0 group=students\n")), POLICY_QEMU, "br0"), -1);
}

/* What policy.conf says to somebody about br0, and why, if that is not to be known. */
static int judged(const char *text, uid_t uid)
{
    struct policy_match result;
    struct caller caller = alice;

    caller.uid = uid;
    assert_int_equal(read_policy(FILES(MAIN(text)), POLICY_STRICT), 0);
    const int err = policy_match(&result, &policy, "br0", &caller, &why);
    if (!err && result.allowed)
        assert_string_equal(result.user, result.rule->terms.uids.set ? "" : "alice");
    policy_free(&policy);
    return err ? err : result.allowed;
}

static void a_look_up_that_fails_denies(void **state)
{
    (void)state;
    assert_int_equal(judged("allow br0\ndeny br0 user=broken\n", 1000), -1);
    assert_non_null(strstr(why.text,
                           "/main:2 cannot be decided, so nothing is allowed on 'br0': user 'broken' "
                           "cannot be looked up: no answer"));
    assert_int_equal(judged("allow br0\ndeny br1 user=broken\n", 1000), 1); /* not a rule of that bridge */
    assert_int_equal(judged("allow br0 quota=1\nallow br0 user=broken\n", 1000),
                     1); /* nor one that is tried */
    assert_int_equal(judged("allow br0 user=broken quota=1\nallow br0\n", 1000), -1);
}

/* By whichever name it says, and an allow means the same. */
static void rules_bind_under_any_name(void **state)
{
    (void)state;
    assert_int_equal(judged("allow br0 user=al\n", 1000), 1);
    assert_int_equal(judged("allow br0\ndeny br0 user=al\n", 1000), 0);
    assert_int_equal(judged("allow br0\ndeny br0 user=alice\n", 1000), 0);
    assert_int_equal(judged("allow br0\ndeny br0 user=bob\n", 1000), 1);
    assert_int_equal(judged("allow br0\ndeny br0 user=nobody\n", 1000), 1);
}

/* Though the process has dropped that group, and getgrouplist(3) does not tell of it. */
static void a_member_of_a_group_is_denied(void **state)
{
    (void)state;
    assert_int_equal(judged("allow br0\ndeny br0 group=dropped\n", 1000), 0);
    assert_int_equal(judged("allow br0\ndeny br0 group=2004\n", 1000), 0);
    assert_int_equal(judged("allow br0\ndeny br0 group=2005\n", 1000), 1); /* there is none */
    assert_int_equal(judged("allow br0\ndeny br0 group=2099\n", 1000), -1);
    assert_int_equal(judged("allow br0 group=dropped\n", 1000), 0);
    assert_int_equal(judged("allow br0 group=2004\n", 1000), 0);
    assert_int_equal(judged("allow br0 uid=1005\ndeny br0 group=2099\n", 1005), 1); /* who has no account */
}

/* An allow of policy.conf is for callers with an account, except one that admits uids. */
static void without_an_account_nothing_is_allowed(void **state)
{
    static const uid_t nobodies[] = {1001, 1002, 1004};
    struct policy_match result;
    struct caller caller = alice;
    (void)state;
    for (size_t i = 0; i < sizeof(nobodies) / sizeof(nobodies[0]); i++) {
        assert_int_equal(judged("allow br0\n", nobodies[i]), -1);
        assert_non_null(strstr(why.text, "/main:1 would allow bridge 'br0', but uid 100"));
        assert_non_null(strstr(why.text, "has no account"));
        assert_int_equal(judged("allow br0 user=1000\nallow br1\n", nobodies[i]), 0);
        assert_int_equal(judged("allow br0 uid=1000-1004\n", nobodies[i]), 1);
        assert_int_equal(judged("allow br0 uid=1000-1004\ndeny br0 uid=1001-1004\n", nobodies[i]), 0);
        assert_int_equal(judged("allow br0 uid=1000-1004\ndeny br0 user=nobody\n", nobodies[i]), -1);
        assert_non_null(strstr(why.text, "/main:2 cannot be decided"));
    }
    assert_int_equal(judged("allow br0\n", 1099), -1);
    assert_non_null(strstr(why.text, "uid 1099 cannot be looked up: no answer"));
    assert_int_equal(judged("allow br0 uid=1099\n", 1099), 1);
    caller.uid = 1099; /* a bridge.conf has QEMU's verdicts, and nobody is looked up */
    assert_int_equal(read_policy(FILES(MAIN("allow br0\n")), POLICY_QEMU), 0);
    assert_int_equal(policy_match(&result, &policy, "br0", &caller, &why), 0);
    assert_true(result.allowed);
    policy_free(&policy);
}

static void includes_of_a_folder(void **state)
{
    const struct memory_file *files =
        FILES(MAIN("include /d/*.conf\nallow br1\n"), {"/d/a.conf", "allow br0", 0, 0},
              {"/d/b.txt", "nonsense", 0, 0}, {"/d/c.conf", "deny br1", 0, 0});
    (void)state;
    assert_int_equal(verdict(files, POLICY_STRICT, "br0"), 1);
    assert_int_equal(verdict(files, POLICY_STRICT, "br1"), 0);
    assert_int_equal(verdict(files, POLICY_QEMU, "br0"), 0); /* a file of that very name */
    assert_int_equal(verdict(FILES(MAIN("allow br0\ninclude /d/*\n")), POLICY_STRICT, "br0"), 1);
    assert_int_equal(verdict(FILES(MAIN("allow br0\ninclude /*/a\n")), POLICY_STRICT, "br0"), -1);
    assert_int_equal(
        verdict(FILES(MAIN("allow br0\ninclude /d/*\n"), {"/d/a", "x", 0, 0}), POLICY_STRICT, "br0"), -1);
    assert_non_null(strstr(why.text, "/d/a:1"));
    assert_int_equal(
        verdict(FILES(MAIN("allow br0\ninclude /d/*\n"), {"/d", NULL, EACCES, 0}), POLICY_STRICT, "br0"), 1);
    assert_int_equal(
        verdict(FILES(MAIN("allow br0\ninclude /d/*\n"), {"/d", NULL, ENOENT, 0}), POLICY_STRICT, "br0"), -1);
    assert_non_null(strstr(why.text, "/main:2 includes a folder that cannot be used"));
    assert_int_equal(verdict(FILES(MAIN("include /*.conf\n")), POLICY_STRICT, "br0"), 0);
}

/* Every file is inode 1, on a device of its own: the last character of its path. */
static int read_devices(void *context, const char *path, size_t limit, struct policy_text *out,
                        struct error *reason)
{
    const char *text = strcmp(path, "/1") == 0 ? "include /2\n" : "allow br0\n";
    (void)context, (void)limit, (void)reason;
    *out = (struct policy_text){strdup(text), strlen(text), (dev_t)path[1], 1};
    assert_non_null(out->bytes);
    return 0;
}

static void the_same_inode_on_another_device_is_no_loop(void **state)
{
    static const struct policy_source source = {NULL, read_devices, NULL};
    (void)state;
    for (int dialect = POLICY_QEMU; dialect <= POLICY_STRICT; dialect++) {
        assert_int_equal(policy_read(&policy, "/1", dialect, NULL, &source, &why), 0);
        assert_true(decide("br0").allowed);
        policy_free(&policy);
    }
}

static void tells_which_line_was_not_taken(void **state)
{
    static const struct {
        struct memory_file files[3];
        enum policy_dialect dialect;
        const char *file; /* NULL: no line is to blame */
        unsigned long line;
    } cases[] = {
        {{MAIN("allow br0\nnonsense\n")}, POLICY_STRICT, "/main", 2},
        {{MAIN("# one\ninclude /a\n"), {"/a", "allow br0\n\nallow br0 quota=0\n", 0, 0}},
         POLICY_STRICT,
         "/a",
         3},
        {{MAIN("# one\ninclude /a\n")}, POLICY_STRICT, "/main", 2},
        {{MAIN("allow br0\n")}, POLICY_STRICT, NULL, 0},
        {{{"/main", NULL, EPERM, 0}}, POLICY_STRICT, NULL, 0},
        {{MAIN("include /a\nallow br1\ninclude a\n"), {"/a", "x\n", 0, 0}}, POLICY_QEMU, "/main", 3},
        {{MAIN("include /a\nallow br1\n"), {"/a", "x\n", 0, 0}}, POLICY_QEMU, NULL, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        read_policy(cases[i].files, cases[i].dialect);
        assert_int_equal(policy.wrong_line, cases[i].line);
        if (cases[i].file)
            assert_string_equal(policy.files[policy.wrong_file].path, cases[i].file);
        policy_free(&policy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(terms_select_and_grant),
        cmocka_unit_test(rules_of_one_bridge),
        cmocka_unit_test(terms_that_do_not_parse),
        cmocka_unit_test(a_look_up_that_fails_denies),
        cmocka_unit_test(rules_bind_under_any_name),
        cmocka_unit_test(a_member_of_a_group_is_denied),
        cmocka_unit_test(without_an_account_nothing_is_allowed),
        cmocka_unit_test(includes_of_a_folder),
        cmocka_unit_test(the_same_inode_on_another_device_is_no_loop),
        cmocka_unit_test(tells_which_line_was_not_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
