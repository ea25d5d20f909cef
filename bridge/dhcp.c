/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "dhcp.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/pidfd.h"
#include "base/process.h"
#include "base/text.h"
#include "base/verb.h"
#include "rootpath.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { LINE_SIZE = 4096, FIND_MS = 10 * 1000, KILLED_MS = 1000, IDENTITIES = 16 };

static const char *const folders[] = {"/usr/sbin", "/sbin", "/usr/bin", "/bin"};
enum { FOLDERS = sizeof(folders) / sizeof(folders[0]) };

/* A program on the host and its location. */
struct identity {
    const char *name;
    char path[PATH_MAX]; /* free of symbolic links */
    dev_t device;
    ino_t inode;
};

struct identities {
    struct identity list[IDENTITIES];
    size_t count;
};

/* Finds a program of that name that only root can change. */
static int find_program(const char *name, size_t folder, char real[PATH_MAX], struct stat *st)
{
    char path[64];

    snprintf(path, sizeof(path), "%s/%.16s", folders[folder], name);
    return rootpath_file(path, real, st);
}

static void find_identities(struct identities *all, const char *name)
{
    struct stat st;

    for (size_t i = 0; name && i < FOLDERS && all->count < IDENTITIES; i++) {
        struct identity *identity = &all->list[all->count];
        if (find_program(name, i, identity->path, &st) < 0)
            continue;
        identity->name = name;
        identity->device = st.st_dev;
        identity->inode = st.st_ino;
        all->count++;
    }
}

/* Reads up to size - 1 bytes of /proc/PID/NAME. Returns the length, or -errno. */
static ssize_t read_proc(const char *pid, const char *name, char *text, size_t size)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/%.16s/%s", pid, name);
    return text_read(path, text, size);
}

/* "Uid:" gives the real, effective, saved and file system UIDs, as seen in our user namespace. The name
 * before it cannot fake that line: the kernel escapes line feeds (fs/proc/array.c). */
static bool is_roots(const char *pid)
{
    char text[1024];

    return read_proc(pid, "status", text, sizeof(text)) > 0 && strstr(text, "\nUid:\t0\t0\t0\t0\n");
}

static bool same_file(const char *pid, const char *name, const char *ours)
{
    char path[64];
    struct stat one, other;

    snprintf(path, sizeof(path), "/proc/%.16s/%s", pid, name);
    return stat(path, &one) == 0 && stat(ours, &other) == 0 && one.st_dev == other.st_dev &&
           one.st_ino == other.st_ino;
}

static bool is_at_home(const char *pid)
{
    return same_file(pid, "ns/user", "/proc/self/ns/user") && same_file(pid, "ns/mnt", "/proc/self/ns/mnt") &&
           same_file(pid, "ns/pid", "/proc/self/ns/pid") && same_file(pid, "ns/net", "/proc/self/ns/net") &&
           same_file(pid, "root", "/");
}

/* Returns which of the host's programs the process runs, or NULL. */
static const struct identity *identify(const struct identities *all, const char *pid)
{
    static const char deleted[] = " (deleted)";
    char path[64], target[PATH_MAX];
    struct stat st;

    snprintf(path, sizeof(path), "/proc/%.16s/exe", pid);
    if (!text_link(path, target, sizeof(target)) || stat(path, &st) < 0)
        return NULL;
    char *end = strstr(target, deleted);
    const bool replaced = st.st_nlink == 0 && end && !end[sizeof(deleted) - 1];
    if (replaced)
        *end = '\0';
    for (size_t i = 0; i < all->count; i++) {
        const struct identity *identity = &all->list[i];
        if ((identity->device == st.st_dev && identity->inode == st.st_ino) ||
            (replaced && strcmp(identity->path, target) == 0))
            return identity;
    }
    return NULL;
}

/* Reads a process's argv, NULL-terminated, pointing into text. Non-ASCII bytes, which no option we keep
 * contains, become control characters, which JSON can represent. A command line longer than we would pass on
 * is not a client's. Returns the number of words. */
static size_t read_words(const char *pid, char text[LINE_SIZE], const char *words[LINE_SIZE])
{
    const ssize_t length = read_proc(pid, "cmdline", text, LINE_SIZE);
    size_t count = 0;

    for (char *byte = text; byte < text + length; byte++)
        if (!isascii(*byte))
            *byte = '\1';
    if (length > 0 && length < LINE_SIZE - 1)
        for (const char *word = text; word < text + length; word += strlen(word) + 1)
            words[count++] = word;
    words[count] = NULL;
    return count;
}

