/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "judge.h"

#include "net/bpf.h"

#include <errno.h>

enum { VLAN_PRESENT = SKF_AD_OFF + SKF_AD_VLAN_TAG_PRESENT, VLAN_TAG = SKF_AD_OFF + SKF_AD_VLAN_TAG };
enum { VLAN_TYPE = SKF_AD_OFF + SKF_AD_VLAN_TPID };

/* The registers. */
struct machine {
    uint32_t a, x, memory[BPF_MEMWORDS];
};

enum outcome { NEXT, OUTSIDE, UNKNOWN };

static enum outcome load_field(struct machine *m, const struct frame *frame, int32_t field)
{
    if (field == VLAN_PRESENT)
        m->a = frame->tagged;
    else if (field == VLAN_TAG)
        m->a = frame->tag;
    else if (field == VLAN_TYPE)
        m->a = frame->tag_type;
    else
        return UNKNOWN;
    return NEXT;
}

/* Loads from the frame, most significant byte first. */
static enum outcome load_bytes(struct machine *m, const struct frame *frame, int size, uint32_t at)
{
    size_t count = 4;

    if (size == BPF_B)
        count = 1;
    else if (size == BPF_H)
        count = 2;
    if (at > frame->size || count > frame->size - at)
        return OUTSIDE;
    m->a = 0;
    while (count--)
        m->a = m->a << 8 | frame->bytes[at++];
    return NEXT;
}

static enum outcome load(struct machine *m, const struct frame *frame, const struct sock_filter *step)
{
    switch (BPF_MODE(step->code)) {
    case BPF_ABS:
        if ((int32_t)step->k < 0)
            return load_field(m, frame, (int32_t)step->k);
        return load_bytes(m, frame, BPF_SIZE(step->code), step->k);
    case BPF_IND:
        return load_bytes(m, frame, BPF_SIZE(step->code), m->x + step->k);
    case BPF_IMM:
        m->a = step->k;
        return NEXT;
    case BPF_LEN:
        m->a = (uint32_t)frame->size;
        return NEXT;
    case BPF_MEM:
        m->a = m->memory[step->k % BPF_MEMWORDS];
        return NEXT;
    default:
        return UNKNOWN;
    }
}

static enum outcome load_x(struct machine *m, const struct frame *frame, const struct sock_filter *step)
{
    if (BPF_MODE(step->code) == BPF_IMM)
        m->x = step->k;
    else if (BPF_MODE(step->code) == BPF_MEM)
        m->x = m->memory[step->k % BPF_MEMWORDS];
    else if (BPF_MODE(step->code) != BPF_MSH)
        return UNKNOWN;
    else if (step->k >= frame->size)
        return OUTSIDE;
    else
        m->x = 4 * (frame->bytes[step->k] & 15U); /* an IPv4 header's length */
    return NEXT;
}

static enum outcome compute(struct machine *m, const struct sock_filter *step)
{
    const uint32_t operand = BPF_SRC(step->code) == BPF_X ? m->x : step->k;

    switch (BPF_OP(step->code)) {
    case BPF_ADD:
        m->a += operand;
        return NEXT;
    case BPF_SUB:
        m->a -= operand;
        return NEXT;
    case BPF_AND:
        m->a &= operand;
        return NEXT;
    case BPF_OR:
        m->a |= operand;
        return NEXT;
    case BPF_LSH:
        m->a <<= operand % 32;
        return NEXT;
    case BPF_RSH:
        m->a >>= operand % 32;
        return NEXT;
    default:
        return UNKNOWN;
    }
}

/* Returns how many instructions a jump skips. */
static uint32_t jump(const struct machine *m, const struct sock_filter *step)
{
    const uint32_t operand = BPF_SRC(step->code) == BPF_X ? m->x : step->k;
    bool is = false;

    switch (BPF_OP(step->code)) {
    case BPF_JA:
        return step->k;
    case BPF_JEQ:
        is = m->a == operand;
        break;
    case BPF_JGT:
        is = m->a > operand;
        break;
    case BPF_JGE:
        is = m->a >= operand;
        break;
    default:
        is = m->a & operand;
    }
    if (is)
        return step->jt;
    return step->jf;
}

static enum outcome take_step(struct machine *m, const struct frame *frame, const struct sock_filter *step)
{
    switch (BPF_CLASS(step->code)) {
    case BPF_LD:
        return load(m, frame, step);
    case BPF_LDX:
        return load_x(m, frame, step);
    case BPF_ST:
        m->memory[step->k % BPF_MEMWORDS] = m->a;
        return NEXT;
    case BPF_STX:
        m->memory[step->k % BPF_MEMWORDS] = m->x;
        return NEXT;
    case BPF_ALU:
        return compute(m, step);
    case BPF_MISC:
        if (BPF_MISCOP(step->code) == BPF_TAX)
            m->x = m->a;
        else
            m->a = m->x;
        return NEXT;
    default:
        return UNKNOWN;
    }
}

int64_t judge_frame(const struct bpf *program, const struct frame *frame)
{
    struct machine m = {.a = 0};

    for (size_t i = 0; i < program->count; i++) {
        const struct sock_filter *step = &program->code[i];
        if (BPF_CLASS(step->code) == BPF_RET)
            return BPF_RVAL(step->code) == BPF_A ? m.a : step->k;
        if (BPF_CLASS(step->code) == BPF_JMP) {
            i += jump(&m, step);
            continue;
        }
        const enum outcome outcome = take_step(&m, frame, step);
        if (outcome == OUTSIDE)
            return 0;
        if (outcome == UNKNOWN)
            break;
    }
    return -ENOTSUP;
}
