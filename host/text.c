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
