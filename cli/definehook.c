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

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct hook_options {
    const char *vmi, *xml;
};

const struct option_entry define_hook_options[] = {
    OPTION_STRING(
        "vmi", "JSON",
        "the virtual machine instance; of its annotations, virt-tap/bridge and\nvirt-tap/networks count",
        struct hook_options, vmi),
    OPTION_STRING("domain", "XML", "the domain; it comes out whole on standard output", struct hook_options,
                  xml),
    OPTION_END(struct hook_options),
};

/* Returns an annotation's string, to be freed; NULL: there is none. */
static char *annotation(const json_t *vmi, const char *key)
{
    const json_t *annotations = json_object_get(json_object_get(vmi, "metadata"), "annotations");
    const char *value = json_string_value(json_object_get(annotations, key));

    return value ? strdup(value) : NULL;
}

/* Cuts text, NAME=BRIDGE,..., at the commas. Returns 0 or -1: no memory. */
static int split(struct option_list *out, char *text)
{
    out->words = calloc(strlen(text) + 1, sizeof(*out->words));
    while (out->words && text)
        out->words[out->count++] = strsep(&text, ",");
    return out->words ? 0 : -1;
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
    struct known known = {.networks = NULL};
    struct option_list networks = {.count = 0};
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
    if (words && split(&networks, words) < 0)
        return complain(1, name, "no memory");
    const bool good = wish_set(&job.wish, &known, name, bridge, &networks) == 0;
    const int status = good ? print_changed(&job, xml) : 1;
    free(networks.words);
    return status;
}

int define_hook_run(const struct call *call)
{
    const struct hook_options *options = call->options;

    if (!options->vmi || !options->xml)
        return complain(2, call->name, "it takes --vmi JSON and --domain XML");
    return hook(call->name, options->vmi, options->xml);
}
