/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Who is asking: the account, and users and groups by name and number. */
#include "memory.h"
#include "policy/identity.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct identity who_is(const struct caller *caller)
{
    struct identity who;

    identity_begin(&who, caller);
    return who;
}

static void accounts(void **state)
{
    static const struct {
        uid_t uid;
        const char *says; /* NULL: there is one */
    } cases[] = {
        {1000, NULL},
        {1001, "uid 1001 has no account"}, /* none */
        {1002, "uid 1002 has no account"}, /* its name leads to another uid */
        {1004, "uid 1004 has no account"}, /* its name leads to nobody */
        {1003, "uid 1003 cannot be looked up: no answer"},
        {1099, "uid 1099 cannot be looked up: no answer"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct caller caller = alice;
        caller.uid = cases[i].uid;
        struct identity who = who_is(&caller);
        for (int again = 0; again < 2; again++) {
            assert_int_equal(identity_require_account(&who, &why), cases[i].says ? -1 : 0);
            if (cases[i].says)
                assert_non_null(strstr(why.text, cases[i].says));
        }
        assert_int_equal(who.account == IDENTITY_KNOWN, !cases[i].says);
        if (who.account == IDENTITY_NONE) {
            assert_non_null(strstr(why.text, "a rule with uid="));
            assert_string_equal(who.name, "");
        }
    }
}

static void users(void **state)
{
    static const struct {
        const char *user;
        int allow, deny;
    } cases[] = {
        {"1000", 1, 1},   {"1001", 0, 0},     {"alice", 1, 1},      {"al", 1, 1}, {"bob", 0, 0},
        {"nobody", 0, 0}, {"broken", -1, -1}, {"4294967295", 0, 0}, /* (uid_t)-1 is no user: a name */
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct identity who = who_is(&alice);
        assert_int_equal(identity_is_user(&who, cases[i].user, false, &why), cases[i].allow);
        assert_int_equal(who.account, IDENTITY_NOT_ASKED);
        assert_int_equal(identity_is_user(&who, cases[i].user, true, &why), cases[i].deny);
    }
}

static void a_deny_by_name_requires_an_account(void **state)
{
    struct caller caller = alice;
    (void)state;
    caller.uid = 1001;
    struct identity who = who_is(&caller);
    assert_int_equal(identity_is_user(&who, "alice", true, &why), -1);
    assert_non_null(strstr(why.text, "has no account"));
    assert_int_equal(identity_is_user(&who, "1000", true, &why), 0);
    assert_int_equal(identity_is_user(&who, "alice", false, &why), 0);
}

static void groups(void **state)
{
    static const struct {
        const char *group;
        int allow, deny;
    } cases[] = {
        {"2000", 1, 1},     {"2001", 1, 1},     {"2002", 1, 1},     {"2003", 0, 0},
        {"1999", 0, 1}, /* the account's */
        {"own", 1, 1},      {"students", 1, 1}, {"teachers", 0, 0}, {"nobody", 0, 0},
        {"broken", -1, -1}, {"readers", 0, 1}, /* a name that one of the gids has binds, even if it leads to
                                                  another */
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct identity who = who_is(&alice);
        assert_int_equal(identity_in_group(&who, cases[i].group, false, &why), cases[i].allow);
        assert_int_equal(identity_in_group(&who, cases[i].group, true, &why), cases[i].deny);
    }
}

static void a_deny_by_group_requires_names(void **state)
{
    static const gid_t unnamed[] = {2001, 7}, silent[] = {2001, 2099};
    struct caller caller = alice;
    (void)state;
    caller.groups = unnamed;
    struct identity who = who_is(&caller);
    assert_int_equal(identity_in_group(&who, "teachers", true, &why), -1);
    assert_non_null(strstr(why.text, "gid 7 of uid 1000 has no name"));
    assert_int_equal(identity_in_group(&who, "2002", true, &why), 0);
    assert_int_equal(identity_in_group(&who, "teachers", false, &why), 0);
    caller.groups = silent;
    assert_int_equal(identity_in_group(&who, "readers", true, &why), -1);
    assert_non_null(strstr(why.text, "gid 2099 cannot be looked up: no answer"));
    caller = alice;
    caller.uid = 1001; /* without an account its groups are the kernel's */
    who = who_is(&caller);
    assert_int_equal(identity_in_group(&who, "1999", true, &why), 0);
    assert_int_equal(identity_in_group(&who, "students", true, &why), 1);
    caller.uid = 1099;
    who = who_is(&caller);
    assert_int_equal(identity_in_group(&who, "1999", true, &why), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accounts),
        cmocka_unit_test(users),
        cmocka_unit_test(a_deny_by_name_requires_an_account),
        cmocka_unit_test(groups),
        cmocka_unit_test(a_deny_by_group_requires_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
