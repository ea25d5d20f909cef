/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "bpf.h"

#include "cidr.h"

#include <arpa/inet.h>
#include <string.h>

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

uint32_t bpf_word(const uint8_t *bytes)
{
    uint32_t word;

    memcpy(&word, bytes, sizeof(word));
    return ntohl(word);
}

void bpf_go_if_in(struct bpf *p, int load, uint32_t offset, const struct cidr *net, struct bpf_label *label)
{
    const uint32_t apart = load == (BPF_LD | BPF_MEM) ? 1 : 4; /* words of memory are numbered */
    struct bpf_label other = {0};

    for (int word = (net->prefix + 31) / 32 - 1; word >= 0; word--) {
        const int rest = 32 * (word + 1) - net->prefix; /* bits that may be anything */
        uint32_t mask = UINT32_MAX;

        bpf_add(p, load, offset + apart * (uint32_t)word);
        if (rest > 0) {
            mask <<= rest;
            bpf_add(p, BPF_ALU | BPF_AND, mask);
        }
        bpf_go_if(p, BPF_JEQ, bpf_word(net->bytes + 4 * word) & mask, false, &other);
    }
    bpf_go(p, label);
    bpf_here(p, &other);
}
