/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * The helper's command line: what is taken, and every way to be refused. */
#include "base/error.h"
#include "helper/request.h"
#include "net/binding.h"
#include "net/link.h"
#include "policy/claim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define DOMAIN "--domain=8D0F1B2C-3e4f-4a5b-9c6d-7e8f90a1b2c3"
#define ARGS(...) ((char *[]){"virt-tap-helper", __VA_ARGS__, NULL})

static struct request request;
static struct error why;

static void takes_the_contract_of_qemu_and_libvirt(void **state)
{
    (void)state;
    assert_int_equal(request_parse(&request, ARGS("--use-vnet", "--fd=12", "--br=br0"), &why), REQUEST_OK);
    assert_int_equal(request.verb, REQUEST_TAP);
    assert_string_equal(request.bridge, "br0");
    assert_int_equal(request.fd, 12);
    assert_true(request.kind.vnet_hdr);
    assert_null(request.name);

    assert_int_equal(request_parse(&request, ARGS("--br=virbr0", "--fd=0"), &why), REQUEST_OK);
    assert_string_equal(request.bridge, "virbr0");
    assert_int_equal(request.fd, 0);
    assert_false(request.kind.vnet_hdr);
}

static void takes_a_name_of_the_caller(void **state)
{
    (void)state;
    assert_int_equal(request_parse(&request, ARGS("--name=vtap-web", "--br=br0", "--fd=3"), &why),
                     REQUEST_OK);
    assert_string_equal(request.name, "vtap-web");
}

static void takes_create(void **state)
{
    static const uint8_t mac[6] = {0x52, 0x54, 0, 0xab, 0xcd, 0xef};
    (void)state;
    assert_int_equal(request_parse(&request,
                                   ARGS("create", "--bridge=br0", "--name=vtap-a", "--vnet-hdr",
                                        "--multi-queue", "--mac=52:54:00:aB:Cd:eF", DOMAIN, "--owner=1000"),
                                   &why),
                     REQUEST_OK);
    assert_int_equal(request.verb, REQUEST_CREATE);
    assert_string_equal(request.bridge, "br0");
    assert_string_equal(request.name, "vtap-a");
    assert_true(request.kind.vnet_hdr && request.kind.multi_queue && request.has_mac && request.has_owner);
    assert_memory_equal(request.mac, mac, sizeof(mac));
    assert_string_equal(request.domain, "8d0f1b2c-3e4f-4a5b-9c6d-7e8f90a1b2c3");
    assert_int_equal(request.owner, 1000);
}

static void takes_vlans(void **state)
{
    (void)state;
    assert_int_equal(
        request_parse(&request, ARGS("create", "--bridge=br0", "--name=vtap-a", "--vlan=100"), &why),
        REQUEST_OK);
    assert_string_equal(request.vlan, "100");
    assert_null(request.native);
    assert_int_equal(
        request_parse(&request,
                      ARGS("create", "--native=200", "--bridge=br0", "--name=vtap-a", "--vlan=100,200-210"),
                      &why),
        REQUEST_OK);
    assert_string_equal(request.vlan, "100,200-210");
    assert_string_equal(request.native, "200");
    assert_int_equal(
        request_parse(&request,
                      ARGS("create", "--bridge=br0", "--name=vtap-a", "--vlan=100,200", "--native=300"),
                      &why),
        REQUEST_USAGE);
    assert_non_null(strstr(why.text, "--native must be none, or one of the VLANs in --vlan, not '300'"));
    assert_int_equal(
        request_parse(&request, ARGS("create", "--bridge=br0", "--name=vtap-a", "--native=none"), &why),
        REQUEST_USAGE);
    assert_non_null(strstr(why.text, "missing option: '--vlan=LIST'"));
    assert_int_equal(request_parse(&request, ARGS("--br=br0", "--fd=3", "--vlan=100"), &why), REQUEST_USAGE);
    assert_int_equal(request_parse(&request, ARGS("delete", "--name=vtap-a", "--native=none"), &why),
                     REQUEST_USAGE);
}

static void takes_delete(void **state)
{
    (void)state;
    assert_int_equal(request_parse(&request, ARGS("delete", "--name=vtap-a"), &why), REQUEST_OK);
    assert_int_equal(request.verb, REQUEST_DELETE);
    assert_string_equal(request.name, "vtap-a");
    assert_string_equal(request.domain, "");
    assert_false(request.force);
    assert_int_equal(request_parse(&request, ARGS("delete", DOMAIN, "--force"), &why), REQUEST_OK);
    assert_null(request.name);
    assert_true(request.force);
}

