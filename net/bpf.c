/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "bpf.h"

#include "cidr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

void bpf_add(struct bpf_steps *p, int code, uint32_t k, unsigned int to)
{
    if (p->count == sizeof(p->list) / sizeof(*p->list))
        p->too_many = true;
    else
        p->list[p->count++] = (struct bpf_step){code, k, to};
}

uint32_t bpf_word(const uint8_t *bytes)
{
    uint32_t word;

    memcpy(&word, bytes, sizeof(word));
    return ntohl(word);
}

/* Returns the next of that family if it differs only in the last word that the prefix reaches, else 0. */
static size_t next_alike(const struct cidr *nets, size_t count, size_t i, size_t last)
{
    size_t next = i + 1;

    while (next < count && nets[next].family != nets[i].family)
        next++;
    if (next == count || nets[next].prefix != nets[i].prefix ||
        memcmp(nets[next].bytes, nets[i].bytes, 4 * last) != 0)
        return 0;
    return next;
}

/* Those from the i-th on that differ only in the last word are compared at once. Returns the last of them. */
static size_t go_if_in_alike(struct bpf_steps *p, uint32_t at, const struct cidr *nets, size_t count,
                             size_t i, unsigned int label)
{
    const uint32_t mask = UINT32_MAX << (-nets[i].prefix & 31);
    const size_t last = (size_t)(nets[i].prefix - 1) / 32;

    bpf_add(p, RECALL, at + (uint32_t)last, 0);
    if (mask != UINT32_MAX)
        bpf_add(p, AND, mask, 0);
    for (size_t next = next_alike(nets, count, i, last); next; next = next_alike(nets, count, i, last)) {
        bpf_add(p, IF_EQ, bpf_word(nets[i].bytes + 4 * last) & mask, last ? BPF_REST : label);
        i = next;
    }
    bpf_add(p, last ? UNLESS_EQ : IF_EQ, bpf_word(nets[i].bytes + 4 * last) & mask, last ? BPF_OTHER : label);
    bpf_add(p, HERE, 0, BPF_REST);
    for (size_t word = last; word-- > 0;) {
        bpf_add(p, RECALL, at + (uint32_t)word, 0);
        bpf_add(p, word ? UNLESS_EQ : IF_EQ, bpf_word(nets[i].bytes + 4 * word), word ? BPF_OTHER : label);
    }
    bpf_add(p, HERE, 0, BPF_OTHER);
    return i;
}

void bpf_go_if_in(struct bpf_steps *p, uint32_t at, int family, const struct cidr *nets, size_t count,
                  unsigned int label)
{
    for (size_t i = 0; i < count; i++) {
        if (nets[i].family != family)
            continue;
        if (nets[i].prefix == 0)
            bpf_add(p, GO, 0, label);
        else
            i = go_if_in_alike(p, at, nets, count, i, label);
    }
}

/* Where a label is, and the jump nearest to it so far, or itself: by the place of an instruction. */
struct place {
    size_t at, hop;
};

/* From the end: jumps lead forward, so where they lead is known. A test reaches only 255 instructions: if
 * that is too near, the nearest jump that leads there, or else one of its own behind it. */
int bpf_assemble(const struct bpf_steps *steps, struct bpf *out)
{
    struct place labels[BPF_LABELS_MAX] = {{0, 0}};
    size_t at = BPF_MAXINSNS;

    for (size_t i = steps->count; i-- > 0;) {
        const struct bpf_step *step = &steps->list[i];
        const int test = step->code & (IF | UNLESS);
        struct place *to = &labels[step->to];
        size_t away = to->at - at, otherwise = 0;

        if (steps->too_many || at < 2)
            return -E2BIG;
        if (step->code == HERE) {
            *to = (struct place){at, at};
            continue;
        }
        if (test && away > UINT8_MAX)
            away = to->hop - at;
        if (step->code == GO ? away > 0 : test && away > UINT8_MAX) {
            out->code[at - 1] = (struct sock_filter){GO, 0, 0, (uint32_t)(to->at - at)};
            to->hop = --at;
            away = 0;
            otherwise = 1;
        }
        if (step->code != GO)
            out->code[--at] = (struct sock_filter){(uint16_t)(step->code & ~(IF | UNLESS)),
                                                   (uint8_t)(test == IF ? away : otherwise),
                                                   (uint8_t)(test == UNLESS ? away : otherwise), step->k};
    }
    out->count = BPF_MAXINSNS - at;
    memmove(out->code, out->code + at, out->count * sizeof(*out->code));
    return 0;
}
