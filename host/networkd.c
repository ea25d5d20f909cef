/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "networkd.h"
#include "base/cleanup.h"
#include "base/mark.h"
#include "base/text.h"
#include "config.h"

#include <errno.h>
#include <fnmatch.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#define BLANKS " \t\r\n"

/* The first folder's file hides those of the same name. */
static const char *const folders[] = {"/etc/systemd/network", "/run/systemd/network",
                                      "/usr/local/lib/systemd/network", "/usr/lib/systemd/network",
                                      "/lib/systemd/network"};
enum { FOLDERS = sizeof(folders) / sizeof(folders[0]) };

/* Conditions of [Match] on the device, with a tap's values; NULL: a tap has none, or an unpredictable one.
 * Name= also matches alternative names, which our taps have. */
static const struct {
    const char *key, *value;
} conditions[] = {{"Name", TAP_PREFIX "0"},
                  {"Name", "virt-tap.br0.0.x1"},
                  {"Type", "ether"},
                  {"Kind", "tun"},
                  {"Driver", "tun"},
                  {"MACAddress", NULL},
                  {"PermanentMACAddress", NULL},
                  {"Path", NULL},
                  {"Property", NULL},
                  {"WLANInterfaceType", NULL},
                  {"SSID", NULL},
                  {"BSSID", NULL}};
enum { NAME, ALTNAME, CONDITIONS = sizeof(conditions) / sizeof(conditions[0]) };

/* The patterns of one condition: one negated pattern that matches denies, and if there is any other pattern,
 * one of them must match (src/shared/net-condition.c, net_condition_test_strv). */
struct list {
    bool any, positive, matched, denied;
};

/* A file and its drop-ins. */
struct network {
    struct list lists[CONDITIONS];
    bool on_host; /* there is a condition on the host, which is taken to hold */
    bool unmanaged;
};

/* Each assignment adds patterns, all negated if it begins with '!'; an empty one clears the list. */
static void add_patterns(struct list *list, const char *value, const char *text)
{
    char *copy = strdup(text), *save = NULL;
    const bool negated = *text == '!';

    if (!*text)
        *list = (struct list){.any = false};
    for (char *item = copy ? strtok_r(copy + negated, BLANKS, &save) : NULL; item;
         item = strtok_r(NULL, BLANKS, &save)) {
        const bool hit = value && fnmatch(item, value, 0) == 0;
        list->any = true;
        list->positive |= !negated;
        list->matched |= hit && !negated;
        list->denied |= hit && negated;
    }
    free(copy);
}

static void add_condition(struct network *network, const char *key, const char *value)
{
    bool on_device = false;

    for (size_t i = 0; i < CONDITIONS; i++) {
        if (strcmp(conditions[i].key, key) != 0)
            continue;
        add_patterns(&network->lists[i], conditions[i].value, value);
        on_device = true;
    }
    network->on_host |= !on_device && *value;
}

static char *strip(char *text)
{
    text += strspn(text, BLANKS);
    for (size_t length = strlen(text); length && strchr(BLANKS, text[length - 1]); length--)
        text[length - 1] = '\0';
    return text;
}

/* A whole line, after continuations. section is the current one's name in brackets. */
static void read_line(struct network *network, char *section, size_t size, char *text)
{
    char *line = strip(text), *equals = strchr(line, '=');

    if (*line == '[') {
        snprintf(section, size, "%s", line);
        return;
    }
    if (!equals)
        return;
    *equals = '\0';
    const char *key = strip(line), *value = strip(equals + 1);
    if (strcmp(section, "[Match]") == 0)
        add_condition(network, key, value);
    else if (strcmp(section, "[Link]") == 0 && strcmp(key, "Unmanaged") == 0)
        network->unmanaged = text_is_yes(value);
}

/* Whether the line continues on the next one: it ends with a backslash that no other one escapes. */
static bool is_continued(char *line)
{
    size_t length = strcspn(line, "\n"), slashes = 0;

    line[length] = '\0';
    while (slashes < length && line[length - 1 - slashes] == '\\')
        slashes++;
    if (slashes % 2 == 0)
        return false;
    line[length - 1] = ' ';
    return true;
}

/* Comments are left out before lines are joined, so one may be inside a continuation (src/shared/
 * conf-parser.c, config_parse). Returns whether the file could be read. */
