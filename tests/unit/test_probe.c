/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * What comes from a probe's process is the word of whoever owns it, and what it starts does not outlive it.
 */
#include "host/child.h"
#include "host/fix.h"
#include "host/probe.h"
#include "host/program.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* As host/probe.c has it. */
struct record {
    uint32_t probe, id, fixable, seen_size;
    char about[FINDING_ABOUT_SIZE];
};

static char user[] = "alice", home[] = "/nowhere";
static const struct user somebody = {.uid = 1000, .name = user, .home = home, .in_passwd = true};

static const struct probe_context context = {&somebody, NULL, false};

static struct record lie; /* what the next worker says, besides "seen" */
static uint32_t repeat;

static void say(const struct probe_context *unused, struct findings *out)
{
    (void)unused;
    (void)out;
    for (uint32_t i = 0; i < repeat; i++) {
        child_write(&lie, sizeof(lie));
        child_write("seen", 4);
    }
}

static struct findings hear(const char *area, struct record record, uint32_t times)
{
    const struct probe probe = {.name = area, .run = say};
    const struct probe *const probes[] = {&probe};
    struct findings found = {.items = NULL};

    lie = record;
    repeat = times;
    probes_run(probes, 1, &context, &found);
    return found;
}

#define TRUTH(what) .id = (what), .seen_size = 4

static void refused(const char *area, struct record record, uint32_t times, size_t before)
{
    struct findings found = hear(area, record, times);

    assert_int_equal(found.count, before + 1);
    assert_int_equal(found.items[before].id, CHECK_CRASH);
    findings_free(&found);
}

static void lies_are_refused(void **state)
{
    struct record open = {TRUTH(NET_BRIDGE_DOWN)};
    (void)state;

    memset(open.about, 'a', sizeof(open.about));
    refused("net.x", open, 1, 0);
    refused("qemu.x", (struct record){TRUTH(GROUPS_KVM_MISSING), .fixable = 1}, 1, 0);
    refused("helper.x", (struct record){TRUTH(CHECK_HANG)}, 1, 0);
    refused("q", (struct record){TRUTH(QEMU_KVM)}, 1, 0);
    refused("qemu.x", (struct record){.id = FINDING_COUNT, .seen_size = 4}, 1, 0);
    refused("qemu.x", (struct record){.id = QEMU_KVM, .seen_size = 4097}, 1, 0);
    refused("qemu.x", (struct record){.id = QEMU_KVM, .seen_size = UINT32_MAX}, 1, 0);
    refused("qemu.x", (struct record){TRUTH(QEMU_KVM), .probe = 1}, 1, 0);
    refused("qemu.x", (struct record){TRUTH(QEMU_KVM)}, 5000, 4096);
}

static void fix_is(const char *area, enum finding_id id, const char *about, const char *fix)
{
    struct record record = {TRUTH(id), .fixable = 1};

    snprintf(record.about, sizeof(record.about), "%s", about);
    struct findings found = hear(area, record, 1);
    assert_int_equal(found.count, 1);
    fix_findings(&found, &somebody);
    if (!fix)
        assert_null(found.items[0].fix);
    for (char *sudo = NULL;
         fix && geteuid() != 0 && (sudo = strstr(found.items[0].fix, "sudo "));) /* for users */
        memmove(sudo, sudo + strlen("sudo "), strlen(sudo) + 1 - strlen("sudo "));
    if (fix)
        assert_string_equal(found.items[0].fix, fix);
    findings_free(&found);
}

static void commands_are_ours(void **state)
{
    static const char turned[] = {'b', (char)0xe2, (char)0x80, (char)0xae, '\0'}; /* right-to-left override */
    (void)state;
    fix_is("net.x", NET_BRIDGE_DOWN, "br0", "ip link set dev br0 up");
    fix_is("net.x", NET_BRIDGE_DOWN, "b;reboot", "ip link set dev 'b;reboot' up");
    fix_is("net.x", NET_BRIDGE_DOWN, "b\nreboot", NULL);
    fix_is("net.x", NET_BRIDGE_DOWN, "b\x1b[1m", NULL);
    fix_is("net.x", NET_BRIDGE_DOWN, turned, NULL);
    fix_is("net.x", NET_BRIDGE_DOWN, "a b", NULL);
    fix_is("net.x", NET_BRIDGE_DOWN, "a/b", NULL);
    fix_is("net.x", NET_BRIDGE_DOWN, "sixteen-letters-", NULL);
    fix_is("net.x", NET_BRIDGE_DOWN, "", NULL);
    fix_is("kvm.x", KVM_MODULE_MISSING, "kvm_amd", "modprobe kvm_amd");
    fix_is("kvm.x", KVM_MODULE_MISSING, "kvm_amd; reboot", NULL);
    fix_is("kvm.x", KVM_VM_BUSY, "vmmon", "modprobe -r vmmon");
    fix_is("helper.x", HELPER_LEFTOVER, "/usr/lib/x", "# once nothing calls it: chmod u-s /usr/lib/x");
    fix_is("helper.x", HELPER_LEFTOVER, "/usr/lib/x y", NULL);
    fix_is("helper.x", HELPER_LEFTOVER, "x", NULL);
    fix_is("helper.x", HELPER_APPARMOR, "/../../cron.d/x", NULL);
    fix_is("groups.x", GROUPS_LIBVIRT_MISSING, "root", "gpasswd -a alice libvirt");
    fix_is("qemu.x", QEMU_KVM, "reboot", NULL);
    fix_is("net.x", NET_FILTER_DROP, "br0 2 inet f;x way",
           "# this stops filtering the frames of all bridges, those of containers included: sysctl -w "
           "net.bridge.bridge-nf-call-iptables=0 net.bridge.bridge-nf-call-ip6tables=0");
    fix_is("net.x", NET_FILTER_DROP, "br0 4 bridge f way",
           "# accept the bridge's frames: nft insert rule bridge f way obrname br0 accept");
    fix_is("net.x", NET_FILTER_DROP, "br0", NULL);
}