static void refuses_wrong_values(void **state)
{
    static const char *const words[] = {
        "--owner=",
        "--owner=root",
        "--owner=-1",
        "--owner=4294967295",
        "--owner=18446744073709551616",
        "--mac=",
        "--mac=5",
        "--mac=52-54-00-00-00-01",
        "--mac=52:54:00:00:00:0g",
        "--mac=52:54:00:00:00:01:02",
        "--mac=g2:54:00:00:00:01",
        "--mac=52:54:00:00:001:0",
        "--domain=",
        "--domain=1",
        "--domain=8D0F1B2C-3e4f-4a5b-9c6d-7e8f90a1b2c30",
        "--domain=8d0f1b2c-3e4f-4a5b-9c6d07e8f90a1b2c3",
        "--domain=8D0F1B2C-3E4F-4A5B-9C6D-7E8F90A1B2Cx",
        "--fd=3",
        "--force",
        "--multi-queue=2",
        "--vlan=",
        "--vlan=0",
        "--vlan=4095",
        "--vlan=100,",
        "--vlan=200-100",
        "--vlan=100,100",
        "--native=100",
        "--native=none",
        "--native=",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(words); i++) {
        char *argv[] = {"virt-tap-helper",           "create", "--bridge=b", "--name=vtap-a",
                        (char *)(uintptr_t)words[i], NULL};
        assert_int_equal(request_parse(&request, argv, &why), REQUEST_USAGE);
        assert_non_null(strstr(why.text, "; see virt-tap-helper(8)"));
    }
    assert_int_equal(request_parse(&request,
                                   ARGS("create", "--bridge=b", "--name=vtap-a", "--mac=53:00:00:00:00:01"),
                                   &why),
                     REQUEST_REFUSED);
    assert_int_equal(request_parse(&request,
                                   ARGS("create", "--bridge=b", "--name=vtap-a", "--mac=00:00:00:00:00:00"),
                                   &why),
                     REQUEST_REFUSED);
    assert_int_equal(request_parse(&request, ARGS("create", "--bridge=b"), &why), REQUEST_USAGE);
    assert_int_equal(request_parse(&request, ARGS("create", "--name=vtap-a"), &why), REQUEST_USAGE);
    assert_int_equal(request_parse(&request, ARGS("delete"), &why), REQUEST_USAGE);
    assert_int_equal(request_parse(&request, ARGS("--multi-queue", "--br=b", "--fd=3"), &why), REQUEST_USAGE);
    assert_int_equal(request_parse(&request, ARGS("--br=b", "create", "--name=vtap-a"), &why), REQUEST_USAGE);
}

/* Only what claim_write() has written counts. */
static void claims(void **state)
{
    static const struct claim good[] = {
        {"br0", 1000, false, 0}, {"a.1.2.b", 1000, true, 7}, {"fifteen-chars-x", 4294967294, false, 1022}};
    static const char *const bad[] = {"",
                                      "virt-tap.",
                                      "virt-tap.2.3",
                                      "virt-tap..3.4",
                                      "virt-tap.sixteen-chars-xy.3.4",
                                      "virt-tap.a/b.3.4",
                                      "virt-tap.2.3.",
                                      "virt-tap.2.3.4.",
                                      "virt-tap.2.3.4x",
                                      "virt-tap.2.3.y4",
                                      "virt-tap.2.3.xx4",
                                      "virt-tap.2.+3.4",
                                      "virt-tap.2.03.4",
                                      "virt-tap.2. 3.4",
                                      "virt-tap.2.-3.4",
                                      "virt-tap.2.4294967297.4",
                                      "xvirt-tap.2.3.4"};
    char text[CLAIM_SIZE];
    struct claim claim;
    (void)state;
    for (size_t i = 0; i < COUNT(good); i++) {
        claim_write(text, &good[i]);
        assert_true(claim_read(&claim, text));
        assert_string_equal(claim.bridge, good[i].bridge);
        assert_true(claim.uid == good[i].uid && claim.slot == good[i].slot &&
                    claim.unlimited == good[i].unlimited);
    }
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_false(claim_read(&claim, bad[i]));
}

