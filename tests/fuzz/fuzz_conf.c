/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * A user's qemu.conf, of any bytes, which root's `check --user` and `setup` have read: what is found is a
 * setting's name on a line of the file, and text that is in it. */
#include "fuzz.h"
#include "host/libvirt_conf.h"

#include <stdlib.h>
#include <string.h>

static unsigned int count_lines(const char *text)
{
    unsigned int lines = 1;

    for (; *text; text++)
        lines += *text == '\n';
    return lines;
}

static void check(const char *text)
{
    enum { VALUE_SIZE = 64 };
    char value[VALUE_SIZE], name[CONF_NAME_SIZE];
    unsigned int line = 0;

    memset(value, '\n', sizeof(value));
    const enum conf_result result = libvirt_conf_read(text, "bridge_helper", value, sizeof(value), &line);
    hold(result == CONF_NONE || result == CONF_STRING || result == CONF_OTHER || result == CONF_BROKEN);
    hold(result != CONF_STRING || (memchr(value, '\0', sizeof(value)) && strstr(text, value)));
    hold(result != CONF_BROKEN || (line >= 1 && line <= count_lines(text)));
    line = 0;
    if (!libvirt_conf_mistyped(text, name, &line))
        return;
    hold(memchr(name, '\0', sizeof(name)) && *name && strstr(text, name));
    hold(name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_")] == '\0');
    hold(line >= 1 && line <= count_lines(text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);

    hold(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    check(text);
    free(text);
    return 0;
}
