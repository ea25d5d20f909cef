/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Lists of destinations: each form of an item, and each refused. What becomes of packets is in
 * tests/netns/test_port_program.py. */
#include "policy/egress.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void takes_each_form(void **state)
{
    static const struct {
        const char *text;
        enum egress_to to;
        const char *network;
        int protocol;
        unsigned int port;
    } good[] = {
        {"host", EGRESS_HOST, NULL, 0, 0},
        {"private", EGRESS_PRIVATE, NULL, 0, 0},
        {"linklocal", EGRESS_LINK_LOCAL, NULL, 0, 0},
        {"all", EGRESS_ALL, NULL, 0, 0},
        {"host:1", EGRESS_HOST, NULL, 0, 1},
        {"all:65535/tcp", EGRESS_ALL, NULL, IPPROTO_TCP, 65535},
        {"private/udp", EGRESS_PRIVATE, NULL, IPPROTO_UDP, 0},
        {"10.70.0.1", EGRESS_NETWORK, "10.70.0.1/32", 0, 0},
        {"10.70.0.0/16", EGRESS_NETWORK, "10.70.0.0/16", 0, 0},
        {"10.70.0.1:53", EGRESS_NETWORK, "10.70.0.1/32", 0, 53},
        {"10.70.0.0/16/udp", EGRESS_NETWORK, "10.70.0.0/16", IPPROTO_UDP, 0},
        {"10.70.0.0/16:443/tcp", EGRESS_NETWORK, "10.70.0.0/16", IPPROTO_TCP, 443},
        {"0.0.0.0/0", EGRESS_NETWORK, "0.0.0.0/0", 0, 0},
        {"127.0.0.1", EGRESS_NETWORK, "127.0.0.1/32", 0, 0},
        {"192.0.0.0/2", EGRESS_NETWORK, "192.0.0.0/2", 0, 0},
        {"240.0.0.0/4", EGRESS_NETWORK, "240.0.0.0/4", 0, 0},
        {"::/0", EGRESS_NETWORK, "::/0", 0, 0},
        {"2001:db8::1", EGRESS_NETWORK, "2001:db8::1/128", 0, 0},
        {"2001:db8::/32", EGRESS_NETWORK, "2001:db8::/32", 0, 0},
        {"2001:db8::1:53", EGRESS_NETWORK, "2001:db8::1:53/128", 0, 0},
        {"[2001:db8::1]", EGRESS_NETWORK, "2001:db8::1/128", 0, 0},
        {"[2001:db8::1]:53", EGRESS_NETWORK, "2001:db8::1/128", 0, 53},
        {"[2001:db8::/32]/tcp", EGRESS_NETWORK, "2001:db8::/32", IPPROTO_TCP, 0},
        {"[2001:db8::/32]:53/udp", EGRESS_NETWORK, "2001:db8::/32", IPPROTO_UDP, 53},
    };
    struct egress_list list;
    char text[64], network[CIDR_TEXT];
    (void)state;

    for (size_t i = 0; i < 2 * COUNT(good); i++) {
        const struct egress *item = &list.list[0];
        snprintf(text, sizeof(text), "%c%s", "+-"[i % 2], good[i / 2].text);
        assert_true(egress_parse(text, &list));
        assert_int_equal(list.count, 1);
        assert_int_equal(item->allows, i % 2 == 0);
        assert_int_equal(item->to, good[i / 2].to);
        assert_int_equal(item->protocol, good[i / 2].protocol);
        assert_int_equal(item->port, good[i / 2].port);
        if (good[i / 2].network) {
            cidr_print(&item->network, network);
            assert_string_equal(network, good[i / 2].network);
        }
    }
}

