/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * The terms of a rule: each taken, and each refused in every way; and whom they are about. */
#include "memory.h"
#include "net/binding.h"
#include "policy/terms.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct terms terms;

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
    assert_int_equal(parse("\t user=alice  group=100 quota=4\tname=vtap-a* mtu=1400 require=kvm ", false), 0);
    assert_string_equal(terms.user, "alice");
    assert_string_equal(terms.group, "100");
    assert_int_equal(terms.quota, 4);
    assert_string_equal(terms.names, "vtap-a*");
    assert_int_equal(terms.mtu, 1400);
    assert_true(terms.require_kvm);
    assert_false(terms.protection.mac_lock || terms.protection.isolated || terms.protection.guard);
    assert_null(terms.vlan);
    assert_null(terms.native);
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
    assert_int_equal(parse("name=vtap-*012345678*b", false), 0);
    assert_int_equal(parse("name=vtap-[0123456789abcdef]*", false), 0);
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
    assert_string_equal(terms.vlan, "100");
    assert_false(terms.protection.ip_lock || terms.protection.no_vnet);
    assert_int_equal(parse("vnet=no", false), 0);
    assert_true(terms.protection.no_vnet);
}

static void takes_vlans(void **state)
{
    (void)state;
    assert_int_equal(parse("native=100 vlan=100,200-210", false), 0);
    assert_string_equal(terms.vlan, "100,200-210");
    assert_string_equal(terms.native, "100");
    assert_int_equal(parse("vlan=100 native=none", false), 0);
    assert_string_equal(terms.native, "none");
}

static void takes_addresses(void **state)
{
    (void)state;
    assert_int_equal(parse("ip=lock ips=10.66.1.0/24,2001:db8:66:1::/64,10.70.0.9 mac=lock", false), 0);
    assert_true(terms.protection.ip_lock && terms.protection.mac_lock);
    assert_string_equal(terms.ips, "10.66.1.0/24,2001:db8:66:1::/64,10.70.0.9");
    assert_int_equal(parse("mac=lock ip=lock", false), 0);
    assert_null(terms.ips);
}

static void takes_what_it_serves(void **state)
{
    (void)state;
    assert_int_equal(parse("mac=lock", false), 0);
    assert_int_equal(terms.protection.serve, 0);
    assert_int_equal(parse("mac=lock serve=dhcp", false), 0);
    assert_int_equal(terms.protection.serve, SERVE_DHCP);
    assert_int_equal(parse("serve=ra,dhcpv6 mac=lock", false), 0);
    assert_int_equal(terms.protection.serve, SERVE_RA | SERVE_DHCPV6);
    assert_int_equal(parse("serve=dhcp,dhcpv6,ra mac=lock", false), 0);
    assert_int_equal(terms.protection.serve, SERVE_DHCP | SERVE_DHCPV6 | SERVE_RA);
}

static void takes_destinations(void **state)
{
    (void)state;
    assert_int_equal(parse("mac=lock", false), 0);
    assert_null(terms.egress);
    assert_int_equal(parse("egress=+10.70.0.1:53/udp,-host,-private,-linklocal,+all mac=lock", false), 0);
    assert_string_equal(terms.egress, "+10.70.0.1:53/udp,-host,-private,-linklocal,+all");
}

