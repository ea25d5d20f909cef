/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "base/cleanup.h"
#include "base/printable.h"
#include "base/terminal.h"
#include "base/text.h"
#include "check.h"
#include "config.h"
#include "host/fix.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

static const struct {
    const char *word, *color;
} levels[] = {
    [FINDING_OK] = {"ok", "\033[32m"},
    [FINDING_SKIPPED] = {"skipped", "\033[2m"},
    [FINDING_WARNING] = {"warning", "\033[33m"},
    [FINDING_FAILURE] = {"failure", "\033[1;31m"},
};

static int area_length(const char *name)
{
    return (int)strcspn(name, ".");
}

bool check_is_theirs(const struct user *user, const struct finding *finding)
{
    return catalogue[finding->id].own && user->other;
}

static void show_fix(const struct check *check, const struct finding *finding)
{
    const bool theirs = check_is_theirs(&check->user, finding);

    terminal_wrap(false); /* commands are copied */
    for (const char *line = finding->fix; line && *line; line += strspn(line, "\n")) {
        const int length = (int)strcspn(line, "\n");
        if (theirs)
            printf("             fix:  as %s: %.*s\n", check->user.name, length, line);
        else
            printf("             fix:  %.*s\n", length, line);
        line += length;
    }
    terminal_wrap(true);
}

static void print_colored(const struct check *check, enum finding_level level, const char *text)
{
    if (check->color)
        terminal_color(levels[level].color);
    fputs(text, stdout);
    if (check->color)
        terminal_color("\033[0m");
}

static void show_finding(const struct check *check, const struct finding *finding)
{
    const struct catalogue_entry *entry = &catalogue[finding->id];
    const char *word = levels[entry->level].word;

    printf("  ");
    print_colored(check, entry->level, word);
    printf("%*s%s  (%s)\n", 11 - (int)strlen(word), "", finding->seen, entry->name);
    if (entry->level != FINDING_OK)
        printf("             why:  %s\n", entry->why);
    show_fix(check, finding);
}

static void show_verdict(const struct check *check)
{
    _cleanup_free_ char *text = check_verdict_text(check);
    enum finding_level level = FINDING_OK;

    if (!text)
        return;
    if (check_verdict(check) == VERDICT_CANNOT)
        level = FINDING_FAILURE;
    printable_mask(text);
    print_colored(check, level, text);
    puts("\n");
}

void check_show(const struct check *check)
{
    const char *area = "";

    terminal_wrap(true);
    show_verdict(check);
    for (size_t i = 0; i < check->findings.count; i++) {
        const char *name = catalogue[check->findings.items[i].id].name;
        if (strncmp(area, name, strcspn(name, ".") + 1) != 0) {
            printf("%s%.*s\n", i ? "\n" : "", area_length(name), name);
            area = name;
        }
        show_finding(check, &check->findings.items[i]);
    }
    printf("\nfailures: %u, warnings: %u, ok: %u, skipped: %u\n",
           findings_count(&check->findings, FINDING_FAILURE),
           findings_count(&check->findings, FINDING_WARNING), findings_count(&check->findings, FINDING_OK),
           findings_count(&check->findings, FINDING_SKIPPED));
}

/* Returns a new reference. Unprintable characters become '?'. */
static json_t *text(const char *bytes)
{
    _cleanup_free_ char *copy = strdup(bytes);

    if (!copy)
        return NULL;
    printable_mask(copy);
    return json_string(copy);
}

static json_t *lines_of(const char *lines)
{
    json_t *array = json_array();
    _cleanup_free_ char *copy = strdup(text_or(lines, ""));
    char *rest = copy;

    for (char *line; rest && (line = strsep(&rest, "\n"));)
        if (*line)
            json_array_append_new(array, text(line));
    return array;
}

json_t *check_json(const struct check *check)
{
    static const char *const verdicts[] = {"can", "cannot", "partial"};
    _cleanup_free_ char *summary = check_verdict_text(check);
    json_t *list = json_array();

    for (size_t i = 0; i < check->findings.count; i++) {
        const struct finding *finding = &check->findings.items[i];
        const struct catalogue_entry *entry = &catalogue[finding->id];
        const bool theirs = check_is_theirs(&check->user, finding);
        json_array_append_new(list, json_pack("{s:s, s:s%, s:s, s:o, s:s, s:o, s:o?}", "id", entry->name,
                                              "area", entry->name, area_length(entry->name), "level",
                                              levels[entry->level].word, "seen", text(finding->seen), "why",
                                              entry->why, "fix", lines_of(finding->fix), "fix_as",
                                              theirs ? text(check->user.name) : NULL));
    }
    if (json_array_size(list) != check->findings.count) {
        json_decref(list);
        return NULL;
    }
    return json_pack("{s:s, s:o, s:o?, s:s, s:o, s:i, s:i, s:o}", "version", VERSION, "user",
                     text(check->user.name), "bridge", *check->bridge ? text(check->bridge) : NULL, "verdict",
                     verdicts[check_verdict(check)], "summary", text(text_or(summary, "")), "failures",
                     (int)findings_count(&check->findings, FINDING_FAILURE), "warnings",
                     (int)findings_count(&check->findings, FINDING_WARNING), "findings", list);
}

/* Removes the user's name and directory, which must not be published, from what was observed. NULL:
 * out of memory. */
static char *redact(const char *seen, const char *secret, const char *instead)
{
    size_t size = 0, length = strlen(secret);
    _cleanup_free_ char *out = NULL;
    FILE *stream = open_memstream(&out, &size);

    if (!stream)
        return NULL;
    while (*seen)
        if (length > 1 && strncmp(seen, secret, length) == 0) {
            fputs(instead, stream);
            seen += length;
        } else {
            fputc(*seen++, stream);
        }
    if (fclose(stream) != 0)
        return NULL;
    return take_text(&out);
}

static char *redact_user(const char *seen, const struct user *user)
{
    _cleanup_free_ char *half = redact(seen, user->home, "HOME");

    if (!half || user->uid == 0)
        return take_text(&half);
    return redact(half, user->name, "USER");
}

int check_report(const struct check *check)
{
    char distribution[128];
    struct utsname name;

    if (uname(&name) < 0)
        return -1;
    fix_distribution(distribution, sizeof(distribution));
    printf("virt-tap:     " VERSION "\nkernel:       %s %s %s\ndistribution: %s\n", name.sysname,
           name.release, name.machine, distribution);
    printf("user:         %s\n\n", check->user.uid ? "not root" : "root");
    for (size_t i = 0; i < check->findings.count; i++) {
        const struct finding *finding = &check->findings.items[i];
        _cleanup_free_ char *seen = redact_user(finding->seen, &check->user);
        if (!seen)
            return -1;
        printf("%-8s %s: %s\n", levels[catalogue[finding->id].level].word, catalogue[finding->id].name, seen);
    }
    return 0;
}
