/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * virt-tap policy edit: copies the file, runs root's own editor or another change, runs `policy check` on the
 * copy, and renames it. A concurrent reader sees either the old file or the new one, never half of one. */
#include "base/cleanup.h"
#include "base/error.h"
#include "base/file.h"
#include "base/process.h"
#include "base/quote.h"
#include "base/statefolder.h"
#include "base/text.h"
#include "base/verb.h"
#include "config.h"
#include "policy.h"
#include "policy/identity.h"
#include "policy/rootfile.h"
#include "policy_lint.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { EDITOR_WORDS = 16 };

struct edit {
    const char *name;       /* name of the verb */
    policy_changer *change; /* NULL: an editor changes the copy */
    void *context;
    char path[PATH_MAX]; /* the policy file */
    char copy[PATH_MAX]; /* the copy beside it; "": none */
    int folder;          /* their directory */
    int lock;
    bool is_new;            /* the file does not exist yet */
    struct stat was;        /* the file's status when it was read */
    struct policy_text old; /* its content at that time */
};

static int fail(const struct edit *edit, const char *what, const char *path)
{
    return complain(-1, edit->name, "%s '%s': %s; nothing was changed", what, path, strerror(errno));
}

static int open_folder(struct edit *edit)
{
    char folder[PATH_MAX];

    strcpy(folder, edit->path);
    strrchr(folder, '/')[1] = '\0';
    edit->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (edit->folder < 0 && errno == ENOENT)
        return complain(-1, edit->name, "there is no folder '%s'; type: mkdir -m 755 %s", folder,
                        quote(folder).text);
    if (edit->folder < 0)
        return fail(edit, "cannot open the folder", folder);
    return 0;
}

/* Reads a file that only root may be able to change, as the helper does. Returns 0, or -errno; any error but
 * ENOENT is reported. */
static int read_file(const struct edit *edit, const char *path, struct policy_text *out)
{
    struct rootfile rootfile;
    struct error why;

    rootfile_begin(&rootfile, ROOTFILE_NO_LINKS);
    const int err = rootfile_read(&rootfile, path, SIZE_MAX, out, &why);
    if (err && err != -ENOENT)
        complain(0, edit->name, "%s", why.text);
    if (!err && !out->bytes)
        return complain(-EISDIR, edit->name, "'%s' is a folder; name a file in it", path);
    return err;
}

#define FIRST_LINE                                                                                           \
    "# Who may put guests on which bridge: see virt-tap-policy(5). Nothing is allowed unless a line allows it.\n"
#define CHANGED_COPY "new"
#define SECOND_LINE "include " QEMU_ACL_PATH "\n"

/* The initial text of a new file: rules of an existing bridge.conf stay in force. */
static struct policy_text first_text(const struct edit *edit)
{
    static char text[] = FIRST_LINE SECOND_LINE;
    const bool both = strcmp(edit->path, POLICY_PATH) == 0 && access(QEMU_ACL_PATH, F_OK) == 0;

    return (struct policy_text){.bytes = text, .size = both ? strlen(text) : strlen(FIRST_LINE)};
}

/* Writes what the copy begins as. */
static int write_text(const struct edit *edit, const struct policy_text *text, FILE *file)
{
    if (!edit->change) {
        fwrite(text->bytes, 1, text->size, file);
        return 0;
    }
    _cleanup_free_ char *old = strndup(text->bytes, text->size);
    if (old && strlen(old) != text->size)
        return complain(-1, edit->name,
                        "'%s' contains a zero byte; nothing was changed: see virt-tap policy check",
                        edit->path);
    _cleanup_free_ char *changed = old ? edit->change(old, edit->context) : NULL;
    if (!changed)
        return complain(-1, edit->name, "no memory; nothing was changed");
    fputs(changed, file);
    return 0;
}

/* The copy's name starts with a dot, so that no include of a directory's files matches it. */
static int name_copy(const char *path, const char *end, char out[PATH_MAX])
{
    const int folder = (int)(strrchr(path, '/') - path);

    if (snprintf(out, PATH_MAX, "%.*s/.%s.%s", folder, path, path + folder + 1, end) < PATH_MAX)
        return 0;
    *out = '\0';
    errno = ENAMETOOLONG;
    return -1;
}

/* What a person edits has a name of its own. Other changes are alone, by the lock, and clean up behind one
 * that was killed. */
