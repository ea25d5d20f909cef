/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper_call.h"

#include "base/verb.h"
#include "config.h"

#include <errno.h>
#include <spawn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

const char *helper_path(void)
{
    const char *path = getenv("VIRT_TAP_HELPER");

    return path ? path : HELPER_PATH;
}

int helper_call(const char *name, const char *const words[])
{
    char first[] = "virt-tap-helper";
    char *argv[16] = {first};
    int status = 0;
    pid_t pid;

    for (size_t i = 0; i < 14 && words[i]; i++)
        argv[i + 1] = (char *)(uintptr_t)words[i];
    const int err = posix_spawn(&pid, helper_path(), NULL, NULL, argv, environ);
    if (err)
        return complain(1, name, "cannot start %s: %s; `./dev install` in virt-tap's source puts it there",
                        helper_path(), strerror(err));
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return complain(1, name, "lost %s: %s", helper_path(), strerror(errno));
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
