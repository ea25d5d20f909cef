/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Extended attributes: access lists, security labels, users' own. */
#pragma once

struct error;

/* Gives the file `to` those of the file `from`, and takes away an access list that it has from its folder
 * and `from` has not. Not kept are capabilities, which like set-user-ID bits are no file's that another
 * wrote, and what the kernel itself derives from the content (IMA, EVM). Returns 0, or -1 and which cannot be
 * kept. */
int attributes_keep(int from, int to, struct error *why);
