/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * KubeVirt's hook: its sidecar runs `onDefineDomain --vmi JSON --domain XML` before it defines a domain, and
 * takes standard output as the domain (kubevirt.io, docs/hook-sidecar.md). Two annotations of the virtual
 * machine instance supply what is not in the XML: virt-tap/bridge is --bridge, virt-tap/networks is
 * --network, separated by commas. */
#include "definehook.h"

#include "base/cleanup.h"
#include "base/verb.h"
#include "job.h"

#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char define_hook_options[] =
    "  --vmi JSON     the virtual machine instance; of its annotations, virt-tap/bridge and\n"
    "                 virt-tap/networks count\n"
    "  --domain XML   the domain; it comes out whole on standard output\n";

/* Returns an annotation's string, to be freed; NULL: there is none. */
static char *annotation(const json_t *vmi, const char *key)
{
    const json_t *annotations = json_object_get(json_object_get(vmi, "metadata"), "annotations");
    const char *value = json_string_value(json_object_get(annotations, key));

    return value ? strdup(value) : NULL;
}

/* Parses NAME=BRIDGE,... Cuts text at the commas. */
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
    _cleanup_product_ struct product product = {0};

    if (job_run(job, "--domain", xml, strlen(xml), &product) != 0)
        return 1;
    print_document(job->name, product.text, product.size);
    return finish_output(0, job->name);
}

static int hook(const char *name, const char *vmi_text, const char *xml)
{
    _cleanup_known_ struct known known = {0};
    struct job job = {
        .name = name, .change = domain_rewrite, .wish = {.find_network = networks_find, .data = &known}};
    json_error_t error;
    json_auto_t *vmi = json_loads(vmi_text, JSON_REJECT_DUPLICATES, &error);

    if (!vmi)
        return complain(1, name, "--vmi:%d:%d: this is not a JSON object: %s", error.line, error.column,
                        error.text);
    if (!json_is_object(vmi))
        return complain(1, name, "--vmi:1:1: this is not a JSON object: it is another value");
    _cleanup_free_ char *bridge = annotation(vmi, "virt-tap/bridge");
    _cleanup_free_ char *words = annotation(vmi, "virt-tap/networks");
    if ((bridge && wish_bridge(&job.wish, name, bridge) != 0) ||
        (words && read_networks(&known, name, words) != 0))
        return 1;
    return print_changed(&job, xml);
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