static const struct {
    const char *text, *says;
} bad_terms[] = {
    {"user=", "user= must be the name"},
    {"group=", "group= must be the name"},
    {"uid=", "uid= must be a uid"},
    {"uid=root", "uid= must be a uid"},
    {"uid=-5", "uid= must be a uid"},
    {"uid=5-", "uid= must be a uid"},
    {"uid=9-7", "uid= must be a uid"},
    {"uid=5-6-7", "uid= must be a uid"},
    {"uid=+5", "uid= must be a uid"},
    {"uid=4294967295", "uid= must be a uid"},
    {"uid=0-4294967295", "uid= must be a uid"},
    {"uid=000000000000000000001", "uid= must be a uid"},
    {"uid=1 uid=2", "uid= is given twice"},
    {"quota=0", "from 1 to 1023"},
    {"quota=1024", "from 1 to 1023"},
    {"quota=", "from 1 to 1023"},
    {"quota=-1", "from 1 to 1023"},
    {"quota=4x", "from 1 to 1023"},
    {"quota=99999999999999999999999", "from 1 to 1023"},
    {"mtu=67", "from 68 to 65521"},
    {"mtu=65522", "from 68 to 65521"},
    {"name=", "begins with vtap-"},
    {"name=eth*", "begins with vtap-"},
    {"name=vtap-%", "at most once"},
    {"name=vtap-%d", "at most once"},
    {"name=vtap-%u%u", "at most once"},
    {"name=vtap-%u-%u", "at most once"},
    {"name=vtap-*%u", "at most once"},
    {"name=vtap-[ab]%u", "at most once"},
    {"name=vtap-%u*", "at most once"},
    {"name=vtap-%u?", "at most once"},
    {"name=vtap-0123456789%u", "at most 15 characters"},
    {"require=", "require= must be kvm"},
    {"require=tun", "require= must be kvm"},
    {"mac=open", "mac= must be lock"},
    {"macs=", "beginning of a MAC"},
    {"macs=5", "beginning of a MAC"},
    {"macs=52:", "beginning of a MAC"},
    {"macs=52:5", "beginning of a MAC"},
    {"macs=525400", "beginning of a MAC"},
    {"macs=01:00:5e", "unicast"},
    {"macs=fF", "unicast"},
    {"name=vtap-0123456789a", "at most 15 characters"},
    {"name=vtap-*0123456789a*", "at most 15 characters"},
    {"macs=5g", "beginning of a MAC"},
    {"macs=52:54:00:11:22:33:44", "beginning of a MAC"},
    {"ip=lock", "ip=lock requires mac=lock"},
    {"ip=free", "ip= must be lock"},
    {"mac=lock ips=10.66.1.0/24", "ips= requires ip=lock"},
    {"ip=lock ips=10.66.1.0/24", "ip=lock requires mac=lock"},
    {"serve=dhcp", "serve= requires mac=lock"},
    {"mac=lock ip=lock ips=", "ips= must be up to 64 networks"},
    {"mac=lock ip=lock ips=,", "ips= must be up to 64 networks"},
    {"ips=10.66.1.0/24,", "ips= must be up to 64 networks"},
    {"ips=10.66.1.0/24,,10.66.2.0/24", "ips= must be up to 64 networks"},
    {"ips=10.66.1.5/24", "no bits after their prefix"},
    {"ips=10.66.1.0/33", "ips= must be"},
    {"ips=10.66.1.0/0", "ips= must be"},
    {"ips=10.66.1.0/", "ips= must be"},
    {"ips=10.66.1.0/+8", "ips= must be"},
    {"ips=2001:db8::/129", "ips= must be"},
    {"ips=10.66.1", "ips= must be"},
    {"ips=0000:0000:0000:0000:0000:0000:0000:0000:0000:0000", "ips= must be"},
    {"ips=br0", "ips= must be"},
    {"ips=224.0.0.0/8", "unicast"},
    {"ips=127.0.0.1", "unicast"},
    {"ips=128.0.0.0/1", "unicast"},
    {"ips=0.0.0.0", "unicast"},
    {"ips=ff00::/8", "unicast"},
    {"ips=::1", "unicast"},
    {"ips=::ffff:10.0.0.1", "unicast"},
    {"ips=10.66.0.0/16,10.66.1.0/24", "do not overlap"},
    {"ips=fd00::1,fd00::1", "do not overlap"},
    {"ips=10.0.0.1 ips=10.0.0.2", "ips= is given twice"},
    {"serve=", "serve= must be dhcp"},
    {"serve=dhcp,", "serve= must be dhcp"},
    {"serve=dhcpv", "serve= must be dhcp"},
    {"serve=dhcpv66", "serve= must be dhcp"},
    {"serve=DHCP", "serve= must be dhcp"},
    {"serve=ra,,dhcp", "serve= must be dhcp"},
    {"egress=+all", "egress= requires mac=lock"},
    {"mac=lock egress=", "egress= must be up to 64 destinations, as in +10.70.0.1:53/udp,"},
    {"mac=lock egress=+all,", "(number 2 is not one), not '+all,'"},
    {"mac=lock egress=-host,+10.0.0.1,all", "(number 3 is not one)"},
    {"egress=+all egress=+all", "egress= is given twice"},
    {"vnet=yes", "vnet= must be no"},
    {"isolated=no", "isolated= must be yes"},
    {"guard=1", "guard= must be yes"},
    {"vlan=0", "from 1 to 4094"},
    {"vlan=4095", "vlan= must be VLANs from 1 to 4094"},
    {"vlan=", "not ''"},
    {"vlan=100,200,100",
     "vlan= must be VLANs that are each given once, as in 100,200-210, not '100,200,100'"},
    {"vlan=210-200", "vlan= must be ranges that end after they begin"},
    {"vlan=100 vlan=200", "vlan= is given twice"},
    {"native=100", "native= requires vlan="},
    {"native=none", "native= requires vlan="},
    {"vlan=100,200 native=", "native= must be none, or one of the VLANs in vlan=, not ''"},
    {"vlan=100,200 native=300", "native= must be none, or one of the VLANs in vlan=, not '300'"},
    {"native=100-200 vlan=100-200", "native= must be none, or one of the VLANs in vlan=, not '100-200'"},
    {"vlan=100 native=no", "native= must be none"},
    {"vlan=100,200 native=100 native=200", "native= is given twice"},
    {"colour=red", "unknown term 'colour='"},
    {"quota", "'quota' is not KEY=VALUE without blanks"},
    {"=4", "unknown term '='"},
    {"quota=4 quota=4", "quota= is given twice"},
    {"user=a quota=1 user=b", "user= is given twice"},
    {"br1", "'br1' is not KEY=VALUE"},
    {"User=a", "unknown term 'User='"},
    {"# why", "'#' is not KEY=VALUE"},
};

