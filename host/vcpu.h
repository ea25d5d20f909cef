/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Whether a virtual CPU really runs, and how fast: a few instructions in 64-bit mode, a loop of known length,
 * OUT and HLT. */
#pragma once

enum vcpu_verdict {
    VCPU_NATIVE,   /* the loop takes about as long as on the host */
    VCPU_EMULATED, /* it finishes, but takes hundreds of times as long */
    VCPU_STUCK,    /* it does not finish, or not as it should */
    VCPU_REFUSED,  /* the kernel refused to create the CPU or its memory */
    VCPU_UNKNOWN,  /* no test guest for this architecture */
};

struct vcpu_run {
    enum vcpu_verdict verdict;
    double guest_ns, host_ns; /* per iteration, in the guest and on the host; valid for NATIVE and EMULATED */
    char trouble[96];         /* for STUCK and REFUSED: what happened */
};

/* Runs a CPU of a new VM (vm_fd: from KVM_CREATE_VM; kvm_fd: KVM_PATH) for at most half a second; an emulated
 * loop takes some 10 ms. Uses SIGALRM and the real-time timer of this process, so call it in a child. */
void vcpu_try(struct vcpu_run *out, int kvm_fd, int vm_fd);
