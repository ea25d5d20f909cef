/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "catalogue.h"
#include "base/process.h"
#include "config.h"

#define MAKE_NODE "groupadd -r -f kvm\nmknod -m 0660 /dev/kvm c 10 232 && chown root:kvm /dev/kvm"
#define SET_CAPABILITY "setcap cap_net_admin=p " HELPER_PATH
#define LOG_IN_AGAIN "# log out and log in again; for a single shell: newgrp "
#define USE_BROKER                                                                                           \
    "\n# or turn the broker on, on the host: {sudo}virt-tap broker enable; a container must see /run/virt-tap, too"
#define INSTALL_HELPER "# " PROCESS_INSTALL("virt-tap")
/* Commands have no backslash: quoted for users' `sudo sh -c`, one would take $'...', which dash does not
 * know. */

/* Not a fix to apply blindly: it opens what the firewall may be meant to block. */
#define PASS_FRAMES                                                                                          \
    "# accept the bridge's frames: {sudo}{accept}\n"                                                         \
    "# this stops filtering the frames of all bridges, those of containers included: {sudo}{bypass}"
/* Who may use which bridge is a decision. */
#define ALLOW_USER "# to allow it, run {sudo}virt-tap policy edit and add: allow {interface} user={whom}"
#define SESSION_CONF "{session}/qemu.conf"
/* The new line comes first, where it applies whatever follows: no command for lines can find the end of a
 * value that continues on the next line, or that shares its line with another setting. The file is never half
 * of one: neither a full disk nor a kill may cost the user the others. */
#define SET_SESSION_HELPER                                                                                   \
    "mkdir -p {session}\n"                                                                                   \
    "cd {session} && touch qemu.conf && cp -pT qemu.conf qemu.conf.before && "                               \
    "cp -pT qemu.conf .qemu.conf.virt-tap && { echo 'bridge_helper = \"" HELPER_PATH                         \
    "\" # the first one applies'; cat qemu.conf.before; } >.qemu.conf.virt-tap && "                          \
    "mv -T .qemu.conf.virt-tap \"$(readlink -f qemu.conf)\""

#define FINDING(id, ...) [id] = {__VA_ARGS__},
const struct catalogue_entry catalogue[FINDING_COUNT] = {
#include "catalogue_list.h"
};
