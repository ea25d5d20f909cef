/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Assembles classic BPF (Documentation/networking/filter.rst). Such a program judges one frame with registers
 * A and X and 16 words of memory. It only jumps forward, so it always ends; and a load beyond the frame ends
 * it with 0, which is why 0 must mean 'drop'. */
#pragma once

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cidr;

/* A place that jumps lead to; all zeros: none do so far. */
struct bpf_label {
    size_t last; /* of its jumps, plus 1; each jump holds the one before it until bpf_here() */
};

/* All zeros: empty. */
struct bpf {
    struct sock_filter code[BPF_MAXINSNS];
    size_t count;
    bool too_long; /* for the kernel: do not use it */
};

/* Adds an instruction, as linux/bpf_common.h defines them. */
void bpf_add(struct bpf *p, int code, uint32_t k);

/* Jumps to the label: always, or if A is or is not BPF_JEQ, BPF_JGT, BPF_JGE or BPF_JSET to k. */
void bpf_go(struct bpf *p, struct bpf_label *label);
void bpf_go_if(struct bpf *p, int test, uint32_t k, bool is, struct bpf_label *label);

/* Jumps to the label if the address in memory, in the words from `at` on, is in one of the networks of that
 * family; otherwise A has changed. */
void bpf_go_if_in(struct bpf *p, uint32_t at, int family, const struct cidr *nets, size_t count,
                  struct bpf_label *label);

uint32_t bpf_word(const uint8_t *bytes); /* as a load of the four bytes there has it */

/* Puts the label here, behind all jumps to it; later ones lead to where it is put next. */
void bpf_here(struct bpf *p, struct bpf_label *label);

/* Has tests jump themselves where they reach, and leaves out the jumps behind them, when all labels have
 * their place: the kernel compiles the rest sooner. */
void bpf_shorten(struct bpf *p);
