/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * bridges.conf: each declaration taken, and each refused in every way, with its line. */
#include "base/error.h"
#include "policy/declared.h"
#include "policy/maps.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct bridges bridges;
static struct maps maps;
static struct error why;

static int parse_bytes(const char *text, size_t size)
{
    bridges_free(&bridges);
    maps_free(&maps);
    if (bridges_parse(&bridges, "/main", text, size, &why) < 0)
        return -1;
    return maps_parse(&maps, "/main", text, size, &why);
}

static int parse(const char *text)
{
    return parse_bytes(text, strlen(text));
}

static int clean_up(void **state)
{
    (void)state;
    bridges_free(&bridges);
    maps_free(&maps);
    return 0;
}

/* What is declared of br0. */
static const struct bridge_spec *declared(const char *text)
{
    assert_int_equal(parse(text), 0);
    assert_non_null(bridges_find(&bridges, "br0"));
    return &bridges_find(&bridges, "br0")->is;
}

static void takes_each_option(void **state)
{
    static const uint8_t mac[6] = {2, 0, 0, 0, 0x66, 1};
    uint8_t address[16];
    (void)state;
    const struct bridge_spec *is = declared(
        "# ours\n\n \tbridge br0 address=10.66.0.1/24\taddress=fd00::1/64 mtu=9000 mac=02:00:00:00:66:01"
        " stp=yes forward_delay=4 isolated=yes ");
    assert_int_equal(is->addresses[0].family, AF_INET);
    assert_int_equal(is->addresses[0].prefix, 24);
    assert_memory_equal(is->addresses[0].bytes, ((uint8_t[]){10, 66, 0, 1}), 4);
    assert_int_equal(is->addresses[1].family, AF_INET6);
    assert_int_equal(is->addresses[1].prefix, 64);
    inet_pton(AF_INET6, "fd00::1", address);
    assert_memory_equal(is->addresses[1].bytes, address, 16);
    assert_int_equal(is->mtu, 9000);
    assert_true(bridges.entries[0].has_mac);
    assert_memory_equal(is->mac, mac, 6);
    assert_true(is->stp);
    assert_int_equal(is->forward_delay, 4);
    assert_true(bridges.entries[0].isolated);
    assert_int_equal(bridges.entries[0].line, 3);
    assert_null(bridges_find(&bridges, "br1"));
}

static void has_defaults(void **state)
{
    (void)state;
    const struct bridge_spec *is = declared("bridge br0");
    assert_string_equal(is->name, "br0");
    assert_int_equal(is->addresses[0].family, 0);
    assert_int_equal(is->mtu, 0);
    assert_false(is->stp);
    assert_int_equal(is->forward_delay, 0);
    assert_false(bridges.entries[0].isolated);
    assert_false(bridges.entries[0].has_mac);
    assert_int_equal(declared("bridge br0 stp=yes")->forward_delay, 15);
    assert_int_equal(
        declared("# Windows' line ends\r\n\r\nbridge br0 stp=yes\r\nmap bridge a b\r\n")->forward_delay, 15);
    assert_int_equal(parse(""), 0);
    assert_int_equal(bridges.count, 0);
}

static void takes_the_ends_of_each_range(void **state)
{
    static const char *const good[] = {
        "mtu=68",
        "mtu=65521",
        "forward_delay=0",
        "forward_delay=30",
        "address=1.0.0.1/1",
        "address=223.255.255.254/30",
        "address=10.0.0.0/31",
        "address=10.0.0.255/32",
        "address=2001::/127",
        "address=fd00::1/128",
        "stp=yes forward_delay=2",
        "address=fd00::1/64 mtu=1280",
    };
    char line[128];
    (void)state;
    for (size_t i = 0; i < COUNT(good); i++) {
        snprintf(line, sizeof(line), "bridge br0 %s\n", good[i]);
        assert_int_equal(parse(line), 0);
    }
    assert_int_equal(parse("bridge br123456789abcd"), 0);
}

static void refuses(const char *text, const char *says)
{
    assert_int_equal(parse(text), -1);
    if (!strstr(why.text, says))
        fail_msg("'%s' got: %s", text, why.text);
    assert_int_equal(strncmp(why.text, "/main:", 6), 0);
    assert_non_null(strstr(why.text, "an administrator must fix it"));
    assert_null(strchr(why.text, '\n'));
}

