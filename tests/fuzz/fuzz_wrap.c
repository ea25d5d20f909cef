/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Text that others chose, on a terminal: the first byte is the terminal's width, and the next two say what is
 * to stay whole. What comes out is printable, and the same text but for where its lines end. */
#include "base/printable.h"
#include "base/wrap.h"
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { START = 3, OUT_SIZE = 64 * WRAP_SIZE };

/* Compares without blanks and line ends. */
static bool is_same(const char *one, size_t size, const char *other, size_t other_size)
{
    size_t at = 0;

    for (size_t i = 0; i < size; i++) {
        if (strchr(" \n", one[i]) && one[i])
            continue;
        while (at < other_size && other[at] && strchr(" \n", other[at]))
            at++;
        if (at == other_size || other[at++] != one[i])
            return false;
    }
    while (at < other_size && other[at] && strchr(" \n", other[at]))
        at++;
    return at == other_size;
}

static void check(const char *text, const uint8_t *head)
{
    static struct wrap line;
    static char out[OUT_SIZE];
    const int fd = memfd_create("wrap", 0);

    line.size = strnlen(text, sizeof(line.text));
    memcpy(line.text, text, line.size);
    line.whole_from = head[1] % (line.size + 1);
    line.whole_to = line.whole_from + head[2] % (line.size - line.whole_from + 1);
    hold(fd >= 0);
    const size_t before = line.size;
    wrap_flush(&line, fd, 1U + head[0]);
    hold(line.size == 0);
    const ssize_t size = pread(fd, out, sizeof(out), 0);
    close(fd);
    hold(size >= 0 && (size_t)size < sizeof(out));
    hold(is_same(text, before, out, (size_t)size));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < START)
        return 0;
    char *text = calloc(size - START + 1, 1);

    hold(text != NULL);
    memcpy(text, data + START, size - START);
    char *shown = printable_line(text); /* as base/terminal.c filters it */
    hold(shown && printable_is(shown));
    check(shown, data);
    free(shown);
    free(text);
    return 0;
}