/* dhcpcd overwrites its argv with its state, "dhcpcd: eth0 [ip4]". With privilege separation, the process
 * that stays root is "[privileged proxy] eth0 [ip4]" (src/privsep-root.c), "actioneer" before 9.4. */
static bool dhcpcd_is_for(const char *title, const char *interface)
{
    static const char *const before[] = {"dhcpcd: ", "dhcpcd: [privileged proxy] ",
                                         "dhcpcd: [privileged actioneer] "};
    const size_t length = strlen(interface);

    for (size_t i = 0; i < sizeof(before) / sizeof(before[0]); i++) {
        const size_t skip = strlen(before[i]);
        if (strncmp(title, before[i], skip) == 0 && strncmp(title + skip, interface, length) == 0 &&
            (title[skip + length] == ' ' || !title[skip + length]))
            return true;
    }
    return false;
}

/* Returns whether these words are those of a client for the interface that this program of the host can be,
 * or -ENOMEM. */
static int is_client(const char *const line[], const struct identity *identity, const char *interface)
{
    const struct dhcp_program *program = dhcp_program(line[0]);
    __attribute__((cleanup(dhcp_argv_free))) struct dhcp_argv argv = {.count = 0};

    if (strcmp(identity->name, program->name) != 0 &&
        (!program->box || strcmp(identity->name, program->box) != 0))
        return false;
    const int err = dhcp_words(program, line, interface, interface, &argv);
    if (err == -ENOMEM)
        return err;
    return err == 0;
}

/* Adds the process if it is one of the host's clients for the interface. Returns 0 or -ENOMEM. */
static int look_at(const struct identities *known, const char *pid, const char *interface,
                   struct dhcp_clients *out)
{
    const char *words[LINE_SIZE], *by_title[] = {"dhcpcd", interface, NULL}, **line = by_title;
    char text[LINE_SIZE];

    /* While its pidfd accepts signals the PID is not reused, so all reads in between are of one process. */
    _cleanup_close_ int process = pidfd_of((pid_t)strtol(pid, NULL, 10));
    if (process < 0 || !is_roots(pid) || !is_at_home(pid))
        return 0;
    const struct identity *identity = identify(known, pid);
    if (!identity || read_words(pid, text, words) == 0 || pidfd_signal(process, 0) < 0)
        return 0;
    if (!dhcpcd_is_for(words[0], interface))
        line = dhcp_line(words);
    if (!line)
        return 0;
    const int client = is_client(line, identity, interface);
    if (client <= 0)
        return client;
    return dhcp_add(out, take_fd(&process), line);
}

/* Whether /proc shows the PIDs of our own PID namespace. */
static bool proc_is_ours(void)
{
    char target[16];

    return text_link("/proc/self", target, sizeof(target)) && strtol(target, NULL, 10) == getpid();
}

int dhcp_find(const char *interface, struct dhcp_clients *out)
{
    const int64_t end = clock_ms() + FIND_MS;
    struct identities known;

    known.count = 0; /* not the 64 kB of entries: only those below count are used */
    *out = (struct dhcp_clients){.count = 0};
    _cleanup_closedir_ DIR *folder = opendir("/proc");
    if (!folder || !proc_is_ours())
        return -ENOENT;
    for (size_t i = 0; i < dhcp_program_count; i++) {
        find_identities(&known, dhcp_programs[i].name);
        find_identities(&known, dhcp_programs[i].box);
    }
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        if (isdigit((unsigned char)entry->d_name[0]) && look_at(&known, entry->d_name, interface, out) < 0)
            return -ENOMEM;
        if (clock_ms() > end)
            return -ETIMEDOUT;
    }
    return 0;
}

int dhcp_add(struct dhcp_clients *clients, int process, const char *const words[])
{
    _cleanup_close_ int pidfd = process;
    const struct dhcp_client none = {.process = -1};

    if (array_add(&clients->list, &clients->count, &none, sizeof(none)) < 0)
        return -ENOMEM;
    struct dhcp_client *client = &clients->list[clients->count - 1];
    for (; *words; words++)
        if (dhcp_argv_add(&client->argv, *words) < 0)
            return -ENOMEM;
    client->process = take_fd(&pidfd);
    return 0;
}

