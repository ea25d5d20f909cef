/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "helper_call.h"
#include "base/process.h"
#include "base/verb.h"
#include "config.h"

#include <stdlib.h>
#include <string.h>

const char *helper_path(void)
{
    const char *path = getenv("VIRT_TAP_HELPER");

    if (path)
        return path;
    return HELPER_PATH;
}

int helper_call(const char *name, const char *const argv[])
{
    const int status = process_run_terminal(helper_path(), argv);
    if (status < 0)
        return complain(1, name, "cannot start %s: %s; " PROCESS_INSTALL("virt-tap"), helper_path(),
                        strerror(-status));
    if (status < 128)
        return status;
    return 1;
}
