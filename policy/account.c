/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "account.h"

#include <errno.h>
#include <string.h>

int account_find(const struct name_source *names, enum account_kind kind, const char *name, id_t *id,
                 struct error *why)
{
    struct account account = {.kind = kind};

    if (strlen(name) >= sizeof(account.name))
        return -ENOENT; /* too long for any account */
    strcpy(account.name, name);
    const int err = names->look_up(names->context, &account, why);
    *id = account.id;
    return err;
}
