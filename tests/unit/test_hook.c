/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * The time limit of libvirt's hooks (hooks/hook.c): it comes here when the test sends its signal. */
#include "hooks/hook.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static int told; /* where the hook tells how far it is */

static void tell(void)
{
    if (write(told, ".", 1) != 1)
        _exit(99);
}

static void compute(void)
{
    for (volatile unsigned int steps = 0;; steps = steps + 1)
        ;
}

static int computes(const char *text, size_t size, struct error *why)
{
    (void)text, (void)size, (void)why;
    tell();
    compute();
    return 0;
}

/* As prepare, whose wait for the helper is interrupted, and which then removes what it had made. */
static int cleans_up(const char *text, size_t size, struct error *why)
{
    (void)text, (void)size;
    hook_begin_changes();
    tell();
    pause();
    tell();
    return error_set(why, "cleaned up");
}

static int changes_and_computes(const char *text, size_t size, struct error *why)
{
    (void)text, (void)size, (void)why;
    hook_begin_changes();
    tell();
    compute();
    return 0;
}

static const struct hook_event events[] = {
    {"computes", computes, true},
    {"computes-silently", computes, false},
    {"cleans-up", cleans_up, true},
    {"changes", changes_and_computes, true},
};

struct running {
    pid_t pid;
    int told, said;
};

static struct running begin(const char *operation)
{
    char name[] = "qemu", object[] = "web", copy[32];
    char *argv[] = {name, object, strcpy(copy, operation), NULL};
    int progress[2], words[2];

    assert_int_equal(pipe2(progress, O_CLOEXEC), 0);
    assert_int_equal(pipe2(words, O_CLOEXEC), 0);
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        told = progress[1];
        dup2(words[1], STDERR_FILENO);
        dup2(open("/dev/null", O_RDONLY), STDIN_FILENO);
        _exit(hook_run(events, sizeof(events) / sizeof(events[0]), 3, argv));
    }
    close(progress[1]);
    close(words[1]);
    return (struct running){pid, progress[0], words[0]};
}

static void await_word(const struct running *hook)
{
    char byte;

    assert_int_equal(read(hook->told, &byte, 1), 1);
}

/* Its exit status, and what it said. */
static int end(const struct running *hook, char *said, size_t size)
{
    int status = 0;
    size_t length = 0;

    for (ssize_t some; (some = read(hook->said, said + length, size - 1 - length)) > 0;)
        length += (size_t)some;
    said[length] = '\0';
    assert_int_equal(waitpid(hook->pid, &status, 0), hook->pid);
    close(hook->told);
    close(hook->said);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void ends_what_computes(void **state)
{
    static const struct {
        const char *operation;
        int status;
    } tries[] = {{"computes", 1}, {"computes-silently", 0}};
    char said[256];

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        const struct running hook = begin(tries[i].operation);
        await_word(&hook);
        kill(hook.pid, SIGALRM);
        assert_int_equal(end(&hook, said, sizeof(said)), tries[i].status);
        assert_non_null(strstr(said, "virt-tap: the hook did not end in time"));
    }
}

static void lets_it_clean_up(void **state)
{
    const struct running hook = begin("cleans-up");
    const struct timespec pause = {.tv_nsec = 1000 * 1000};
    char said[256], byte;

    (void)state;
    await_word(&hook);
    assert_int_equal(fcntl(hook.told, F_SETFL, O_NONBLOCK), 0);
    kill(hook.pid, SIGALRM); /* once; should it come before the pause, another will */
    for (int turn = 1; read(hook.told, &byte, 1) != 1; turn++) {
        assert_true(turn < 4000);
        nanosleep(&pause, NULL);
        if (turn % 1000 == 0)
            kill(hook.pid, SIGALRM);
    }
    assert_int_equal(end(&hook, said, sizeof(said)), 1);
    assert_string_equal(said, "virt-tap: cleaned up\n");
}

/* Not for ever. */
static void ends_what_does_not_clean_up(void **state)
{
    const struct running hook = begin("changes");
    const struct timespec pause = {.tv_nsec = 20 * 1000 * 1000};
    char said[256];
    siginfo_t info;
    int alarms = 0;

    (void)state;
    await_word(&hook);
    do {
        assert_true(alarms < 1000);
        kill(hook.pid, SIGALRM);
        alarms++;
        nanosleep(&pause, NULL);
        info.si_pid = 0;
        assert_int_equal(waitid(P_PID, (id_t)hook.pid, &info, WEXITED | WNOHANG | WNOWAIT), 0);
    } while (info.si_pid == 0);
    assert_true(alarms >= 6 && alarms <= 999);
    assert_int_equal(end(&hook, said, sizeof(said)), 1);
    assert_non_null(strstr(said, "virt-tap gc"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ends_what_computes),
        cmocka_unit_test(lets_it_clean_up),
        cmocka_unit_test(ends_what_does_not_clean_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
