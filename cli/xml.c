/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * virt-tap xml, a program of its own (program.h): points domain files at taps, and back. */
#include "base/cleanup.h"
#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "base/verb.h"
#include "config.h"
#include "hooks/mapping.h"
#include "job.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>

struct xml_options {
    const char *output_dir;
    struct wish_options wish;
    bool in_place, diff, validate, session;
};

struct run {
    struct job job;
    struct known known;
    const struct xml_options *options;
    char **files;
    size_t file_count;
};

/* Options of all verbs that change files. */
#define OUTPUT_OPTIONS                                                                                       \
    OPTION_FLAG("in-place", "change the files themselves, each one completely or not at all",                \
                struct xml_options, in_place),                                                               \
        OPTION_STRING("output-dir", "DIR", "write files of the same names there", struct xml_options,        \
                      output_dir),                                                                           \
        OPTION_FLAG("diff", "show what would change instead, as a unified diff", struct xml_options, diff),  \
        OPTION_FLAG("validate", "refuse a result that libvirt's domain.rng does not accept",                 \
                    struct xml_options, validate)

#define SESSION_OPTION                                                                                       \
    OPTION_FLAG("session", "for qemu:///session, where the tap's port filter stands in for <filterref>",     \
                struct xml_options, session)

static const struct option_entry rewrite_options[] = {
    OUTPUT_OPTIONS,
    SESSION_OPTION,
    INTERFACE_OPTION(struct xml_options),
    REWRITE_OPTIONS(struct xml_options, "the bridge of a network; may be repeated"),
    OPTION_END(struct xml_options),
};
static const struct option_entry restore_options[] = {OUTPUT_OPTIONS, INTERFACE_OPTION(struct xml_options),
                                                      OPTION_END(struct xml_options)};
static const struct option_entry show_options[] = {SESSION_OPTION, OPTION_END(struct xml_options)};
static const struct option_entry map_options[] = {OUTPUT_OPTIONS, OPTION_END(struct xml_options)};

#define INPUT_NOTE "Without FILE, or where it is -, standard input is read.\n"
static const char map_notes[] =
    "Bridges and networks are replaced by this host's, as mapped in /etc/virt-tap/bridges.conf, and taps whose names are\n"
    "taken here are renamed, as the hooks do when a domain is migrated or restored.\n\n" INPUT_NOTE;

static int by_base_name(const void *a, const void *b)
{
    return strcmp(basename(*(char *const *)a), basename(*(char *const *)b));
}

/* With --output-dir, two files of the same name would overwrite each other. */
static int check_names(const struct run *run, const char *name)
{
    const size_t count = run->file_count;
    _cleanup_free_ char **sorted = calloc(count + 1, sizeof(*sorted));

    if (!sorted)
        return complain(1, name, "no memory");
    memcpy(sorted, run->files, count * sizeof(*sorted));
    qsort(sorted, count, sizeof(*sorted), by_base_name);
    for (size_t i = 1; i < count; i++)
        if (by_base_name(&sorted[i - 1], &sorted[i]) == 0)
            return complain(2, name, "%s and %s would be the same file in %s", sorted[i - 1], sorted[i],
                            run->options->output_dir);
    return 0;
}

static int check_files(const struct run *run, const char *name)
{
    const struct xml_options *options = run->options;
    const bool own_place = options->in_place || options->output_dir;

    if (options->in_place + options->diff + (options->output_dir != NULL) > 1)
        return complain(2, name, "--in-place, --output-dir and --diff exclude each other");
    if (run->file_count > 1 && !own_place && !run->options->diff)
        return complain(2, name, "several files need --in-place, --output-dir or --diff");
    for (size_t i = 0; i < run->file_count && own_place; i++)
        if (strcmp(run->files[i], "-") == 0)
            return complain(2, name, "standard input has no name to be written under");
    if (run->options->output_dir)
        return check_names(run, name);
    return 0;
}

