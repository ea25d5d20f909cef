/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * virt-tap domain, a program of its own (program.h): does what virt-tap xml does, for domains defined in
 * libvirt. Their definitions contain secrets (display passwords): only changed lines are shown, and nothing
 * is written to a file. */
#include "base/cleanup.h"
#include "base/printable.h"
#include "base/text.h"
#include "base/verb.h"
#include "domain_hosts.h"
#include "domain_libvirt.h"
#include "domain_next.h"
#include "domain_verbs.h"
#include "job.h"

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum consent { CONSENT_ASK, CONSENT_GIVEN, CONSENT_NOTHING_IS_DONE };

struct domain_options {
    struct option_list uris;
    unsigned int jobs, timeout;
    struct wish_options wish;
    unsigned int consent; /* of enum consent */
    bool all;
};

struct session {
    struct known known; /* first, for taken_find() */
    virConnectPtr connection;
    struct job job;
    const struct domain_options *options;
    struct next next;
};

#define SHOW_OPTIONS                                                                                         \
    OPTION_ANY(                                                                                              \
        "connect", "URI",                                                                                    \
        "the libvirt to connect to, which may be remote; default: as virsh; several at once\nif repeated",   \
        OPTION_IS_LIST, struct domain_options, uris, 0, 0, 0, 'c', NULL),                                    \
        OPTION_NUMBER("jobs", "N", "of several libvirts, so many at a time (8)", struct domain_options,      \
                      jobs, 1, HOSTS_JOBS_MAX, HOSTS_JOBS),                                                  \
        OPTION_NUMBER("timeout", "SECONDS", "give up one of several that is silent for so long (60)",        \
                      struct domain_options, timeout, 1, HOSTS_SECONDS_MAX, HOSTS_SECONDS),                  \
        OPTION_FLAG("all", "every domain that is defined there", struct domain_options, all)
#define CHANGE_OPTIONS                                                                                       \
    SHOW_OPTIONS, OPTION_SET("yes", "do not ask", struct domain_options, consent, CONSENT_GIVEN),            \
        OPTION_SET("dry-run", "only show what would change", struct domain_options, consent,                 \
                   CONSENT_NOTHING_IS_DONE),                                                                 \
        INTERFACE_OPTION(struct domain_options)

static const struct option_entry show_options[] = {SHOW_OPTIONS, OPTION_END(struct domain_options)};
static const struct option_entry restore_options[] = {CHANGE_OPTIONS, OPTION_END(struct domain_options)};
static const struct option_entry rewrite_options[] = {
    CHANGE_OPTIONS,
    REWRITE_OPTIONS(struct domain_options,
                    "the bridge of a network, instead of what libvirt says; may be repeated"),
    OPTION_END(struct domain_options),
};

static void cleanup_network(const virNetworkPtr *network)
{
    if (*network)
        virNetworkFree(*network);
}
#define _cleanup_network_ __attribute__((cleanup(cleanup_network)))

/* A setting of a network that libvirt gives its interfaces, but a tap would not get; NULL: none. */
static const char *find_unsupported(const struct node *network)
{
    const struct node *group = node_child(network, "portgroup");

    for (; group; group = node_next(group, "portgroup"))
        if (node_attribute_is(group, "default", "yes"))
            return "<portgroup default='yes'>";
    if (node_child(network, "virtualport"))
        return "<virtualport>";
    if (node_child(network, "vlan"))
        return "<vlan>";
    if (node_attribute_is(node_child(network, "port"), "isolated", "yes"))
        return "<port isolated='yes'>";
    if (node_attribute_is(network, "trustGuestRxFilters", "yes"))
        return "trustGuestRxFilters='yes'";
    return NULL;
}

/* Returns 0, or -1 and why the network's interfaces cannot be taps on its bridge. */
static int check_network(const char *name, const char *xml, char reason[REASON_SIZE])
{
    _cleanup_document_ struct document doc = {0};
    struct error why;

    if (document_read(&doc, xml, strlen(xml), &why) < 0)
        return reason_set(reason, "network '%.30s' cannot be read: %.80s", name, why.text);
    const char *found = find_unsupported(doc.nodes);
    if (found)
        return reason_set(reason, "network '%.40s' has %s, which its taps would not get", name, found);
    return 0;
}

