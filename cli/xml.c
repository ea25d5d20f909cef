/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * virt-tap xml, a program of its own (program.h): points domain files at taps, and back. */
#include "base/cleanup.h"
#include "base/error.h"
#include "base/file.h"
#include "base/verb.h"
#include "config.h"
#include "definehook.h"
#include "hooks/mapping.h"
#include "job.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct options {
    struct job job;
    struct known known;
    const char **interfaces;
    const char *output_dir;
    bool in_place, diff, validate, strict;
    char **files;
    size_t file_count;
};

enum {
    OPT_IN_PLACE = 256,
    OPT_OUTPUT_DIR,
    OPT_DIFF,
    OPT_VALIDATE,
    OPT_STRICT,
    OPT_INTERFACE,
    OPT_BRIDGE,
    OPT_NETWORK
};

/* The last two are only for rewrite. */
static const struct option rewrite_options[] = {
    {"in-place", no_argument, NULL, OPT_IN_PLACE},
    {"output-dir", required_argument, NULL, OPT_OUTPUT_DIR},
    {"diff", no_argument, NULL, OPT_DIFF},
    {"validate", no_argument, NULL, OPT_VALIDATE},
    {"interface", required_argument, NULL, OPT_INTERFACE},
    {"strict", no_argument, NULL, OPT_STRICT},
    {"bridge", required_argument, NULL, OPT_BRIDGE},
    {"network", required_argument, NULL, OPT_NETWORK},
    {0},
};
static const struct option restore_options[] = {
    {"in-place", no_argument, NULL, OPT_IN_PLACE},
    {"output-dir", required_argument, NULL, OPT_OUTPUT_DIR},
    {"diff", no_argument, NULL, OPT_DIFF},
    {"validate", no_argument, NULL, OPT_VALIDATE},
    {"interface", required_argument, NULL, OPT_INTERFACE},
    {0},
};
static const struct option map_options[] = {
    {"in-place", no_argument, NULL, OPT_IN_PLACE},
    {"output-dir", required_argument, NULL, OPT_OUTPUT_DIR},
    {"diff", no_argument, NULL, OPT_DIFF},
    {"validate", no_argument, NULL, OPT_VALIDATE},
    {0},
};

#define OUTPUT_HELP                                                                                          \
    "  --in-place            change the files themselves; each one whole, or not at all\n"                   \
    "  --output-dir DIR      write files of the same names there\n"                                          \
    "  --diff                show what would change instead, as a unified diff\n"                            \
    "  --interface MAC|N     only this interface, by MAC or by number from 1; may be repeated\n"             \
    "  --validate            refuse a result that libvirt's domain.rng does not accept\n"

static const char rewrite_help[] =
    OUTPUT_HELP "  --bridge BRIDGE       put all taps on BRIDGE, whatever the interfaces name\n"
                "  --network NAME=BRIDGE the bridge of a network; may be repeated\n"
                "  --strict              exit 3 if an interface had to be left as it is\n"
                "\nWithout FILE, or where it is -, standard input is read.\n";
static const char map_help[] =
    "Bridges and networks become this host's, as /etc/virt-tap/bridges.conf maps them, and taps whose names are taken\n"
    "here get others: what the hooks do when a domain comes by migration, or from a file that it was saved to.\n\n"
    "  --in-place            change the files themselves; each one whole, or not at all\n"
    "  --output-dir DIR      write files of the same names there\n"
    "  --diff                show what would change instead, as a unified diff\n"
    "  --validate            refuse a result that libvirt's domain.rng does not accept\n"
    "\nWithout FILE, or where it is -, standard input is read.\n";
static const char restore_help[] = OUTPUT_HELP "\nWithout FILE, or where it is -, standard input is read.\n";
static const char show_help[] = "Without FILE, or where it is -, standard input is read.\n";

static int set_option(struct options *options, int option, char *argv[])
{
    struct wish *wish = &options->job.wish;

    switch (option) {
    case OPT_IN_PLACE:
        options->in_place = true;
        return 0;
    case OPT_OUTPUT_DIR:
        options->output_dir = optarg;
        return 0;
    case OPT_DIFF:
        options->diff = true;
        return 0;
    case OPT_VALIDATE:
        options->validate = true;
        return 0;
    case OPT_STRICT:
        options->strict = true;
        return 0;
    case OPT_INTERFACE:
        options->interfaces[wish->interface_count++] = optarg;
        return 0;
    case OPT_BRIDGE:
        return wish_bridge(wish, argv[0], optarg);
    case OPT_NETWORK:
        return networks_add(&options->known, argv[0], optarg);
    default:
        return unknown_option(argv);
    }
}

static int by_base_name(const void *a, const void *b)
{
    return strcmp(basename(*(char *const *)a), basename(*(char *const *)b));
}

