/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The terms of a rule: each taken, and each refused in every way; and whom they are about. */
#include "helper/refusal.h"
#include "helper/terms.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct terms terms;
static struct refusal why;

/* What terms point into. */
static char copy[128];

static int parse(const char *text, bool deny)
{
    assert_true(strlen(text) < sizeof(copy));
    return terms_parse(&terms, strcpy(copy, text), deny, &why);
}

static void takes_each_term(void **state)
{
    (void)state;
    assert_int_equal(parse("\t user=alice  group=100 quota=4\tname=vt-a* mtu=1400 require=kvm ", false), 0);
    assert_string_equal(terms.user, "alice");
    assert_string_equal(terms.group, "100");
    assert_int_equal(terms.quota, 4);
    assert_string_equal(terms.names, "vt-a*");
    assert_int_equal(terms.mtu, 1400);
    assert_true(terms.require_kvm);
    assert_false(terms.protection.mac_lock || terms.protection.isolated || terms.protection.guard);
    assert_int_equal(terms.protection.vlan, 0);
    assert_null(terms.macs);
    assert_int_equal(parse("", false), 0);
    assert_null(terms.user);
    assert_int_equal(parse("user=alice group=wheel", true), 0);
}

static void takes_the_ends_of_each_range(void **state)
{
    static const char *const good[] = {"quota=1", "quota=1023", "mtu=68", "mtu=65521", "vlan=1", "vlan=4094"};
    static const char *const macs[] = {"52", "52:54:00", "52:54:00:aB:Cd:eF"};
    (void)state;
    for (size_t i = 0; i < COUNT(good); i++)
        assert_int_equal(parse(good[i], false), 0);
    for (size_t i = 0; i < COUNT(macs); i++) {
        char term[32] = "macs=";
        assert_int_equal(parse(strcat(term, macs[i]), false), 0);
        assert_string_equal(terms.macs, macs[i]);
    }
    assert_int_equal(parse("name=vt-*0123456789a*b", false), 0);
    assert_int_equal(parse("name=vt-[0123456789abcdef]*", false), 0);
}

static void takes_each_protection(void **state)
{
    (void)state;
    assert_int_equal(parse("mac=lock", false), 0);
    assert_true(terms.protection.mac_lock && !terms.protection.isolated && !terms.protection.guard);
    assert_int_equal(parse("isolated=yes", false), 0);
    assert_true(terms.protection.isolated && !terms.protection.mac_lock && !terms.protection.guard);
    assert_int_equal(parse("vlan=100 guard=yes", false), 0);
    assert_true(terms.protection.guard && !terms.protection.mac_lock && !terms.protection.isolated);
    assert_int_equal(terms.protection.vlan, 100);
}

static void refuses_bad_terms(void **state)
{
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"user=", "user= takes the name"},
        {"group=", "group= takes the name"},
        {"quota=0", "from 1 to 1023"},
        {"quota=1024", "from 1 to 1023"},
        {"quota=", "from 1 to 1023"},
        {"quota=-1", "from 1 to 1023"},
        {"quota=4x", "from 1 to 1023"},
        {"quota=99999999999999999999999", "from 1 to 1023"},
        {"mtu=67", "from 68 to 65521"},
        {"mtu=65522", "from 68 to 65521"},
        {"name=", "begins with vt-"},
        {"name=eth*", "begins with vt-"},
        {"require=", "require= takes kvm"},
        {"require=tun", "require= takes kvm"},
        {"mac=open", "mac= takes lock"},
        {"macs=", "beginning of a MAC"},
        {"macs=5", "beginning of a MAC"},
        {"macs=52:", "beginning of a MAC"},
        {"macs=52:5", "beginning of a MAC"},
        {"macs=525400", "beginning of a MAC"},
        {"macs=01:00:5e", "unicast"},
        {"macs=fF", "unicast"},
        {"name=vt-0123456789abc", "at most 15 characters"},
        {"name=vt-*0123456789abc*", "at most 15 characters"},
        {"macs=5g", "beginning of a MAC"},
        {"macs=52:54:00:11:22:33:44", "beginning of a MAC"},
        {"isolated=no", "isolated= takes yes"},
        {"guard=1", "guard= takes yes"},
        {"vlan=0", "from 1 to 4094"},
        {"vlan=4095", "from 1 to 4094"},
        {"colour=red", "no term 'colour='"},
        {"quota", "'quota' is not KEY=VALUE"},
        {"=4", "no term '='"},
        {"quota=4 quota=4", "quota= stands twice"},
        {"user=a quota=1 user=b", "user= stands twice"},
        {"br1", "'br1' is not KEY=VALUE"},
        {"User=a", "no term 'User='"},
        {"# why", "'#' is not KEY=VALUE"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(parse(cases[i].text, false), -1);
        assert_non_null(strstr(why.text, cases[i].says));
    }
}