/* Finds a network's bridge: from --network, otherwise by asking libvirt. */
static int find_network(void *data, const char *name, char bridge[NAME_SIZE], char reason[REASON_SIZE])
{
    struct session *session = data;
    char ignore[REASON_SIZE];

    if (networks_find(&session->known, name, bridge, ignore) == 0)
        return 0;
    _cleanup_network_ virNetworkPtr network = virNetworkLookupByName(session->connection, name);
    _cleanup_free_ char *xml = network ? virNetworkGetXMLDesc(network, 0) : NULL;
    _cleanup_free_ char *found = network ? virNetworkGetBridgeName(network) : NULL;
    if (!xml || !found)
        return reason_set(reason, "the bridge of network '%.40s' is not known: %.80s", name,
                          virGetLastErrorMessage());
    if (!ifname_valid(found))
        return reason_set(reason, "the bridge of network '%.40s' is not known: its name is not valid", name);
    if (check_network(name, xml, reason) < 0)
        return -1;
    snprintf(bridge, NAME_SIZE, "%s", found);
    return 0;
}

static bool is_yes(const char *name)
{
    _cleanup_free_ char *line = printable_line(name), *answer = NULL;
    size_t room = 0;

    fprintf(stderr, "Apply this change to %s? [y/N] ", text_or(line, "it"));
    return getline(&answer, &room, stdin) > 0 && (*answer == 'y' || *answer == 'Y');
}

/* Redefines the domain if the user agrees and it is still the one that was shown. */
static int define(const struct session *session, virDomainPtr domain, const char *name, const char *was,
                  const struct product *product)
{
    const char *command = session->job.name;

    if (session->options->consent == CONSENT_ASK && !is_yes(name))
        return complain(1, command, "%s: left as it is", name);
    _cleanup_close_ int lock;
    if (libvirt_lock(domain, command, &lock) != 0 ||
        libvirt_define(domain, command, was, product->text, VIR_DOMAIN_DEFINE_VALIDATE) != 0)
        return 1;
    next_report(command, domain, name);
    return 0;
}

static int change_domain(struct session *session, virDomainPtr domain)
{
    const char *command = session->job.name, *name = virDomainGetName(domain);
    _cleanup_product_ struct product product = {0};

    if (virDomainIsPersistent(domain) != 1)
        return complain(1, command, "%s is transient: it has no definition to change", name);
    _cleanup_secret_ char *text = libvirt_definition(domain);
    if (!text)
        return complain(1, command, "cannot read %s: %s", name, virGetLastErrorMessage());
    int status = job_run(&session->job, name, text, strlen(text), &product);
    if (status == 0 && product.change.edits.count > 0) {
        diff_print(stdout, name, &product.change.edits, text, strlen(text), product.text);
        fflush(stdout);
        if (session->options->consent != CONSENT_NOTHING_IS_DONE)
            status = define(session, domain, name, text, &product);
        if (status == 0 && session->job.known)
            next_learn(&session->next, product.text, product.size);
    }
    if (status == 0 && session->options->wish.strict && product.left > 0)
        return 3;
    return status;
}

static int show_domain(const struct session *session, virDomainPtr domain)
{
    const char *name = virDomainGetName(domain);
    _cleanup_free_ char *text = virDomainGetXMLDesc(domain, VIR_DOMAIN_XML_INACTIVE);

    if (!text)
        return complain(1, session->job.name, "cannot read %s: %s", name, virGetLastErrorMessage());
    return job_show(&session->job, name, text, strlen(text));
}

static int one_domain(struct session *session, virDomainPtr domain)
{
    hosts_alive();
    if (session->job.change)
        return change_domain(session, domain);
    return show_domain(session, domain);
}

/* By name, otherwise by UUID. */
static int named_domain(struct session *session, const char *name)
{
    _cleanup_virdomain_ virDomainPtr domain = libvirt_find(session->connection, session->job.name, name);

    if (!domain)
        return 1;
    return one_domain(session, domain);
}

/* Processes all domains, even after a failure. */
static int each_domain(struct session *session, char *const names[], size_t name_count)
{
    _cleanup_free_ virDomainPtr *list = NULL;
    int status = 0;

    for (size_t i = 0; i < name_count; i++)
        status = hosts_worse(status, named_domain(session, names[i]));
    if (!session->options->all)
        return status;
    const int count =
        virConnectListAllDomains(session->connection, &list, VIR_CONNECT_LIST_DOMAINS_PERSISTENT);
    if (count < 0)
        return complain(1, session->job.name, "cannot list the domains: %s", virGetLastErrorMessage());
    for (int i = 0; i < count; i++) {
        status = hosts_worse(status, one_domain(session, list[i]));
        virDomainFree(list[i]);
    }
    return status;
}

