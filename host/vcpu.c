/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "vcpu.h"

#include <stdio.h>

#ifndef __x86_64__

void vcpu_try(struct vcpu_run *out, int kvm_fd, int vm_fd)
{
    (void)kvm_fd;
    (void)vm_fd;
    *out = (struct vcpu_run){.verdict = VCPU_UNKNOWN};
}

#else

#include <errno.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"

enum {
    PAGE = 4096,
    PML4 = PAGE, /* the code is on page 0; three pages identity-map the first 2 MiB */
    PDPT = 2 * PAGE,
    PD = 3 * PAGE,
    MEMORY = 4 * PAGE,
    PORT = 0x80,
    CPUID_MAX = 256, /* KVM_MAX_CPUID_ENTRIES */
    TURNS = 1000,    /* 1.4 ms if each instruction is emulated, less than 1 us natively */
    TRIES = 3,       /* the best one is used: another process may have had the CPU in between */
    TOO_SLOW = 100,
    STEP_MS = 50,
    LIMIT_MS = 500,
};

static const uint64_t mark = 0x123456789abcdef0;

/* Runs with the number of iterations in rcx. Outside 64-bit mode the first byte is an instruction of its own,
 * and rax gets a wrong value. */
static const uint8_t code[] = {
    0x48, 0xb8, 0xf0, 0xde, 0xbc, 0x9a, 0x78, 0x56, 0x34, 0x12, /* mov rax, mark */
    0x48, 0xff, 0xc9,                                           /* dec rcx */
    0x75, 0xfb,                                                 /* jnz to the dec */
    0xe6, PORT,                                                 /* out PORT, al */
    0xf4,                                                       /* hlt */
};

struct vcpu {
    int fd;
    uint8_t *memory;
    struct kvm_run *run;
    size_t run_size;
};

static bool refused(struct vcpu_run *out, const char *step)
{
    out->verdict = VCPU_REFUSED;
    snprintf(out->trouble, sizeof(out->trouble), "%s: %s", step, strerror(errno));
    return false;
}

static bool stuck(struct vcpu_run *out, const char *what, unsigned int number)
{
    out->verdict = VCPU_STUCK;
    snprintf(out->trouble, sizeof(out->trouble), "%s %u", what, number);
    return false;
}

static void write_memory(uint8_t *memory)
{
    enum { PRESENT = 1, WRITABLE = 2, LARGE = 0x80 };
    const uint64_t pml4 = PDPT | PRESENT | WRITABLE, pdpt = PD | PRESENT | WRITABLE,
                   pd = PRESENT | WRITABLE | LARGE;

    memcpy(memory, code, sizeof(code));
    memcpy(memory + PML4, &pml4, sizeof(pml4));
    memcpy(memory + PDPT, &pdpt, sizeof(pdpt));
    memcpy(memory + PD, &pd, sizeof(pd));
}

/* Gives the CPU all the features that KVM supports. Since Linux 6.12, KVM_SET_SREGS refuses 64-bit mode to a
 * CPU whose CPUID lacks it (kvm_valid_sregs() in arch/x86/kvm/x86.c). */
static bool set_cpuid(int kvm_fd, int fd)
{
    _cleanup_free_ struct kvm_cpuid2 *cpuid =
        calloc(1, sizeof(*cpuid) + CPUID_MAX * sizeof(struct kvm_cpuid_entry2));

    if (!cpuid)
        return false;
    cpuid->nent = CPUID_MAX;
    return ioctl(kvm_fd, KVM_GET_SUPPORTED_CPUID, cpuid) == 0 && ioctl(fd, KVM_SET_CPUID2, cpuid) == 0;
}

/* 64-bit mode, as an operating system sets it up at boot (Intel SDM 3A, 9.8.5). */
static bool set_long_mode(int fd)
{
    struct kvm_sregs sregs;
    struct kvm_segment segment = {.base = 0, .limit = 0xffffffff, .present = 1, .s = 1, .g = 1};

    if (ioctl(fd, KVM_GET_SREGS, &sregs) < 0)
        return false;
    segment.selector = 0x08;
    segment.type = 0xb; /* code: execute, read, accessed */
    segment.l = 1;
    sregs.cs = segment;
    segment.selector = 0x10;
    segment.type = 0x3; /* data: read, write, accessed */
    segment.l = 0;
    segment.db = 1;
    sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = segment;
    sregs.cr3 = PML4;
    sregs.cr4 = 0x20;        /* PAE */
    sregs.cr0 = 0x80000033U; /* PE, MP, ET, NE, PG */
    sregs.efer = 0x500;      /* LME, LMA */
    return ioctl(fd, KVM_SET_SREGS, &sregs) == 0;
}

static bool make_vcpu(struct vcpu *cpu, struct vcpu_run *out, int kvm_fd, int vm_fd)
{
    const int size = ioctl(kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);

    cpu->memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (cpu->memory == MAP_FAILED || size < (int)sizeof(*cpu->run))
        return refused(out, "memory for a guest");
    write_memory(cpu->memory);
    const struct kvm_userspace_memory_region region = {.memory_size = MEMORY,
                                                       .userspace_addr = (uint64_t)cpu->memory};
    if (ioctl(vm_fd, KVM_SET_USER_MEMORY_REGION, &region) < 0)
        return refused(out, "KVM_SET_USER_MEMORY_REGION");
    cpu->fd = ioctl(vm_fd, KVM_CREATE_VCPU, 0);
    if (cpu->fd < 0)
        return refused(out, "KVM_CREATE_VCPU");
    cpu->run_size = (size_t)size;
    cpu->run = mmap(NULL, cpu->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, cpu->fd, 0);
    if (cpu->run == MAP_FAILED)
        return refused(out, "mapping the CPU's state");
    if (!set_cpuid(kvm_fd, cpu->fd))
        return refused(out, "the CPU's features");
    return set_long_mode(cpu->fd) || refused(out, "64-bit mode");
}

