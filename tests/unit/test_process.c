/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * How long other programs may take, and what is left of them. */
#include "base/clock.h"
#include "base/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { LONG_MS = 20000, SHORT_MS = 600 };

/* Runs a shell's command; its output is in *output. */
static int shell(const char *command, bool errors, int limit_ms, char **output)
{
    return process_capture((const char *[]){"sh", "-c", command, NULL}, errors, limit_ms, output);
}

static int64_t timed(const char *command, int limit_ms, int *status, char **output)
{
    const int64_t start = clock_ms();

    *status = shell(command, 1, limit_ms, output);
    return clock_ms() - start;
}

/* Whether the process whose number is in the text is gone, or a zombie that nobody has reaped yet. */
static bool is_gone(const char *text)
{
    const pid_t pid = (pid_t)strtol(text, NULL, 10);
    char path[64], line[256] = "";

    assert_true(pid > 1);
    for (int waited = 0; waited < 5000; waited += 20) {
        snprintf(path, sizeof(path), "/proc/%d/stat", pid);
        FILE *file = fopen(path, "re");
        if (!file || !fgets(line, sizeof(line), file) || strstr(line, ") Z "))
            waited = 10000;
        if (file)
            fclose(file);
        if (waited >= 10000)
            return true;
        poll(NULL, 0, 20);
    }
    return false;
}

static void test_output_and_status(void **state)
{
    char *output;
    (void)state;

    assert_int_equal(shell("echo out; echo error >&2; exit 3", 1, LONG_MS, &output), 3);
    assert_string_equal(output, "out\nerror\n");
    free(output);
    assert_int_equal(shell("echo out; echo error >&2", 0, LONG_MS, &output), 0);
    assert_string_equal(output, "out\n");
    free(output);
    assert_int_equal(shell("kill -9 $$", 0, LONG_MS, &output), 128 + SIGKILL);
    free(output);
    assert_int_equal(process_capture((const char *[]){"no-such-program", NULL}, false, LONG_MS, &output),
                     -ENOENT);
    assert_null(output);
}

static void test_nothing_of_the_caller(void **state)
{
    char *output;
    (void)state;

    setenv("SECRET", "1", 1);
    signal(SIGINT, SIG_IGN);
    umask(0);
    assert_int_equal(
        shell("echo $SECRET; echo $PATH; pwd; umask; read line; echo $?; kill -2 $$; echo survived", 1,
              LONG_MS, &output),
        128 + SIGINT);
    assert_string_equal(output, "\n/usr/sbin:/usr/bin:/sbin:/bin\n/\n0022\n1\n");
    free(output);
    signal(SIGINT, SIG_DFL);
    assert_int_equal(shell("test $(ps -o sid= -p $$) = $$", 1, LONG_MS, &output), 0);
    free(output);
}

/* Silence is no failure: managers say nothing while they wait for DHCP. */
static void test_silence(void **state)
{
    char *output;
    (void)state;

    assert_int_equal(shell("sleep 1; echo done", 1, LONG_MS, &output), 0);
    assert_string_equal(output, "done\n");
    free(output);
    assert_true(PROCESS_MANAGER_MS >= 180 * 1000);
}

/* The limit is one for the whole time, whatever is printed, and nothing that was started outlives it. */
static void test_the_limit(void **state)
{
    static const char *const commands[] = {
        "sh -c 'echo $$; exec sleep 600' & wait",
        "sh -c 'echo $$; exec sleep 600' & while :; do echo; sleep 0.05; done",
        "sh -c 'echo $$; exec sleep 600' & trap '' TERM HUP INT; while :; do sleep 600; done",
        "echo $$; exec >/dev/null 2>&1; exec sleep 600",
    };
    char *output;
    int status;
    (void)state;

    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        const int64_t took = timed(commands[i], SHORT_MS, &status, &output);
        assert_int_equal(status, -ETIMEDOUT);
        assert_true(took >= SHORT_MS && took < 10000);
        assert_true(is_gone(output));
        free(output);
    }
}

/* What a manager leaves running, such as a DHCP client, holds its standard output, and is left alone. */
static void test_left_running(void **state)
{
    char *output;
    int status;
    (void)state;

    assert_true(timed("sleep 600 & echo $!", LONG_MS, &status, &output) < 10000);
    assert_int_equal(status, 0);
    const pid_t pid = (pid_t)strtol(output, NULL, 10);
    assert_int_equal(kill(pid, SIGKILL), 0);
    free(output);
}

static void test_too_much_output(void **state)
{
    char *output;
    (void)state;

    assert_int_equal(shell("yes", 0, 60000, &output), -EFBIG);
    free(output);
}

/* create may be killed by its guard: what it runs must not go on to change the network. */
static void test_the_caller_dies(void **state)
{
    char text[32] = "";
    int ends[2];
    (void)state;

    assert_int_equal(pipe(ends), 0);
    const pid_t caller = fork();
    if (caller == 0) {
        char command[128], *output;
        snprintf(command, sizeof(command), "echo $$ >/proc/%d/fd/%d; exec sleep 600", getpid(), ends[1]);
        shell(command, 1, LONG_MS, &output);
        _exit(0);
    }
    struct pollfd wait = {.fd = ends[0], .events = POLLIN};
    assert_int_equal(poll(&wait, 1, 10000), 1);
    assert_true(read(ends[0], text, sizeof(text) - 1) > 0);
    kill(caller, SIGKILL);
    waitpid(caller, NULL, 0);
    assert_true(is_gone(text));
    close(ends[0]);
    close(ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_output_and_status), cmocka_unit_test(test_nothing_of_the_caller),
        cmocka_unit_test(test_silence),           cmocka_unit_test(test_the_limit),
        cmocka_unit_test(test_left_running),      cmocka_unit_test(test_too_much_output),
        cmocka_unit_test(test_the_caller_dies),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
