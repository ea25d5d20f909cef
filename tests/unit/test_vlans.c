/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Lists of VLANs: what each is, why it is none, and what a rule gives to whoever asks for one. */
#include "base/error.h"
#include "base/vlans.h"
#include "policy/decide.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct vlans vlans;

static void lists(void **state)
{
    static const struct {
        const char *list, *native;
        unsigned int untagged;
        bool tagged;
        const char *printed; /* NULL: as it was */
    } good[] = {
        {NULL, NULL, 0, false, ""},
        {"100", NULL, 100, false, NULL},
        {"1", NULL, 1, false, NULL},
        {"4094", NULL, 4094, false, NULL},
        {"0100", NULL, 100, false, "100"},
        {"100", "100", 100, false, NULL},
        {"100", "none", 0, true, NULL},
        {"100,200-210", NULL, 0, true, NULL},
        {"100,200-210", "none", 0, true, NULL},
        {"100,200-210", "100", 100, true, NULL},
        {"100,200-210", "205", 205, true, NULL},
        {"1-4094", "4094", 4094, true, NULL},
        {"300,100,200", NULL, 0, true, "100,200,300"},
        {"5,4,3,1", NULL, 0, true, "1,3-5"},
        {"1-2,3-4", NULL, 0, true, "1-4"},
    };
    char text[VLANS_TEXT];
    (void)state;

    for (size_t i = 0; i < COUNT(good); i++) {
        assert_null(vlans_parse(&vlans, good[i].list, good[i].native));
        assert_int_equal(vlans.untagged, good[i].untagged);
        assert_true(vlans_tagged(&vlans) == good[i].tagged);
        assert_true(vlans_any(&vlans) == (good[i].list != NULL));
        assert_true(vlans_print(&vlans, text));
        assert_string_equal(text, good[i].printed ? good[i].printed : good[i].list);
    }
}

static void what_is_no_list(void **state)
{
    static const struct {
        const char *list, *native, *says;
    } bad[] = {
        {"", NULL, "from 1 to 4094"},
        {"0", NULL, "from 1 to 4094"},
        {"4095", NULL, "from 1 to 4094"},
        {"65636", NULL, "from 1 to 4094"},
        {"4294967396", NULL, "from 1 to 4094"},
        {"-1", NULL, "from 1 to 4094"},
        {"+1", NULL, "from 1 to 4094"},
        {" 1", NULL, "from 1 to 4094"},
        {"1 ", NULL, "from 1 to 4094"},
        {"0x64", NULL, "from 1 to 4094"},
        {"a", NULL, "from 1 to 4094"},
        {"100,", NULL, "from 1 to 4094"},
        {",100", NULL, "from 1 to 4094"},
        {"100,,200", NULL, "from 1 to 4094"},
        {"100-", NULL, "from 1 to 4094"},
        {"100-200-300", NULL, "from 1 to 4094"},
        {"0-100", NULL, "from 1 to 4094"},
        {"100-4095", NULL, "from 1 to 4094"},
        {"210-200", NULL, "end after they begin"},
        {"100-100", NULL, "end after they begin"},
        {"100,100", NULL, "each given once"},
        {"100-200,150", NULL, "each given once"},
        {"100,50-100", NULL, "each given once"},
        {"100", "200", "one of its VLANs"},
        {"100,200", "0", "one of its VLANs"},
        {"100,200", "", "one of its VLANs"},
        {"100,200", "100,200", "one of its VLANs"},
        {"100,200", "4095", "one of its VLANs"},
        {"100,200", "None", "one of its VLANs"},
        {"100,200", "100 ", "one of its VLANs"},
    };
    (void)state;

    for (size_t i = 0; i < COUNT(bad); i++) {
        const char *problem = vlans_parse(&vlans, bad[i].list, bad[i].native);
        assert_non_null(problem);
        assert_non_null(strstr(problem, bad[i].says));
    }
}

static void at_most_64(void **state)
{
    char list[1024] = "2", text[VLANS_TEXT];
    size_t length = 1;
    (void)state;

    for (unsigned int i = 1; i < VLANS_RANGES_MAX; i++)
        length += (size_t)sprintf(list + length, ",%u-%u", 1000 + 4 * i, 1002 + 4 * i);
    assert_null(vlans_parse(&vlans, list, NULL));
    assert_true(vlans_print(&vlans, text));
    assert_string_equal(text, list);
    vlans_add(&vlans, 4000);
    assert_false(vlans_print(&vlans, text));
    strcpy(list + length, ",4000");
    assert_non_null(strstr(vlans_parse(&vlans, list, NULL), "at most 64"));
}

