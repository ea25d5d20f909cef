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

    if (net->prefix == 0)
        bpf_go(p, label);
    for (int word = (net->prefix + 31) / 32 - 1; word >= 0; word--) {
        const int rest = 32 * (word + 1) - net->prefix; /* bits that may be anything */
        uint32_t mask = UINT32_MAX;

        bpf_add(p, load, offset + apart * (uint32_t)word);
        if (rest > 0) {
            mask <<= rest;
            bpf_add(p, BPF_ALU | BPF_AND, mask);
        }
        bpf_go_if(p, BPF_JEQ, bpf_word(net->bytes + 4 * word) & mask, word == 0, word ? &other : label);
    }
    bpf_here(p, &other);
}

/* Jumps to one place share the next that leads there, so that tests reach it. */
void bpf_shorten(struct bpf *p)
{
    uint16_t shared[BPF_MAXINSNS] = {0}; /* by the place that a jump leads to: the next that stays */
    uint16_t aims[BPF_MAXINSNS] = {0};   /* where the test before a jump leads instead; 0: the jump stays */
    uint16_t places[BPF_MAXINSNS];       /* of the instructions afterwards */
    size_t count = 0;

    for (size_t i = p->count; i-- > 0;) {
        const size_t to = i + 1 + p->code[i].k;

        if (p->code[i].code != (BPF_JMP | BPF_JA))
            continue;
        if (i > 0 && p->code[i - 1].jt != p->code[i - 1].jf)
            aims[i] = (uint16_t)(to - i <= UINT8_MAX ? to : shared[to]);
        if (aims[i] > i + UINT8_MAX)
            aims[i] = 0;
        if (!aims[i])
            shared[to] = (uint16_t)i;
    }
    for (size_t i = 0; i < p->count; i++) {
        places[i] = (uint16_t)count;
        count += !aims[i];
    }
    for (size_t i = 0; i < p->count; i++) {
        struct sock_filter step = p->code[i];

        if (aims[i])
            continue;
        if (step.code == (BPF_JMP | BPF_JA))
            step.k = places[i + 1 + step.k] - places[i] - 1U;
        if (step.jt != step.jf && aims[i + 1]) {
            const uint8_t away = (uint8_t)(places[aims[i + 1]] - places[i] - 1);
            step.jf = step.jt ? away : 0;
            step.jt = step.jt ? 0 : away;
        }
        p->code[places[i]] = step;
    }
    p->count = count;
}
