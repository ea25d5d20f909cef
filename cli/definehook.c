/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * KubeVirt's hook: its sidecar starts `onDefineDomain --vmi JSON --domain XML` before it defines a domain,
 * and takes standard output as the domain (kubevirt.io, docs/hook-sidecar.md). Two annotations of the virtual
 * machine instance say what is not in the XML: virt-tap/bridge is --bridge, virt-tap/networks is --network,
 * separated by commas. */
#include "job.h"
#include "verbs.h"

#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char define_hook_options[] =
    "  --vmi JSON     the virtual machine instance; of its annotations, virt-tap/bridge and\n"
    "                 virt-tap/networks count\n"
    "  --domain XML   the domain; it comes out whole on standard output\n";

/* The string of an annotation, to be freed; NULL: there is none. */
static char *annotation(const json_t *vmi, const char *key)
{
    const json_t *annotations = json_object_get(json_object_get(vmi, "metadata"), "annotations");
    const char *value = json_string_value(json_object_get(annotations, key));

    return value ? strdup(value) : NULL;
}

/* Reads NAME=BRIDGE,... Cuts text at the commas. */
static int read_networks(struct known *out, const char *name, char *text)
{
    char *rest = text;
    int status = 0;

    out->words = calloc(strlen(text) + 1, sizeof(*out->words));
    if (!out->words)
        return complain(1, name, "no memory");
    for (const char *word; !status && (word = strsep(&rest, ","));)
        status = networks_add(out, name, word) ? 1 : 0;
    return status;
}

static int print_changed(const struct job *job, const char *xml)
{
    struct product product;
    const int status = job_run(job, "--domain", xml, strlen(xml), &product);

    if (status == 0)
        print_document(job->name, product.text, product.size);
    product_free(&product);
    return finish_output(status, job->name);
}

static int hook(const char *name, const char *vmi_text, const char *xml)
{
    struct known known = {0};
    struct job job = {
        .name = name, .change = domain_rewrite, .wish = {.find_network = networks_find, .data = &known}};
    json_error_t error;
    json_t *vmi = json_loads(vmi_text, JSON_REJECT_DUPLICATES, &error);
    char *bridge = annotation(vmi, "virt-tap/bridge"), *words = annotation(vmi, "virt-tap/networks");
    int status = 0;

    if (!vmi || !json_is_object(vmi))
        status = complain(1, name, "--vmi:%d:%d: this is no JSON object: %s", vmi ? 1 : error.line,
                          vmi ? 1 : error.column, vmi ? "it is another value" : error.text);
    if (!status && bridge)
        status = wish_bridge(&job.wish, name, bridge) ? 1 : 0;
    if (!status && words)
        status = read_networks(&known, name, words);
    if (!status)
        status = print_changed(&job, xml);
    json_decref(vmi);
    known_free(&known);
    free(words);
    free(bridge);
    return status;
}

int define_hook_run(int argc, char *argv[])
{
    static const struct option known[] = {
        {"vmi", required_argument, NULL, 'v'}, {"domain", required_argument, NULL, 'd'}, {0}};
    const char *vmi = NULL, *xml = NULL;
    int option;

    opterr = 0;
    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        if (option == 'v')
            vmi = optarg;
        else if (option == 'd')
            xml = optarg;
        else
            return unknown_option(argv);
    }
    if (!vmi || !xml || optind < argc)
        return complain(2, argv[0], "it takes --vmi JSON and --domain XML");
    return hook(argv[0], vmi, xml);
}