static void refuses_bad_terms(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(bad_terms); i++) {
        assert_int_equal(parse(bad_terms[i].text, false), -1);
        assert_non_null(strstr(why.text, bad_terms[i].says));
    }
}

static void a_deny_grants_nothing(void **state)
{
    static const char *const grants[] = {"quota=1",      "name=vtap-*", "mtu=1400",   "require=kvm",
                                         "mac=lock",     "macs=52",     "vlan=1",     "native=none",
                                         "isolated=yes", "guard=yes",   "ip=lock",    "ips=10.0.0.1",
                                         "serve=ra",     "vnet=no",     "egress=+all"};
    (void)state;
    for (size_t i = 0; i < COUNT(grants); i++) {
        assert_int_equal(parse(grants[i], true), -1);
        assert_non_null(strstr(why.text, "which a deny cannot"));
    }
    assert_int_equal(parse("ma=lock", true), -1);
    assert_non_null(strstr(why.text, "unknown term 'ma='"));
    assert_int_equal(parse("mac", true), -1);
    assert_non_null(strstr(why.text, "'mac' is not KEY=VALUE"));
}

static int match(const char *text, uid_t uid)
{
    struct caller caller = alice;
    struct identity who;

    caller.uid = uid;
    identity_begin(&who, &caller);
    assert_int_equal(parse(text, false), 0);
    return terms_match(&terms, &who, false, &why);
}

static void all_selectors_must_match(void **state)
{
    (void)state;
    assert_int_equal(match("", 1000), 1);
    assert_int_equal(match("user=alice group=students uid=999-1001", 1000), 1);
    assert_int_equal(match("user=bob group=students uid=999-1001", 1000), 0);
    assert_int_equal(match("user=alice group=teachers", 1000), 0);
    assert_int_equal(match("user=alice group=students uid=1001-1002", 1000), 0);
    assert_int_equal(match("user=bob group=broken", 1000), 0);
    assert_int_equal(match("user=alice group=broken", 1000), -1);
    assert_int_equal(match("uid=1001 user=broken", 1000), 0);
    assert_int_equal(match("user=broken", 1000), -1);
}