/* Decides by a rule with these terms. Returns whether what was asked for is granted. */
static bool decide(const char *terms, const char *list, const char *native, struct decision *out,
                   struct error *why)
{
    struct policy_rule rule = {.name = "br0", .line = 1};
    struct policy_file file = {.path = (char[]){"/policy"}};
    const struct policy policy = {
        .dialect = POLICY_QEMU, .rules = &rule, .rule_count = 1, .files = &file, .file_count = 1};
    const struct question question = {.bridge = "br0", .tap = true, .vlan = list, .native = native};
    const struct caller caller = {.uid = 1000};
    char text[256];

    strcpy(text, terms);
    assert_int_equal(terms_parse(&rule.terms, text, false, why), 0);
    return policy_decide(out, &policy, &question, &caller, why) == 0;
}

static void a_request_only_narrows(void **state)
{
    static const struct {
        const char *terms, *list, *native, *granted; /* VLANs; NULL: refused */
        unsigned int untagged;
    } cases[] = {
        {"", NULL, NULL, "", 0},
        {"", "1", NULL, NULL, 0},
        {"", "100,200", NULL, NULL, 0},
        {"vlan=100", NULL, NULL, "100", 100},
        {"vlan=100", "100", NULL, "100", 100},
        {"vlan=100", "100", "100", "100", 100},
        {"vlan=100", "101", NULL, NULL, 0},
        {"vlan=100", "100", "none", NULL, 0},
        {"vlan=100", "100-101", NULL, NULL, 0},
        {"vlan=100 native=none", NULL, NULL, "100", 0},
        {"vlan=100 native=none", "100", NULL, "100", 100},
        {"vlan=100 native=100", "100", "none", NULL, 0},
        {"native=100 vlan=100,200-210", NULL, NULL, "100,200-210", 100},
        {"vlan=100,200-210 native=100", "200", NULL, "200", 200},
        {"vlan=100,200-210 native=100", "200-210", NULL, "200-210", 0},
        {"vlan=100,200-210 native=100", "200-210", "205", "200-210", 205},
        {"vlan=100,200-210 native=100", "100,200-210", NULL, "100,200-210", 0},
        {"vlan=100,200-210 native=none", "100,210", "100", "100,210", 100},
        {"vlan=100,200-210", "211", NULL, NULL, 0},
        {"vlan=100,200-210", "199-205", NULL, NULL, 0},
        {"vlan=100,200-210", "100-210", NULL, NULL, 0},
    };
    struct decision decision;
    struct error why;
    char text[VLANS_TEXT];
    (void)state;

    for (size_t i = 0; i < COUNT(cases); i++) {
        const bool granted = decide(cases[i].terms, cases[i].list, cases[i].native, &decision, &why);
        assert_true(granted == (cases[i].granted != NULL));
        if (!granted) {
            assert_non_null(strstr(why.text, "--vlan="));
            assert_non_null(strstr(why.text, "/policy:1"));
            continue;
        }
        vlans_print(&decision.vlans, text);
        assert_string_equal(text, cases[i].granted);
        assert_int_equal(decision.vlans.untagged, cases[i].untagged);
    }
}

static void refusals_say_what_to_do(void **state)
{
    struct decision decision;
    struct error why;
    (void)state;

    assert_false(decide("", "5", NULL, &decision, &why));
    assert_string_equal(why.text, "--vlan=5: /policy:1 does not grant that VLAN; leave --vlan out");
    assert_false(decide("vlan=100", "100", "none", &decision, &why));
    assert_string_equal(why.text,
                        "--vlan=100 --native=none: /policy:1 grants only VLAN 100, untagged; use --vlan=100");
    assert_false(decide("vlan=100,200-210", "5", NULL, &decision, &why));
    assert_string_equal(why.text,
                        "--vlan=5: /policy:1 grants only VLANs in vlan=100,200-210; use some of those");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists),
        cmocka_unit_test(what_is_no_list),
        cmocka_unit_test(at_most_64),
        cmocka_unit_test(a_request_only_narrows),
        cmocka_unit_test(refusals_say_what_to_do),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