/* With --output-dir, two files of the same name would overwrite each other. */
static int check_names(const struct options *options, const char *name)
{
    const size_t count = options->file_count;
    _cleanup_free_ char **sorted = calloc(count + 1, sizeof(*sorted));

    if (!sorted)
        return complain(1, name, "no memory");
    memcpy(sorted, options->files, count * sizeof(*sorted));
    qsort(sorted, count, sizeof(*sorted), by_base_name);
    for (size_t i = 1; i < count; i++)
        if (by_base_name(&sorted[i - 1], &sorted[i]) == 0)
            return complain(2, name, "%s and %s would be the same file in %s", sorted[i - 1], sorted[i],
                            options->output_dir);
    return 0;
}

static int check_files(const struct options *options, const char *name)
{
    const bool own_place = options->in_place || options->output_dir;

    if (options->in_place + options->diff + (options->output_dir != NULL) > 1)
        return complain(2, name, "--in-place, --output-dir and --diff exclude each other");
    if (options->file_count > 1 && !own_place && !options->diff)
        return complain(2, name, "several files need --in-place, --output-dir or --diff");
    for (size_t i = 0; i < options->file_count && own_place; i++)
        if (strcmp(options->files[i], "-") == 0)
            return complain(2, name, "standard input has no name to be written under");
    return options->output_dir ? check_names(options, name) : 0;
}

static const char *label_of(const char *path)
{
    return strcmp(path, "-") == 0 ? "(standard input)" : path;
}

static char *read_file(const char *name, const char *path, size_t *size, mode_t *mode)
{
    struct error why;
    char *text = file_read(path, DOCUMENT_BYTES_MAX, size, mode, &why);

    if (!text)
        complain(1, name, "cannot read %s: %s", label_of(path), why.text);
    return text;
}

/* What --strict turns exit status 0 into. */
static int strict_status(const struct options *options, const struct product *product)
{
    return options->strict && product->left > 0 ? 3 : 0;
}

static int put_out(const struct options *options, const char *path, const char *text, size_t size,
                   mode_t mode, const struct product *product)
{
    struct error why;

    if (options->diff)
        diff_print(stdout, label_of(path), &product->change.edits, text, size, product->text);
    else if (!options->output_dir)
        print_document(options->job.name, product->text, product->size);
    else if (file_put(options->output_dir, basename(path), product->text, product->size, mode, &why) < 0)
        return complain(1, options->job.name, "cannot write %s/%s: %s", options->output_dir, basename(path),
                        why.text);
    return 0;
}

static int change_file(const struct options *options, const char *path)
{
    _cleanup_product_ struct product product = {0};
    size_t size;
    mode_t mode;
    _cleanup_free_ char *text = read_file(options->job.name, path, &size, &mode);

    if (!text || job_run(&options->job, label_of(path), text, size, &product) != 0 ||
        put_out(options, path, text, size, mode, &product) != 0)
        return 1;
    return strict_status(options, &product);
}

static int change_in_place(const struct options *options, const char *path)
{
    _cleanup_product_ struct product product = {0};
    struct error why;
    struct file file;

    if (file_hold(&file, path, DOCUMENT_BYTES_MAX, &why) < 0)
        return complain(1, options->job.name, "cannot change %s: %s", path, why.text);
    int status = job_run(&options->job, path, file.text, file.size, &product);
    if (status == 0 && product.change.edits.count > 0 &&
        file_replace(&file, product.text, product.size, &why) < 0)
        status = complain(1, options->job.name, "cannot write %s: %s", path, why.text);
    file_release(&file);
    return status ? status : strict_status(options, &product);
}

/* Collects the tap names used in the other files. Files that cannot be read twice, such as
 * pipes, are skipped. */
static int learn(struct options *options)
{
    struct error ignored;
    struct stat st;
    int err = 0;

    for (size_t i = 0; i < options->file_count && options->file_count > 1 && !err; i++) {
        if (stat(options->files[i], &st) < 0 || !S_ISREG(st.st_mode))
            continue;
        size_t size;
        _cleanup_free_ char *text =
            file_read(options->files[i], DOCUMENT_BYTES_MAX, &size, &st.st_mode, &ignored);
        err = text ? taken_add_document(&options->known.taken, text, size) : 0;
    }
    return err;
}

/* Processes all files, even after a failure. */
static int change_files(struct options *options)
{
    const char *name = options->job.name;
    struct error why = {0};
    int status = 0;

    if (options->job.known && learn(options) < 0)
        return complain(1, name, "no memory");
    if (options->validate) {
        options->job.schema = schema_load(DOMAIN_SCHEMA, &why);
        if (!options->job.schema)
            return complain(1, name, "cannot use " DOMAIN_SCHEMA " (of libvirt): %s", why.text);
    }
    for (size_t i = 0; i < options->file_count; i++) {
        const int one = options->in_place ? change_in_place(options, options->files[i])
                                          : change_file(options, options->files[i]);
        if (status != 1 && one != 0)
            status = one;
    }
    schema_free(options->job.schema);
    return finish_output(status, name);
}