static void a_deny_grants_nothing(void **state)
{
    static const char *const grants[] = {"quota=1", "name=vt-*", "mtu=1400",     "require=kvm", "mac=lock",
                                         "macs=52", "vlan=1",    "isolated=yes", "guard=yes"};
    (void)state;
    for (size_t i = 0; i < COUNT(grants); i++) {
        assert_int_equal(parse(grants[i], true), -1);
        assert_non_null(strstr(why.text, "which a deny cannot"));
    }
}

static int lookups;

static int find_user(struct names *names, const char *name, uid_t *uid)
{
    (void)names;
    lookups++;
    *uid = strcmp(name, "alice") == 0 ? 1000 : 1001;
    return strcmp(name, "nobody") == 0 ? -ENOENT : strcmp(name, "broken") == 0 ? -EIO : 0;
}

static int find_group(struct names *names, const char *name, gid_t *gid)
{
    (void)names;
    lookups++;
    *gid = strcmp(name, "students") == 0 ? 2002 : strcmp(name, "own") == 0 ? 2000 : 2999;
    return strcmp(name, "nobody") == 0 ? -ENOENT : strcmp(name, "broken") == 0 ? -EIO : 0;
}

static void is_about_the_right_caller(void **state)
{
    static const gid_t groups[] = {2001, 2002};
    static const struct caller caller = {1000,      2000,       groups, COUNT(groups),
                                         find_user, find_group, NULL,   NULL};
    static const struct {
        const char *text;
        int match;
    } cases[] = {
        {"", 1},
        {"user=1000", 1},
        {"user=1001", 0},
        {"user=alice", 1},
        {"user=bob", 0},
        {"user=nobody", 0},
        {"user=broken", -EIO},
        {"group=2000", 1},
        {"group=2001", 1},
        {"group=2002", 1},
        {"group=2003", 0},
        {"group=own", 1},
        {"group=students", 1},
        {"group=teachers", 0},
        {"group=nobody", 0},
        {"group=broken", -EIO},
        {"user=alice group=students", 1},
        {"user=alice group=teachers", 0},
        {"user=bob group=students", 0},
        {"user=bob group=broken", 0},
        {"user=4294967295", 0}, /* (uid_t)-1 is no user: a name, then, which bob has */
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(parse(cases[i].text, false), 0);
        assert_int_equal(terms_match(&terms, &caller), cases[i].match);
    }
    lookups = 0;
    assert_int_equal(parse("user=1000 group=2001", false), 0);
    assert_int_equal(terms_match(&terms, &caller), 1);
    assert_int_equal(lookups, 0);
}

static int names;

static int find_name(struct names *list, uid_t uid, char name[TERMS_USER_SIZE])
{
    (void)list;
    names++;
    strcpy(name, "alice");
    return uid == 1000 ? 0 : uid == 1001 ? -ENOENT : -EIO;
}

/* With the caller's own name other users are not looked up, and a second name does not count. */
static void goes_by_the_callers_name(void **state)
{
    static const char *const texts[] = {"user=alice", "user=bob", "user=broken", "user=nobody", "user=1000"};
    static const int matches[] = {1, 0, 0, 0, 1};
    struct own_name own = {.find = find_name};
    struct caller caller = {1000, 2000, NULL, 0, find_user, find_group, NULL, &own};
    (void)state;
    names = lookups = 0;
    for (size_t i = 0; i < COUNT(texts); i++) {
        assert_int_equal(parse(texts[i], false), 0);
        assert_int_equal(terms_match(&terms, &caller), matches[i]);
    }
    assert_int_equal(names, 1);
    assert_int_equal(lookups, 1); /* alice: that the name is hers, too */
    caller.uid = 1001;
    own.asked = false;
    assert_int_equal(parse("user=alice", false), 0);
    assert_int_equal(terms_match(&terms, &caller), 0); /* a number without a name is nobody of that name */
    caller.uid = 1002;
    own.asked = false;
    assert_int_equal(terms_match(&terms, &caller), -EIO);
    assert_int_equal(lookups, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_each_term),          cmocka_unit_test(takes_the_ends_of_each_range),
        cmocka_unit_test(takes_each_protection),    cmocka_unit_test(refuses_bad_terms),
        cmocka_unit_test(a_deny_grants_nothing),    cmocka_unit_test(is_about_the_right_caller),
        cmocka_unit_test(goes_by_the_callers_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
