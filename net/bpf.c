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
static size_t go_if_in_alike(struct bpf *p, uint32_t at, const struct cidr *nets, size_t count, size_t i,
                             struct bpf_label *label)
{
    const uint32_t mask = UINT32_MAX << (-nets[i].prefix & 31);
    const size_t last = (size_t)(nets[i].prefix - 1) / 32;
    struct bpf_label rest = {0}, other = {0};

    bpf_add(p, BPF_LD | BPF_MEM, at + (uint32_t)last);
    if (mask != UINT32_MAX)
        bpf_add(p, BPF_ALU | BPF_AND, mask);
    for (size_t next = next_alike(nets, count, i, last); next; next = next_alike(nets, count, i, last)) {
        bpf_go_if(p, BPF_JEQ, bpf_word(nets[i].bytes + 4 * last) & mask, true, last ? &rest : label);
        i = next;
    }
    bpf_go_if(p, BPF_JEQ, bpf_word(nets[i].bytes + 4 * last) & mask, !last, last ? &other : label);
    bpf_here(p, &rest);
    for (size_t word = last; word-- > 0;) {
        bpf_add(p, BPF_LD | BPF_MEM, at + (uint32_t)word);
        bpf_go_if(p, BPF_JEQ, bpf_word(nets[i].bytes + 4 * word), !word, word ? &other : label);
    }
    bpf_here(p, &other);
    return i;
}

void bpf_go_if_in(struct bpf *p, uint32_t at, int family, const struct cidr *nets, size_t count,
                  struct bpf_label *label)
{
    for (size_t i = 0; i < count; i++) {
        if (nets[i].family != family)
            continue;
        if (nets[i].prefix == 0)
            bpf_go(p, label);
        else
            i = go_if_in_alike(p, at, nets, count, i, label);
    }
}

/* By the place of an instruction. */
struct place {
    uint16_t shared; /* of the jumps that lead here, the nearest that stays */
    uint16_t aim;    /* of a jump: where the test before it leads instead; 0: the jump stays */
    uint16_t after;  /* where the instruction is afterwards */
};

static void find_aims(const struct bpf *p, struct place *places)
{
    for (size_t i = p->count; i-- > 0;) {
        const size_t to = i + 1 + p->code[i].k;

        if (p->code[i].code != (BPF_JMP | BPF_JA))
            continue;
        if (i > 0 && p->code[i - 1].jt != p->code[i - 1].jf)
            places[i].aim = to - i <= UINT8_MAX ? (uint16_t)to : places[to].shared;
        if (places[i].aim > i + UINT8_MAX)
            places[i].aim = 0;
        if (!places[i].aim)
            places[to].shared = (uint16_t)i;
    }
}

/* Jumps to one place share the next that leads there, so that tests reach it. */
void bpf_shorten(struct bpf *p)
{
    static struct place places[BPF_MAXINSNS];
    size_t count = 0;

    memset(places, 0, p->count * sizeof(*places));
    find_aims(p, places);
    for (size_t i = 0; i < p->count; i++) {
        places[i].after = (uint16_t)count;
        count += !places[i].aim;
    }
    for (size_t i = 0; i < p->count; i++) {
        struct sock_filter step = p->code[i];

        if (places[i].aim)
            continue;
        if (step.code == (BPF_JMP | BPF_JA))
            step.k = places[i + 1 + step.k].after - places[i].after - 1U;
        if (step.jt != step.jf && places[i + 1].aim) {
            const uint8_t away = (uint8_t)(places[places[i + 1].aim].after - places[i].after - 1);
            step.jf = step.jt ? away : 0;
            step.jt = step.jt ? 0 : away;
        }
        p->code[places[i].after] = step;
    }
    p->count = count;
}
