/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * What a guest asks to be bound by (--lock, --serve): what the request may say, and what it gets by which
 * rule. */
#include "helper/request.h"
#include "memory.h"
#include "policy/decide.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define ARGS(...) ((char *[]){"virt-tap-helper", __VA_ARGS__, NULL})
#define MAC "--mac=52:54:00:00:00:01"

static struct request request;
static struct decision decision;

static void takes_requests(void **state)
{
    (void)state;
    assert_int_equal(request_parse(&request, ARGS("--br=b", "--fd=3", "--lock=mac"), &why), REQUEST_OK);
    assert_true(request.lock_mac && !request.lock_ip && !request.serve);
    assert_int_equal(request_parse(&request,
                                   ARGS("create", "--bridge=b", "--name=vtap-a", "--lock=ip",
                                        "--serve=ra,dhcp", "--ip=10.0.0.1"),
                                   &why),
                     REQUEST_OK);
    assert_true(request.lock_mac && request.lock_ip);
    assert_int_equal(request.serve, SERVE_RA | SERVE_DHCP);
    assert_int_equal(request_parse(&request, ARGS("--br=b", "--fd=3"), &why), REQUEST_OK);
    assert_false(request.lock_mac || request.lock_ip || request.serve);
}

static void refuses_other_words(void **state)
{
    static const char *const words[] = {"--lock=",      "--lock=no",     "--lock=MAC",     "--lock=mac,ip",
                                        "--lock=ipx",   "--serve=",      "--serve=dns",    "--serve=dhcp,",
                                        "--serve=DHCP", "--serve=,dhcp", "--serve=dhcp ra"};
    (void)state;
    for (size_t i = 0; i < COUNT(words); i++) {
        assert_int_equal(request_parse(&request, ARGS("--br=b", "--fd=3", (char *)(uintptr_t)words[i]), &why),
                         REQUEST_USAGE);
        assert_non_null(strstr(why.text, words[i][2] == 'l'
                                             ? "--lock must be mac, or ip for"
                                             : "--serve must be dhcp, dhcpv6, ra, or several"));
    }
    assert_int_equal(request_parse(&request, ARGS("--br=b", "--fd=3", "--lock=ip", "--lock=mac"), &why),
                     REQUEST_USAGE);
    assert_int_equal(request_parse(&request, ARGS("delete", "--name=vtap-a", "--lock=mac"), &why),
                     REQUEST_USAGE);
    assert_int_equal(request_parse(&request, ARGS("bridge", "--bridge=b", "--serve=ra"), &why),
                     REQUEST_USAGE);
}

/* Decides by a rule with these terms what is asked for in words after "--bridge=br0 --name=vtap-a", for a
 * tap. Returns the protection in words, or NULL. */
