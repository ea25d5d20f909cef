/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * libvirt's own virtual networks, whose bridges libvirt creates when they are started. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Finds the network that creates this bridge and is not active, in the files of qemu:///system that only root
 * can write. Returns whether there is one, with its name in out: it does not begin with '-', but may contain
 * blanks and quotes. Never fails; files that this process cannot read are treated as missing. */
bool libvirt_network_inactive(const char *bridge, char *out, size_t size);