static int open_copy(struct edit *edit)
{
    if (!edit->change)
        return mkostemp(edit->copy, O_CLOEXEC);
    unlink(edit->copy);
    return open(edit->copy, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
}

static int make_copy(struct edit *edit)
{
    if (name_copy(edit->path, edit->change ? CHANGED_COPY : "edit-XXXXXX", edit->copy) < 0)
        return fail(edit, "cannot copy", edit->path);
    const int fd = open_copy(edit);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "w");
    if (!file) {
        edit->copy[0] = '\0';
        return fail(edit, "cannot make a copy beside", edit->path);
    }
    const struct policy_text text = edit->is_new ? first_text(edit) : edit->old;
    const int status = write_text(edit, &text, file);
    if (fclose(file) != 0)
        return fail(edit, "cannot write", edit->copy);
    return status;
}

/* $VISUAL, $EDITOR, or the system's default. */
static const char *choose_editor(void)
{
    static const char *const variables[] = {"VISUAL", "EDITOR"};

    for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
        const char *value = getenv(variables[i]);
        if (value && *value)
            return value;
    }
    if (access("/usr/bin/editor", X_OK) == 0)
        return "/usr/bin/editor";
    return "vi";
}

static int no_editor(const struct edit *edit, const char *name, int err)
{
    return complain(
        -1, edit->name,
        "cannot start the editor '%s' ($VISUAL, $EDITOR): %s; nothing was changed; install it, or name "
        "another, as in: sudo env EDITOR=nano virt-tap policy edit",
        name, strerror(err));
}

/* Looks up the program in $PATH, like a shell. */
static const char *find_editor(const char *name, char path[PATH_MAX])
{
    if (strchr(name, '/'))
        return name;
    for (const char *at = text_or(getenv("PATH"), "/usr/bin:/bin"); *at; at += *at == ':') {
        const int length = (int)strcspn(at, ":");
        snprintf(path, PATH_MAX, "%.*s/%s", length, at, name);
        if (access(path, X_OK) == 0)
            return path;
        at += length;
    }
    return name;
}

/* Runs root's editor on the copy. Its arguments do not pass through a shell. */
static int run_editor(const struct edit *edit)
{
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    struct sigaction interrupt, quit;
    const char *chosen = choose_editor(), *argv[EDITOR_WORDS + 2] = {NULL};
    char *rest = strdupa(chosen), path[PATH_MAX];
    int count = 0;

    for (char *word; count < EDITOR_WORDS && (word = strsep(&rest, " \t"));)
        if (*word)
            argv[count++] = word;
    if (count == 0)
        return no_editor(edit, chosen, ENOENT);
    argv[count] = edit->copy;
    sigaction(SIGINT, &ignore, &interrupt); /* these signals are meant for the editor */
    sigaction(SIGQUIT, &ignore, &quit);
    const int status = process_run_terminal(find_editor(argv[0], path), argv);
    sigaction(SIGINT, &interrupt, NULL);
    sigaction(SIGQUIT, &quit, NULL);
    if (status < 0)
        return no_editor(edit, argv[0], -status);
    if (status > 0)
        return complain(-1, edit->name, "the editor '%s' failed; nothing was changed", argv[0]);
    return 0;
}

/* Returns the number of errors in the copy, after printing them. */
static size_t check_copy(const struct edit *edit)
{
    struct names names;

    names_begin(&names);
    struct lint lint = {
        .path = edit->copy, .names = &names, .dialect = lint_dialect(edit->path), .draft = true};
    lint_policy(&lint);
    names_end(&names);
    fflush(stdout);
    return lint.errors;
}

/* Asks what to do about errors. Returns whether to edit again. */
static bool ask_again(void)
{
    char answer[16];

    for (;;) {
        fputs(
            "The file has errors, so the helper would refuse everything. Edit again, or quit without saving? [e/q] ",
            stderr);
        if (!fgets(answer, sizeof(answer), stdin))
            return false;
        if (strcmp(answer, "e\n") == 0 || strcmp(answer, "q\n") == 0)
            return *answer == 'e';
    }
}

/* Whether the file is still the one that was read. */
static bool is_unchanged(const struct edit *edit)
{
    const struct stat *was = &edit->was;
    struct stat is;

    if (lstat(edit->path, &is) < 0)
        return edit->is_new && errno == ENOENT;
    return !edit->is_new && is.st_dev == was->st_dev && is.st_ino == was->st_ino &&
           is.st_size == was->st_size && is.st_mtim.tv_sec == was->st_mtim.tv_sec &&
           is.st_mtim.tv_nsec == was->st_mtim.tv_nsec && is.st_ctim.tv_sec == was->st_ctim.tv_sec &&
           is.st_ctim.tv_nsec == was->st_ctim.tv_nsec;
}

