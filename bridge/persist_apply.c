/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Makes the host's network manager apply what persist has written, or release it. */
#include "base/cleanup.h"
#include "base/process.h"
#include "net/link.h"
#include "persist.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS_MAX = 8, WORD_SIZE = 64, WAIT_MS = 15000, STEP_MS = 100, DETACH_MS = 30 * 1000 };

/* Expands %b or %u in one word of a command. */
static void fill_in(char word[WORD_SIZE], const char *pattern, int length, const char *bridge,
                    const char *uplink)
{
    const char *sign = memchr(pattern, '%', (size_t)length);

    if (!sign) {
        snprintf(word, WORD_SIZE, "%.*s", length, pattern);
        return;
    }
    const int before = (int)(sign - pattern);
    snprintf(word, WORD_SIZE, "%.*s%s%.*s", before, pattern, sign[1] == 'b' ? bridge : uplink,
             length - before - 2, sign + 2);
}

/* Returns 0 or reports why not. verb NULL: failure is not reported and the timeout is DETACH_MS, since the
 * host is offline until this is over. */
static int run(const char *verb, const char *command, const char *bridge, const char *uplink)
{
    char words[WORDS_MAX][WORD_SIZE], line[WORDS_MAX * WORD_SIZE] = "";
    const char *argv[WORDS_MAX + 1] = {NULL};
    _cleanup_free_ char *output = NULL;
    size_t count = 0;

    for (const char *word = command; *word && count < WORDS_MAX; count++) {
        const size_t length = strcspn(word, " ");
        fill_in(words[count], word, (int)length, bridge, uplink);
        argv[count] = words[count];
        strcat(strcat(line, count > 0 ? " " : ""), words[count]);
        word += length + (word[length] == ' ');
    }
    if (verb) { /* it may take minutes */
        printf("running `%s`\n", line);
        fflush(stdout);
    }
    const int status = process_capture(argv, true, verb ? PROCESS_MANAGER_MS : DETACH_MS, &output);
    if (status == 0 || !verb)
        return status != 0;
    if (status == -ETIMEDOUT)
        return complain(
            1, verb,
            "`%s` did not finish within %d minutes and was killed; run it yourself to see what it "
            "waits for, such as a DHCP server that does not answer",
            line, PROCESS_MANAGER_MS / 60000);
    if (status < 0)
        return complain(1, verb, "cannot run `%s`: %s", line, strerror(-status));
    return complain(1, verb, "`%s` failed: %.200s", line, process_reason(output));
}

static int run_all(const char *verb, const char *const commands[], size_t max, const char *bridge,
                   const char *uplink)
{
    for (size_t i = 0; i < max && commands[i]; i++)
        if ((*uplink || !strstr(commands[i], "%u")) && run(verb, commands[i], bridge, uplink) != 0)
            return 1;
    return 0;
}

/* Whether the uplink is a port of the bridge. Managers report success before they are done. */
static bool is_there(const struct persist_plan *plan)
{
    _cleanup_view_ struct view view = {.links = {.count = 0}};

    if (rtnl_open(&view.nl) < 0 || links_read(&view.nl, NULL, &view.links) < 0)
        return false;
    const struct link *bridge = links_by_name(&view.links, plan->bridge);
    const struct link *uplink = links_by_name(&view.links, plan->uplink);
    return bridge && uplink && uplink->master == bridge->ifindex;
}

int persist_apply(const char *verb, const struct persist_plan *plan, const struct persist_format *format)
{
    if (run_all(verb, format->apply, sizeof(format->apply) / sizeof(format->apply[0]), plan->bridge,
                plan->uplink) != 0)
        return 1;
    for (int waited = 0; waited < WAIT_MS; waited += STEP_MS) {
        if (is_there(plan))
            return 0;
        poll(NULL, 0, STEP_MS);
    }
    return complain(1, verb, "%s has not made '%s' a port of '%s' in %d s", format->name, plan->uplink,
                    plan->bridge, WAIT_MS / 1000);
}

bool persist_detach(const struct move *move)
{
    const struct persist_format *format = persist_find_format(move->manager);

    if (!format)
        return true;
    run_all(NULL, format->detach, sizeof(format->detach) / sizeof(format->detach[0]), move->bridge,
            move->uplink);
    return persist_undo("virt-tap bridge", move->bridge, true) >= 0;
}

void persist_reattach(const struct move *move)
{
    const struct persist_format *format = persist_find_format(move->manager);

    if (format)
        run_all("virt-tap bridge", format->reattach, sizeof(format->reattach) / sizeof(format->reattach[0]),
                move->bridge, move->uplink);
}

const char *persist_manager_of(const struct persist_files *record)
{
    static const char *const folders[][2] = {{"/etc/network/", "ifupdown"},
                                             {"/etc/netplan/", "netplan"},
                                             {"/etc/systemd/network/", "networkd"},
                                             {"/etc/NetworkManager/", "networkmanager"}};

    for (size_t i = 0; record->count > 0 && i < sizeof(folders) / sizeof(folders[0]); i++)
        if (strncmp(record->list[0].path, folders[i][0], strlen(folders[i][0])) == 0)
            return folders[i][1];
    return NULL;
}
