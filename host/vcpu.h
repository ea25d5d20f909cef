/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Whether a virtual CPU really runs, and how: a few instructions in 64-bit mode, a loop of known length, OUT
 * and HLT. */
#pragma once

enum vcpu_verdict {
    VCPU_NATIVE,   /* the loop takes about as long as outside */
    VCPU_EMULATED, /* it ends, but takes hundreds of times as long */
    VCPU_STUCK,    /* it does not end, or not as it should */
    VCPU_REFUSED,  /* the kernel would not make the CPU or its memory */
    VCPU_UNKNOWN,  /* there is no such guest for this architecture */
};

struct vcpu_run {
    enum vcpu_verdict verdict;
    double guest_ns, host_ns; /* for one turn of the loop, inside and outside; of NATIVE and EMULATED */
    char trouble[96];         /* of STUCK and REFUSED: what happened */
};

/* Runs a CPU of a fresh VM (KVM_CREATE_VM's descriptor; kvm_fd: KVM_PATH's) for at most half a second; a
 * loop that is emulated costs some 10 ms. Takes SIGALRM and the real-time timer of this process, so call it
 * in a child. */
void vcpu_try(struct vcpu_run *out, int kvm_fd, int vm_fd);