#define A_HOST "address= must be the address of a host"
#define AN_ADDRESS "address= must be an address with"
static const struct {
    const char *options, *says;
} bad_options[] = {
    {"colour=red", "unknown bridge option 'colour='"},
    {"isolated", "'isolated' is not KEY=VALUE"},
    {"=4", "unknown bridge option '='"},
    {"Mtu=1500", "unknown bridge option 'Mtu='"},
    {"# the lab", "a comment must be on a line of its own"},
    {"mtu=67", "mtu= must be a number of bytes from 68 to 65521, not '67'"},
    {"mtu=65522", "mtu= must be"},
    {"mtu=", "mtu= must be"},
    {"mtu=1500x", "mtu= must be"},
    {"mtu=99999999999999999999", "mtu= must be"},
    {"mtu=1500 mtu=1500", "mtu= is given twice"},
    {"mac=", "mac= must be a unicast MAC"},
    {"mac=02:00:00:00:66", "mac= must be"},
    {"mac=03:00:00:00:66:01", "mac= must be"},
    {"mac=00:00:00:00:00:00", "mac= must be"},
    {"mac=02:00:00:00:66:01:02", "mac= must be"},
    {"stp=no", "stp= must be yes"},
    {"isolated=1", "isolated= must be yes"},
    {"forward_delay=31", "forward_delay= must be a number of seconds from 0 to 30"},
    {"forward_delay=-1", "forward_delay= must be"},
    {"stp=yes forward_delay=1", "with stp=yes, forward_delay= must be"},
    {"forward_delay=0 stp=yes", "with stp=yes, forward_delay= must be"},
    {"address=", AN_ADDRESS},
    {"address=10.0.0.1", AN_ADDRESS},
    {"address=10.0.0.1/", AN_ADDRESS},
    {"address=10.0.0.1/0", AN_ADDRESS},
    {"address=10.0.0.1/33", AN_ADDRESS},
    {"address=10.0.0.1/24/24", AN_ADDRESS},
    {"address=10.0.0/24", AN_ADDRESS},
    {"address=10.0.0.1.1/24", AN_ADDRESS},
    {"address=10.0.0.256/24", AN_ADDRESS},
    {"address=fd00::1/129", AN_ADDRESS},
    {"address=fd00::g/64", AN_ADDRESS},
    {"address=fd00:0000:0000:0000:0000:0000:0000:0000:0000:0000:0001/64", AN_ADDRESS},
    {"address=10.0.0.0/24", A_HOST},
    {"address=10.0.0.255/24", A_HOST},
    {"address=0.0.0.1/8", A_HOST},
    {"address=127.0.0.1/8", A_HOST},
    {"address=224.0.0.1/24", A_HOST},
    {"address=255.255.255.255/32", A_HOST},
    {"address=::/64", A_HOST},
    {"address=::1/128", A_HOST},
    {"address=ff02::1/64", A_HOST},
    {"address=fe80::1/64", A_HOST},
    {"address=fd00::/64", A_HOST},
    {"address=10.0.0.1/24 address=10.0.1.1/24", "one address of each family"},
    {"address=fd00::1/64 address=fd01::1/64", "one address of each family"},
    {"address=10.0.0.1/24 address=fd00::1/64 address=10.0.1.1/24", "one address of each family"},
    {"address=10.0.0.1/24 address=fd00::1/64 address=fd01::1/64", "one address of each family"},
    {"address=fd00::1/64 mtu=1279", "requires mtu=1280 or more"},
    {"mtu=1279 address=10.0.0.1/24 address=fd00::1/64", "requires mtu=1280 or more"},
};

static void refuses_bad_options(void **state)
{
    char line[256];
    (void)state;
    for (size_t i = 0; i < COUNT(bad_options); i++) {
        snprintf(line, sizeof(line), "\nbridge br0 %s\n", bad_options[i].options);
        refuses(line, bad_options[i].says);
        assert_int_equal(strncmp(why.text, "/main:2: ", 9), 0);
    }
}

static void refuses_bad_lines(void **state)
{
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"bridge", "nothing follows 'bridge'"},
        {"nonsense br0", "not 'nonsense'"},
        {"allow br0", "not 'allow'"},
        {"bridge a/b", "'a/b' cannot be a bridge's name"},
        {"bridge br123456789abcde", "cannot be a bridge's name"},
        {"bridge ..", "cannot be a bridge's name"},
        {"bridge br%d", "cannot be a bridge's name"},
        {"bridge all", "'all' cannot be"},
        {"bridge default", "'default' cannot be"},
        {"bridge vtap-lab", "'vtap-lab' cannot be"},
        {"map", "a map is:"},
        {"map bridge", "a map is:"},
        {"map bridge brA", "a map is:"},
        {"map bridge brA br0 br1", "a map is:"},
        {"map nic brA br0", "a map is:"},
        {"map bridge a b\t#c", "a comment must be on a line of its own"},
        {"\xef\xbb\xbf"
         "bridge br0",
         "an editor put a byte order mark (BOM) before 'bridge br0'"},
        {"\xef\xbb\xbf#", "an editor put a byte order mark (BOM) before '#'"},
        {"map bridge a/b br0", "no bridge can have the name 'a/b'"},
        {"map bridge brA b/0", "no bridge can have the name 'b/0'"},
        {"map network lan br123456789abcde", "no bridge can have the name"},
        {"map bridge brA br0\nmap bridge brA br1", "bridge 'brA' is mapped twice"},
        {"map network lan br0\nmap network lan br0", "network 'lan' is mapped twice"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        refuses(cases[i].text, cases[i].says);
    assert_int_equal(parse_bytes("bridge br0\nbridge br1\0 isolated=yes\nbridge br2\n", 46), -1);
    assert_string_equal(why.text, "/main:2: a NUL byte; an administrator must fix it, see "
                                  "virt-tap-bridges(5)");
}

