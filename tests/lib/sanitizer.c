/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Linked into the programs of builds with sanitizers. A report must not get lost where a test expects a
 * failure anyway, and the helper, which its file capability makes AT_SECURE, heeds no options from its
 * environment. So the options are here, and reports are files in a folder that `./dev test sanitized` looks
 * into; without that folder, as in guests, they are words on standard error. No test expects exit status 99.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#define REPORTS "/var/lib/virt-tap-sanitized"

/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): the runtimes' names */
/* The runtimes call these: gcc's are two, one for each sanitizer. */
const char *__asan_default_options(void);
const char *__ubsan_default_options(void);
void __ubsan_on_report(void);
int __lsan_is_turned_off(void);
/* Of the runtime: what the report is about that is being made. */
void __ubsan_get_current_report_data(const char **kind, const char **message, const char **file,
                                     unsigned int *line, unsigned int *column, char **address);
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */

const char *__asan_default_options(void)
{
    return access(REPORTS, W_OK) < 0 ? "exitcode=99" : "exitcode=99:log_path=" REPORTS "/asan";
}

static bool is_traced(void)
{
    char line[128];
    FILE *file = fopen("/proc/self/status", "re");
    bool traced = false;

    while (file && fgets(line, sizeof(line), file))
        traced = traced || (strncmp(line, "TracerPid:", 10) == 0 && line[11] != '0');
    if (file)
        fclose(file);
    return traced;
}

/* In a PID namespace that this /proc is not of, as for `virt-tap check --user`, /proc/<pid> is nobody, or
 * somebody else. */
static bool is_elsewhere(void)
{
    char ours[16], theirs[16] = "";

    snprintf(ours, sizeof(ours), "%d", getpid());
    return readlink("/proc/self", theirs, sizeof(theirs) - 1) < 0 || strcmp(ours, theirs) != 0;
}

/* Who looks for leaks traces the process, whose threads it reads from /proc: strace may be there first, and
 * one that is AT_SECURE nobody may. */
int __lsan_is_turned_off(void)
{
    return getauxval(AT_SECURE) || is_traced() || is_elsewhere();
}

const char *__ubsan_default_options(void)
{
    return "exitcode=99:print_stacktrace=1";
}

/* gcc's libubsan does not heed log_path beside libasan. */
void __ubsan_on_report(void)
{
    const char *kind, *message, *file;
    unsigned int line, column;
    char path[64], *address;

    snprintf(path, sizeof(path), REPORTS "/ubsan.%d", getpid());
    const int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (fd < 0)
        return;
    __ubsan_get_current_report_data(&kind, &message, &file, &line, &column, &address);
    dprintf(fd, "%s:%u: %s: %s\n", file, line, kind, message);
    close(fd);
}