static bool read_file(struct network *network, const char *path)
{
    _cleanup_fclose_ FILE *file = fopen(path, "re");
    _cleanup_free_ char *line = NULL;
    _cleanup_free_ char *whole = NULL;
    char section[64] = "";
    size_t size = 0;

    while (file && getline(&line, &size, file) >= 0) {
        const char first = line[strspn(line, BLANKS)];
        char *joined = NULL;
        if (first == '#' || first == ';')
            continue;
        const bool more = is_continued(line);
        if (asprintf(&joined, "%s%s", text_or(whole, ""), text_or(text_after_mark(line), line)) < 0)
            return false;
        free(whole);
        whole = joined;
        if (more)
            continue;
        read_line(network, section, sizeof(section), whole);
        free(whole);
        whole = NULL;
    }
    if (whole)
        read_line(network, section, sizeof(section), whole);
    return file && !ferror(file);
}

static unsigned int rank(const char *path)
{
    unsigned int i = 0;

    while (i < FOLDERS &&
           (strncmp(path, folders[i], strlen(folders[i])) != 0 || path[strlen(folders[i])] != '/'))
        i++;
    return i;
}

static int compare(const void *a, const void *b)
{
    const char *path_a = *(char *const *)a, *path_b = *(char *const *)b;
    const int order = strcmp(basename(path_a), basename(path_b));

    if (order)
        return order;
    return (int)rank(path_a) - (int)rank(path_b);
}

struct files {
    glob_t found;
    size_t count; /* how many at the beginning of found count */
};

static int stop_if_closed(const char *path, int number)
{
    (void)path;
    return number == EACCES;
}

/* Finds the files that match a pattern below the folders, in the order in which they are read, without those
 * that another one hides. Returns false if a folder is closed. The caller must globfree(&out->found). */
static bool find_files(const char *pattern, struct files *out)
{
    char path[PATH_MAX];

    for (size_t i = 0; i < FOLDERS; i++) {
        snprintf(path, sizeof(path), "%s/%s", folders[i], pattern);
        if (glob(path, i ? GLOB_APPEND : 0, stop_if_closed, &out->found) == GLOB_ABORTED)
            return false;
    }
    char **list = out->found.gl_pathv;
    if (out->found.gl_pathc)
        qsort(list, out->found.gl_pathc, sizeof(*list), compare);
    for (size_t i = 0; i < out->found.gl_pathc; i++) {
        char *file = list[i];
        if (out->count && strcmp(basename(list[out->count - 1]), basename(file)) == 0)
            continue;
        list[i] = list[out->count];
        list[out->count++] = file;
    }
    return true;
}

/* An empty file, or a link to /dev/null, hides those of its name in later folders, and contains nothing. */
static bool is_mask(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && (st.st_size == 0 || !S_ISREG(st.st_mode));
}

static bool read_dropins(struct network *network, const char *file, char path[PATH_MAX])
{
    struct files files = {.count = 0};
    char pattern[NAME_MAX + 16];
    bool whole;

    snprintf(pattern, sizeof(pattern), "%.255s.d/*.conf", basename(file));
    whole = find_files(pattern, &files);
    if (!whole)
        snprintf(path, PATH_MAX, "a folder %.255s.d", basename(file));
    for (size_t i = 0; i < files.count && whole; i++) {
        whole = is_mask(files.found.gl_pathv[i]) || read_file(network, files.found.gl_pathv[i]);
        if (!whole)
            snprintf(path, PATH_MAX, "%s", files.found.gl_pathv[i]);
    }
    globfree(&files.found);
    return whole;
}

static bool holds(const struct list *list)
{
    return !list->denied && (!list->positive || list->matched);
}

/* A file without any condition applies to nothing. */
static bool applies(const struct network *network)
{
    bool any = network->on_host;

    for (size_t i = 0; i < CONDITIONS; i++) {
        any |= network->lists[i].any;
        if (i != NAME && i != ALTNAME && !holds(&network->lists[i]))
            return false;
    }
    return any && (holds(&network->lists[NAME]) || holds(&network->lists[ALTNAME]));
}

static enum networkd_answer ask_file(const char *file, char path[PATH_MAX])
{
    struct network network = {.on_host = false};

    snprintf(path, PATH_MAX, "%s", file);
    if (is_mask(file))
        return NETWORKD_NONE;
    if (!read_file(&network, file) || !read_dropins(&network, file, path))
        return NETWORKD_CLOSED;
    if (!applies(&network))
        return NETWORKD_NONE;
    if (network.unmanaged)
        return NETWORKD_LEFT_ALONE;
    return NETWORKD_CLAIMED;
}

enum networkd_answer networkd_search(char path[PATH_MAX])
{
    enum networkd_answer answer = NETWORKD_NONE;
    struct files files = {.count = 0};

    if (!find_files("*.network", &files)) {
        answer = NETWORKD_CLOSED;
        snprintf(path, PATH_MAX, "one of its folders");
    }
    for (size_t i = 0; i < files.count && answer == NETWORKD_NONE; i++)
        answer = ask_file(files.found.gl_pathv[i], path);
    globfree(&files.found);
    return answer;
}
