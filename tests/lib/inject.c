/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * inject REPORT UID GID CALL NTH error|signal NUMBER COMMAND...: runs a command as that user. Its NTH call of
 * the system call CALL, a number, fails with that error, or is interrupted by that signal before it does
 * anything. As strace -e inject, but done with it then: tracing what follows, and strace's own start, would
 * take longer than what is traced. REPORT says INJECTED if it came to that. Ends as the command did. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

/* Where a call's number and its result are. */
#if defined(__x86_64__)
#define NUMBER_OF(regs) ((regs).orig_rax)
#define RESULT_OF(regs) ((regs).rax)
#elif defined(__i386__)
#define NUMBER_OF(regs) ((regs).orig_eax)
#define RESULT_OF(regs) ((regs).eax)
#endif

static _Noreturn void fail(const char *what)
{
    perror(what);
    _exit(99);
}

static void run(char **argv, uid_t uid, gid_t gid)
{
    if (ptrace(PTRACE_TRACEME, 0, 0, 0)) /* as root, or exec would give no capability */
        fail("ptrace");
    if (uid && (setgroups(0, NULL) || setresgid(gid, gid, gid) || setresuid(uid, uid, uid)))
        fail("cannot become that user");
    execvp(argv[0], argv);
    fail(argv[0]);
}

/* Runs it to its next stop at a system call, and returns true, or to its end; status is what waitpid() tells.
 */
static bool next(pid_t pid, int *status)
{
    long signal = 0;

    while (!ptrace(PTRACE_SYSCALL, pid, 0, signal) && waitpid(pid, status, 0) == pid && WIFSTOPPED(*status)) {
        if (WSTOPSIG(*status) == (SIGTRAP | 0x80))
            return true;
        signal = WSTOPSIG(*status);
        if (*status >> 16) /* an exec */
            signal = 0;
    }
    return false;
}

#ifdef NUMBER_OF
/* At the entry of a call: one of no call returns at once, and with whatever is written then. */
static void fail_call(pid_t pid, long error, int *status)
{
    struct user_regs_struct regs;

    if (ptrace(PTRACE_GETREGS, pid, 0, &regs))
        fail("ptrace");
    NUMBER_OF(regs) = (__typeof__(NUMBER_OF(regs)))-1;
    if (ptrace(PTRACE_SETREGS, pid, 0, &regs) || !next(pid, status) || ptrace(PTRACE_GETREGS, pid, 0, &regs))
        fail("ptrace");
    RESULT_OF(regs) = (__typeof__(RESULT_OF(regs)))-error;
    if (ptrace(PTRACE_SETREGS, pid, 0, &regs))
        fail("ptrace");
}
#else
static _Noreturn void fail_call(pid_t pid, long error, int *status)
{
    (void)pid, (void)error, (void)status;
    errno = ENOSYS;
    fail("a call of this processor's");
}
#endif

static int trace(pid_t pid, char **argv, int report)
{
    unsigned long call = strtoul(argv[4], NULL, 10), left = strtoul(argv[5], NULL, 10);
    bool is_error = strcmp(argv[6], "error") == 0;
    long number = strtol(argv[7], NULL, 10), signal = 0;
    int status;

    if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
        return status;
    if (ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL))
        fail("ptrace");
    while (next(pid, &status)) {
        struct __ptrace_syscall_info info;

        if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) < 0)
            fail("ptrace");
        if (info.op != PTRACE_SYSCALL_INFO_ENTRY || info.entry.nr != call || --left)
            continue;
        if (is_error)
            fail_call(pid, number, &status);
        else
            signal = number;
        if (write(report, "INJECTED\n", 9) != 9)
            fail("write");
        if (signal == SIGKILL)
            kill(pid, SIGKILL); /* at once: the call is not made */
        else if (ptrace(PTRACE_DETACH, pid, 0, signal))
            fail("ptrace");
        if (waitpid(pid, &status, 0) != pid)
            fail("waitpid");
        break;
    }
    return status;
}

int main(int argc, char **argv)
{
    if (argc < 9)
        return 99;

    int report = open(argv[1], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (report < 0)
        fail(argv[1]);
    pid_t pid = fork();
    if (pid < 0)
        fail("fork");
    if (pid == 0)
        run(argv + 8, (uid_t)strtoul(argv[2], NULL, 10), (gid_t)strtoul(argv[3], NULL, 10));

    int status = trace(pid, argv, report);
    if (WIFEXITED(status))
        return WEXITSTATUS(status);
    signal(WTERMSIG(status), SIG_DFL);
    raise(WTERMSIG(status));
    return 99;
}