/* What is to be done at each host. */
struct order {
    const struct session *session;
    char *const *names;
    size_t count;
};

static int connect_and_run(void *data, const char *command, const char *uri)
{
    const struct order *order = data;
    struct session one = *order->session, *session = &one;
    int status = 0;

    session->job.name = command;
    session->job.known = session->job.known ? &session->known : NULL;
    session->job.wish.data = session;
    session->connection = libvirt_open(command, uri);
    if (!session->connection)
        return 1;
    session->job.wish.session = libvirt_is_session(session->connection);
    if (session->job.known)
        status = libvirt_learn(session->connection, command, &session->known.taken, VIR_DOMAIN_XML_INACTIVE);
    if (status == 0)
        status = each_domain(session, order->names, order->count);
    next_warn(&session->next, command, session->connection);
    next_free(&session->next);
    taken_free(&session->known.taken);
    virConnectClose(session->connection);
    return finish_output(status, command);
}

static int run(const struct call *call, change_function *function)
{
    const struct domain_options *options = call->options;
    struct session session = {.job = {.name = call->name, .change = function}, .options = options};

    session.job.wish = (struct wish){.find_network = find_network, .is_taken = taken_find, .data = &session};
    if (function == domain_rewrite)
        session.job.known = &session.known;
    if (wish_set(&session.job.wish, &session.known, call->name, &options->wish) != 0)
        return 2;
    if (options->all != (call->count == 0))
        return complain(2, call->name, "which domains? Name them, or use --all");
    if (options->wish.ips.count && call->count != 1)
        return complain(2, call->name, "--ip is for one domain; name it");
    if (function && options->consent == CONSENT_ASK && !isatty(STDIN_FILENO))
        return complain(2, call->name, "not a terminal: use --yes");
    if (options->uris.count > 1 && function && options->consent == CONSENT_ASK)
        return complain(2, call->name,
                        "several hosts are not asked about one by one: look with --dry-run, then use --yes");
    struct order order = {&session, call->words, call->count};
    if (options->uris.count <= 1)
        return connect_and_run(&order, call->name, options->uris.count ? options->uris.words[0] : NULL);
    const struct hosts hosts = {options->uris.words, options->uris.count, options->jobs, options->timeout};
    return finish_output(hosts_run(&hosts, call->name, connect_and_run, &order), call->name);
}

static int rewrite(const struct call *call)
{
    return run(call, domain_rewrite);
}

static int restore(const struct call *call)
{
    return run(call, domain_restore);
}

static int show(const struct call *call)
{
    return run(call, NULL);
}

static const struct verb verbs[] = {
    {.name = "rewrite",
     .arguments = "[OPTION...] DOMAIN...|--all",
     .options = rewrite_options,
     .max = UINT_MAX,
     .act = rewrite,
     .summary = "convert the interfaces of defined domains to taps of virt-tap"},
    {.name = "restore",
     .arguments = "[OPTION...] DOMAIN...|--all",
     .options = restore_options,
     .max = UINT_MAX,
     .act = restore,
     .summary = "restore their interfaces as they were before rewrite"},
    {.name = "show",
     .arguments = "[OPTION...] DOMAIN...|--all",
     .options = show_options,
     .max = UINT_MAX,
     .act = show,
     .summary = "show what the interfaces of defined domains are, or could be"},
    {.name = "attach",
     .arguments = "DOMAIN --bridge=BRIDGE [OPTION...]",
     .options = attach_options,
     .min = 1,
     .max = 1,
     .act = attach_run,
     .summary = "add an interface on a tap to a domain, also while it runs"},
    {.name = "agent",
     .arguments = "[-c URI] DOMAIN...|--all",
     .notes = agent_notes,
     .options = agent_options,
     .max = UINT_MAX,
     .act = agent_run,
     .summary = "the network cards of running domains, with the addresses that guest agents tell"},
    {.name = "detach",
     .arguments = "DOMAIN MAC|TAP [OPTION...]",
     .options = detach_options,
     .min = 2,
     .max = 2,
     .act = detach_run,
     .summary = "remove an interface and its tap from a domain, also while it runs"},
};

static const struct command domain_command = {
    "Domains that libvirt has defined: convert their interfaces to taps, and back; add and remove some.",
    verbs, sizeof(verbs) / sizeof(verbs[0])};

int main(int argc, char *argv[])
{
    return command_main_of("domain", &domain_command, argc, argv);
}
