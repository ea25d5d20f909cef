/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "terminal.h"
#include "number.h"
#include "printable.h"
#include "wrap.h"
#include "write.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

struct sink {
    FILE *stream;
    int fd;
    bool exact;     /* pass everything unchanged */
    size_t escaped; /* the number of characters escaped */
    char begun[4];  /* a character whose last bytes have not arrived yet */
    size_t begun_size;
    struct wrap *line; /* if lines are wrapped */
};

static struct sink out = {.fd = STDOUT_FILENO}, err = {.fd = STDERR_FILENO};

static bool is_plain(char c)
{
    return (c >= ' ' && c <= '~') || c == '\n' || c == '\t';
}

/* Handles the complete part of the character that has begun, or all of it if nothing follows. Returns the
 * number of bytes written to `to`, which has room for 4 * PRINTABLE_PIECE. */
static size_t take_begun(struct sink *sink, bool last, char *to)
{
    size_t put = 0, piece, used;

    while (sink->begun_size > 0 &&
           (used = printable_character(sink->begun, sink->begun_size, last, to + put, &piece)) > 0) {
        const bool line = used == 1 && is_plain(sink->begun[0]);
        sink->escaped += !line && to[put] == '\\';
        if (line) {
            to[put] = sink->begun[0];
            piece = 1;
        }
        put += piece;
        sink->begun_size -= used;
        memmove(sink->begun, sink->begun + used, sink->begun_size);
    }
    return put;
}

/* Writes what has been filtered. Returns whether that worked. */
static bool emit(struct sink *sink, const char *text, size_t size)
{
    struct wrap *line = sink->line;

    if (!line)
        return write_all(sink->fd, text, size);
    for (size_t i = 0; i < size; i++) {
        line->text[line->size++] = text[i];
        if (text[i] == '\n' || line->size == WRAP_SIZE)
            wrap_flush(line, sink->fd, terminal_width());
    }
    return true;
}

static ssize_t filter(void *cookie, const char *text, size_t size)
{
    struct sink *sink = cookie;
    char shown[4096];
    size_t put = 0;

    if (sink->exact)
        return write_all(sink->fd, text, size) ? (ssize_t)size : 0;
    for (size_t at = 0; at < size; at++) {
        if (put + sizeof(sink->begun) * PRINTABLE_PIECE > sizeof(shown)) {
            if (!emit(sink, shown, put))
                return 0;
            put = 0;
        }
        if (sink->begun_size == 0 && is_plain(text[at])) {
            shown[put++] = text[at];
            continue;
        }
        sink->begun[sink->begun_size++] = text[at];
        put += take_begun(sink, false, shown + put);
    }
    if (emit(sink, shown, put))
        return (ssize_t)size;
    return 0;
}

/* Handles a character that was never completed. */
static void finish(struct sink *sink)
{
    char shown[sizeof(sink->begun) * PRINTABLE_PIECE];

    fflush(sink->stream);
    emit(sink, shown, take_begun(sink, true, shown));
    if (sink->line && sink->line->size)
        wrap_flush(sink->line, sink->fd, terminal_width());
}

static void finish_both(void)
{
    finish(&out);
    finish(&err);
}

static FILE *open_sink(struct sink *sink, int buffering)
{
    sink->stream = fopencookie(sink, "w", (cookie_io_functions_t){.write = filter});
    if (sink->stream)
        setvbuf(sink->stream, NULL, buffering, BUFSIZ);
    return sink->stream;
}

int terminal_filter(void)
{
    if (!open_sink(&out, isatty(STDOUT_FILENO) ? _IOLBF : _IOFBF) || !open_sink(&err, _IONBF) ||
        atexit(finish_both) != 0)
        return -ENOMEM;
#ifdef __GLIBC__
    stdout = out.stream;
    stderr = err.stream;
    return 0;
#else
    return -ENOTSUP; /* elsewhere they are constants, and what is printed would not be filtered */
#endif
}

static void print_exactly(const char *text, size_t size, bool exact)
{
    finish(&out);
    out.exact = exact;
    fwrite(text, 1, size, stdout);
    fflush(stdout);
    out.exact = false;
}

size_t terminal_document(const char *text, size_t size)
{
    const size_t before = out.escaped;

    print_exactly(text, size, !isatty(STDOUT_FILENO));
    return out.escaped - before;
}

void terminal_wrap(bool wanted)
{
    static struct wrap line;

    finish(&out);
    out.line = NULL;
    if (wanted && terminal_width())
        out.line = &line;
}

void terminal_whole(const char *text)
{
    fflush(stdout);
    const size_t from = out.line ? out.line->size : 0;
    fputs(text, stdout);
    fflush(stdout);
    if (!out.line)
        return;
    out.line->whole_from = from;
    out.line->whole_to = out.line->size;
}

void terminal_color(const char *sequence)
{
    if (out.line) {
        fflush(stdout);
        emit(&out, sequence, strlen(sequence));
    } else if (*sequence)
        print_exactly(sequence, strlen(sequence), true);
}

bool terminal_has_color(void)
{
    const char *no_color = getenv("NO_COLOR"), *terminal = getenv("TERM");

    if (!isatty(STDOUT_FILENO) || (no_color && *no_color))
        return false;
    return terminal && *terminal && strcmp(terminal, "dumb") != 0;
}

unsigned int terminal_width(void)
{
    struct winsize size = {.ws_col = 0};
    const char *columns = getenv("COLUMNS");
    unsigned long number;

    if (!isatty(STDOUT_FILENO))
        return 0;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    if (columns && number_parse(columns, 1, 1000, &number))
        return (unsigned int)number;
    return 80;
}

bool terminal_has_utf8(void)
{
    static const char *const variables[] = {"LC_ALL", "LC_CTYPE", "LANG"}; /* the order of setlocale(3) */

    for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
        const char *locale = getenv(variables[i]);
        if (locale && *locale)
            return strcasestr(locale, "utf-8") || strcasestr(locale, "utf8");
    }
    return false;
}
