/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Plain taps and tuns, as tunctl and `ip tuntap` make them: root's business, without policy, under any name
 * but those of virt-tap's own (vtap-...). */
#pragma once

/* `virt-tap tap create` and `delete` of such a name. Return the exit status, the reason said. */
int device_create(int argc, char *argv[]);
int device_delete(int argc, char *argv[]);
