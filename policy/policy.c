/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "policy.h"

#include "base/array.h"
#include "base/error.h"
#include "base/mark.h"
#include "base/name.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    LINE_SIZE = 4096,            /* of qemu-bridge-helper's line buffer, including the '\0' */
    BYTES_MAX = 4 * 1024 * 1024, /* of all files together */
    FILES_MAX = 4096,
    DEPTH_MAX = 64,
    QUOTA_DEFAULT = 16, /* in policy.conf; bridge.conf has no quotas */
};

/* The chain of includes that leads to the file being read, innermost first. */
struct chain {
    const struct chain *outer;
    dev_t device;
    ino_t inode;
    unsigned int depth;
};

struct reading {
    struct policy *policy;
    enum policy_dialect dialect;
    const char *bridge; /* keep the rules about this bridge; NULL: all rules */
    const struct policy_source *source;
    struct error *why;
};

struct place {
    unsigned int file;
    unsigned long line;
    const struct chain *chain;
};

/* A line that does not parse ends its file; what follows from that depends on the dialect and the file. */
enum line_result { LINE_OK, LINE_BAD = -2, LINE_REFUSED = -1 };

static enum line_result read_file(struct reading *r, const char *path, const struct chain *outer,
                                  const struct place *from);

/* White space for qemu-bridge-helper (g_ascii_isspace): excludes '\v'. */
static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r' && c != '\v');
}

/* word: the part of the line to show, without trailing white space. */
static enum line_result bad(struct reading *r, const struct place *at, const char *what, const char *word)
{
    size_t length = strlen(word);

    while (length > 0 && is_blank(word[length - 1]))
        length--;
    if (length > 64)
        length = 64;
    error_set(r->why, "%s:%lu does not parse: %s '%.*s'; nothing is granted until an administrator fixes it",
              r->policy->files[at->file].path, at->line, what, (int)length, word);
    return LINE_BAD;
}

static enum line_result no_memory(struct reading *r)
{
    return error_set(r->why, "the policy could not be read: no memory");
}

static bool is_about(const struct policy_rule *rule, const char *bridge)
{
    return rule->all || strcmp(rule->name, bridge) == 0;
}

/* argument: the bridge and, in policy.conf, terms; it is modified and the terms are kept. */
static enum line_result add_rule(struct reading *r, const struct place *at, bool deny, char *argument)
{
    struct error wrong; /* not zeroed: 1.5 kB for each of many rules */
    struct policy_rule rule = {.deny = deny, .file = at->file, .line = at->line};
    char *terms = strchr(argument, '\0');

    if (r->dialect == POLICY_STRICT)
        terms = argument + strcspn(argument, " \t");
    if (*terms)
        *terms++ = '\0';
    /* qemu-bridge-helper checks only the length; a name that no interface can have matches nothing. */
    if (strlen(argument) >= IFNAMSIZ && strpbrk(argument, " \t"))
        return bad(r, at, "bridge.conf has no terms, and no comments after a rule:", argument);
    if (strlen(argument) >= IFNAMSIZ)
        return bad(r, at, "an interface's name has at most 15 characters, not", argument);
    if (r->dialect == POLICY_STRICT && !ifname_valid(argument))
        return bad(r, at, "no interface can have the name", argument);
    rule.all = strcmp(argument, "all") == 0;
    strcpy(rule.name, argument);
    if (terms_parse(&rule.terms, terms, deny, &wrong) < 0) {
        error_set(r->why, "%s:%lu does not parse: %.512s; nothing is granted until an administrator fixes it",
                  r->policy->files[at->file].path, at->line, wrong.text);
        return LINE_BAD;
    }
    if (r->dialect == POLICY_STRICT && !deny && !rule.terms.quota)
        rule.terms.quota = QUOTA_DEFAULT;
    if (r->bridge && !is_about(&rule, r->bridge))
        return LINE_OK;
    if (array_add(&r->policy->rules, &r->policy->rule_count, &rule, sizeof(rule)) < 0)
        return no_memory(r);
    return LINE_OK;
}

struct including {
    struct reading *r;
    const struct place *at;
};

static int include_one(void *arg, const char *path)
{
    const struct including *including = arg;

    return read_file(including->r, path, including->at->chain, including->at) != LINE_OK;
}

/* path is FOLDER/PATTERN; it is modified. */
static enum line_result include_matching(struct reading *r, const struct place *at, char *path)
{
    struct including including = {r, at};
    struct error cause = {0};
    char *slash = strrchr(path, '/');

