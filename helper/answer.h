/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * The answer that QEMU (net/tap.c, net_bridge_run_helper) and libvirt (virNetDevTapCreate's helper form) wait
 * for. */
#pragma once

struct error;

/* Whether fd is an open Unix socket. Returns 0, or -1 and why not. Ask before opening anything: a number that
 * is not open would soon be a file of our own. */
int answer_check(int fd, struct error *why);

/* Sends one byte 0 with one descriptor, and never waits for the other end. Returns 0, or -1 and why not. */
int answer_send(int fd, int descriptor, struct error *why);
