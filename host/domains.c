/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "domains.h"
#include "base/cleanup.h"
#include "base/clock.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Limits per user. A state file has about ten kilobytes for each running domain. */
enum {
    CHILDREN = 32, /* at the same time */
    LIMIT_MS = 2000,
    ENTRIES_MAX = 8192,
    FILE_MAX = 4 * 1024 * 1024,
    BYTES_MAX = 32 * 1024 * 1024,
    UUID_LENGTH = 36,
    NO_GROUP = 65534, /* for a user without an account */
    PIPE = 3          /* the child's descriptor for answers */
};

/* One user's queries, and the child that answers them. */
struct look {
    uid_t uid;
    struct domain_query *asked;
    size_t count;      /* of all queries, including those about other users */
    pid_t pid;         /* PID of the child */
    int fd;            /* one byte for each of this user's queries, in order; -1: none */
    size_t next;       /* the query that the next byte answers */
    size_t left;       /* number of this user's queries still unanswered */
    size_t bytes;      /* in the child: bytes read so far */
    size_t entries;    /* in the child: entries seen so far */
    char *file_buffer; /* in the child */
};

/* Records that the domain whose UUID starts at text is running. */
static void found_uuid(struct look *look, const char *text)
{
    char uuid[UUID_LENGTH + 1] = "";

    for (size_t i = 0; i < UUID_LENGTH; i++)
        uuid[i] = (char)tolower((unsigned char)text[i]);
    for (size_t i = 0; i < look->count; i++)
        if (look->asked[i].uid == look->uid && strcmp(look->asked[i].domain, uuid) == 0)
            look->asked[i].runs = true;
}

/* Each state file contains its domain's <uuid>UUID</uuid>. If the same text appears elsewhere, a tap is kept
 * that could have been removed. */
static void search_file(struct look *look, size_t size)
{
    static const char words[] = "<uuid>";
    const size_t length = sizeof(words) - 1;
    const char *at = look->file_buffer, *const end = at + size;

    while ((at = memmem(at, (size_t)(end - at), words, length))) {
        at += length;
        if ((size_t)(end - at) < UUID_LENGTH)
            return;
        found_uuid(look, at);
    }
}

/* Searches the file if it is libvirt's own, owned by its user or root, and not too large. Returns
 * whether it did. */
static bool read_file(struct look *look, int fd)
{
    struct stat st;
    size_t size = 0;
    ssize_t got = 0;

    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || (st.st_uid != look->uid && st.st_uid != 0) ||
        st.st_size > FILE_MAX)
        return false;
    while (size <= FILE_MAX && (got = read(fd, look->file_buffer + size, FILE_MAX + 1 - size)) > 0)
        size += (size_t)got;
    look->bytes += size;
    if (got < 0 || size > FILE_MAX || look->bytes > BYTES_MAX)
        return false;
    search_file(look, size);
    return true;
}

/* Whether all state files in a directory could be read, or it does not exist. */
static bool read_folder(struct look *look, const char *path)
{
    _cleanup_closedir_ DIR *folder = opendir(path);

    if (!folder)
        return errno == ENOENT;
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(folder);
        if (!entry)
            return errno == 0;
        if (++look->entries > ENTRIES_MAX)
            return false;
        const size_t length = strlen(entry->d_name);
        if (length < 5 || entry->d_name[0] == '.' || strcmp(entry->d_name + length - 4, ".xml") != 0)
            continue;
        _cleanup_close_ int fd =
            openat(dirfd(folder), entry->d_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        if (fd < 0 && errno == ENOENT)
            continue; /* the domain has ended in the meantime */
        if (fd < 0 || !read_file(look, fd))
            return false;
    }
}

static bool read_below(struct look *look, const char *folder, const char *rest)
{
    char path[PATH_MAX];

    if (!folder || folder[0] != '/')
        return true; /* XDG requires it to be ignored */
    return snprintf(path, sizeof(path), "%s%s", folder, rest) < (int)sizeof(path) && read_folder(look, path);
}

/* The directories of state files (libvirt: src/qemu/qemu_conf.c, stateDir): for a session below
 * XDG_RUNTIME_DIR or, if that is not set, in the user's cache. Other users' environments are unknown. */
static bool read_folders(struct look *look, const struct passwd *account, bool own)
{
    static const char rest[] = "/libvirt/qemu/run";
    char runtime[64];

    if (look->uid == 0)
        return read_folder(look, "/run/libvirt/qemu");
    snprintf(runtime, sizeof(runtime), "/run/user/%u", look->uid);
    return read_below(look, runtime, rest) && (!own || read_below(look, getenv("XDG_RUNTIME_DIR"), rest)) &&
           (!own || read_below(look, getenv("XDG_CACHE_HOME"), rest)) &&
           (!account || read_below(look, account->pw_dir, "/.cache/libvirt/qemu/run"));
}

/* Irrevocable. The new user can neither trace this process nor read its memory: the change of UID made it
 * non-dumpable (kernel/cred.c, commit_creds). */
static bool become(uid_t uid, const struct passwd *account)
{
    const gid_t gid = account ? account->pw_gid : NO_GROUP;

    return setgroups(1, &gid) == 0 && setresgid(gid, gid, gid) == 0 && setresuid(uid, uid, uid) == 0;
}