static void ranges_of_uids(void **state)
{
    static const struct {
        const char *text;
        uid_t uid;
        int match;
    } cases[] = {
        {"uid=7", 7, 1},
        {"uid=7", 6, 0},
        {"uid=7", 8, 0},
        {"uid=7-9", 6, 0},
        {"uid=7-9", 7, 1},
        {"uid=7-9", 9, 1},
        {"uid=7-9", 10, 0},
        {"uid=0", 0, 1},
        {"uid=5-5", 5, 1},
        {"uid=0-4294967294", 0, 1},
        {"uid=4294967294", 4294967294, 1},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_int_equal(match(cases[i].text, cases[i].uid), cases[i].match);
    assert_int_equal(parse("uid=7-9", true), 0);
    assert_true(terms.uids.set && terms.uids.first == 7 && terms.uids.last == 9);
}

static const char *names_of(const char *text, const char *user)
{
    static char names[TERMS_NAMES_SIZE];

    assert_int_equal(parse(text, false), 0);
    return terms_names(names, &terms, user, &why) == 0 ? names : NULL;
}

static void names_by_user(void **state)
{
    static const struct {
        const char *text, *user, *names; /* NULL: refused */
    } cases[] = {
        {"", "", "vtap-*"},
        {"name=vtap-a*", "alice", "vtap-a*"},
        {"name=vtap-%u", "alice", "vtap-alice"},
        {"name=vtap-%u-*", "alice", "vtap-alice-*"},
        {"name=vtap-%u-%%*", "alice", "vtap-alice-%*"},
        {"name=vtap-%u.[ab]*", "a-b", "vtap-a-b.[ab]*"},
        {"name=vtap-%u-*", "", NULL},
        {"name=vtap-%u-*", "a-b", NULL},
        {"name=vtap-%u", "a*", NULL},
        {"name=vtap-%u", "DOMAIN\\alice", NULL},
        {"name=vtap-%u", "alice@example", NULL},
        {"name=vtap-%u", "\xc3\xa9", NULL},
        {"name=vtap-%u", "tenletters", "vtap-tenletters"},
        {"name=vtap-%u", "elevenlette", NULL},
        {"name=vtap-%u-?*", "eightlet", "vtap-eightlet-?*"},
        {"name=vtap-%u-?*", "nineleter", NULL},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *names = names_of(cases[i].text, cases[i].user);
        if (cases[i].names)
            assert_string_equal(names, cases[i].names);
        else
            assert_null(names);
    }
    assert_null(names_of("name=vtap-%u", "thirteenchars"));
    assert_non_null(strstr(why.text, "'thirteenchars': no name of at most 15 characters matches"));
}

static void a_pattern_of_any_length_fits(void **state)
{
    static char text[4600] = "name=vtap-[", names[TERMS_NAMES_SIZE];
    (void)state;
    memset(text + strlen(text), 'a', 4000);
    strcat(text, "]");
    assert_int_equal(terms_parse(&terms, text, false, &why), 0);
    assert_int_equal(terms_names(names, &terms, "alice", &why), 0);
    assert_string_equal(names, terms.names);
    snprintf(text, sizeof(text), "vtap-*%4590d", 0);
    terms = (struct terms){.names = text}; /* longer than a line can be: cut, which no name can match */
    assert_int_equal(terms_names(names, &terms, "alice", &why), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_each_term),
        cmocka_unit_test(takes_the_ends_of_each_range),
        cmocka_unit_test(takes_each_protection),
        cmocka_unit_test(takes_vlans),
        cmocka_unit_test(takes_addresses),
        cmocka_unit_test(takes_what_it_serves),
        cmocka_unit_test(takes_destinations),
        cmocka_unit_test(refuses_bad_terms),
        cmocka_unit_test(a_deny_grants_nothing),
        cmocka_unit_test(all_selectors_must_match),
        cmocka_unit_test(ranges_of_uids),
        cmocka_unit_test(names_by_user),
        cmocka_unit_test(a_pattern_of_any_length_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
