/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Shared by the hooks of all libvirt drivers.
 *
 * libvirt runs a hook with the arguments OBJECT OPERATION SUBOPERATION EXTRA and XML on standard input, and
 * waits for it without a time limit, holding locks. A hook must therefore terminate, leave no child behind
 * that holds the pipes open, and never call libvirt (libvirt's docs/hooks; src/util/virhook.c).
 * qemu:///system runs it as root, a session as its user.
 *
 * Arguments and input are untrusted as far as users may define domains. The name of the object is not used at
 * all. No environment variable is read, and the helper's path is built in: libvirtd would not pass any on,
 * and what root runs should not depend on one. */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

struct claim;
struct link;
struct rtnl;

#define HOOK_NAME "virt-tap" /* for messages and syslog */

/* One operation of a driver. */
struct hook_event {
    const char *operation;
    /* Handles the operation. Returns 0, or -1 and why; then the hook fails, or the error is only logged. */
    int (*run)(const char *text, size_t size, struct error *why);
    bool may_fail; /* its exit status matters, and libvirt reports its error */
};

/* Runs the hook: if the operation is listed in events, reads standard input and handles it within a time
 * limit that also applies to computation. Other operations are ignored. Returns the exit status. */
int hook_run(const struct hook_event *events, size_t count, int argc, char *argv[]);

/* Call before the first change to the host: from then on the time limit leaves time to undo changes. */
void hook_begin_changes(void);

/* Runs virt-tap-helper with these arguments (NULL-terminated; at most 78) and waits. Returns 0, or -1 and its
 * message, or why it could not be run. */
int hook_call_helper(const char *const words[], struct error *why);

/* Returns what a tap of ours has visibly lost, as in "is not on its bridge", and sets the claim; NULL:
 * nothing, or it is none of ours. What the policy grants beyond mac=lock cannot be seen without it. */
const char *hook_loss(struct rtnl *nl, const struct link *tap, struct claim *claim);

/* Has `virt-tap repair` look at the taps that belong on that bridge (NULL: on any), if there are any: it puts
 * them back, and brings port options and port filters to what the policy in force grants. This requires root,
 * so anybody else only has the log told what taps of their own have lost. Bounded in time. Returns 0, or -1
 * and what it says, or why it could not be run. */
int hook_repair(const char *bridge, struct error *why);

/* Tells the log of the loss of this tap, and that so many others of this user have lost something, too. */
void hook_report_loss(const char *tap, const char *loss, size_t others);

/* Writes a document to standard output: unchanged, unless that is a terminal (base/terminal.h). Returns 0,
 * or -1 and why. */
int hook_write(const char *text, size_t size, struct error *why);
