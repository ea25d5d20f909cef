/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * virt-tap: the command of users and administrators. It carries no privilege of its own. */
#include "config.h"
#include "verb.h"

#include <stdio.h>
#include <string.h>

static int help(int argc, char *argv[]);
static int version(int argc, char *argv[]);

static const struct verb verbs[] = {
    {"help", "", "this text", help},
    {"version", "", "the version of virt-tap", version},
};
enum { VERB_COUNT = sizeof(verbs) / sizeof(verbs[0]) };

static int help(int argc, char *argv[])
{
    (void)argc;
    (void)argv;
    puts("Usage: virt-tap VERB [ARGUMENT...]\n"
         "\n"
         "A place on the host's bridges for the QEMU and libvirt guests of ordinary users.\n");
    for (size_t i = 0; i < VERB_COUNT; i++)
        printf("  %-8s %-20s %s\n", verbs[i].name, verbs[i].arguments, verbs[i].summary);
    puts("\nQEMU and libvirt call " HELPER_PATH ": see virt-tap-helper(8).");
    return fflush(stdout) == 0 ? 0 : 1;
}

static int version(int argc, char *argv[])
{
    (void)argc;
    (void)argv;
    puts("virt-tap " VERSION);
    return fflush(stdout) == 0 ? 0 : 1;
}

/* `virt-tap --help` is `virt-tap help`, and so for each verb. */
static const struct verb *find_verb(const char *word)
{
    if (strcmp(word, "-h") == 0)
        word = "help";
    else if (strncmp(word, "--", 2) == 0)
        word += 2;
    for (size_t i = 0; i < VERB_COUNT; i++)
        if (strcmp(verbs[i].name, word) == 0)
            return &verbs[i];
    return NULL;
}

int main(int argc, char *argv[])
{
    if (argc < 2) {
        fputs("virt-tap: no verb is given; see virt-tap --help\n", stderr);
        return 2;
    }
    const struct verb *verb = find_verb(argv[1]);
    if (!verb) {
        fprintf(stderr, "virt-tap: there is no verb '%.64s'; see virt-tap --help\n", argv[1]);
        return 2;
    }
    return verb->run(argc - 1, argv + 1);
}