static void refuses_everything_else(void **state)
{
    static const char *const bad[] = {
        "", "+", "-", "all", "host", "10.0.0.1", "*all", " +all", "+ all", "+all ", "++all", "+all+", "+All",
        "+hosts", "+any", "+link-local", "+br0", "+10.0.0", "+10.0.0.1/", "+10.0.0.1/33", "+10.0.0.1/24",
        "+10.0.0.0/-8", "+010.0.0.1", "+10.0.0.1:", "+10.0.0.1:0", "+10.0.0.1:65536", "+10.0.0.1:http",
        "+10.0.0.1:-1", "+10.0.0.1:1-2", "+10.0.0.1: 1", "+10.0.0.1:99999999999999999999", "+10.0.0.1/sctp",
        "+10.0.0.1/TCP", "+10.0.0.1/tcp/udp", "+10.0.0.1/tcp:53", "+10.0.0.1:53/", "+10.0.0.1:53/8", "+:53",
        "+/tcp", "+:53/tcp", "+[10.0.0.1]", "+[10.0.0.1]:53", "+[host]", "+[host]:53", "+[]", "+[]:53", "+[",
        "+]", "+[:", "+[2001:db8::1", "+[2001:db8::1:53", "+2001:db8::1]", "+2001:db8::1]:53",
        "+[2001:db8::1]53", "+[2001:db8::1]:", "+[2001:db8::1]:0", "+[2001:db8::1]/64", "+[2001:db8::1]]",
        "+[[2001:db8::1]]", "+[2001:db8::1]x:53", "+2001:db8::1/tcp", "+2001:db8::/32:53",
        "+2001:db8::/32/udp", "+2001:db8::/129", "+2001:db8::1/64", "+fe80::1%br0", "+[2001:db8::1]:53:53",
        "+10.0.0.1:53:53", "+a]:[b",
        /* what is not judged */
        "-224.0.0.0/4", "-224.0.0.251", "-239.0.0.0/8", "+255.255.255.255", "-ff00::/8", "+ff02::fb",
        "-[ff02::1]:53/udp", "-::ffff:0:0/96", "-::ffff:10.0.0.1", "-[::ffff:10.0.0.0/104]:53"};
    struct egress_list list;
    char text[128];
    (void)state;

    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_false(egress_parse(bad[i], &list));
        assert_int_equal(list.count, 0);
        snprintf(text, sizeof(text), "+all,-host,%s", bad[i]);
        assert_false(egress_parse(text, &list));
        assert_int_equal(list.count, 2);
    }
    memset(text, '1', sizeof(text));
    memcpy(text, "+10.0.0.", 8);
    text[sizeof(text) - 1] = '\0';
    assert_false(egress_parse(text, &list));
    assert_false(egress_parse("+all,,+all", &list));
    assert_int_equal(list.count, 1);
}

static void takes_64(void **state)
{
    static char text[70 * 16];
    struct egress_list list;
    (void)state;

    for (size_t i = 0; i < EGRESS_ITEMS_MAX; i++)
        sprintf(text + strlen(text), "%s+10.0.0.%zu", i ? "," : "", i);
    assert_true(egress_parse(text, &list));
    assert_int_equal(list.count, 64);
    assert_int_equal(list.list[63].network.bytes[3], 63);
    assert_false(egress_parse(strcat(text, ",+all"), &list));
    assert_int_equal(list.count, 64);
}

static size_t networks_of(const char *text, struct cidr *first, struct cidr *last)
{
    struct egress_list list;
    size_t count;

    assert_true(egress_parse(text, &list));
    const struct cidr *networks = egress_networks(&list.list[0], &count);
    if (count) {
        *first = networks[0];
        *last = networks[count - 1];
    }
    return count;
}

static void words_are_networks(void **state)
{
    struct cidr first = {0}, last = {0};
    (void)state;

    assert_int_equal(networks_of("+10.0.0.0/8", &first, &last), 1);
    assert_true(first.family == AF_INET && first.prefix == 8 && first.bytes[0] == 10);
    assert_int_equal(networks_of("+private", &first, &last), 5);
    assert_true(first.family == AF_INET && last.family == AF_INET6 && last.prefix == 7);
    assert_int_equal(networks_of("+linklocal", &first, &last), 2);
    assert_true(first.prefix == 16 && last.prefix == 10);
    assert_int_equal(networks_of("+all", &first, &last), 2);
    assert_true(first.family == AF_INET && last.family == AF_INET6 && !first.prefix && !last.prefix);
    assert_int_equal(networks_of("+host", &first, &last), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_each_form),
        cmocka_unit_test(refuses_everything_else),
        cmocka_unit_test(takes_64),
        cmocka_unit_test(words_are_networks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