static const char *label_of(const char *path)
{
    if (strcmp(path, "-") == 0)
        return "(standard input)";
    return path;
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
static int strict_status(const struct run *run, const struct product *product)
{
    if (run->options->wish.strict && product->left > 0)
        return 3;
    return 0;
}

static int put_out(const struct run *run, const char *path, const char *text, size_t size, mode_t mode,
                   const struct product *product)
{
    struct error why;

    if (run->options->diff)
        diff_print(stdout, label_of(path), &product->change.edits, text, size, product->text);
    else if (!run->options->output_dir)
        print_document(run->job.name, product->text, product->size);
    else if (file_put(run->options->output_dir, basename(path), product->text, product->size, mode, &why) < 0)
        return complain(1, run->job.name, "cannot write %s/%s: %s", run->options->output_dir, basename(path),
                        why.text);
    return 0;
}

/* Whether messages would get into the document: both go to the same file or pipe. */
static bool messages_spoil_it(const struct xml_options *options)
{
    struct stat out, messages;

    return !options->in_place && !options->output_dir && !options->diff && !isatty(STDOUT_FILENO) &&
           fstat(STDOUT_FILENO, &out) == 0 && fstat(STDERR_FILENO, &messages) == 0 &&
           out.st_dev == messages.st_dev && out.st_ino == messages.st_ino;
}

static int change_file(const struct run *run, const char *path)
{
    _cleanup_product_ struct product product = {0};
    size_t size;
    mode_t mode;
    _cleanup_free_ char *text = read_file(run->job.name, path, &size, &mode);

    if (!text || job_run(&run->job, label_of(path), text, size, &product) != 0 ||
        put_out(run, path, text, size, mode, &product) != 0)
        return 1;
    return strict_status(run, &product);
}

static int change_in_place(const struct run *run, const char *path)
{
    _cleanup_product_ struct product product = {0};
    struct error why;
    struct file file;

    if (file_hold(&file, path, DOCUMENT_BYTES_MAX, &why) < 0)
        return complain(1, run->job.name, "cannot change %s: %s", path, why.text);
    int status = job_run(&run->job, path, file.text, file.size, &product);
    if (status == 0 && product.change.edits.count > 0 &&
        file_replace(&file, product.text, product.size, &why) < 0)
        status = complain(1, run->job.name, "cannot write %s: %s", path, why.text);
    file_release(&file);
    if (status)
        return status;
    return strict_status(run, &product);
}

/* Collects the tap names used in the other files. Files that cannot be read twice, such as
 * pipes, are skipped. */
static int learn(struct run *run)
{
    struct error ignored;
    struct stat st;
    int err = 0;

    for (size_t i = 0; i < run->file_count && run->file_count > 1 && !err; i++) {
        if (stat(run->files[i], &st) < 0 || !S_ISREG(st.st_mode))
            continue;
        size_t size;
        _cleanup_free_ char *text =
            file_read(run->files[i], DOCUMENT_BYTES_MAX, &size, &st.st_mode, &ignored);
        if (text)
            err = taken_add_document(&run->known.taken, text, size);
    }
    return err;
}

/* Processes all files, even after a failure. */
static int change_files(struct run *run)
{
    const char *name = run->job.name;
    struct error why = {0};
    int status = 0;

    if (run->job.known && learn(run) < 0)
        return complain(1, name, "no memory");
    if (run->options->validate) {
        run->job.schema = schema_load(DOMAIN_SCHEMA, &why);
        if (!run->job.schema)
            return complain(1, name, "cannot use " DOMAIN_SCHEMA " (of libvirt): %s", why.text);
    }
    for (size_t i = 0; i < run->file_count; i++) {
        const int one =
            run->options->in_place ? change_in_place(run, run->files[i]) : change_file(run, run->files[i]);
        if (status != 1 && one != 0)
            status = one;
    }
    schema_free(run->job.schema);
    return finish_output(status, name);
}

/* wish: what is requested besides the options. */
static int change(const struct call *call, change_function *function, const struct wish *wish)
{
    static char standard_input[] = "-";
    char *only_input[] = {standard_input};
    const struct xml_options *options = call->options;
    struct run run = {
        .job = {.name = call->name, .change = function, .wish = *wish, .mute = messages_spoil_it(options)},
        .options = options,
        .files = call->count ? call->words : only_input,
        .file_count = MAX(call->count, 1),
    };

    if (!wish->data) {
        if (function == domain_rewrite)
            run.job.known = &run.known;
        run.job.wish.find_network = networks_find;
        run.job.wish.is_taken = taken_find;
        run.job.wish.data = &run.known;
    }
    run.job.wish.session = options->session;
    int status = wish_set(&run.job.wish, &run.known, call->name, &options->wish);
    if (!status && options->wish.ips.count && call->count > 1)
        status = complain(2, call->name, "--ip is for one document");
    if (!status)
        status = check_files(&run, call->name);
    if (status)
        return status;
    status = change_files(&run);
    taken_free(&run.known.taken);
    return status;
}

static int rewrite(const struct call *call)
{
    return change(call, domain_rewrite, &(struct wish){0});
}

static int restore(const struct call *call)
{
    return change(call, domain_restore, &(struct wish){0});
}

/* Does what the hooks do for a domain from another host. */
static int map(const struct call *call)
{
    _cleanup_maps_ struct maps maps;
    struct error why = {0};

    if (maps_read(&maps, &why) < 0)
        return complain(1, call->name, "%s", why.text);
    const struct wish wish = mapping_wish(&maps);
    return change(call, domain_map, &wish);
}

static int show(const struct call *call)
{
    const struct xml_options *options = call->options;
    const struct job job = {.name = call->name, .wish.session = options->session};
    int status = 0;

    for (size_t i = 0; i < call->count || i == 0; i++) {
        const char *path = text_or(call->words[i], "-");
        size_t size;
        mode_t mode;
        _cleanup_free_ char *text = read_file(call->name, path, &size, &mode);
        if (!text || job_show(&job, label_of(path), text, size) != 0)
            status = 1;
    }
    return finish_output(status, call->name);
}

static const struct verb verbs[] = {
    {.name = "rewrite",
     .arguments = "[OPTION...] [FILE...]",
     .notes = INPUT_NOTE,
     .options = rewrite_options,
     .max = UINT_MAX,
     .act = rewrite,
     .summary = "convert the interfaces of domains to taps of virt-tap"},
    {.name = "restore",
     .arguments = "[OPTION...] [FILE...]",
     .notes = INPUT_NOTE,
     .options = restore_options,
     .max = UINT_MAX,
     .act = restore,
     .summary = "restore the interfaces as they were before rewrite"},
    {.name = "show",
     .arguments = "[OPTION...] [FILE...]",
     .notes = INPUT_NOTE,
     .options = show_options,
     .max = UINT_MAX,
     .act = show,
     .summary = "show what the interfaces of domains are, or could be"},
    {.name = "map",
     .arguments = "[OPTION...] [FILE...]",
     .notes = map_notes,
     .options = map_options,
     .max = UINT_MAX,
     .act = map,
     .summary = "adapt domains from other hosts to this host's bridges"},
};

static const struct command xml_command = {
    "Domains of libvirt as files: convert their interfaces to taps, and back.", verbs,
    sizeof(verbs) / sizeof(verbs[0])};

int main(int argc, char *argv[])
{
    return command_main_of("xml", &xml_command, argc, argv);
}