static void refuses_clashes(void **state)
{
    static const struct {
        const char *first, *second, *says; /* NULL: they go together */
    } cases[] = {
        {"br1", "br1", "'br1' is declared twice, first in line 1"},
        {"br1 address=10.0.0.1/24", "br2 address=10.0.0.1/24", "networks overlap"},
        {"br1 address=10.0.0.1/24", "br2 address=10.0.0.2/24", "that of 'br1' (line 1)"},
        {"br1 address=10.0.0.1/8", "br2 address=10.66.0.1/24", "networks overlap"},
        {"br1 address=10.66.0.1/24", "br2 address=10.0.0.1/8", "networks overlap"},
        {"br1 address=10.0.0.1/25", "br2 address=10.0.0.129/25", NULL},
        {"br1 address=10.0.0.1/25", "br2 address=10.0.0.190/26", NULL},
        {"br1 address=10.0.0.1/25", "br2 address=10.0.0.65/26", "networks overlap"},
        {"br1 address=10.0.0.1/32", "br2 address=10.0.0.2/32", NULL},
        {"br1 address=10.0.0.1/32", "br2 address=10.0.0.1/32", "networks overlap"},
        {"br1 address=10.0.0.1/24 address=fd00::1/64", "br2 address=fd00:0:0:0:1::1/65 address=10.1.0.1/24",
         "networks overlap"},
        {"br1 address=10.0.0.1/24 address=fd00::1/64", "br2 address=fd00:0:0:1::1/64 address=10.0.1.1/24",
         NULL},
        {"br1 mac=02:00:00:00:00:01", "br2 mac=02:00:00:00:00:01", "has the MAC of 'br1' (line 1)"},
        {"br1 mac=02:00:00:00:00:01", "br2 mac=02:00:00:00:00:02", NULL},
        {"br1", "br2", NULL},
    };
    char text[256];
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        snprintf(text, sizeof(text), "bridge %s\nbridge %s\n", cases[i].first, cases[i].second);
        if (cases[i].says)
            refuses(text, cases[i].says);
        else if (parse(text) < 0)
            fail_msg("%s", why.text);
    }
}

static void finds_maps(void **state)
{
    (void)state;
    assert_int_equal(parse("map bridge brA br0\nmap network lan br1\nmap\tnetwork brA br2\n"), 0);
    assert_string_equal(maps_find(&maps, false, "brA"), "br0");
    assert_string_equal(maps_find(&maps, true, "brA"), "br2");
    assert_string_equal(maps_find(&maps, true, "lan"), "br1");
    assert_null(maps_find(&maps, false, "lan"));
    assert_null(maps_find(&maps, false, "br0"));
}

static void networks_have_longer_names(void **state)
{
    char text[320];
    (void)state;
    snprintf(text, sizeof(text), "map network %0255d br0", 0);
    assert_int_equal(parse(text), 0);
    snprintf(text, sizeof(text), "map network %0256d br0", 0);
    refuses(text, "no network can have the name");
}

static void has_a_limit(void **state)
{
    static char text[1025 * 32];
    size_t length = 0;
    (void)state;
    for (int i = 0; i < 1024; i++)
        length +=
            (size_t)snprintf(text + length, sizeof(text) - length, "bridge b%d\nmap bridge b%d b\n", i, i);
    assert_int_equal(parse(text), 0);
    assert_int_equal(bridges.count, 1024);
    snprintf(text + length, sizeof(text) - length, "bridge one-more");
    refuses(text, "more than 1024 bridges");
    snprintf(text + length, sizeof(text) - length, "map network one-more b");
    refuses(text, "more than 1024 maps");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(takes_each_option, clean_up),
        cmocka_unit_test_teardown(has_defaults, clean_up),
        cmocka_unit_test_teardown(takes_the_ends_of_each_range, clean_up),
        cmocka_unit_test_teardown(refuses_bad_options, clean_up),
        cmocka_unit_test_teardown(refuses_bad_lines, clean_up),
        cmocka_unit_test_teardown(refuses_clashes, clean_up),
        cmocka_unit_test_teardown(finds_maps, clean_up),
        cmocka_unit_test_teardown(networks_have_longer_names, clean_up),
        cmocka_unit_test_teardown(has_a_limit, clean_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
