/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * The reply that QEMU (net/tap.c, net_bridge_run_helper) and libvirt (virNetDevTapCreate's helper form) wait
 * for. */
#pragma once

struct error;

/* Checks that fd is an open Unix socket. Returns 0, or -1 and why not. Must be called before anything is
 * opened: an fd number that is not open would soon be a file of our own. */
int answer_check(int fd, struct error *why);

/* Sends one zero byte with one descriptor, without ever waiting for the other end. Returns 0, or -1 and why
 * not. The broker's answer that a tap was made is the same: 0 is the exit status. */
int answer_send(int fd, int descriptor, struct error *why);

/* Sends the broker's other answers in one message: the exit status and a line without '\n', or "". Never
 * waits and never fails: nobody may be there any more. May be called from a signal handler. */
void answer_say(int fd, unsigned char status, const char *text);
