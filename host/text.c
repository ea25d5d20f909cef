/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "text.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINES_MAX = 262144 };

ssize_t text_read(const char *path, char *buffer, size_t size)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    size_t length = 0;
    ssize_t some = 0;
    struct stat st;

    buffer[0] = '\0';
    if (fd < 0)
        return -errno;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        close(fd);
        return -EINVAL;
    }
    while (length < size - 1 && (some = read(fd, buffer + length, size - 1 - length)) > 0)
        length += (size_t)some;
    const int err = some < 0 ? -errno : 0;
    close(fd);
    buffer[length] = '\0';
    return err ? err : (ssize_t)length;
}

long text_number(const char *path, long otherwise)
{
    char text[32], *end;

    if (text_read(path, text, sizeof(text)) <= 0)
        return otherwise;
    const long number = strtol(text, &end, 10);
    return end == text || (*end && *end != '\n') ? otherwise : number;
}

static const char *skip_blanks(const char *at)
{
    return at + strspn(at, " \t");
}

bool text_value(const char *text, const char *key, char *out, size_t size)
{
    const size_t key_length = strlen(key);

    out[0] = '\0';
    for (const char *line = text; line; line = strchr(line, '\n'), line = line ? line + 1 : NULL) {
        const char *at = skip_blanks(line);
        if (strncmp(at, key, key_length) != 0)
            continue;
        at = skip_blanks(at + key_length);
        if (*at != ':' && *at != '=')
            continue;
        at = skip_blanks(at + 1);
        size_t length = strcspn(at, "\n");
        while (length && isspace((unsigned char)at[length - 1]))
            length--;
        if (length >= 2 && (*at == '"' || *at == '\'') && at[length - 1] == *at) {
            at++;
            length -= 2;
        }
        if (length >= size)
            return false;
        memcpy(out, at, length);
        out[length] = '\0';
        return true;
    }
    return false;
}

/* The length of the UTF-8 character at `at`, and its number; 0: it is not one. */
static size_t decode(const unsigned char *at, unsigned int *number)
{
    static const unsigned int least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t length = 0;

    if (*at < 0x80)
        length = 1;
    else if ((*at & 0xe0) == 0xc0)
        length = 2;
    else if ((*at & 0xf0) == 0xe0)
        length = 3;
    else if ((*at & 0xf8) == 0xf0)
        length = 4;
    *number = length == 1 ? *at : *at & (0x7fU >> length);
    for (size_t i = 1; i < length; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
        *number = *number << 6 | (at[i] & 0x3f);
    }
    return *number >= least[length] && *number <= 0x10ffff && *number - 0xd800 >= 0x800 ? length : 0;
}

/* Unicode's Cc, Zl, Zp and Cf, as far as a terminal or an editor may follow them. */
static bool is_hidden(unsigned int number)
{
    static const struct {
        unsigned int first, last;
    } ranges[] = {{0, 0x1f},        {0x7f, 0x9f},     {0xad, 0xad},      {0x61c, 0x61c},
                  {0x180e, 0x180e}, {0x200b, 0x200f}, {0x2028, 0x202e},  {0x2060, 0x206f},
                  {0xfeff, 0xfeff}, {0xfff9, 0xfffb}, {0xe0000, 0xe007f}};

    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
        if (number >= ranges[i].first && number <= ranges[i].last)
            return true;
    return false;
}

/* The length of the printable character at `at`; 0: it is not one. */
static size_t printable_length(const char *at)
{
    unsigned int number;
    const size_t length = decode((const unsigned char *)at, &number);

    return is_hidden(number) ? 0 : length;
}

bool text_is_printable(const char *text)
{
    for (size_t length; *text; text += length) {
        length = printable_length(text);
        if (length == 0)
            return false;
    }
    return true;
}

void text_make_printable(char *text)
{
    while (*text) {
        const size_t length = printable_length(text);
        if (length == 0)
            *text = '?';
        text += length ? length : 1;
    }
}

bool text_has_word(const char *text, const char *word)
{
    const size_t length = strlen(word);

    for (const char *at = text; (at = strstr(at, word)); at += length)
        if ((at == text || isspace((unsigned char)at[-1])) &&
            (!at[length] || isspace((unsigned char)at[length])))
            return true;
    return false;
}

int text_lines(const char *path, bool (*each)(void *arg, const char *line, unsigned int number), void *arg)
{
    char *text = malloc(LINES_MAX), *rest = text;
    unsigned int number = 0;

    if (!text)
        return -ENOMEM;
    const ssize_t length = text_read(path, text, LINES_MAX);
    for (char *line; length > 0 && (line = strsep(&rest, "\n"));) {
        const char *at = skip_blanks(line);
        number++;
        if (*at && *at != '#' && *at != ';' && !each(arg, at, number))
            break;
    }
    free(text);
    return length < 0 ? (int)length : 0;
}
