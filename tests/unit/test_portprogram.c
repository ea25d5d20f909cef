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
    assert_int_equal(make(MANY, AF_INET6, 128), -E2BIG);
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

/* Where a place leads after a test that is or is not so, over the jump there, if there is one. */
static size_t leads(size_t place, bool so)
{
    place += 1U + (so ? program.code[place].jt : program.code[place].jf);
    if (program.code[place].code == (BPF_JMP | BPF_JA))
        return place + 1 + program.code[place].k;
    return place;
}

enum { NEAR = BPF_LABELS, FAR, NONE };

static struct bpf_steps steps;

static void add_many(size_t count)
{
    while (count--)
        bpf_add(&steps, NUMBER, 0, 0);
}

static void assemble(void)
{
    bpf_add(&steps, BPF_RET, 0, 0);
    assert_int_equal(bpf_assemble(&steps, &program), 0);
    is_sound();
}

static void test_jumps(void **state)
{
    (void)state;

    steps.count = 0;
    bpf_add(&steps, IF_EQ, 1, NEAR);
    bpf_add(&steps, UNLESS_GT, 2, FAR); /* by the next one's jump */
    add_many(1);
    bpf_add(&steps, IF_EQ, 3, FAR); /* by its own */
    bpf_add(&steps, HERE, 0, NEAR);
    bpf_add(&steps, HERE, 0, NONE);
    add_many(256);
    bpf_add(&steps, UNLESS_GE, 4, FAR);
    bpf_add(&steps, GO, 0, NEAR); /* where it is next */
    bpf_add(&steps, HERE, 0, FAR);
    add_many(1);
    bpf_add(&steps, GO, 0, NEAR); /* nowhere */
    bpf_add(&steps, HERE, 0, NEAR);
    assemble();
    const size_t end = program.count - 1, far = end - 1;
    assert_int_equal(end, 5 + 256 + 2 + 1);
    assert_true(leads(0, true) == 5 && leads(0, false) == 1);
    assert_true(leads(1, true) == 2 && leads(1, false) == far);
    assert_true(leads(3, true) == far && program.code[3].jt == 0 && program.code[3].jf == 1);
    assert_true(program.code[far - 2].jf == 1 && program.code[far - 2].jt == 0);
    assert_true(program.code[far - 1].code == GO && program.code[far - 1].k == 1);
}

/* A test reaches over 255 instructions, and over 256 by a jump behind it. */
static void test_reach(void **state)
{
    (void)state;

    for (size_t between = 254; between <= 257; between++) {
        steps.count = 0;
        bpf_add(&steps, IF_EQ, 1, FAR);
        add_many(between);
        bpf_add(&steps, HERE, 0, FAR);
        assemble();
        assert_int_equal(program.count, between + (between > 255 ? 3 : 2));
        assert_true(leads(0, true) == program.count - 1 && leads(0, false) == program.count - 1 - between);
    }
}

/* What is as long as the kernel takes, but for one, is taken; too many steps never are. */
static void test_room(void **state)
{
    (void)state;

    steps.count = 0;
    add_many(BPF_MAXINSNS - 2);
    assemble();
    assert_int_equal(program.count, BPF_MAXINSNS - 1);
    bpf_add(&steps, BPF_RET, 0, 0);
    bpf_add(&steps, BPF_RET, 0, 0);
    assert_int_equal(bpf_assemble(&steps, &program), -E2BIG);
    steps.count = 0;
    for (size_t i = 0; i <= sizeof(steps.list) / sizeof(*steps.list); i++)
        bpf_add(&steps, HERE, 0, NONE);
    assert_int_equal(bpf_assemble(&steps, &program), -E2BIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),    cmocka_unit_test(test_sizes_with_destinations),
        cmocka_unit_test(test_too_long), cmocka_unit_test(test_jumps),
        cmocka_unit_test(test_reach),    cmocka_unit_test(test_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
