/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "bpf.h"

static void add(struct bpf *p, int code, uint32_t k, bool jumps_if_true, bool jumps_if_false)
{
    if (p->count == BPF_MAXINSNS)
        p->too_long = true;
    else
        p->code[p->count++] = (struct sock_filter){(uint16_t)code, jumps_if_true, jumps_if_false, k};
}

void bpf_add(struct bpf *p, int code, uint32_t k)
{
    add(p, code, k, false, false);
}

void bpf_go(struct bpf *p, struct bpf_label *label)
{
    bpf_add(p, BPF_JMP | BPF_JA, (uint32_t)label->last);
    label->last = p->count;
}

/* A test reaches only 255 instructions, so it tests whether to jump over a jump, which has 32 bits. */
void bpf_go_if(struct bpf *p, int test, uint32_t k, bool is, struct bpf_label *label)
{
    add(p, BPF_JMP | BPF_K | test, k, !is, is);
    bpf_go(p, label);
}

void bpf_here(struct bpf *p, struct bpf_label *label)
{
    while (label->last && !p->too_long) {
        uint32_t *k = &p->code[label->last - 1].k;
        const size_t before = *k;

        *k = (uint32_t)(p->count - label->last);
        label->last = before;
    }
}