    *slash = '\0';
    if (strpbrk(path, "*?["))
        return bad(r, at, "a pattern is allowed only after the last '/', not in", path);
    const int err =
        r->source->list(r->source->context, *path ? path : "/", slash + 1, include_one, &including, &cause);
    if (err > 0)
        return LINE_REFUSED;
    if (!err || err == -EACCES)
        return LINE_OK;
    error_set(r->why, "%s:%lu includes a folder that cannot be used: %s", r->policy->files[at->file].path,
              at->line, cause.text);
    return LINE_REFUSED;
}

static enum line_result include(struct reading *r, const struct place *at, char *path)
{
    if (path[0] == '/' && r->dialect == POLICY_STRICT && strpbrk(path, "*?["))
        return include_matching(r, at, path);
    if (path[0] == '/')
        return read_file(r, path, at->chain, at);
    if (r->dialect == POLICY_STRICT)
        return bad(r, at, "include requires an absolute path, not", path);
    if (!path[0])
        return LINE_OK; /* like any other missing file */
    error_set(
        r->why,
        "%s:%lu includes '%.64s' by a relative path, which the caller could choose; write the whole path",
        r->policy->files[at->file].path, at->line, path);
    return LINE_REFUSED;
}

/* Returns a comment after a rule, where none is allowed; NULL: none. */
static const char *comment_after(const char *argument)
{
    const char *found = strchr(argument, '#');

    while (found && (found == argument || !is_blank(found[-1])))
        found = strchr(found + 1, '#');
    return found;
}

/* line is one line, NUL-terminated; it is modified. */
static enum line_result parse_line(struct reading *r, const struct place *at, char *line)
{
    while (is_blank(*line))
        line++;
    if (*line == '#' || *line == '\0')
        return LINE_OK;
    if (text_after_mark(line))
        return bad(r, at, "an editor put a byte order mark (BOM) before", text_after_mark(line));
    char *argument = strchr(line, ' ');
    if (!argument)
        argument = strchr(line, '\t');
    if (!argument)
        return bad(r, at, "nothing follows", line);
    *argument++ = '\0';
    if (r->dialect == POLICY_STRICT && comment_after(argument))
        return bad(r, at,
                   "a comment must be on a line of its own, not after a rule:", comment_after(argument));
    while (is_blank(*argument))
        argument++;
    for (char *end = argument + strlen(argument); end > argument && is_blank(end[-1]);)
        *--end = '\0';
    if (strcmp(line, "allow") == 0 || strcmp(line, "deny") == 0)
        return add_rule(r, at, line[0] == 'd', argument);
    if (strcmp(line, "include") == 0)
        return include(r, at, argument);
    return bad(r, at, "unknown rule, neither allow, deny nor include:", line);
}

/* Returns how much of the text fgets() with a buffer of LINE_SIZE would read. */
static size_t line_length(const char *text, size_t size)
{
    const size_t most = size < LINE_SIZE - 1 ? size : LINE_SIZE - 1;
    const char *newline = memchr(text, '\n', most);

    if (newline)
        return (size_t)(newline - text) + 1;
    return most;
}

static enum line_result parse_text(struct reading *r, struct place *at, const struct policy_text *text)
{
    enum line_result result = LINE_OK;

    text->bytes[text->size] = '\0';
    for (size_t done = 0; done < text->size && result == LINE_OK;) {
        char *line = text->bytes + done;
        const size_t length = line_length(line, text->size - done);
        const char next = line[length];
        line[length] = '\0'; /* while it is parsed */
        done += length;
        at->line++;
        if (line[0] == '\xff' || line[0] == '\xfe') /* never in UTF-8 */
            result = bad(r, at, "the file is not UTF-8, but perhaps UTF-16:", line);
        else if (r->dialect == POLICY_STRICT && strlen(line) < length)
            result = bad(r, at, "a NUL byte follows", line);
        else if (r->dialect == POLICY_STRICT && line[length - 1] != '\n' && done < text->size)
            result = bad(r, at, "longer than 4,095 characters:", line);
        else
            result = parse_line(r, at, line);
        line[length] = next;
    }
    if (result != LINE_OK &&
        !r->policy->wrong_line) { /* the line itself, not the one that included its file */
        r->policy->wrong_file = at->file;
        r->policy->wrong_line = at->line;
    }
    return result;
}

/* Returns whether a failure to read an include is ignored. */
static bool passed_over(const struct reading *r, int err)
{
    if (r->dialect == POLICY_STRICT)
        return err == -EACCES;
    return err == -EACCES || err == -ENOENT || err == -ENOTDIR || err == -ELOOP || err == -ENAMETOOLONG ||
           err == -ENXIO || err == -ENODEV;
}

static bool being_read(const struct chain *chain, const struct policy_text *text)
{
    for (; chain; chain = chain->outer)
        if (chain->device == text->device && chain->inode == text->inode)
            return true;
    return false;
}

