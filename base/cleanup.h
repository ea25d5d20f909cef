/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Cleanup attributes of all kinds; those that the privileged helper needs are in closing.h. */
#pragma once

#include "closing.h"

#include <dirent.h>
#include <glob.h>
#include <stdlib.h>

#define _cleanup_closedir_ __attribute__((cleanup(cleanup_closedir)))
#define _cleanup_globfree_ __attribute__((cleanup(globfree))) /* for a zeroed glob_t */
#define _cleanup_free_ __attribute__((cleanup(cleanup_free)))

static inline void cleanup_closedir(DIR **folder)
{
    if (*folder)
        closedir(*folder);
}

static inline void cleanup_free(void *at)
{
    free(*(void **)at);
}

static inline char *take_text(char **text)
{
    char *taken = *text;

    *text = NULL;
    return taken;
}