/* wish: what is requested besides the options. */
static int change(int argc, char *argv[], change_function *function, const struct option *known,
                  const struct wish *wish)
{
    static char standard_input[] = "-";
    char *only_input[] = {standard_input};
    struct options options = {.job = {.name = argv[0], .change = function, .wish = *wish}};
    int status = 0, option;

    opterr = 0;
    options.known.words = calloc((size_t)argc, sizeof(*options.known.words));
    options.interfaces = calloc((size_t)argc, sizeof(*options.interfaces));
    options.job.wish.interfaces = options.interfaces;
    if (!options.job.wish.data) {
        options.job.known = function == domain_rewrite ? &options.known : NULL;
        options.job.wish.find_network = networks_find;
        options.job.wish.is_taken = taken_find;
        options.job.wish.data = &options.known;
    }
    if (!options.known.words || !options.interfaces) {
        known_free(&options.known);
        free(options.interfaces);
        return complain(1, argv[0], "no memory");
    }
    while (!status && (option = getopt_long(argc, argv, "", known, NULL)) != -1)
        status = set_option(&options, option, argv);
    if (!status) {
        options.files = optind < argc ? argv + optind : only_input;
        options.file_count = optind < argc ? (size_t)(argc - optind) : 1;
        status = check_files(&options, argv[0]);
    }
    if (!status)
        status = change_files(&options);
    known_free(&options.known);
    free(options.interfaces);
    return status;
}

static int rewrite(int argc, char *argv[])
{
    return change(argc, argv, domain_rewrite, rewrite_options, &(struct wish){0});
}

static int restore(int argc, char *argv[])
{
    return change(argc, argv, domain_restore, restore_options, &(struct wish){0});
}

/* Does what the hooks do for a domain from another host. */
static int map(int argc, char *argv[])
{
    struct error why = {0};
    struct bridges bridges;
    int status;

    if (bridges_read(&bridges, &why) < 0) {
        status = complain(1, argv[0], "%s", why.text);
    } else {
        const struct wish wish = mapping_wish(&bridges);
        status = change(argc, argv, domain_map, map_options, &wish);
    }
    bridges_free(&bridges);
    return status;
}

static int show(int argc, char *argv[])
{
    static const struct option none[] = {{0}};
    int status = 0;

    opterr = 0;
    if (getopt_long(argc, argv, "", none, NULL) != -1)
        return unknown_option(argv);
    for (int i = optind; i < argc || i == optind; i++) {
        const char *path = i < argc ? argv[i] : "-";
        size_t size;
        mode_t mode;
        _cleanup_free_ char *text = read_file(argv[0], path, &size, &mode);
        if (!text || job_show(argv[0], label_of(path), text, size) != 0)
            status = 1;
    }
    return finish_output(status, argv[0]);
}

static const struct verb verbs[] = {
    {.name = "rewrite",
     .arguments = "[OPTION...] [FILE...]",
     .notes = rewrite_help,
     .run = rewrite,
     .summary = "point the interfaces of domains at taps of virt-tap"},
    {.name = "restore",
     .arguments = "[OPTION...] [FILE...]",
     .notes = restore_help,
     .run = restore,
     .summary = "give the interfaces back as they were before rewrite"},
    {.name = "show",
     .arguments = "[FILE...]",
     .notes = show_help,
     .run = show,
     .summary = "what the interfaces of domains are, or could be"},
    {.name = "map",
     .arguments = "[OPTION...] [FILE...]",
     .notes = map_help,
     .run = map,
     .summary = "adapt domains of other hosts to this one's bridges"},
    {.name = "define-hook",
     .arguments = define_hook_arguments,
     .notes = define_hook_options,
     .run = define_hook_run,
     .summary = "rewrite as KubeVirt's hook onDefineDomain, for a link of that name"},
};

static const struct command xml_command = {
    "Domains of libvirt as files: point their interfaces at taps, and back.", verbs,
    sizeof(verbs) / sizeof(verbs[0])};

static const struct verb commands[] = {
    {.name = "xml",
     .arguments = "VERB",
     .summary = "point files of libvirt's domains at taps, and back",
     .verbs = &xml_command},
    {.name = "onDefineDomain",
     .arguments = define_hook_arguments,
     .notes = define_hook_options,
     .run = define_hook_run,
     .summary = "rewrite as KubeVirt's hook onDefineDomain"},
};

int main(int argc, char *argv[])
{
    return command_main(
        &(struct command){"Files of libvirt's domains.", commands, sizeof(commands) / sizeof(commands[0])},
        argc, argv);
}
