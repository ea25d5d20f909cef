/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Has the manager of the host's network take what persist has written, and let go of it again. */
#include "base/cleanup.h"
#include "net/link.h"
#include "persist.h"
#include "process.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS_MAX = 8, WORD_SIZE = 64, WAIT_MS = 15000, STEP_MS = 100, LEAVE_MS = 30 * 1000 };

/* One word of a command, its %b and %u filled in. */
static void fill_in(char word[WORD_SIZE], const char *pattern, size_t length, const char *bridge,
                    const char *uplink)
{
    const char *sign = memchr(pattern, '%', length);

    if (sign) {
        const size_t before = (size_t)(sign - pattern);
        snprintf(word, WORD_SIZE, "%.*s%s%.*s", (int)before, pattern, sign[1] == 'b' ? bridge : uplink,
                 (int)(length - before - 2), sign + 2);
    } else {
        snprintf(word, WORD_SIZE, "%.*s", (int)length, pattern);
    }
}

/* Returns 0 or reports why not; verb NULL: a failure does not matter, and the host has no network until this
 * is over. */
static int run(const char *verb, const char *command, const char *bridge, const char *uplink)
{
    char words[WORDS_MAX][WORD_SIZE], *argv[WORDS_MAX + 1], line[WORDS_MAX * WORD_SIZE] = "";
    _cleanup_free_ char *output = NULL;
    size_t count = 0;

    for (const char *word = command; *word && count < WORDS_MAX; count++) {
        const size_t length = strcspn(word, " ");
        fill_in(words[count], word, length, bridge, uplink);
        argv[count] = words[count];
        strcat(strcat(line, count > 0 ? " " : ""), words[count]);
        word += length + (word[length] == ' ');
    }
    argv[count] = NULL;
    const int status = process_capture(argv, 1, verb ? PROCESS_MANAGER_MS : LEAVE_MS, &output);
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
    if (output)
        output[strcspn(output, "\n")] = '\0';
    return complain(1, verb, "`%s` failed: %.200s", line, output && *output ? output : "it gives no reason");
}

static int run_all(const char *verb, const char *const commands[], size_t most, const char *bridge,
                   const char *uplink)
{
    int status = 0;

    for (size_t i = 0; status == 0 && i < most && commands[i]; i++)
        status = run(verb, commands[i], bridge, uplink);
    return status;
}

/* Whether the uplink is a port of the bridge: managers answer before they are done. */
static bool is_there(const struct persist_plan *plan)
{
    struct view view = {.links = {.count = 0}};
    bool there = false;

    if (rtnl_open(&view.nl) == 0 && links_read(&view.nl, NULL, &view.links) == 0) {
        const struct link *bridge = links_by_name(&view.links, plan->bridge);
        const struct link *uplink = links_by_name(&view.links, plan->uplink);
        there = bridge && uplink && uplink->master == bridge->ifindex;
    }
    view_close(&view);
    return there;
}

int persist_take(const char *verb, const struct persist_plan *plan, const struct persist_format *format)
{
    if (run_all(verb, format->take, sizeof(format->take) / sizeof(format->take[0]), plan->bridge,
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

static const struct persist_format *format_of(const struct move *move)
{
    for (size_t i = 0; i < persist_format_count; i++)
        if (strcmp(persist_formats[i].name, move->manager) == 0)
            return &persist_formats[i];
    return NULL;
}

void persist_leave(const struct move *move)
{
    const struct persist_format *format = format_of(move);

    if (!format)
        return;
    run_all(NULL, format->leave, sizeof(format->leave) / sizeof(format->leave[0]), move->bridge,
            move->uplink);
    persist_undo("virt-tap bridge", move->bridge);
}

void persist_return(const struct move *move)
{
    const struct persist_format *format = format_of(move);

    if (format)
        run_all("virt-tap bridge", format->have_back,
                sizeof(format->have_back) / sizeof(format->have_back[0]), move->bridge, move->uplink);
}
