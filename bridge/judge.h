/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Judges captured frames by a port's program, as the kernel does (Documentation/networking/filter.rst). The
 * kernel itself can only be asked to by a socket, whose programs may be less long (net.core.optmem_max). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bpf;

/* A frame as a packet socket has it: its outermost VLAN tag, if any, is not among its bytes. */
struct frame {
    const uint8_t *bytes;
    size_t size;
    bool tagged;
    uint16_t tag, tag_type; /* the tag's TCI, and 0x8100 or the like */
};

/* Returns what the program returns, not 0: it matches; or -ENOTSUP: it is not one of net/portprogram.h. */
int64_t judge_frame(const struct bpf *program, const struct frame *frame);
