/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "accounts.h"

#include "number.h"

#include <string.h>

/* isspace() of the C locale, but for '\n'. */
static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r' && c != '\n');
}

static const char *skip_blanks(const char *text)
{
    while (is_blank(*text))
        text++;
    return text;
}

/* The next line that is neither empty nor a comment, without the blanks it begins with; NULL: there is none.
 * *rest: where to look for the one after it. */
static const char *next_line(const char **rest)
{
    while (**rest) {
        const char *line = skip_blanks(*rest);
        const char *end = strchrnul(line, '\n');
        *rest = *end ? end + 1 : end;
        if (line < end && *line != '#')
            return line;
    }
    return NULL;
}

/* Takes a number from *at, and the colon behind it; at the end of a line there need be none. */
static bool take_number(const char **at, id_t *id)
{
    char digits[16];
    unsigned long number;
    const size_t length = strspn(*at, "0123456789");

    if (length >= sizeof(digits) || !strchr(":\n", (*at)[length]))
        return false;
    memcpy(digits, *at, length);
    digits[length] = '\0';
    if (!number_parse(digits, 0, (id_t)-2, &number))
        return false;
    *id = (id_t)number;
    *at += length + ((*at)[length] == ':');
    return true;
}

/* The first number of a line of the text. Returns false unless all that NSS would look at is as plain as can
 * be. Behind blanks it is not: of " a:x:6" as the last line, without newline, glibc 2.36 makes "a:x:66". */
static bool number_of(const char *text, const char *line, unsigned int numbers, id_t *id)
{
    const char *at = line;
    id_t further;

    if (line > text && line[-1] != '\n')
        return false;
    for (int field = 0; field < 2; field++) { /* name and password */
        at += strcspn(at, ":\n");
        if (*at++ != ':')
            return false;
    }
    return take_number(&at, id) && (numbers == ACCOUNTS_GROUPS || take_number(&at, &further));
}

bool accounts_find(const char *text, unsigned int numbers, const char *name, id_t *id)
{
    const size_t length = strlen(name);

    /* Names that begin so are NIS's, and no line has one with these characters in it. */
    if (!*name || strchr("+-#", *name) || strpbrk(name, ":\n") || is_blank(*name))
        return false;
    for (const char *line, *rest = text; (line = next_line(&rest));)
        if (*line == *name && strncmp(line, name, length) == 0 && line[length] == ':')
            return number_of(text, line, numbers, id);
    return false;
}

bool accounts_find_name(const char *passwd, uid_t uid, char *name, size_t size)
{
    for (const char *line, *rest = passwd; (line = next_line(&rest));) {
        const size_t length = strcspn(line, ":\n");
        id_t id;
        if (*line == '+' || *line == '-')
            continue;
        if (length >= size || !number_of(passwd, line, ACCOUNTS_USERS, &id))
            return false;
        if (id != uid)
            continue;
        memcpy(name, line, length);
        name[length] = '\0';
        return true;
    }
    return false;
}

/* Whether the services of a line, which ends as the text does or with '\n', begin with "files" and no action.
 */
static bool begins_with_files(const char *services)
{
    static const char files[] = "files";
    const size_t length = sizeof(files) - 1;

    services = skip_blanks(services);
    if (strncmp(services, files, length) != 0)
        return false;
    services += length;
    return (is_blank(*services) || *services == '\n' || *services == '\0') && *skip_blanks(services) != '[';
}

bool accounts_files_first(const char *nsswitch, const char *database)
{
    const size_t length = strlen(database);
    int lines = 0;
    bool files = false;

    for (const char *line; (line = next_line(&nsswitch));) {
        if (strncmp(line, database, length) != 0 || (line[length] != ':' && !is_blank(line[length])))
            continue;
        files = line[length] == ':' && begins_with_files(line + length + 1);
        lines++;
    }
    return files && lines == 1;
}
