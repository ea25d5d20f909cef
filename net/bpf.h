/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Assembles classic BPF (Documentation/networking/filter.rst). Such a program judges a frame with A, X and 16
 * words of memory, and can only jump forward, so it always ends. A load beyond the end of the frame ends it
 * with 0: programs made here return 0 for what must not pass. */
#pragma once

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All zeros: empty. */
struct bpf {
    struct sock_filter code[BPF_MAXINSNS];
    size_t count;
    bool failed; /* too long for the kernel, or a block is too long for one jump; do not use it */
};

/* A place that jumps lead to; all zeros: none do so far. */
struct bpf_label {
    size_t last; /* the last of its jumps, plus 1; in each of them stands the one before */
};

/* Adds one instruction. */
void bpf_add(struct bpf *p, int code, uint32_t k);

/* Where loads read: at an offset of the frame, or of X. */
struct bpf_place {
    int mode; /* BPF_ABS, BPF_IND */
    uint32_t offset;
};

static inline struct bpf_place bpf_frame(uint32_t offset)
{
    return (struct bpf_place){BPF_ABS, offset};
}

static inline struct bpf_place bpf_x(uint32_t offset)
{
    return (struct bpf_place){BPF_IND, offset};
}

/* Loads a BPF_B, BPF_H or BPF_W from `more` bytes after a place into A. */
void bpf_load(struct bpf *p, int size, struct bpf_place place, uint32_t more);

/* Ends the program if the frame has less than `size` bytes from that place on; changes A. */
void bpf_need(struct bpf *p, struct bpf_place place, uint32_t size);

void bpf_return(struct bpf *p, uint32_t value);

/* Begins a block that runs only if A is (bpf_unless: is not) BPF_JEQ, BPF_JGT, BPF_JGE or BPF_JSET to value.
 * bpf_end() ends the block; blocks nest. Up to 255 instructions. */
size_t bpf_if(struct bpf *p, int test, uint32_t value);
size_t bpf_unless(struct bpf *p, int test, uint32_t value);
void bpf_end(struct bpf *p, size_t block);

/* Jumps, always or if that is so, to where bpf_here() puts the label, at any distance. */
void bpf_go(struct bpf *p, struct bpf_label *label);
void bpf_go_if(struct bpf *p, int test, uint32_t value, struct bpf_label *label);
void bpf_here(struct bpf *p, struct bpf_label *label);

/* Returns 0, if that is so or not so. */
void bpf_drop_if(struct bpf *p, int test, uint32_t value);
void bpf_drop_unless(struct bpf *p, int test, uint32_t value);
