/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "networkmanager.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "config.h"

#include <errno.h>
#include <fnmatch.h>
#include <glob.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define BLANKS " \t\r\n"
#define NAME_IS "interface-name:"

/* Its folders of files: a file hides those of its name in the folders after its own. */
static const char *const folders[] = {"/etc/NetworkManager/conf.d", "/run/NetworkManager/conf.d",
                                      "/usr/lib/NetworkManager/conf.d", NULL};

/* A section for devices, [device] or [device-...]: it applies to all without match-device. */
struct section {
    bool devices, plain; /* [device] comes after all others of its file */
    bool foreign;        /* match-device does not match our taps */
    bool has, managed;
};

struct search {
    struct section section, plain;
    bool keyfile;       /* in that section */
    bool decided;       /* by a section of the current file */
    bool apart, listed; /* by a section, and by the list, of the files so far */
    char by_section[PATH_MAX], by_list[PATH_MAX];
    const char *path; /* of the current file */
};

static bool item_matches(const char *item)
{
    if (strcmp(item, "type:tun") == 0 || strcmp(item, "driver:tun") == 0)
        return true;
    return fnmatch(strncmp(item, NAME_IS, strlen(NAME_IS)) == 0 ? item + strlen(NAME_IS) : item,
                   TAP_PREFIX "0", 0) == 0;
}

/* Whether a list of devices has our taps: some item matches, and none that begins with except: does. */
static bool list_has_taps(const char *list)
{
    static const char except[] = "except:";
    char copy[1024], *save = NULL;
    bool matches = false;

    if (strlen(list) >= sizeof(copy))
        return false;
    strcpy(copy, list);
    for (char *item = strtok_r(copy, ",;" BLANKS, &save); item; item = strtok_r(NULL, ",;" BLANKS, &save)) {
        const bool negated = strncmp(item, except, strlen(except)) == 0;
        if (negated && item_matches(item + strlen(except)))
            return false;
        matches |= !negated && item_matches(item);
    }
    return matches;
}

/* A later assignment replaces the list, unless it adds to it (+=) or removes from it (-=). */
static void read_list(struct search *search, const char *value)
{
    const bool has = list_has_taps(value + 1);

    if (value[-1] != '-' && has)
        snprintf(search->by_list, PATH_MAX, "%s", search->path);
    if (value[-1] == '+')
        search->listed = search->listed || has;
    else if (value[-1] == '-')
        search->listed = search->listed && !has;
    else
        search->listed = has;
}

/* Of one file the first section that says it counts, and of several files the last one. */
static void decide(struct search *search, const struct section *section)
{
    if (!section->devices || section->foreign || !section->has || search->decided)
        return;
    search->decided = true;
    search->apart = !section->managed;
    snprintf(search->by_section, PATH_MAX, "%s", search->path);
}

static void end_section(struct search *search)
{
    if (search->section.plain)
        search->plain = search->section;
    else
        decide(search, &search->section);
}

static void begin_section(struct search *search, const char *line)
{
    end_section(search);
    search->section = (struct section){.devices = strncmp(line, "[device", 7) == 0 && strchr("]-", line[7])};
    search->section.plain = strncmp(line, "[device]", 8) == 0;
    search->keyfile = strncmp(line, "[keyfile]", 9) == 0;
}

static bool key_is(const char *line, const char *key)
{
    const size_t length = strlen(key);

    return strncmp(line, key, length) == 0 && strchr(BLANKS "+-=", line[length]);
}

static bool is_false(const char *value)
{
    value += strspn(value, BLANKS);
    return strchr("0fFnN", *value) || strncasecmp(value, "off", 3) == 0; /* 0, false, no */
}

static bool read_line(void *arg, const char *line, unsigned int number)
{
    struct search *search = arg;
    const char *value = strchr(line, '=');
    (void)number;

    if (*line == '[') {
        begin_section(search, line);
    } else if (value && search->keyfile && key_is(line, "unmanaged-devices")) {
        read_list(search, value);
    } else if (value && key_is(line, "match-device")) {
        search->section.foreign = !list_has_taps(value + 1);
    } else if (value && key_is(line, "managed")) {
        search->section.has = true;
        search->section.managed = !is_false(value + 1);
    }
    return true;
}

/* Returns 0 or -errno. */
static int read_file(struct search *search, const char *path)
{
    search->section = search->plain = (struct section){.devices = false};
    search->decided = search->keyfile = false;
    search->path = path;
    const int err = text_lines(path, read_line, search);
    end_section(search);
    decide(search, &search->plain);
    return err;
}

static bool is_hidden(const char *path)
{
    const char *name = strrchr(path, '/') + 1;
    char other[PATH_MAX];

    for (const char *const *folder = folders; *folder; folder++) {
        snprintf(other, sizeof(other), "%s/%s", *folder, name);
        if (access(other, F_OK) == 0)
            return strcmp(other, path) != 0;
    }
    return false;
}

/* Files that an ordinary user cannot read may contain anything: the first existing folder that is closed, or
 * else the first such file, goes to closed. */
static void read_all(struct search *search, char closed[PATH_MAX])
{
    static const char pattern[] = "{{/usr/lib,/run}/NetworkManager/conf.d/*.conf,/etc/NetworkManager/"
                                  "NetworkManager.conf,/etc/NetworkManager/conf.d/*.conf}";
    _cleanup_globfree_ glob_t files = {.gl_pathc = 0};

    *closed = '\0';
    for (const char *const *folder = folders; *folder && !*closed; folder++)
        if (access(*folder, R_OK | X_OK) < 0 && errno == EACCES)
            snprintf(closed, PATH_MAX, "%s", *folder);
    if (glob(pattern, GLOB_BRACE, NULL, &files) != 0)
        return;
    for (size_t i = 0; i < files.gl_pathc; i++)
        if (!is_hidden(files.gl_pathv[i]) && read_file(search, files.gl_pathv[i]) < 0 && !*closed)
            snprintf(closed, PATH_MAX, "%s", files.gl_pathv[i]);
}

enum networkmanager_answer networkmanager_search(char path[PATH_MAX])
{
    struct search search = {.apart = false};

    read_all(&search, path);
    if (search.apart || search.listed) {
        snprintf(path, PATH_MAX, "%s", search.apart ? search.by_section : search.by_list);
        return NETWORKMANAGER_LEFT_ALONE;
    }
    if (*path)
        return NETWORKMANAGER_CLOSED;
    return NETWORKMANAGER_CLAIMED;
}
