/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * What dhclient knows of its lease. By the lease it asks for the same address again, and by the DUID in the
 * same file the server knows it; ifupdown names that file after the interface. */
#pragma once

/* For a client with these words (NULL-terminated, words[0] its name) that is started again with the words
 * `again`, on the interface `to` in place of `from`: copies the files of -lf and -df that have another name
 * then, with the leases of `from` as leases of `to`. What cannot be copied is reported on standard error; the
 * client then asks for a new lease. */
void dhcp_carry_leases(const char *const words[], const char *const again[], const char *from,
                       const char *to);