static void aliases(void **state)
{
    static const struct claim_alias good[] = {
        {1000, "", false, 0, {0xfe, 0, 0, 0, 0, 1}},
        {1000, "", false, CLAIM_ASKS_MAC | SERVE_DHCP << CLAIM_ASKS_SERVE, {0xfe, 0, 0, 0, 0, 1}},
        {4294967294, "8d0f1b2c-3e4f-4a5b-9c6d-7e8f90a1b2c3", true, 63, {0xfe, 0x54, 0, 0xaa, 0xbb, 0xcc}},
    };
    static const char *const bad[] = {
        "",
        "virt-tap",
        "virt-tap v=1 uid=1000",
        "virt-tap uid=1000 mac=fe:00:00:00:00:01",
        "virt-tap v=2 uid=1000 mac=fe:00:00:00:00:01",
        "virt-tap v=1 uid=1000 mac=fe",
        "virt-tap v=1 uid=x mac=fe:00:00:00:00:01",
        "virt-tap  uid=1000 mac=fe:00:00:00:00:01",
        "virt-tap v=1 uid=1000 mac=fe:00:00:00:00:01 ",
        "virt-tap v=1 uid=1000 mac=FE:00:00:00:00:01",
        "mine uid=1000 mac=fe:00:00:00:00:01",
        "virt-tap mac=fe:00:00:00:00:01 uid=1000",
        "virt-tap v=1 uid=1 asks=more mac=fe:00:00:00:00:01",
        "virt-tap v=1 uid=1 asks= mac=fe:00:00:00:00:01",
        "virt-tap v=1 uid=1 asks=mac,isolated mac=fe:00:00:00:00:01",
        "virt-tap v=1 uid=1 asks=mac, mac=fe:00:00:00:00:01",
        "virt-tap v=1 uid=1 asks=,mac mac=fe:00:00:00:00:01",
        "virt-tap v=1 uid=1 more mac=fe:00:00:00:00:01",
        "virt-tap v=1 uid=1 domain=8d0f1b2c-3e4f-4a5b-9c6d-7e8f90a1b2c30 mac=fe:00:00:00:00:01",
    };
    struct claim_alias alias;
    char text[CLAIM_ALIAS_SIZE];
    (void)state;
    for (size_t i = 0; i < COUNT(good); i++) {
        claim_write_alias(text, &good[i]);
        assert_true(claim_read_alias(&alias, text) && !claim_alias_is_later(text));
        assert_true(alias.uid == good[i].uid && alias.stays == good[i].stays && alias.asks == good[i].asks);
        assert_string_equal(alias.domain, good[i].domain);
        assert_memory_equal(alias.mac, good[i].mac, sizeof(alias.mac));
    }
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_true(!claim_read_alias(&alias, bad[i]) &&
                    claim_alias_is_later(bad[i]) == (strncmp(bad[i], "virt-tap v=", 11) == 0));
    assert_false(claim_alias_is_later(""));
    assert_true(claim_alias_is_later("virt-tap v="));
    assert_true(claim_alias_is_later("virt-tap v=2 uid=1 mac=fe:00:00:00:00:01"));
    char longer[300];
    memset(longer, 'x', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    assert_false(claim_read_alias(&alias, longer));
}

static void takes_a_flag_twice(void **state)
{
    (void)state;
    assert_int_equal(request_parse(&request, ARGS("--use-vnet", "--use-vnet", "--br=b", "--fd=3"), &why),
                     REQUEST_OK);
    assert_true(request.kind.vnet_hdr);
}

static void help_and_version_need_nothing_else(void **state)
{
    (void)state;
    char *const *asking[] = {ARGS("--help"), ARGS("-h"), ARGS("help"), ARGS("help", "create"),
                             ARGS("delete", "--bogus", "-h")};
    for (size_t i = 0; i < COUNT(asking); i++) {
        assert_int_equal(request_parse(&request, asking[i], &why), REQUEST_OK);
        assert_int_equal(request.verb, REQUEST_HELP);
    }
    assert_int_equal(request_parse(&request, ARGS("--version"), &why), REQUEST_OK);
    assert_int_equal(request.verb, REQUEST_VERSION);
}

static void refuses_wrong_usage(void **state)
{
    static const struct {
        const char *first, *second, *says;
    } cases[] = {
        {"--br=br0", NULL, "--fd=FD"},
        {"--fd=3", NULL, "--br=BRIDGE"},
        {NULL, NULL, "--br=BRIDGE"},
        {"--br=br0", "--fd=", "--fd must be the number"},
        {"--br=br0", "--fd=x", "not 'x'"},
        {"--br=br0", "--fd=3x", "not '3x'"},
        {"--br=br0", "--fd=-1", "not '-1'"},
        {"--br=br0", "--fd=+1", "not '+1'"},
        {"--br=br0", "--fd= 1", "not ' 1'"},
        {"--br=br0", "--fd=2147483648", "not '2147483648'"},
        {"--br=br0", "--fd=99999999999999999999", "not '9999"},
        {"--fd=3", "--fd=3", "given twice, the second time as '--fd=3'"},
        {"--br=br0", "--br=br1", "given twice, the second time as '--br=br1'"},
        {"--name=vtap-a", "--name=vtap-b", "given twice, the second time as '--name=vtap-b'"},
        {"--br", "br0", "no such option: '--br'"},
        {"--use-vnet=1", NULL, "no such option"},
        {"br0", NULL, "no such option: 'br0'"},
        {"--bridge=br0", NULL, "does not take the option '--bridge=br0'"},
        {"--vnet-hdr", NULL, "does not take the option '--vnet-hdr'"},
        {"create", "--br=br0", "does not take the option '--br=br0'"},
        {"create", "--use-vnet", "does not take the option '--use-vnet'"},
        {"create", "--name=vtap-a", "--bridge=BRIDGE"},
        {"bridge", NULL, "--bridge=BRIDGE"},
        {"bridge", "--br=br0", "does not take the option '--br=br0'"},
        {"", NULL, "no such option: ''"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *argv[] = {"virt-tap-helper", (char *)(uintptr_t)cases[i].first,
                        (char *)(uintptr_t)cases[i].second, NULL};
        assert_int_equal(request_parse(&request, argv, &why), REQUEST_USAGE);
        assert_non_null(strstr(why.text, cases[i].says));
        assert_non_null(strstr(why.text, "; see virt-tap-helper(8)"));
    }
}

static void refuses_an_empty_argv(void **state)
{
    char *argv[] = {NULL};
    (void)state;
    assert_int_equal(request_parse(&request, argv, &why), REQUEST_USAGE);
}

static void takes_the_largest_descriptor_number(void **state)
{
    (void)state;
    assert_int_equal(request_parse(&request, ARGS("--br=b", "--fd=2147483647"), &why), REQUEST_OK);
    assert_int_equal(request.fd, 2147483647);
}

static const char *const bad_names[] = {
    "",      ".",     "..",  "abcdefghijklmnop", "br0/1",  "br%d",   "br 0",
    "br\t0", "br0\n", "a:b", "br\x01",           "br\x7f", "br\xa0",
};

static void refuses_names_no_interface_can_have(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(bad_names) / sizeof(bad_names[0]); i++) {
        char br[64] = "--br=", name[64] = "--name=";
        assert_false(ifname_valid(bad_names[i]));
        assert_int_equal(request_parse(&request, ARGS(strcat(br, bad_names[i]), "--fd=3"), &why),
                         REQUEST_REFUSED);
        assert_non_null(strstr(why.text, "--br="));
        assert_int_equal(request_parse(&request, ARGS(strcat(name, bad_names[i]), "--fd=3", "--br=b"), &why),
                         REQUEST_REFUSED);
        assert_non_null(strstr(why.text, "--name="));
    }
}

static void takes_names_an_interface_can_have(void **state)
{
    static const char *const names[] = {"b",  "abcdefghijklmno", "br0.100", "br_0-x@y", "br\xc3\xa9", "all",
                                        "..."};
    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        assert_true(ifname_valid(names[i]));
}

static void a_refusal_is_one_line(void **state)
{
    (void)state;
    error_set(&why, "a\nb\x1b[31m%s", "\r\x7f\xc2\x9b\xff\x80");
    assert_string_equal(why.text, "a?b?[31m??????");

    char longer[4 * sizeof(why.text)];
    memset(longer, 'x', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    error_set(&why, "%s", longer);
    assert_int_equal(strlen(why.text), sizeof(why.text) - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_the_contract_of_qemu_and_libvirt),
        cmocka_unit_test(takes_a_name_of_the_caller),
        cmocka_unit_test(takes_create),
        cmocka_unit_test(takes_vlans),
        cmocka_unit_test(takes_delete),
        cmocka_unit_test(refuses_wrong_values),
        cmocka_unit_test(claims),
        cmocka_unit_test(aliases),
        cmocka_unit_test(takes_a_flag_twice),
        cmocka_unit_test(help_and_version_need_nothing_else),
        cmocka_unit_test(refuses_wrong_usage),
        cmocka_unit_test(refuses_an_empty_argv),
        cmocka_unit_test(takes_the_largest_descriptor_number),
        cmocka_unit_test(refuses_names_no_interface_can_have),
        cmocka_unit_test(takes_names_an_interface_can_have),
        cmocka_unit_test(a_refusal_is_one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
