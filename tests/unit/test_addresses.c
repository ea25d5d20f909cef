/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Which addresses a request may name, which ones a rule then binds the guest to, and the claims to them. */
#include "base/error.h"
#include "helper/request.h"
#include "policy/claim.h"
#include "policy/claimed.h"
#include "policy/decide.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define ARGS(...) ((char *[]){"virt-tap-helper", __VA_ARGS__, NULL})
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct request request;
static struct decision decision;
static struct error why;

/* Decides by a rule with these terms, and these addresses asked for ("": none). Returns what binds the guest,
 * or NULL if it is refused. */
static const char *decide_by(const char *terms, const char *asked, bool tap)
{
    static char text[1024], copy[2048], words[2048];
    static struct policy_rule rule;
    struct address_list addresses = {.count = 0};
    char *rest = NULL;

    assert_int_equal(terms_parse(&rule.terms, strcpy(copy, terms), false, &why), 0);
    strcpy(words, asked);
    for (char *word = strtok_r(words, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
        assert_int_equal(address_list_add(&addresses, word, &why), 0);
    decision =
        (struct decision){.match = {.rule = &rule}, .protection = rule.terms.protection, .rule = "/policy:1"};
    const struct question question = {.bridge = "br0", .tap = tap, .addresses = asked[0] ? &addresses : NULL};
    if (addresses_decide(&decision, &question, &why) < 0)
        return NULL;
    text[0] = '\0';
    for (size_t i = 0; i < decision.addresses.count && i < 8; i++) {
        char one[CIDR_TEXT];
        cidr_print(&decision.addresses.list[i], one);
        strcat(strcat(text, one), " ");
    }
    return text;
}

static void a_request_only_narrows(void **state)
{
    static const struct {
        const char *terms, *asked, *bound; /* NULL: refused */
    } cases[] = {
        {"", "", ""},
        {"mac=lock", "", ""},
        {"mac=lock ip=lock", "10.0.0.1", "10.0.0.1/32 "},
        {"mac=lock ip=lock", "10.0.0.1 fd00::1", "10.0.0.1/32 fd00::1/128 "},
        {"mac=lock ip=lock ips=10.0.0.0/24", "10.0.0.255", "10.0.0.255/32 "},
        {"mac=lock ip=lock ips=10.0.0.0/24", "10.0.1.0", NULL},
        {"mac=lock ip=lock ips=10.0.0.0/24", "10.0.0.1 10.0.1.1", NULL},
        {"mac=lock ip=lock ips=10.0.0.0/24", "fd00::1", NULL}, /* of the wrong family */
        {"mac=lock ip=lock ips=10.0.0.0/24,fd00::/64", "fd00::1", "fd00::1/128 "},
        {"mac=lock ip=lock ips=10.0.0.0/24,fe80::/64", "10.0.0.1", "10.0.0.1/32 fe80::/64 "},
        {"mac=lock ip=lock ips=10.0.0.0/24", "fe80::1", NULL},
        {"", "10.0.0.1", NULL},
        {"mac=lock", "10.0.0.1", NULL},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *bound = decide_by(cases[i].terms, cases[i].asked, true);
        if (cases[i].bound)
            assert_string_equal(bound, cases[i].bound);
        else
            assert_null(bound);
    }
}

static void refusals_say_what_to_do(void **state)
{
    (void)state;
    assert_null(decide_by("mac=lock", "2001:DB8:0::1", true));
    assert_string_equal(
        why.text, "--ip=2001:db8::1: /policy:1 does not lock addresses (ip=lock); leave --ip out, or add "
                  "--lock=ip");
    assert_null(decide_by("mac=lock ip=lock ips=10.0.0.0/24", "10.1.0.1", true));
    assert_string_equal(why.text,
                        "--ip=10.1.0.1: /policy:1 allows only addresses in ips=10.0.0.0/24; give the "
                        "guest one of those");
    assert_null(decide_by("mac=lock ip=lock", "", true));
    assert_non_null(strstr(why.text, "give each with --ip=ADDRESS (with QEMU: helper='"));
    assert_non_null(strstr(why.text, "policy explain --bridge=br0"));
}

static void who_may_leave_them_out(void **state)
{
    static const char *const all[] = {"user=a quota=1", "uid=7 quota=1", "user=a uid=7-9 quota=1"};
    static const char *const none[] = {"",      "quota=1",         "user=a",         "user=a quota=2",
                                       "uid=7", "uid=7-9 quota=1", "group=a quota=1"};
    char terms[128];
    (void)state;
    for (size_t i = 0; i < COUNT(all); i++) {
        snprintf(terms, sizeof(terms), "%s mac=lock ip=lock ips=10.0.0.0/24,fd00::/64", all[i]);
        assert_string_equal(decide_by(terms, "", true), "10.0.0.0/24 fd00::/64 ");
        assert_string_equal(decide_by(terms, "10.0.0.9", true), "10.0.0.9/32 ");
        snprintf(terms, sizeof(terms), "%s mac=lock ip=lock", all[i]);
        assert_null(decide_by(terms, "", true));
    }
    for (size_t i = 0; i < COUNT(none); i++) {
        snprintf(terms, sizeof(terms), "%s mac=lock ip=lock ips=10.0.0.0/24,fe80::/64", none[i]);
        assert_null(decide_by(terms, "", true));
        assert_string_equal(decide_by(terms, "", false), "fe80::/64 "); /* about the bridge alone */
    }
}

static void as_many_as_fit(void **state)
{
    char text[2048] = "mac=lock ip=lock ips=", asked[2048] = "";
    struct address_list networks;
    size_t length = strlen(text);
    (void)state;
    for (int i = 0; i < BINDING_ADDRESSES_MAX; i++) {
        length += (size_t)sprintf(text + length, "%s10.0.%d.1", i ? "," : "", i);
        sprintf(asked + strlen(asked), "10.0.%d.1 ", i);
    }
    assert_true(addresses_parse(strrchr(text, '=') + 1, &networks));
    assert_int_equal(networks.count, BINDING_ADDRESSES_MAX);
    assert_non_null(decide_by(text, asked, true));
    assert_int_equal(decision.addresses.count, BINDING_ADDRESSES_MAX);
    assert_int_equal(address_list_add(&decision.addresses, "10.1.0.1", &why), -1);
    assert_non_null(strstr(why.text, "64 addresses are given already"));
    assert_non_null(decide_by("mac=lock ip=lock ips=10.0.0.0/16,fe80::/64", asked, true));
    assert_int_equal(decision.addresses.count, BINDING_ADDRESSES_MAX);
    strcat(text, ",10.1.0.1");
    assert_false(addresses_parse(strrchr(text, '=') + 1, &networks));
}

static void takes_addresses(void **state)
{
    (void)state;
    assert_int_equal(request_parse(&request,
                                   ARGS("--br=b", "--fd=3", "--ip=10.66.1.5", "--mac=52:54:00:00:00:01",
                                        "--ip=2001:DB8:0::5", "--ip=fe80::1"),
                                   &why),
                     REQUEST_OK);
    assert_int_equal(request.addresses.count, 3);
    assert_int_equal(request.addresses.list[0].prefix, 32);
    assert_int_equal(request.addresses.list[1].prefix, 128);
    assert_int_equal(
        request_parse(&request, ARGS("create", "--bridge=b", "--name=vtap-a", "--ip=10.66.1.5"), &why),
        REQUEST_OK);
    assert_int_equal(request_parse(&request, ARGS("delete", "--name=vtap-a", "--ip=10.66.1.5"), &why),
                     REQUEST_USAGE);
    assert_int_equal(request_parse(&request, ARGS("bridge", "--bridge=b", "--ip=10.66.1.5"), &why),
                     REQUEST_USAGE);
}

static void refuses_wrong_addresses(void **state)
{
    static const struct {
        const char *word, *says;
    } words[] = {
        {"--ip=", "not an IP address"},
        {"--ip=10.66.1", "not an IP address"},
        {"--ip=10.66.1.05", "not an IP address"},
        {"--ip=10.66.1.256", "not an IP address"},
        {"--ip= 10.66.1.5", "not an IP address"},
        {"--ip=10.66.1.5 ", "not an IP address"},
        {"--ip=10.66.1.5/32", "not an IP address"},
        {"--ip=10.66.1.0/24", "not an IP address"},
        {"--ip=10.66.1.5,10.66.1.6", "not an IP address"},
        {"--ip=fe80::1%eth0", "not an IP address"},
        {"--ip=fd00::12345", "not an IP address"},
        {"--ip=br0", "not an IP address"},
        {"--ip=224.0.0.1", "multicast"},
        {"--ip=255.255.255.255", "broadcast"},
        {"--ip=127.0.0.1", "loopback"},
        {"--ip=0.0.0.0", "reserved"},
        {"--ip=240.0.0.1", "reserved"},
        {"--ip=ff02::1", "multicast"},
        {"--ip=::", "reserved"},
        {"--ip=::1", "loopback"},
        {"--ip=::ffff:10.66.1.5", "reserved"},
        {"--ip=10.66.1.4", "given twice"},
        {"--ip=FD00:0::4", "given twice"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(words); i++) {
        assert_int_equal(request_parse(&request,
                                       ARGS("--br=b", "--fd=3", "--ip=10.66.1.4", "--ip=fd00::4",
                                            (char *)(uintptr_t)words[i].word),
                                       &why),
                         REQUEST_REFUSED);
        assert_non_null(strstr(why.text, words[i].says));
        assert_non_null(strstr(why.text, "as in --ip=10.66.1.5"));
    }
}

static void takes_64_addresses(void **state)
{
    char texts[65][32], *argv[70] = {"virt-tap-helper", "--br=b", "--fd=3"};
    (void)state;
    for (int i = 0; i < 65; i++) {
        snprintf(texts[i], sizeof(texts[i]), "--ip=10.66.1.%d", i);
        argv[3 + i] = i < 64 ? texts[i] : NULL;
    }
    assert_int_equal(request_parse(&request, argv, &why), REQUEST_OK);
    assert_int_equal(request.addresses.count, 64);
    argv[3 + 64] = texts[64];
    assert_int_equal(request_parse(&request, argv, &why), REQUEST_REFUSED);
    assert_non_null(strstr(why.text, "--ip=10.66.1.64: 64 addresses are given already"));
}

static void claims(void **state)
{
    static const struct {
        const char *network, *claim;
    } good[] = {
        {"10.66.0.255", "virt-tap-ip.br.0.0a4200ff"},
        {"10.66.0.0/24", "virt-tap-ip.br.0.0a420000-24"},
        {"2001:db8::5", "virt-tap-ip.br.0.20010db8000000000000000000000005"},
        {"2001:db8::/64", "virt-tap-ip.br.0.20010db8000000000000000000000000-64"},
    };
    static const char *const bad[] = {
        "",
        "virt-tap-ip.br.0.",
        "virt-tap-ip.br.0.0A4200ff",
        "virt-tap-ip.br.0.0a4200f",
        "virt-tap-ip.br.0.0a4200ff0",
        "virt-tap-ip.br.0.0a4200ff-",
        "virt-tap-ip.br.0.0a4200ff-32",
        "virt-tap-ip.br.0.0a4200ff-24x",
        "virt-tap-ip.br.0.0a4200ff-024",
        "virt-tap-ip.br.0.0a4200ff-0",
        "virt-tap-ip.br.0.0a4200ff24",
        "virt-tap-ip.br.00a4200ff",
        "virt-tap-ip.br.0.0x4200ff",
        "virt-tap-ip.br.1.0a4200ff",
        "virt-tap-mac.br.0.0a4200ff",
        "xvirt-tap-ip.br.0.0a4200ff",
    };
    struct cidr network, read;
    char text[CLAIM_SIZE];
    (void)state;
    for (size_t i = 0; i < COUNT(good); i++) {
        assert_true(cidr_parse_network(good[i].network, strlen(good[i].network), &network));
        claim_write_ip(text, "br.0", &network);
        assert_string_equal(text, good[i].claim);
        assert_true(claim_read_ip(&read, text, "br.0"));
        assert_true(cidr_equal(&read, &network));
    }
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_false(claim_read_ip(&read, bad[i], "br.0"));
}

static void claims_to_macs(void **state)
{
    static const uint8_t mac[6] = {0x52, 0x54, 0, 0xAB, 0xCD, 1};
    static const char *const bad[] = {
        "",
        "virt-tap-mac.br.0.",
        "virt-tap-mac.br.0.525400abcd0",
        "virt-tap-mac.br.0.525400abcd011",
        "virt-tap-mac.br.0.525400ABCD01",
        "virt-tap-mac.br.0.525400abcd0x",
        "virt-tap-mac.br.1.525400abcd01",
        "virt-tap-ip.br.0.525400abcd01",
        "xvirt-tap-mac.br.0.525400abcd01",
    };
    uint8_t read[6];
    char text[CLAIM_SIZE];
    (void)state;
    claim_write_mac(text, "br.0", mac);
    assert_string_equal(text, "virt-tap-mac.br.0.525400abcd01");
    assert_true(claim_read_mac(read, text, "br.0"));
    assert_memory_equal(read, mac, sizeof(mac));
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_false(claim_read_mac(read, bad[i], "br.0"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_only_narrows), cmocka_unit_test(refusals_say_what_to_do),
        cmocka_unit_test(who_may_leave_them_out), cmocka_unit_test(as_many_as_fit),
        cmocka_unit_test(takes_addresses),        cmocka_unit_test(refuses_wrong_addresses),
        cmocka_unit_test(takes_64_addresses),     cmocka_unit_test(claims),
        cmocka_unit_test(claims_to_macs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
