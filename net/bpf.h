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

struct bpf {
    struct sock_filter code[BPF_MAXINSNS];
    size_t count;
};

/* clang-format off */
/* What a step does: an instruction, as linux/bpf_common.h defines them, or one of these. */
enum {
    /* Load from an offset, or from X plus an offset, into A; compute with A. */
    BYTE = BPF_LD | BPF_B | BPF_ABS, X_BYTE = BPF_LD | BPF_B | BPF_IND,
    HALF = BPF_LD | BPF_H | BPF_ABS, X_HALF = BPF_LD | BPF_H | BPF_IND,
    WORD = BPF_LD | BPF_W | BPF_ABS, X_WORD = BPF_LD | BPF_W | BPF_IND,
    NUMBER = BPF_LD | BPF_IMM, X_NUMBER = BPF_LDX | BPF_IMM, LENGTH = BPF_LD | BPF_LEN, /* the frame's */
    STORE = BPF_ST, RECALL = BPF_LD | BPF_MEM, TO_X = BPF_MISC | BPF_TAX,
    ADD = BPF_ALU | BPF_ADD, ADD_X = BPF_ALU | BPF_ADD | BPF_X, SUB = BPF_ALU | BPF_SUB, AND = BPF_ALU | BPF_AND,
    LEFT = BPF_ALU | BPF_LSH, RIGHT = BPF_ALU | BPF_RSH,
    /* Jump to a label: always, if A is, unless A is; with _X, what A is compared with is X. */
    GO = BPF_JMP | BPF_JA,
    IF = 0x100, IF_EQ = IF | BPF_JMP | BPF_JEQ, IF_GT = IF | BPF_JMP | BPF_JGT, IF_ANY = IF | BPF_JMP | BPF_JSET,
    UNLESS = 0x200, UNLESS_EQ = UNLESS | BPF_JMP | BPF_JEQ, UNLESS_GT = UNLESS | BPF_JMP | BPF_JGT,
    UNLESS_GE = UNLESS | BPF_JMP | BPF_JGE, IF_EQ_X = IF_EQ | BPF_X, UNLESS_GT_X = UNLESS_GT | BPF_X,
    HERE = 0x400,     /* the label, for the jumps before it, up to where it was last */
    STEPS_END = 0x401 /* further numbers are free */
};
/* clang-format on */

struct bpf_step {
    int code;
    uint32_t k;
    unsigned int to; /* the label of a jump or HERE */
};

/* Labels are numbers: 0, those that bpf_go_if_in() takes, and from BPF_LABELS on others. */
enum { BPF_REST = 1, BPF_OTHER, BPF_LABELS, BPF_LABELS_MAX = 64 };

/* All zeros: none. */
struct bpf_steps {
    struct bpf_step list[2 * BPF_MAXINSNS];
    size_t count;
    bool too_many;
};

void bpf_add(struct bpf_steps *p, int code, uint32_t k, unsigned int to);

/* Adds a jump to the label if the address in memory, in the words from `at` on, is in one of the networks of
 * that family; otherwise A has changed. */
void bpf_go_if_in(struct bpf_steps *p, uint32_t at, int family, const struct cidr *nets, size_t count,
                  unsigned int label);

uint32_t bpf_word(const uint8_t *bytes); /* as a load of the four bytes there has it */

/* Makes the program. Returns 0, or -E2BIG: it is longer than the kernel takes. */
int bpf_assemble(const struct bpf_steps *steps, struct bpf *out);
