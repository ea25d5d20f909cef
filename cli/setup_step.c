/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * What the parts of virt-tap setup share: its steps, our own commands, and the person who is asked. */
#include "base/cleanup.h"
#include "base/complain.h"
#include "base/name.h"
#include "base/process.h"
#include "base/text.h"
#include "check.h"
#include "setup.h"

#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Returns NULL, and remembers that, without memory. */
__attribute__((format(printf, 2, 0))) static char *print(struct setup *setup, const char *format,
                                                         va_list args)
{
    char *text;

    if (vasprintf(&text, format, args) >= 0)
        return text;
    setup->lost = true;
    return NULL;
}

struct step *setup_add(struct setup *setup, enum step_state state, const char *title, const char *format, ...)
{
    struct step *step = &setup->steps[setup->count];
    va_list args;

    if (setup->count == STEPS_MAX) {
        setup->lost = true;
        return NULL;
    }
    setup->count++;
    *step = (struct step){.state = state, .title = strdup(title)};
    if (!step->title)
        setup->lost = true;
    if (!format)
        return step;
    va_start(args, format);
    step->words = print(setup, format, args);
    va_end(args);
    return step;
}

void step_record(struct setup *setup, struct step *step, const char *format, ...)
{
    va_list args;

    if (!step)
        return;
    va_start(args, format);
    step->record = print(setup, format, args);
    va_end(args);
}

/* A package manager says why it failed, but often not what to do about it. */
static int install(const struct setup *setup, const struct step *step)
{
    if (check_run_line(NULL, false, step->words) == 0)
        return 0;
    if (!setup_stopped())
        complain(
            0, setup->name,
            "the packages were not installed, for the reason above: check the network and update the lists of "
            "packages (apt-get update, for instance), or install them in another way");
    return 1;
}

void setup_add_packages(struct setup *setup, const char *title, const char *line, bool needed)
{
    const enum step_state state = needed ? STEP_CANNOT : STEP_LEFT;
    char manager[16] = "";

    sscanf(line, "%15s", manager);
    if (*line == '#') {
        setup_add(setup, state, title, "%s", line + 1 + strspn(line + 1, " "));
    } else if (!process_exists(manager)) {
        setup_add(setup, state, title, "this host has no %s: install in another way what this would: %s",
                  manager, line);
    } else {
        struct step *step = setup_add(setup, STEP_TO_DO, title, "%s", line);
        if (step)
            step->act = install;
        step_record(setup, step, "packages %s", line);
    }
}

void setup_clear(struct setup *setup)
{
    for (size_t i = 0; i < setup->count; i++) {
        free(setup->steps[i].title);
        free(setup->steps[i].words);
        free(setup->steps[i].record);
    }
    setup->count = 0;
}

enum { OWN_WORDS = 16 };

/* The words of one of our own commands, and this program. */
struct own {
    char text[512], path[4096];
    const char *argv[OWN_WORDS + 1];
};

static bool own_split(struct own *own, const char *words)
{
    size_t count = 0;

    if (strlen(words) >= sizeof(own->text) || !text_link("/proc/self/exe", own->path, sizeof(own->path)))
        return false;
    char *rest = strcpy(own->text, words);
    for (char *word; count < OWN_WORDS && (word = strsep(&rest, " "));)
        own->argv[count++] = word;
    own->argv[count] = NULL;
    return rest == NULL;
}

int setup_query(const char *words, bool errors, char **output)
{
    struct own own;

    if (!own_split(&own, words))
        return -E2BIG;
    /* Longer than what it runs itself may take, so that it is the one to say what did not end. */
    return process_run(
        &(struct process){
            .path = own.path, .argv = own.argv, .errors = errors, .limit_ms = PROCESS_MANAGER_MS},
        output);
}

int setup_run_own(const char *words)
{
    struct own own;

    printf("+ %s\n", words);
    fflush(stdout);
    const int status = own_split(&own, words) ? process_run_terminal(own.path, own.argv) : -E2BIG;
    if (status != 0)
        printf("  failed\n");
    return status != 0;
}

bool setup_bridge_is_plain(const char *name)
{
    return ifname_valid(name) && !name[strspn(name, IFNAME_PLAIN)] && strcmp(name, "all") != 0 &&
           strcmp(name, "default") != 0;
}

/* Whether `bridge status` knows of this about it: anything but null. */
static bool has_status(const char *bridge, const char *key)
{
    _cleanup_free_ char *text = NULL;
    char words[64];

    snprintf(words, sizeof(words), "virt-tap bridge status %s --json", bridge);
    if (setup_query(words, false, &text) != 0 || !text)
        return false;
    json_t *all = json_loads(text, 0, NULL);
    const json_t *first = json_array_get(json_object_get(all, "bridges"), 0);
    const bool has = first && !json_is_null(json_object_get(first, key));
    json_decref(all);
    return has;
}

bool setup_is_persisted(const char *bridge)
{
    return has_status(bridge, "persist");
}

bool setup_is_moving(const char *bridge)
{
    return has_status(bridge, "move");
}

bool setup_user_is_plain(const char *name)
{
    return *name && *name != '-' && *name != '+' && name[strspn(name, SETUP_NAME_LETTERS)] == '\0' &&
           name[strspn(name, "0123456789")] != '\0';
}

const char *setup_find_file(const char *command)
{
    static const char *const files[] = {
        "/etc/udev/rules.d/65-virt-tap-kvm.rules",
        "/etc/systemd/network/05-virt-tap.network",
        "/etc/NetworkManager/conf.d/50-virt-tap.conf",
        "/etc/NetworkManager/dispatcher.d/50-virt-tap",
        "/etc/network/if-up.d/virt-tap",
        "/etc/udev/rules.d/90-virt-tap.rules",
    };

    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        if (strstr(command, files[i]))
            return files[i];
    return NULL;
}

static volatile sig_atomic_t stopped;

static void on_signal(int number)
{
    (void)number;
    stopped = 1;
}

bool setup_stopped(void)
{
    return stopped;
}

void setup_catch_signals(void)
{
    const struct sigaction action = {.sa_handler = on_signal}; /* no SA_RESTART: must end a question */

    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
}

int setup_ask(const char *name, const char *question, bool yes)
{
    char answer[16];

    if (fflush(stdout) != 0 || ferror(stdout)) /* what is done would not be seen either */
        return complain(1, name, "nothing was changed: cannot write to standard output");
    if (yes)
        return 0;
    if (!isatty(STDIN_FILENO))
        return complain(1, name, "nothing was changed: there is no terminal to ask on; add --yes");
    printf("%s [y/N] ", question);
    fflush(stdout);
    if (fgets(answer, sizeof(answer), stdin) && (strcmp(answer, "y\n") == 0 || strcmp(answer, "yes\n") == 0))
        return 0;
    return complain(1, name, "nothing was changed");
}
