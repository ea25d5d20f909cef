/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * The assembler, and the limits of a port's program. What becomes of frames is in
 * tests/netns/test_port_program.py. */
#include "net/binding.h"
#include "net/bpf.h"
#include "net/portprogram.h"

#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

enum { MANY = 4096 };

static struct bpf program;
static struct cidr addresses[MANY];

/* Makes the program of a guest with that many addresses of a family and prefix, no two alike. */
static int make(size_t count, int family, uint8_t prefix)
{
    const struct binding binding = {
        .mac = {0x52, 0x54, 0, 0, 0, 1}, .ip_lock = true, .addresses = addresses, .address_count = count};

    for (size_t i = 0; i < count; i++)
        addresses[i] = (struct cidr){family, {10, (uint8_t)(i >> 8), (uint8_t)i, 1}, prefix};
    return portprogram_make(&binding, &program);
}

/* Every jump leads forward into the program, and there is a return at its end. */
static void is_sound(void)
{
    assert_true(program.count >= 1 && program.count <= BPF_MAXINSNS);
    for (size_t i = 0; i < program.count; i++) {
        const struct sock_filter *code = &program.code[i];
        if (BPF_CLASS(code->code) != BPF_JMP)
            continue;
        if (BPF_OP(code->code) == BPF_JA)
            assert_true(code->k <= program.count - i - 2);
        else
            assert_true(i + 1 + (code->jt > code->jf ? code->jt : code->jf) < program.count);
    }
    assert_int_equal(program.code[program.count - 1].code, BPF_RET | BPF_K);
    assert_int_equal(program.code[program.count - 1].k, 0);
}

static void test_sizes(void **state)
{
    static const struct {
        int family;
        uint8_t prefix;
    } kinds[] = {{AF_INET, 32}, {AF_INET, 29}, {AF_INET6, 128}, {AF_INET6, 127}};
    (void)state;

    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
        for (size_t count = 0; count <= BINDING_ADDRESSES_MAX; count += 16) {
            assert_int_equal(make(count, kinds[i].family, kinds[i].prefix), 0);
            is_sound();
        }
}

/* The longest that the kernel takes, and the first that it does not. */
static void test_too_long(void **state)
{
    size_t count = 0;
    (void)state;

    while (make(++count, AF_INET, 32) == 0)
        is_sound();
    assert_true(count >= 100 && count <= MANY - 1);
    assert_true(program.too_long);
    assert_int_equal(make(MANY, AF_INET6, 128), -E2BIG);
    assert_true(program.too_long);
}

/* Likewise with as many destinations as a rule may have, of one kind. */
static int make_to(struct egress item, size_t count, uint8_t host_prefix)
{
    static struct egress items[EGRESS_ITEMS_MAX];
    static struct egress_host host = {.count = 100};
    const struct binding binding = {
        .mac = {0x52, 0x54, 0, 0, 0, 1}, .egress = items, .egress_count = count, .host = &host};

    for (size_t i = 0; i < count; i++)
        items[i] = item;
    for (size_t i = 0; i < host.count; i++)
        host.list[i] = (struct cidr){i % 2 ? AF_INET : AF_INET6, {10, 1, (uint8_t)i, 1}, host_prefix};
    return portprogram_make(&binding, &program);
}

static void test_sizes_with_destinations(void **state)
{
    static const uint8_t prefixes[] = {0, 1, 31, 32};
    static const int protocols[] = {0, IPPROTO_TCP, IPPROTO_UDP};
    (void)state;

    for (int to = EGRESS_NETWORK; to <= EGRESS_ALL; to++)
        for (size_t i = 0; i < 4 * 3 * 2 * 2; i++) {
            const struct egress item = {.allows = i % 2,
                                        .to = (enum egress_to)to,
                                        .port = i / 2 % 2 ? 65535 : 0,
                                        .protocol = protocols[i / 4 % 3],
                                        .network = {AF_INET6, {0x20, 1}, (uint8_t)(prefixes[i / 12] * 4)}};
            for (size_t count = 0; count <= EGRESS_ITEMS_MAX; count += 32) {
                assert_int_equal(make_to(item, count, prefixes[i / 12]), 0);
                is_sound();
                assert_true(count || program.count < 600);
            }
        }
}

/* Where the jump at a place leads. */
static size_t target(size_t place)
{
    assert_int_equal(program.code[place].code, BPF_JMP | BPF_JA);
    return place + 1 + program.code[place].k;
}

static void test_labels(void **state)
{
    struct bpf_label far = {0}, again = {0}, none = {0};
    (void)state;

    program = (struct bpf){.count = 0};
    bpf_go_if(&program, BPF_JEQ, 7, true, &far);
    bpf_go_if(&program, BPF_JGT, 8, false, &far);
    bpf_go(&program, &again);
    for (int i = 0; i < 1000; i++) /* more than a test reaches */
        bpf_add(&program, BPF_LD | BPF_IMM, 0);
    bpf_here(&program, &none);
    bpf_here(&program, &far);
    bpf_here(&program, &again);
    bpf_go(&program, &again);
    bpf_add(&program, BPF_LD | BPF_IMM, 0);
    bpf_here(&program, &again);
    bpf_add(&program, BPF_RET | BPF_K, 0);
    is_sound();
    assert_int_equal(target(1), 1005);
    assert_int_equal(target(3), 1005);
    assert_int_equal(target(4), 1005);
    assert_int_equal(target(1005), 1007);
    assert_true(program.code[0].jt == 0 && program.code[0].jf == 1);
    assert_true(program.code[2].jt == 1 && program.code[2].jf == 0);
}

/* Where a test leads that is or is not so: over the jump behind it, if there is one. */
static size_t leads(size_t place, bool so)
{
    place += 1U + (so ? program.code[place].jt : program.code[place].jf);
    if (program.code[place].code == (BPF_JMP | BPF_JA))
        return target(place);
    return place;
}

static void test_shorter(void **state)
{
    struct bpf_label near = {0}, far = {0};
    (void)state;

    program = (struct bpf){.count = 0};
    bpf_go_if(&program, BPF_JEQ, 1, true, &near);
    bpf_go_if(&program, BPF_JGT, 2, false, &far); /* by the next one's jump */
    bpf_add(&program, BPF_LD | BPF_IMM, 0);
    bpf_go_if(&program, BPF_JEQ, 3, true, &far); /* by its own */
    bpf_here(&program, &near);
    bpf_go(&program, &far);
    for (int i = 0; i < 255; i++)
        bpf_add(&program, BPF_LD | BPF_IMM, 0);
    bpf_go_if(&program, BPF_JGE, 4, false, &far);
    bpf_here(&program, &far);
    bpf_add(&program, BPF_RET | BPF_K, 0);
    bpf_shorten(&program);
    is_sound();
    const size_t end = program.count - 1;
    assert_int_equal(end, 5 + 255 + 1);
    assert_true(leads(0, true) == end && leads(0, false) == 1);
    assert_true(leads(1, true) == 2 && leads(1, false) == end);
    assert_true(leads(3, true) == end && target(4) == end);
    assert_int_equal(program.code[3].jt, 0);
    assert_true(leads(end - 1, true) == end && leads(end - 1, false) == end);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),    cmocka_unit_test(test_sizes_with_destinations),
        cmocka_unit_test(test_too_long), cmocka_unit_test(test_labels),
        cmocka_unit_test(test_shorter),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
