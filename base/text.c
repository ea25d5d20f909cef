/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "text.h"
#include "cleanup.h"

#include <ctype.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

enum { LINES_MAX = 262144 };

static ssize_t read_start(const char *path, int flags, char *buffer, size_t size)
{
    _cleanup_close_ const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | flags);
    size_t length = 0;
    ssize_t some = 0;
    struct stat st;

    buffer[0] = '\0';
    if (fd < 0)
        return -errno;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return -EINVAL;
    while (length < size - 1 && (some = read(fd, buffer + length, size - 1 - length)) > 0)
        length += (size_t)some;
    buffer[length] = '\0';
    if (some < 0)
        return -errno;
    return (ssize_t)length;
}

ssize_t text_read(const char *path, char *buffer, size_t size)
{
    return read_start(path, 0, buffer, size);
}

ssize_t text_read_no_link(const char *path, char *buffer, size_t size)
{
    return read_start(path, O_NOFOLLOW, buffer, size);
}

bool text_line(const char *path, char *buffer, size_t size)
{
    const ssize_t length = text_read(path, buffer, size);

    buffer[length < 0 ? 0 : strcspn(buffer, "\n")] = '\0';
    return length >= 0;
}

long text_number(const char *path, long fallback)
{
    char text[32], *end;

    if (!text_line(path, text, sizeof(text)))
        return fallback;
    const long number = strtol(text, &end, 10);
    if (end == text || *end)
        return fallback;
    return number;
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

bool text_has_word(const char *text, const char *word)
{
    const size_t length = strlen(word);

    for (const char *at = text; length && (at = strstr(at, word)); at += length)
        if ((at == text || isspace((unsigned char)at[-1])) &&
            (!at[length] || isspace((unsigned char)at[length])))
            return true;
    return false;
}

bool text_is_yes(const char *word)
{
    static const char *const words[] = {"1", "yes", "y", "true", "t", "on"};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strcasecmp(word, words[i]) == 0)
            return true;
    return false;
}

bool text_link(const char *path, char *out, size_t size)
{
    const ssize_t length = readlink(path, out, size);
    const bool fits = length > 0 && (size_t)length < size;

    out[fits ? length : 0] = '\0';
    return fits;
}

int text_lines(const char *path, bool (*each)(void *arg, const char *line, unsigned int number), void *arg)
{
    _cleanup_free_ char *text = malloc(LINES_MAX);
    char *rest = text;
    unsigned int number = 0;

    if (!text)
        return -ENOMEM;
    const ssize_t length = text_read(path, text, LINES_MAX);
    if (length < 0)
        return (int)length;
    for (char *line; (line = strsep(&rest, "\n"));) {
        const char *at = skip_blanks(line);
        number++;
        if (*at && *at != '#' && *at != ';' && !each(arg, at, number))
            break;
    }
    return 0;
}
