/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * QEMU and libvirt: what is installed and how it is configured. */
#pragma once

#include "probe.h"

void qemu_probe(const struct probe_context *context, struct findings *out);
void qemu_session_probe(const struct probe_context *context, struct findings *out);
/* The configuration directory of the user's libvirt session. Returns whether it fits in out. */
bool qemu_session_folder(const struct user *user, char *out, size_t size);

void libvirt_probe(const struct probe_context *context, struct findings *out);
void libvirt_hooks_probe(const struct probe_context *context, struct findings *out);
void libvirt_network_probe(const struct probe_context *context, struct findings *out);
