/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * What the hooks of all of libvirt's drivers share.
 *
 * libvirt calls a hook with OBJECT OPERATION SUBOPERATION EXTRA and XML on standard input, and waits for it
 * without limit, holding locks: a hook must end, leave no child behind that holds the pipes, and ask libvirt
 * nothing (docs/hooks of libvirt; src/util/virhook.c). qemu:///system runs it as root, a session as its user.
 *
 * Arguments and input are hostile, as far as users may define domains. The name of the object is not used at
 * all. No environment variable is looked at, the helper's path is built in: libvirtd would pass none on, and
 * what is root's should not hang on one. */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

#define HOOK_NAME "virt-tap" /* for messages and the system's log */

/* One operation of a driver. */
struct hook_event {
    const char *operation;
    /* Does it. Returns 0, or -1 and why not: then the hook fails, or only the log is told. */
    int (*run)(const char *text, size_t size, struct error *why);
    bool may_fail; /* its exit status counts, and libvirt shows what is said */
};

/* Runs the hook: reads standard input if the operation is one of these, and does it within a time limit,
 * which ends computing, too; every other operation is ignored. Returns the exit status. */
int hook_run(const struct hook_event *events, size_t count, int argc, char *argv[]);

/* To be called before the first change of the host: from here on the time limit leaves time to undo it. */
void hook_begin_changes(void);

/* Calls virt-tap-helper with those words (NULL at the end; at most 14) and waits. Returns 0, or -1 and what
 * it said, or why it could not be called. */
int hook_call_helper(const char *const words[], struct error *why);

/* Writes a document to standard output, to the byte unless that is a terminal (base/terminal.h). Returns 0,
 * or -1 and why not. */
int hook_write(const char *text, size_t size, struct error *why);