static void free_vcpu(struct vcpu *cpu)
{
    if (cpu->run != MAP_FAILED)
        munmap(cpu->run, cpu->run_size);
    if (cpu->fd >= 0)
        close(cpu->fd);
    if (cpu->memory != MAP_FAILED)
        munmap(cpu->memory, MEMORY);
}

static double now_ns(clockid_t clock)
{
    struct timespec time;

    clock_gettime(clock, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static void on_alarm(int number)
{
    (void)number; /* making KVM_RUN return is enough */
}

/* A repeating timer, since its first signal may arrive just before KVM_RUN. */
static bool arm(void)
{
    const struct sigaction action = {.sa_handler = on_alarm};
    const struct itimerval every = {{0, STEP_MS * 1000}, {0, STEP_MS * 1000}};
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGALRM);
    return sigaction(SIGALRM, &action, NULL) == 0 && sigprocmask(SIG_UNBLOCK, &set, NULL) == 0 &&
           setitimer(ITIMER_REAL, &every, NULL) == 0;
}

static void disarm(void)
{
    const struct itimerval never = {{0, 0}, {0, 0}};

    setitimer(ITIMER_REAL, &never, NULL);
}

/* Runs the CPU until it exits for this reason. */
static bool run_until(struct vcpu *cpu, struct vcpu_run *out, unsigned int reason)
{
    const double end = now_ns(CLOCK_MONOTONIC) + LIMIT_MS * 1000000;

    for (;;) {
        if (ioctl(cpu->fd, KVM_RUN, 0) == 0) {
            if (cpu->run->exit_reason == reason)
                return true;
            if (cpu->run->exit_reason != KVM_EXIT_INTR)
                return stuck(out, "the guest exited with KVM's exit reason", cpu->run->exit_reason);
        } else if (errno != EINTR && errno != EAGAIN) {
            return stuck(out, "KVM_RUN failed with error", (unsigned int)errno);
        }
        if (now_ns(CLOCK_MONOTONIC) > end)
            return stuck(out, "the guest did not exit within milliseconds:", LIMIT_MS);
    }
}

/* The CPU time that this many iterations of the loop take. */
static bool run_loop(struct vcpu *cpu, struct vcpu_run *out, uint64_t turns, double *ns)
{
    struct kvm_regs regs = {.rcx = turns, .rflags = 2};

    if (ioctl(cpu->fd, KVM_SET_REGS, &regs) < 0)
        return refused(out, "KVM_SET_REGS");
    const double start = now_ns(CLOCK_THREAD_CPUTIME_ID);
    if (!run_until(cpu, out, KVM_EXIT_IO))
        return false;
    *ns = now_ns(CLOCK_THREAD_CPUTIME_ID) - start;
    if (cpu->run->io.port != PORT || cpu->run->io.direction != KVM_EXIT_IO_OUT)
        return stuck(out, "the guest wrote to port", cpu->run->io.port);
    if (!run_until(cpu, out, KVM_EXIT_HLT))
        return false;
    if (ioctl(cpu->fd, KVM_GET_REGS, &regs) < 0 || regs.rax != mark || regs.rcx != 0)
        return stuck(out, "the guest's registers are wrong, iterations left:", (unsigned int)regs.rcx);
    return true;
}

static double host_loop_ns(void)
{
    uint64_t turns = TURNS * 10;
    const double start = now_ns(CLOCK_THREAD_CPUTIME_ID);

    __asm__ volatile("1: dec %0\n\tjnz 1b" : "+r"(turns) : : "cc");
    return (now_ns(CLOCK_THREAD_CPUTIME_ID) - start) / (TURNS * 10);
}

/* Runs one iteration first, to absorb the cost of a first run, and subtracts the overhead of a run. */
static bool measure(struct vcpu *cpu, struct vcpu_run *out)
{
    double empty, full;

    out->host_ns = host_loop_ns();
    if (!run_loop(cpu, out, 1, &empty))
        return false;
    for (int i = 0; i < TRIES; i++) {
        if (!run_loop(cpu, out, 1, &empty) || !run_loop(cpu, out, TURNS, &full))
            return false;
        const double turn = full > empty ? (full - empty) / (TURNS - 1) : 0;
        if (i == 0 || turn < out->guest_ns)
            out->guest_ns = turn;
        if (out->guest_ns < (double)TOO_SLOW * out->host_ns)
            return true;
    }
    out->verdict = VCPU_EMULATED;
    return true;
}

void vcpu_try(struct vcpu_run *out, int kvm_fd, int vm_fd)
{
    struct vcpu cpu = {.fd = -1, .memory = MAP_FAILED, .run = MAP_FAILED};

    *out = (struct vcpu_run){.verdict = VCPU_NATIVE};
    if (!arm())
        refused(out, "a timer");
    else if (make_vcpu(&cpu, out, kvm_fd, vm_fd))
        measure(&cpu, out);
    disarm();
    free_vcpu(&cpu);
}

#endif
