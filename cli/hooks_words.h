/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * What `virt-tap hooks status` and `virt-tap domain` say of hooks that libvirt does not call. */
#pragma once

#include "base/quote.h"
#include "host/hooks.h"

/* Of each state. */
extern const struct hooks_words {
    const char *word;  /* for programs */
    const char *words; /* for people, before the command */
    const char *fix;   /* the command; "": none is needed */
} hooks_words[HOOK_STATES];

/* "sudo ", unless this is root; before such a command. */
const char *hooks_sudo(void);

/* Whether the daemon of the caller's libvirt session does not call the hooks; with HOOKS_SESSION, the command
 * after which another is started. */
enum { HOOKS_COMMAND = QUOTE_SIZE + 16 };
bool hooks_session_is_old(char command[HOOKS_COMMAND]);

#define HOOKS_SESSION                                                                                        \
    "the daemon is older than the hooks, and does not call them; the next command starts another after this: "