/* Keeps nothing of ours but the pipe, now descriptor 3: no terminal, and nothing that would keep a
 * reader of our output waiting for a hung child. The parent's timer kills the child; its own does if the
 * parent is gone. */
static bool detach(int fd)
{
    const int pipe = fcntl(fd, F_DUPFD, PIPE + 1), null = open("/dev/null", O_RDWR);
    sigset_t none;

    sigemptyset(&none);
    signal(SIGALRM, SIG_DFL);
    if (pipe < 0 || null < 0 || setsid() < 0 || chdir("/") < 0 || sigprocmask(SIG_SETMASK, &none, NULL) < 0)
        return false;
    alarm(LIMIT_MS / 1000 + 1);
    for (int standard = STDIN_FILENO; standard <= STDERR_FILENO; standard++)
        if (dup2(null, standard) < 0)
            return false;
    if (dup2(pipe, PIPE) < 0)
        return false;
    closefrom(PIPE + 1);
    return true;
}

/* Looks up the account; NULL: there is none. Returns false if that is unknown. */
static bool find_account(uid_t uid, const struct passwd **out)
{
    errno = 0;
    *out = getpwuid(uid);
    return *out || errno == 0 || errno == ENOENT || errno == ESRCH;
}

/* Exits without an answer if anything goes wrong. */
static _Noreturn void answer(struct look *look, int fd)
{
    const bool own = look->uid == geteuid();
    const struct passwd *account;

    look->file_buffer = malloc(FILE_MAX + 1);
    if (!look->file_buffer || !detach(fd) || !find_account(look->uid, &account) ||
        (!own && !become(look->uid, account)))
        _exit(1);
    for (size_t i = 0; i < look->count; i++)
        look->asked[i].runs = false;
    if (!read_folders(look, account, own))
        _exit(1);
    for (size_t i = 0; i < look->count; i++)
        if (look->asked[i].uid == look->uid && write(PIPE, look->asked[i].runs ? "y" : "n", 1) != 1)
            _exit(1);
    _exit(0);
}

/* If no child can be created, there are no answers. */
static void start(struct look *look)
{
    int ends[2];

    look->fd = -1;
    for (size_t i = 0; i < look->count; i++)
        look->left += look->asked[i].uid == look->uid;
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
        return;
    look->pid = fork();
    if (look->pid == 0) {
        close(ends[0]);
        fcntl(ends[1], F_SETFL, 0); /* the child may wait for the parent to read */
        answer(look, ends[1]);
    }
    close(ends[1]);
    if (look->pid > 0)
        look->fd = ends[0];
    else
        close(ends[0]);
}

/* Reads the child's answers. Returns whether more are to come. */
static bool take_answers(struct look *look)
{
    char answers[512];
    const ssize_t got = read(look->fd, answers, sizeof(answers));

    if (got < 0)
        return errno == EAGAIN || errno == EINTR;
    for (ssize_t i = 0; i < got; i++) {
        while (look->next < look->count && look->asked[look->next].uid != look->uid)
            look->next++;
        if (look->next < look->count && answers[i] == 'n')
            look->asked[look->next].runs = false;
        look->next++;
        look->left--;
    }
    return got > 0 && look->left > 0;
}

/* Does not wait for the child: the user may have stopped it, or their file system may block it. It is killed,
 * and reaped by whoever inherits it. */
static void end(struct look *look)
{
    if (look->fd < 0)
        return;
    close(look->fd);
    look->fd = -1;
    kill(look->pid, SIGKILL);
    waitpid(look->pid, NULL, WNOHANG);
}

/* Handles one batch of users at the same time, so that a slow one does not delay the others. */
static void ask_users(struct look *looks, size_t count)
{
    const int64_t end_ms = clock_ms() + LIMIT_MS;
    struct pollfd fds[CHILDREN];
    size_t open = count;

    for (size_t i = 0; i < count; i++)
        start(&looks[i]);
    for (int64_t left; open > 0 && (left = end_ms - clock_ms()) > 0;) {
        open = 0;
        for (size_t i = 0; i < count; i++) {
            fds[i] = (struct pollfd){.fd = looks[i].fd, .events = POLLIN};
            open += looks[i].fd >= 0;
        }
        if (open == 0 || poll(fds, count, (int)left) <= 0)
            continue;
        for (size_t i = 0; i < count; i++)
            if (fds[i].fd >= 0 && fds[i].revents && !take_answers(&looks[i]))
                end(&looks[i]);
    }
    for (size_t i = 0; i < count; i++)
        end(&looks[i]);
}

static bool is_first_of_user(const struct domain_query *asked, size_t which)
{
    for (size_t i = 0; i < which; i++)
        if (asked[i].uid == asked[which].uid)
            return false;
    return true;
}

void domains_ask(struct domain_query *asked, size_t count)
{
    struct look looks[CHILDREN];
    size_t users = 0;

    for (size_t i = 0; i < count; i++)
        asked[i].runs = true;
    for (size_t i = 0; i < count; i++) {
        if ((geteuid() != 0 && asked[i].uid != geteuid()) || !is_first_of_user(asked, i))
            continue;
        looks[users++] = (struct look){.uid = asked[i].uid, .asked = asked, .count = count};
        if (users == CHILDREN) {
            ask_users(looks, users);
            users = 0;
        }
    }
    ask_users(looks, users);
}