/* What a child says of itself, and of a process that it has left in another session. */
struct answer {
    pid_t pid, session, left;
    bool terminal, extra;
};

static void describe(void *arg)
{
    struct answer answer = {.pid = getpid(), .session = getsid(0)};
    const int *inherited = arg;

    answer.extra = write(*inherited, "x", 1) >= 0 || errno != EBADF;
    for (int fd = 0; fd < 3; fd++)
        answer.terminal = answer.terminal || isatty(fd) || (fd < 1 && read(fd, &answer.extra, 1) != 0);
    const pid_t half = fork();
    if (half == 0) {
        setsid();
        answer.left = fork();
        if (answer.left == 0) /* holds the pipe to the parent, too */
            for (;;)
                pause();
        child_write(&answer, sizeof(answer));
        _exit(0);
    }
    waitpid(half, NULL, 0);
}

static pid_t start_sleeper(void)
{
    const pid_t pid = fork();

    if (pid != 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;)
        pause();
}

static void children_leave_nothing(void **state)
{
    const pid_t elder = start_sleeper();
    int inherited = fcntl(STDERR_FILENO, F_DUPFD, 100);
    struct answer answer;
    struct child child;
    char rest;
    (void)state;

    assert_int_equal(child_start(&child, &somebody, describe, &inherited), 0);
    child_set_limit(&child, 5);
    assert_true(child_read(&child, &answer, sizeof(answer)));
    assert_int_equal(answer.session, answer.pid);
    assert_int_not_equal(answer.session, getsid(0));
    assert_false(answer.terminal);
    assert_false(answer.extra);
    assert_int_equal(kill(answer.left, 0), 0);
    child_set_limit(&child, 0);
    assert_false(child_read(&child, &rest, 1));
    assert_true(child.late);
    child_end(&child);
    assert_int_equal(kill(answer.left, 0), -1);
    assert_int_equal(kill(elder, 0), 0); /* what this process had started before is not a child's */
    kill(elder, SIGKILL);
    waitpid(elder, NULL, 0);
    close(inherited);
}

struct run {
    int status;
    char words[128];
};

static char *command;

static void run_program(void *arg)
{
    struct run run = {.status = 0};
    (void)arg;

    run.status = program_run((const char *[]){"/bin/sh", "-c", command, NULL}, &somebody, run.words,
                             sizeof(run.words));
    child_write(&run, sizeof(run));
}

static void runs(char *line, int seconds, int status, const char *words)
{
    struct child child;
    struct run run;

    command = line;
    assert_int_equal(child_start(&child, &somebody, run_program, NULL), 0);
    child_set_limit(&child, seconds);
    assert_true(child_read(&child, &run, sizeof(run)));
    child_end(&child);
    assert_int_equal(run.status, status);
    assert_string_equal(run.words, words);
}

static void programs_are_bounded(void **state)
{
    char plain[] = "echo yes; exit 3", left[] = "setsid sleep 60 & echo yes",
         much[] = "while :; do echo 0123456789abcde; done", silent[] = "exec >/dev/null 2>&1; exec sleep 60",
         fds[] = "cd /proc/self/fd; echo *", killed[] = "kill -9 $$";
    char start[128] = "";
    (void)state;

    runs(plain, 5, 3, "yes\n");
    runs(left, 5, 0, "yes\n");
    for (int i = 0; i < 127; i++)
        start[i] = "0123456789abcde\n"[i % 16];
    runs(much, 20, -EFBIG, start);
    runs(silent, PROGRAM_SECONDS + 2, -ETIMEDOUT, "");
    runs(fds, 5, 0, "0 1 2 3\n"); /* the last is of the shell's own reading */
    runs(killed, 5, 128 + SIGKILL, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lies_are_refused),
        cmocka_unit_test(commands_are_ours),
        cmocka_unit_test(children_leave_nothing),
        cmocka_unit_test(programs_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