void dhcp_free(struct dhcp_clients *clients)
{
    for (size_t i = 0; i < clients->count; i++) {
        cleanup_close(&clients->list[i].process);
        dhcp_argv_free(&clients->list[i].argv);
    }
    free(clients->list);
    *clients = (struct dhcp_clients){.count = 0};
}

/* Fills in the program's path, free of symbolic links. Returns whether it exists. */
static bool find_start(const char *name, char path[PATH_MAX])
{
    struct stat st;

    for (size_t i = 0; name && i < FOLDERS; i++)
        if (find_program(name, i, path, &st) == 0)
            return true;
    return false;
}

/* Starts the client. Under systemd it becomes a service of its own: it must neither die with the login
 * session that started it nor with the guard's unit. Returns 0 or -errno. */
static int launch(const struct dhcp_program *program, const char *path, const char *const words[],
                  size_t count)
{
    static const char *const service[] = {"systemd-run",
                                          "--quiet",
                                          "--collect",
                                          "--no-block",
                                          "--property=Type=forking",
                                          "--property=TimeoutStartSec=infinity",
                                          "--description=virt-tap: the DHCP client of a NIC that was moved",
                                          "--"};
    enum { SERVICE = sizeof(service) / sizeof(service[0]) };
    _cleanup_free_ const char **argv = calloc(SERVICE + 2 + count, sizeof(*argv));

    if (!argv)
        return -ENOMEM;
    memcpy(argv, service, sizeof(service));
    size_t used = SERVICE;
    argv[used++] = path;
    if (program->box && strcmp(strrchr(path, '/') + 1, program->box) == 0)
        argv[used++] = program->name;
    memcpy(argv + used, words + 1, (count - 1) * sizeof(*words));
    if (access("/run/systemd/system", F_OK) == 0 && process_capture(argv, false, PROCESS_QUERY_MS, NULL) == 0)
        return 0;
    return process_detach(path, words);
}

static void start_client(const struct dhcp_client *client, const char *from, const char *to)
{
    static const char who[] = "virt-tap bridge";
    const char *const *words = client->argv.words;
    const struct dhcp_program *program = dhcp_program(words[0]);
    __attribute__((cleanup(dhcp_argv_free))) struct dhcp_argv argv = {.count = 0};
    char path[PATH_MAX];

    if (!program || (!find_start(program->name, path) && !find_start(program->box, path))) {
        complain(
            0, who,
            "'%s' has no DHCP client now: no %s owned by root was found in /usr/sbin, /sbin, /usr/bin or "
            "/bin; start one for it",
            to, words[0]);
        return;
    }
    if (dhcp_words(program, words, from, to, &argv) < 0)
        return;
    if (*argv.dropped)
        complain(
            0, who,
            "%s is started for '%s' without options that virt-tap does not know, or whose files others than "
            "root could change: %s",
            program->name, to, argv.dropped);
    dhcp_carry_leases(words, argv.words, from, to);
    launch(program, path, argv.words, argv.count);
}

static void end_clients(const char *interface)
{
    struct dhcp_clients clients;

    dhcp_find(interface, &clients);
    for (size_t i = 0; i < clients.count; i++) {
        struct pollfd wait = {.fd = clients.list[i].process, .events = POLLIN};
        if (pidfd_signal(wait.fd, SIGKILL) == 0)
            poll(&wait, 1, KILLED_MS);
    }
    dhcp_free(&clients);
}

void dhcp_move(const struct dhcp_clients *clients, const char *from, const char *to)
{
    if (clients->count == 0)
        return;
    end_clients(from);
    end_clients(to);
    for (size_t i = 0; i < clients->count; i++)
        start_client(&clients->list[i], from, to);
}

int dhcp_begin(const char *verb, const char *interface)
{
    char path[PATH_MAX];

    if (*interface == '-')
        return complain(1, verb,
                        "'%s' was created, but DHCP clients take a name with '-' before it for an option: "
                        "use --address, or another name",
                        interface);
    for (size_t i = 0; i < dhcp_program_count; i++) {
        const struct dhcp_program *program = &dhcp_programs[i];
        const char *const by_name[] = {program->name, interface, NULL};
        const char *const by_option[] = {program->name, "-i", interface, NULL};
        if (!find_start(program->name, path))
            continue;
        if (program->box)
            return launch(program, path, by_option, 3) < 0;
        return launch(program, path, by_name, 2) < 0;
    }
    return complain(
        1, verb, "'%s' was created, but no DHCP client is installed: install dhcpcd-base, or use --address",
        interface);
}
