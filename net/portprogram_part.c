/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "portprogram_part.h"

#include <arpa/inet.h>
#include <string.h>

static uint32_t word_at(const uint8_t *bytes)
{
    uint32_t word;

    memcpy(&word, bytes, sizeof(word));
    return ntohl(word);
}

void require(struct bpf *p, int load, uint32_t offset, uint32_t value)
{
    bpf_add(p, load, offset);
    bpf_unless(p, BPF_JEQ, value, &p->drop);
}

void require_mac(struct bpf *p, const struct binding *b, int mode, uint32_t offset)
{
    require(p, BPF_LD | BPF_W | mode, offset, word_at(b->mac));
    require(p, BPF_LD | BPF_H | mode, offset + 4, (uint32_t)(b->mac[4] << 8 | b->mac[5]));
}

/* Jumps to `own` if the address there is in the network, as far as the words from 0 to `word` tell. */
static void match_words(struct bpf *p, int load, uint32_t offset, const struct cidr *net, int word,
                        struct bpf_label *own)
{
    struct bpf_label other = {0};

    for (; word >= 0; word--) {
        const int rest = 32 * (word + 1) - net->prefix; /* bits that may be anything */
        uint32_t mask = UINT32_MAX;

        bpf_add(p, load, offset + 4 * (uint32_t)word);
        if (rest > 0) {
            mask <<= rest;
            bpf_add(p, AND, mask);
        }
        bpf_unless(p, BPF_JEQ, word_at(net->bytes + 4 * word) & mask, &other);
    }
    bpf_go(p, own);
    bpf_here(p, &other);
}

/* Likewise for a whole address, whose last word is in A and stays there: a frame that does not match costs
 * one test of each. */
static void match_whole(struct bpf *p, int load, uint32_t offset, const struct cidr *address,
                        struct bpf_label *own)
{
    const int last = (int)cidr_size(address->family) / 4 - 1;
    const uint32_t value = word_at(address->bytes + 4 * last);
    struct bpf_label other = {0};

    if (last == 0) {
        bpf_if(p, BPF_JEQ, value, own);
        return;
    }
    bpf_unless(p, BPF_JEQ, value, &other);
    match_words(p, load, offset, address, last - 1, own);
    bpf_add(p, load, offset + 4 * (uint32_t)last);
    bpf_here(p, &other);
}

/* The link-local address that follows from its MAC is the guest's own, too (RFC 4291, appendix A). */
void match_own(struct bpf *p, const struct binding *b, int family, int load, uint32_t offset,
               struct bpf_label *own)
{
    const uint8_t *mac = b->mac;
    const struct cidr follows = {.family = AF_INET6,
                                 .prefix = 128,
                                 .bytes = {0xFE, 0x80, 0, 0, 0, 0, 0, 0, mac[0] ^ 2, mac[1], mac[2], 0xFF,
                                           0xFE, mac[3], mac[4], mac[5]}};
    const uint32_t size = (uint32_t)cidr_size(family);

    bpf_add(p, load, offset + size - 4);
    if (family == AF_INET6)
        match_whole(p, load, offset, &follows, own);
    for (size_t i = 0; i < b->address_count; i++)
        if (b->addresses[i].family == family && b->addresses[i].prefix == 8 * size)
            match_whole(p, load, offset, &b->addresses[i], own);
    for (size_t i = 0; i < b->address_count; i++)
        if (b->addresses[i].family == family && b->addresses[i].prefix < 8 * size)
            match_words(p, load, offset, &b->addresses[i], (b->addresses[i].prefix + 31) / 32 - 1, own);
}

void judge_udp(struct bpf *p, uint32_t offset, uint32_t server, uint32_t client, bool granted)
{
    bpf_add(p, X_BYTE, offset + UPPER - 1);
    if (!granted) {
        bpf_add(p, X_HALF, offset);
        bpf_if(p, BPF_JEQ, server, &p->drop);
        bpf_add(p, X_HALF, offset + 2);
        bpf_if(p, BPF_JEQ, client, &p->drop);
    }
    bpf_go(p, &p->pass);
}