/* Replaces the file by the copy, with its owner and mode. */
static int install_copy(struct edit *edit)
{
    const mode_t mode = edit->is_new ? 0644 : edit->was.st_mode & 07777;
    _cleanup_close_ const int fd = open(edit->copy, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0 || fchown(fd, edit->was.st_uid, edit->was.st_gid) < 0 || fchmod(fd, mode) < 0 || fsync(fd) < 0)
        return fail(edit, "cannot prepare", edit->copy);
    if (!is_unchanged(edit) && edit->change)
        return complain(
            -1, edit->name,
            "'%s' was changed by somebody else in the meantime, and is left alone; run this again",
            edit->path);
    if (!is_unchanged(edit)) {
        complain(0, edit->name,
                 "'%s' was changed by somebody else in the meantime, and is left alone; your version is '%s'",
                 edit->path, edit->copy);
        edit->copy[0] = '\0'; /* keep it */
        return -1;
    }
    if (renameat2(AT_FDCWD, edit->copy, AT_FDCWD, edit->path, edit->is_new ? RENAME_NOREPLACE : 0) < 0)
        return fail(edit, "cannot replace", edit->path);
    edit->copy[0] = '\0';
    fsync(edit->folder);
    printf("%s: saved\n", edit->path);
    return 0;
}

static int edit_and_check(struct edit *edit)
{
    size_t errors;

    do {
        struct policy_text text = {.bytes = NULL};
        if (!edit->change && run_editor(edit) < 0)
            return -1;
        const int err = read_file(edit, edit->copy, &text);
        const bool same = !err && !edit->is_new && text.size == edit->old.size &&
                          memcmp(text.bytes, edit->old.bytes, text.size) == 0;
        free(text.bytes);
        if (err == -ENOENT)
            return complain(-1, edit->name, "the copy is gone; nothing was changed");
        if (err)
            return -1;
        if (same) {
            printf("%s: not changed\n", edit->path);
            return 0;
        }
        errors = check_copy(edit);
        if (errors && (edit->change || !ask_again()))
            return complain(-1, edit->name, "nothing was changed");
    } while (errors);
    return install_copy(edit);
}

static int edit_file(struct edit *edit)
{
    edit->lock =
        state_lock_for(edit->name, ".policy", 0, "somebody else is editing a policy; try again later");
    if (edit->lock < 0 || open_folder(edit) < 0)
        return -1;
    if (lstat(edit->path, &edit->was) < 0 && errno != ENOENT)
        return fail(edit, "cannot look at", edit->path);
    const int err = read_file(edit, edit->path, &edit->old);
    if (err && err != -ENOENT)
        return -1;
    edit->is_new = err == -ENOENT;
    if (make_copy(edit) < 0)
        return -1;
    return edit_and_check(edit);
}

int policy_change(const char *name, const char *file, policy_changer *change, void *context)
{
    struct edit edit = {.name = name, .change = change, .context = context, .folder = -1, .lock = -1};

    if (geteuid() != 0)
        return complain(1, name, "only root can change the policy; type: sudo %s", name);
    if (!file_whole_path(file, edit.path))
        return complain(1, name, "cannot find '%s': %s", file, strerror(errno));
    const int err = edit_file(&edit);
    if (edit.copy[0])
        unlink(edit.copy);
    cleanup_close(&edit.folder);
    cleanup_close(&edit.lock);
    free(edit.old.bytes);
    return err < 0;
}

int policy_edit(const struct call *call)
{
    const int status = policy_change(call->name, text_or(call->words[0], POLICY_PATH), NULL, NULL);

    return finish_output(status, call->name);
}

int policy_remove_initial(const char *name)
{
    char text[sizeof(FIRST_LINE SECOND_LINE) + 1] = "", copy[PATH_MAX];

    if (name_copy(POLICY_PATH, CHANGED_COPY, copy) == 0)
        unlink(copy); /* of a change that was killed */
    if (text_read_no_link(POLICY_PATH, text, sizeof(text)) < 0 ||
        (strcmp(text, FIRST_LINE) != 0 && strcmp(text, FIRST_LINE SECOND_LINE) != 0))
        return 0;
    if (strcmp(text, FIRST_LINE) == 0 && access(QEMU_ACL_PATH, F_OK) == 0) {
        puts(POLICY_PATH ": stays without a rule, for " QEMU_ACL_PATH " would be in force without it");
        return 0;
    }
    if (unlink(POLICY_PATH) < 0)
        return complain(1, name, "cannot remove " POLICY_PATH ", which has no rule left: %s",
                        strerror(errno));
    puts(POLICY_PATH ": removed, since it had no rule left");
    return 0;
}