static enum line_result read_text(struct reading *r, const char *path, const struct policy_text *text,
                                  const struct chain *outer)
{
    const struct chain chain = {outer, text->device, text->inode, outer ? outer->depth + 1 : 0};
    struct policy *p = r->policy;
    struct place at = {.file = (unsigned int)p->file_count, .chain = &chain};
    const struct policy_file file = {strdup(path), text->bytes};

    if (!file.path || array_add(&p->files, &p->file_count, &file, sizeof(file)) < 0) {
        free(file.path);
        free(file.text);
        return no_memory(r);
    }
    p->bytes += text->size;
    if (chain.depth >= DEPTH_MAX || at.file >= FILES_MAX)
        return error_set(r->why, "%s exceeds the limit of %d files and %d levels of includes", path,
                         FILES_MAX, DEPTH_MAX);
    const enum line_result result = parse_text(r, &at, text);
    /* qemu-bridge-helper keeps the rules before a bad line in an include, and continues after the include. */
    if (result == LINE_BAD && r->dialect == POLICY_QEMU && outer) {
        p->wrong_line = 0;
        return LINE_OK;
    }
    if (result == LINE_BAD)
        return LINE_REFUSED;
    return result;
}

/* Reads one file. from: the line that includes it, NULL for the main file. Never returns LINE_BAD. */
static enum line_result read_file(struct reading *r, const char *path, const struct chain *outer,
                                  const struct place *from)
{
    struct policy_text text = {.bytes = NULL};
    struct error cause = {0};
    int err = r->source->read(r->source->context, path, BYTES_MAX - r->policy->bytes, &text, &cause);

    if (err && from && passed_over(r, err))
        return LINE_OK;
    if (err && from)
        return error_set(r->why, "%s:%lu includes a file that cannot be used: %s",
                         r->policy->files[from->file].path, from->line, cause.text);
    if (err) {
        r->policy->absent = err == -ENOENT;
        return error_set(r->why, "%s", cause.text);
    }
    if (!text.bytes && from && r->dialect == POLICY_QEMU)
        return LINE_OK; /* to fopen(), which the original uses, a folder is an empty file */
    if (!text.bytes)
        return error_set(r->why, "%s is a folder, not a policy file; write the rules into a file", path);
    if (being_read(outer, &text)) {
        /* The original loops until it runs out of descriptors, and finds no further rules meanwhile. */
        free(text.bytes);
        if (r->dialect == POLICY_QEMU)
            return LINE_OK;
        return error_set(r->why, "%s:%lu includes %s, which is being read already",
                         r->policy->files[from->file].path, from->line, path);
    }
    return read_text(r, path, &text, outer);
}

int policy_read(struct policy *out, const char *path, enum policy_dialect dialect, const char *bridge,
                const struct policy_source *source, struct error *why)
{
    struct reading r = {out, dialect, bridge, source, why};

    *out = (struct policy){.dialect = dialect};
    return read_file(&r, path, NULL, NULL);
}

void policy_free(struct policy *policy)
{
    for (size_t i = 0; i < policy->file_count; i++) {
        free(policy->files[i].path);
        free(policy->files[i].text);
    }
    free(policy->files);
    free(policy->rules);
    *policy = (struct policy){.rules = NULL};
}

int policy_match(struct policy_match *out, const struct policy *policy, const char *bridge,
                 const struct caller *caller, struct error *why)
{
    struct identity who;
    struct error cause;

    identity_begin(&who, caller);
    *out = (struct policy_match){.allowed = false};
    for (size_t i = 0; i < policy->rule_count; i++) {
        const struct policy_rule *rule = &policy->rules[i];
        if (!is_about(rule, bridge) || (out->rule && !rule->deny))
            continue;
        const int matches = terms_match(&rule->terms, &who, rule->deny, &cause);
        if (matches < 0)
            return error_set(why, "%s:%lu cannot be decided, so nothing is allowed on '%s': %.1000s",
                             policy->files[rule->file].path, rule->line, bridge, cause.text);
        if (!matches)
            continue;
        *out = (struct policy_match){.allowed = !rule->deny, .rule = rule};
        if (rule->deny)
            return 0;
    }
    if (!out->rule || policy->dialect == POLICY_QEMU || out->rule->terms.uids.set)
        return 0;
    if (identity_require_account(&who, &cause) < 0)
        return error_set(why, "%s:%lu would allow bridge '%s', but %.1000s",
                         policy->files[out->rule->file].path, out->rule->line, bridge, cause.text);
    memcpy(out->user, who.name, sizeof(out->user));
    return 0;
}
