/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dhcp.h"
#include "cli/verb.h"
#include "process.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_WORDS = 64 };

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static bool is_client(const char *word)
{
    const char *name = base_name(word);
    return strcmp(name, "dhclient") == 0 || strcmp(name, "udhcpc") == 0 || strcmp(name, "dhcpcd") == 0;
}

static bool same_network(const char *pid)
{
    char path[64], ours[64], theirs[64];

    snprintf(path, sizeof(path), "/proc/%.16s/ns/net", pid);
    const ssize_t one = readlink("/proc/self/ns/net", ours, sizeof(ours));
    const ssize_t other = readlink(path, theirs, sizeof(theirs));
    return one > 0 && one == other && memcmp(ours, theirs, (size_t)one) == 0;
}

/* The words of a process as an array of JSON, or NULL. */
static json_t *read_words(const char *pid)
{
    char path[64], text[4096];

    snprintf(path, sizeof(path), "/proc/%.16s/cmdline", pid);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    const ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    if (fd >= 0)
        close(fd);
    if (got <= 0)
        return NULL;
    text[got] = '\0';
    json_t *words = json_array();
    for (const char *word = text; word < text + got; word += strlen(word) + 1)
        json_array_append_new(words, json_string(word));
    return words;
}

static const char *word_at(const json_t *words, size_t i)
{
    const char *word = json_string_value(json_array_get(words, i));
    return word ? word : "";
}

/* dhcpcd writes its state over its words: "dhcpcd: eth0 [ip4]". What it was started with is lost. */
static json_t *dhcpcd_words(const char *title, const char *interface)
{
    const size_t length = strlen(interface);

    if (strncmp(title, "dhcpcd: ", 8) != 0 || strncmp(title + 8, interface, length) != 0 ||
        (title[8 + length] != ' ' && title[8 + length] != '\0'))
        return NULL;
    return json_pack("[s, s]", "dhcpcd", interface);
}

static json_t *client_words(const char *pid, const char *interface)
{
    json_t *words = read_words(pid);
    json_t *titled = dhcpcd_words(word_at(words, 0), interface);
    bool named = false;

    if (titled) {
        json_decref(words);
        return titled;
    }
    for (size_t i = 1; i < json_array_size(words); i++)
        named = named || strcmp(word_at(words, i), interface) == 0;
    if (named && (is_client(word_at(words, 0)) ||
                  (strcmp(base_name(word_at(words, 0)), "busybox") == 0 && is_client(word_at(words, 1)))))
        return words;
    json_decref(words);
    return NULL;
}

json_t *dhcp_clients(const char *interface)
{
    json_t *clients = json_array();
    DIR *folder = opendir("/proc");

    for (const struct dirent *entry; folder && (entry = readdir(folder)) != NULL;) {
        char path[64], exe[PATH_MAX];
        if (!isdigit((unsigned char)entry->d_name[0]) || !same_network(entry->d_name))
            continue;
        snprintf(path, sizeof(path), "/proc/%.16s/exe", entry->d_name);
        const ssize_t length = readlink(path, exe, sizeof(exe) - 1);
        json_t *words = length > 0 ? client_words(entry->d_name, interface) : NULL;
        if (!words)
            continue;
        exe[length] = '\0';
        json_array_append_new(clients,
                              json_pack("{s:i, s:s, s:o}", "pid", (int)strtol(entry->d_name, NULL, 10), "exe",
                                        exe, "argv", words));
    }
    if (folder)
        closedir(folder);
    return clients;
}

/* Words that are the interface's name, or hold it as a part of a file's name ("dhclient.eth0.pid"). */
static char *renamed(const char *word, const char *from, const char *to)
{
    const char *found = strstr(word, from);
    char *copy = NULL;

    if (found && (strcmp(word, from) == 0 ||
                  (found > word && strchr(".-", found[-1]) && strchr(".-", found[strlen(from)]))))
        return asprintf(&copy, "%.*s%s%s", (int)(found - word), word, to, found + strlen(from)) < 0 ? NULL
                                                                                                    : copy;
    return strdup(word);
}

static void start(const char *exe, const json_t *words, const char *from, const char *to)
{
    char *argv[MOST_WORDS + 1];
    size_t count = 0;

    for (; count < json_array_size(words) && count < MOST_WORDS; count++)
        argv[count] = renamed(word_at(words, count), from, to);
    argv[count] = NULL;
    process_detach(exe, argv);
    while (count > 0)
        free(argv[--count]);
}

static void end_clients(const char *interface)
{
    json_t *clients = dhcp_clients(interface);
    size_t i;
    json_t *client;

    json_array_foreach(clients, i, client)
        kill((pid_t)json_integer_value(json_object_get(client, "pid")), SIGKILL);
    json_decref(clients);
}

void dhcp_move(const json_t *clients, const char *from, const char *to)
{
    size_t i;
    json_t *client;

    if (json_array_size(clients) == 0)
        return;
    end_clients(from);
    end_clients(to);
    json_array_foreach(clients, i, client)
        start(json_string_value(json_object_get(client, "exe")), json_object_get(client, "argv"), from, to);
}

int dhcp_begin(const char *verb, const char *interface)
{
    static const char *const clients[][2] = {{"/sbin/dhcpcd", "dhcpcd"},
                                             {"/usr/sbin/dhcpcd", "dhcpcd"},
                                             {"/sbin/dhclient", "dhclient"},
                                             {"/sbin/udhcpc", "udhcpc"}};
    char name[64];

    snprintf(name, sizeof(name), "%s", interface);
    for (size_t i = 0; i < sizeof(clients) / sizeof(clients[0]); i++) {
        char client[16], option[] = "-i";
        snprintf(client, sizeof(client), "%s", clients[i][1]);
        const bool udhcpc = strcmp(client, "udhcpc") == 0;
        char *argv[] = {client, udhcpc ? option : name, udhcpc ? name : NULL, NULL};
        if (access(clients[i][0], X_OK) != 0)
            continue;
        process_detach(clients[i][0], argv);
        return 0;
    }
    return complain(1, verb,
                    "'%s' is made, but there is no DHCP client: install dhcpcd-base, or use --address",
                    interface);
}
