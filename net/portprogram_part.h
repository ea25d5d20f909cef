/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * What the parts of a port's program (portprogram.h) share. Offsets are those of an untagged frame; or,
 * behind headers of various lengths, relative to X. Where a header is not read to its end, its last byte is
 * loaded, so that a frame that ends before is dropped. */
#pragma once

#include "binding.h"
#include "bpf.h"

/* Instructions: load what is at an offset, or at X plus an offset, into A; or compute with A. */
enum {
    BYTE = BPF_LD | BPF_B | BPF_ABS,
    HALF = BPF_LD | BPF_H | BPF_ABS,
    WORD = BPF_LD | BPF_W | BPF_ABS,
    X_BYTE = BPF_LD | BPF_B | BPF_IND,
    X_HALF = BPF_LD | BPF_H | BPF_IND,
    X_WORD = BPF_LD | BPF_W | BPF_IND,
    NUMBER = BPF_LD | BPF_IMM,
    RECALL = BPF_LD | BPF_MEM,
    STORE = BPF_ST,
    AND = BPF_ALU | BPF_AND | BPF_K,
    ADD = BPF_ALU | BPF_ADD | BPF_K,
    SUBTRACT = BPF_ALU | BPF_SUB | BPF_K,
    SHIFT = BPF_ALU | BPF_LSH | BPF_K,
};

enum { IP = 14, IP6_PAYLOAD = 54, UPPER = 8 /* bytes that the upper protocols' headers have at least */ };

/* Drops the frame unless that load finds that value. */
void require(struct bpf *p, int load, uint32_t offset, uint32_t value);

/* Drops the frame unless the guest's MAC is there; mode: BPF_ABS or BPF_IND. */
void require_mac(struct bpf *p, const struct binding *b, int mode, uint32_t offset);

/* Jumps to `own` if the address there is the guest's own: an IPv4 address by the load WORD, an IPv6 address
 * by WORD or X_WORD. Changes A. */
void match_own(struct bpf *p, const struct binding *b, int family, int load, uint32_t offset,
               struct bpf_label *own);

/* Judges UDP at X plus an offset: nothing from a server's port or to its clients', unless granted. */
void judge_udp(struct bpf *p, uint32_t offset, uint32_t server, uint32_t client, bool granted);

void judge_ip6(struct bpf *p, const struct binding *b);
