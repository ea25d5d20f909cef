/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Extended attributes: ACLs, security labels and user attributes. */
#pragma once

struct error;

/* Copies the extended attributes of `from` to `to`, and removes an ACL that `to` inherited from its folder
 * and `from` does not have. Not copied are capabilities, which like set-user-ID bits must not pass to a file
 * that somebody else wrote, and what the kernel derives from the content itself (IMA, EVM). Returns 0, or -1
 * and which attribute cannot be kept. */
int attributes_keep(int from, int to, struct error *why);
