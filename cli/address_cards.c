/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "address.h"

#include "base/array.h"
#include "base/cleanup.h"
#include "base/process.h"
#include "config.h"
#include "net/cidr.h"
#include "program.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    LIMIT_MS = 10 * 1000 /* virt-tap-domain has its own, which is less */,
    OUTPUT_MAX = 4 << 20,
    CARDS_MAX = 65536
};

void cards_free(struct guest_cards *cards)
{
    free(cards->list);
    *cards = (struct guest_cards){NULL, 0};
}

/* Reads one line, which ends with the text. Returns whether it is such a line. */
static bool read_card(struct guest_card *out, char *line)
{
    const char *tap = strsep(&line, "\t"), *mac = strsep(&line, "\t"), *address = strsep(&line, "\t");

    *out = (struct guest_card){.address.family = 0};
    if (!address || line || !ifname_valid(tap) || !mac_parse(mac, out->mac))
        return false;
    snprintf(out->tap, sizeof(out->tap), "%s", tap);
    if (strcmp(address, "-") == 0)
        return true;
    out->address.family = strchr(address, ':') ? AF_INET6 : AF_INET;
    out->address.prefix = (uint8_t)(8 * cidr_size(out->address.family));
    return inet_pton(out->address.family, address, out->address.bytes) == 1;
}

/* Parses the lines `TAP MAC ADDRESS` that virt-tap-domain prints, separated by tabs, where an ADDRESS of '-'
 * is none. Ignores others. Returns 0 or -ENOMEM. */
static int parse(struct guest_cards *out, const char *text)
{
    char line[IFNAMSIZ + MAC_TEXT + INET6_ADDRSTRLEN];

    for (size_t length; *text; text += length + (text[length] == '\n')) {
        length = strcspn(text, "\n");
        if (length >= sizeof(line) || out->count >= CARDS_MAX)
            continue;
        struct guest_card card;
        snprintf(line, sizeof(line), "%.*s", (int)length, text);
        if (read_card(&card, line) && array_add(&out->list, &out->count, &card, sizeof(card)) < 0)
            return -ENOMEM;
    }
    return 0;
}

/* libvirt: src/qemu/qemu_conf.c, stateDir. */
static bool has_state_files(const char *folder, const char *below)
{
    char path[PATH_MAX];

    if (!folder || *folder != '/' || snprintf(path, sizeof(path), "%s%s", folder, below) >= (int)sizeof(path))
        return false;
    _cleanup_closedir_ DIR *dir = opendir(path);
    const struct dirent *entry;
    while (dir && (entry = readdir(dir))) {
        const size_t length = strlen(entry->d_name);
        if (length > 4 && strcmp(entry->d_name + length - 4, ".xml") == 0)
            return true;
    }
    return false;
}

static bool has_guests(void)
{
    const char *cache = getenv("XDG_CACHE_HOME");

    if (geteuid() == 0)
        return has_state_files("/run/libvirt/qemu", "");
    return has_state_files(getenv("XDG_RUNTIME_DIR"), "/libvirt/qemu/run") ||
           has_state_files(cache, "/libvirt/qemu/run") ||
           (!cache && has_state_files(getenv("HOME"), "/.cache/libvirt/qemu/run"));
}

static int run(const struct cards_request *request, const char *path, char **output)
{
    const char *uri = geteuid() == 0 ? "qemu:///system" : "qemu:///session";
    const char *const begin[] = {"virt-tap",
                                 "domain",
                                 "agent",
                                 "--connect",
                                 request->uri ? request->uri : uri,
                                 request->count ? "--" : "--all"};
    const size_t words = sizeof(begin) / sizeof(begin[0]);
    _cleanup_free_ const char **argv = calloc(words + request->count + 1, sizeof(*argv));

    if (!argv)
        return -ENOMEM;
    memcpy(argv, begin, sizeof(begin));
    for (size_t i = 0; i < request->count; i++)
        argv[words + i] = request->domains[i];
    const struct process process = {.path = path,
                                    .argv = argv,
                                    .environment = (const char *const *)(uintptr_t)environ,
                                    .errors = true,
                                    .same_group = true,
                                    .limit_ms = LIMIT_MS,
                                    .output_max = OUTPUT_MAX};
    return process_run(&process, output);
}

static void take_reason(const char *output, int status, char reason[CARDS_REASON])
{
    static const char begin[] = "virt-tap domain agent: ";
    const char *line = output ? strstr(output, begin) : NULL;

    if (line) {
        line += strlen(begin);
        snprintf(reason, CARDS_REASON, "%.*s", (int)strcspn(line, "\n"), line);
    } else if (status == -ENOENT) {
        snprintf(reason, CARDS_REASON, "virt-tap-domain is missing; the package virt-tap-hooks has it");
    } else if (status < 0) {
        snprintf(reason, CARDS_REASON, "virt-tap-domain: %s", strerror(-status));
    }
}

int cards_ask(struct guest_cards *out, const struct cards_request *request, char reason[CARDS_REASON])
{
    _cleanup_free_ char *output = NULL;
    char path[PATH_MAX];

    *out = (struct guest_cards){NULL, 0};
    if (reason)
        *reason = '\0';
    if (!request->uri && !has_guests())
        return 1;
    program_path("virt-tap-domain", PROGRAMS_PATH "/virt-tap-domain", path);
    const int status = run(request, path, &output);
    if (reason)
        take_reason(output, status, reason);
    const int err = output ? parse(out, output) : 0;
    return err ? err : status;
}
