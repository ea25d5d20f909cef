/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "bpf.h"

#include <errno.h>

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

/* A test reaches only 255 instructions, so each tests whether to jump over a jump, which has 32 bits. */
void bpf_if(struct bpf *p, int test, uint32_t k, struct bpf_label *label)
{
    add(p, BPF_JMP | BPF_K | test, k, false, true);
    bpf_go(p, label);
}

void bpf_unless(struct bpf *p, int test, uint32_t k, struct bpf_label *label)
{
    add(p, BPF_JMP | BPF_K | test, k, true, false);
    bpf_go(p, label);
}

void bpf_go(struct bpf *p, struct bpf_label *label)
{
    bpf_add(p, BPF_JMP | BPF_JA, (uint32_t)label->last);
    label->last = p->count;
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

int bpf_end(struct bpf *p)
{
    bpf_here(p, &p->pass);
    bpf_add(p, BPF_RET | BPF_K, UINT32_MAX);
    bpf_here(p, &p->drop);
    bpf_add(p, BPF_RET | BPF_K, 0);
    if (p->too_long)
        return -E2BIG;
    return 0;
}
