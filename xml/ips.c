/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "ips.h"

#include <arpa/inet.h>
#include <string.h>

bool ip_valid(const char *text)
{
    struct in6_addr bytes;

    return inet_pton(AF_INET, text, &bytes) == 1 || inet_pton(AF_INET6, text, &bytes) == 1;
}

unsigned int ips_split(const char *list, char words[IPS_MAX][IP_TEXT])
{
    for (unsigned int count = 0; count < IPS_MAX; list++) {
        const size_t length = strcspn(list, " ");
        if (length >= IP_TEXT)
            return 0;
        memcpy(words[count], list, length);
        words[count][length] = '\0';
        if (!ip_valid(words[count++]))
            return 0;
        list += length;
        if (!*list)
            return count;
    }
    return 0;
}