static const char *decide_by(const char *terms, const char *asked)
{
    static char text[64], words[256], rule[256];
    char *argv[16] = {"virt-tap-helper", "create", "--bridge=br0", "--name=vtap-a"}, *rest = NULL;
    int count = 4;

    strcpy(words, asked);
    for (char *word = strtok_r(words, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
        argv[count++] = word;
    assert_int_equal(request_parse(&request, argv, &why), REQUEST_OK);
    const struct question question = {.bridge = "br0",
                                      .tap = true,
                                      .mac = request.has_mac ? request.mac : NULL,
                                      .lock_mac = request.lock_mac,
                                      .lock_ip = request.lock_ip,
                                      .serve = request.serve,
                                      .addresses = &request.addresses};
    snprintf(rule, sizeof(rule), "allow br0 %s\n", terms);
    assert_int_equal(read_policy(FILES(MAIN(rule)), POLICY_STRICT), 0);
    const int err = policy_decide(&decision, &policy, &question, &alice, &why);
    policy_free(&policy);
    const struct protection *p = &decision.protection;
    char list[TERMS_SERVE_SIZE];
    terms_print_serve(list, p->serve);
    snprintf(text, sizeof(text), "%s%s%s", p->mac_lock ? "mac " : "", p->ip_lock ? "ip " : "", list);
    return err ? NULL : text;
}

static void a_request_locks_without_a_grant(void **state)
{
    static const struct {
        const char *terms, *asked, *gets; /* NULL: refused */
        bool lock_asked;
    } cases[] = {
        {"", MAC, "", false},
        {"", MAC " --lock=mac", "mac ", true},
        {"", MAC " --lock=ip --ip=10.0.0.1", "mac ip ", true},
        {"mac=lock", MAC " --lock=mac", "mac ", false},
        {"mac=lock", MAC " --lock=ip --ip=10.0.0.1", "mac ip ", false},
        {"mac=lock ip=lock", MAC " --lock=mac --ip=10.0.0.1", "mac ip ", false},
        {"mac=lock ip=lock", MAC " --lock=ip --ip=10.0.0.1", "mac ip ", false},
        {"mac=lock ip=lock ips=10.0.0.0/24", MAC " --lock=ip --ip=10.0.1.1", NULL, false},
        {"mac=lock ip=lock user=alice quota=1 ips=10.0.0.0/24", MAC " --lock=ip", "mac ip ", false},
        /* what it serves */
        {"mac=lock serve=dhcp,ra", MAC, "mac dhcp,ra", false},
        {"mac=lock serve=dhcp,ra", MAC " --serve=ra", "mac ra", false},
        {"mac=lock serve=dhcp,ra", MAC " --lock=mac --serve=ra,dhcp", "mac dhcp,ra", false},
        {"mac=lock serve=dhcp,ra", MAC " --serve=dhcpv6", NULL, false},
        {"mac=lock", MAC " --serve=dhcp", NULL, false},
        {"mac=lock", MAC " --lock=mac --serve=dhcp", NULL, false},
        {"", MAC " --lock=mac --serve=dhcp", "mac dhcp", true},
        {"", MAC " --lock=ip --ip=10.0.0.1 --serve=dhcp,dhcpv6,ra", "mac ip dhcp,dhcpv6,ra", true},
        {"", MAC " --serve=dhcp", NULL, false},
        /* without what the lock is about */
        {"", "--lock=mac", NULL, false},
        {"", MAC " --lock=ip", NULL, false},
        {"macs=52:54:01", MAC " --lock=mac", NULL, false},
        {"mac=lock", MAC " --ip=10.0.0.1", NULL, false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *gets = decide_by(cases[i].terms, cases[i].asked);
        if (!cases[i].gets) {
            assert_null(gets);
            continue;
        }
        assert_non_null(gets);
        assert_string_equal(gets, cases[i].gets);
        assert_int_equal(decision.lock_asked, cases[i].lock_asked);
    }
}

static void the_addresses_bind(void **state)
{
    (void)state;
    assert_non_null(decide_by("", MAC " --lock=ip --ip=10.0.0.1 --ip=fd00::1"));
    assert_int_equal(decision.addresses.count, 2);
    assert_non_null(decide_by("mac=lock ip=lock ips=10.0.0.0/24,fe80::/64", MAC " --lock=ip --ip=10.0.0.1"));
    assert_int_equal(decision.addresses.count, 2); /* with the network that guests share */
    assert_non_null(decide_by("", MAC " --lock=mac"));
    assert_int_equal(decision.addresses.count, 0);
}

static void refusals_say_what_to_do(void **state)
{
    static const struct {
        const char *terms, *asked, *says;
    } cases[] = {
        {"", "--lock=mac", "--lock locks the guest to its MAC (mac=lock); give it with --mac=MAC"},
        {"mac=lock", "--lock=mac", "/main:1 locks the guest to its MAC (mac=lock); give it with --mac=MAC"},
        {"", MAC " --lock=ip",
         "--lock=ip locks the guest to its IP addresses (ip=lock); give each with --ip="},
        {"mac=lock ip=lock", MAC " --lock=ip", "/main:1 locks the guest to its IP addresses"},
        {"", MAC " --ip=10.0.0.1",
         "/main:1 does not lock addresses (ip=lock); leave --ip out, or add --lock=ip"},
        {"", MAC " --serve=ra",
         "--serve=ra: /main:1 does not lock the guest (mac=lock), which may serve anything; leave --serve out, "
         "or add --lock=mac"},
        {"mac=lock serve=ra", MAC " --serve=dhcp",
         "--serve=dhcp: /main:1 does not let the guest serve that; leave --serve out, or ask an administrator to "
         "write serve=dhcp,ra in that rule"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_null(decide_by(cases[i].terms, cases[i].asked));
        assert_non_null(strstr(why.text, cases[i].says));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_requests),          cmocka_unit_test(refuses_other_words),
        cmocka_unit_test(the_addresses_bind),      cmocka_unit_test(a_request_locks_without_a_grant),
        cmocka_unit_test(refusals_say_what_to_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
