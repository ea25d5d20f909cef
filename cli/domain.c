/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * virt-tap domain, a program of its own (program.h): does what virt-tap xml does, for domains defined in
 * libvirt. Their definitions contain secrets (display passwords): only changed lines are shown, and nothing
 * is written to a file. */
#include "base/cleanup.h"
#include "base/printable.h"
#include "base/verb.h"
#include "job.h"

#include <getopt.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct session {
    virConnectPtr connection;
    struct job job;
    struct known known; /* from --network */
    const char **interfaces;
    const char *uri;
    bool all, yes, strict;
};

enum { OPT_ALL = 256, OPT_YES, OPT_STRICT, OPT_INTERFACE, OPT_BRIDGE, OPT_NETWORK };

static const struct option show_options[] = {
    {"connect", required_argument, NULL, 'c'}, {"all", no_argument, NULL, OPT_ALL}, {0}};
static const struct option restore_options[] = {
    {"connect", required_argument, NULL, 'c'},
    {"all", no_argument, NULL, OPT_ALL},
    {"yes", no_argument, NULL, OPT_YES},
    {"interface", required_argument, NULL, OPT_INTERFACE},
    {0},
};
static const struct option rewrite_options[] = {
    {"connect", required_argument, NULL, 'c'},
    {"all", no_argument, NULL, OPT_ALL},
    {"yes", no_argument, NULL, OPT_YES},
    {"interface", required_argument, NULL, OPT_INTERFACE},
    {"bridge", required_argument, NULL, OPT_BRIDGE},
    {"network", required_argument, NULL, OPT_NETWORK},
    {"strict", no_argument, NULL, OPT_STRICT},
    {0},
};

#define SHOW_HELP                                                                                            \
    "  -c, --connect URI     the libvirt to ask, also a remote one; as virsh without it\n"                   \
    "  --all                 every domain that is defined there\n"
#define RESTORE_HELP                                                                                         \
    SHOW_HELP "  --yes                 do not ask\n"                                                         \
              "  --interface MAC|N     only this interface, by MAC or by number from 1; may be repeated\n"
static const char rewrite_help[] = RESTORE_HELP
    "  --bridge BRIDGE       put all taps on BRIDGE, whatever the interfaces name\n"
    "  --network NAME=BRIDGE the bridge of a network, instead of what libvirt says; may be repeated\n"
    "  --strict              exit 3 if an interface had to be left as it is\n";

/* By default libvirt prints errors itself. */
static void print_nothing(void *data, virErrorPtr error)
{
    (void)data, (void)error;
}

static void cleanup_network(const virNetworkPtr *network)
{
    if (*network)
        virNetworkFree(*network);
}

static void cleanup_domain(const virDomainPtr *domain)
{
    if (*domain)
        virDomainFree(*domain);
}
#define _cleanup_network_ __attribute__((cleanup(cleanup_network)))
#define _cleanup_virdomain_ __attribute__((cleanup(cleanup_domain)))

/* What a network's definition gives its interfaces but could not give a tap. */
static const char *unfit(const struct node *network)
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
    return NULL;
}

/* Returns 0, or -1 and why the network's interfaces cannot be taps on its bridge. */
static int judge_network(const char *name, const char *xml, char reason[REASON_SIZE])
{
    _cleanup_document_ struct document doc = {0};
    struct error why;

    if (document_read(&doc, xml, strlen(xml), &why) < 0)
        return reason_set(reason, "network '%.30s' cannot be read: %.80s", name, why.text);
    const char *found = unfit(doc.nodes);
    if (found)
        return reason_set(reason, "network '%.40s' has %s, which its taps would not get", name, found);
    return 0;
}

static bool is_taken(void *data, const struct domain *domain, const char *dev)
{
    const struct session *session = data;

    return taken_by_another(&session->known.taken, domain, dev);
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
        return reason_set(reason, "the bridge of network '%.40s' is not known: no kernel takes its name",
                          name);
    if (judge_network(name, xml, reason) < 0)
        return -1;
    snprintf(bridge, NAME_SIZE, "%s", found);
    return 0;
}

static bool is_yes(const char *name)
{
    _cleanup_free_ char *line = printable_line(name);
    char answer[8] = "";

    fprintf(stderr, "Apply this change to %s? [y/N] ", line ? line : "it");
    return fgets(answer, sizeof(answer), stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}

/* Returns the definition, with its secrets, to be freed; NULL: not available. */
static char *definition(virDomainPtr domain)
{
    return virDomainGetXMLDesc(domain, VIR_DOMAIN_XML_SECURE | VIR_DOMAIN_XML_INACTIVE);
}

static void cleanup_secret(char **text)
{
    if (*text)
        explicit_bzero(*text, strlen(*text));
    free(*text);
}
#define _cleanup_secret_ __attribute__((cleanup(cleanup_secret)))

/* Redefines the domain if the user agrees and it is still the one that was shown. */
static int define(const struct session *session, virDomainPtr domain, const char *name, const char *was,
                  const struct product *product)
{
    const char *command = session->job.name;

    if (!session->yes && !is_yes(name))
        return complain(1, command, "%s: left as it is", name);
    _cleanup_secret_ char *now = definition(domain);
    if (!now || strcmp(now, was) != 0)
        return complain(1, command, "%s: its definition was changed meanwhile: try again", name);
    _cleanup_virdomain_ virDomainPtr defined =
        virDomainDefineXMLFlags(session->connection, product->text, VIR_DOMAIN_DEFINE_VALIDATE);
    if (!defined)
        return complain(1, command, "%s: libvirt does not define it: %s", name, virGetLastErrorMessage());
    if (virDomainIsActive(defined) == 1)
        complain(0, command, "%s is running: the change takes effect at its next start", name);
    return 0;
}

static int change_domain(const struct session *session, virDomainPtr domain)
{
    const char *command = session->job.name, *name = virDomainGetName(domain);
    _cleanup_product_ struct product product = {0};

    if (virDomainIsPersistent(domain) != 1)
        return complain(1, command, "%s is transient: it has no definition to change", name);
    _cleanup_secret_ char *text = definition(domain);
    if (!text)
        return complain(1, command, "cannot read %s: %s", name, virGetLastErrorMessage());
    int status = job_run(&session->job, name, text, strlen(text), &product);
    if (status == 0 && product.change.edits.count > 0) {
        diff_print(stdout, name, &product.change.edits, text, strlen(text), product.text);
        fflush(stdout);
        status = define(session, domain, name, text, &product);
    }
    if (status == 0 && session->strict && product.left > 0)
        return 3;
    return status;
}

static int show_domain(const struct session *session, virDomainPtr domain)
{
    const char *name = virDomainGetName(domain);
    _cleanup_free_ char *text = virDomainGetXMLDesc(domain, VIR_DOMAIN_XML_INACTIVE);

    if (!text)
        return complain(1, session->job.name, "cannot read %s: %s", name, virGetLastErrorMessage());
    return job_show(session->job.name, name, text, strlen(text));
}

static int one_domain(const struct session *session, virDomainPtr domain)
{
    return session->job.change ? change_domain(session, domain) : show_domain(session, domain);
}

/* By name, otherwise by UUID. */
static int named_domain(const struct session *session, const char *name)
{
    _cleanup_virdomain_ virDomainPtr domain = virDomainLookupByName(session->connection, name);

    if (!domain)
        domain = virDomainLookupByUUIDString(session->connection, name);
    if (!domain)
        return complain(1, session->job.name, "there is no domain '%.60s'", name);
    return one_domain(session, domain);
}

/* The worse of two exit statuses: 1 is worse than 3. */
static int worse(int a, int b)
{
    return a == 1 || b == 0 ? a : b;
}

/* Processes all domains, even after a failure. */
static int each_domain(const struct session *session, char *names[], int count)
{
    _cleanup_free_ virDomainPtr *list = NULL;
    int status = 0;

    for (int i = 0; i < count && !session->all; i++)
        status = worse(status, named_domain(session, names[i]));
    if (!session->all)
        return status;
    count = virConnectListAllDomains(session->connection, &list, VIR_CONNECT_LIST_DOMAINS_PERSISTENT);
    if (count < 0)
        return complain(1, session->job.name, "cannot list the domains: %s", virGetLastErrorMessage());
    for (int i = 0; i < count; i++) {
        status = worse(status, one_domain(session, list[i]));
        virDomainFree(list[i]);
    }
    return status;
}

/* Collects the tap names used by the domains of this libvirt. */
static int learn(struct session *session)
{
    _cleanup_free_ virDomainPtr *list = NULL;
    const int count = virConnectListAllDomains(session->connection, &list, 0);
    int err = 0;

    for (int i = 0; i < count; i++) {
        _cleanup_free_ char *text = virDomainGetXMLDesc(list[i], VIR_DOMAIN_XML_INACTIVE);
        if (text && !err)
            err = taken_add_document(&session->known.taken, text, strlen(text));
        virDomainFree(list[i]);
    }
    return count < 0 || err ? -1 : 0;
}

static int connect_and_run(struct session *session, char *names[], int count)
{
    const char *command = session->job.name, *at = session->uri ? " at " : "";
    int status;

    virSetErrorFunc(NULL, print_nothing);
    session->connection = virConnectOpenAuth(session->uri, virConnectAuthPtrDefault, 0);
    if (!session->connection)
        return complain(1, command, "no connection to libvirt%s%s: %s", at, session->uri ? session->uri : "",
                        virGetLastErrorMessage());
    if (session->job.known && learn(session) < 0)
        status = complain(1, command, "cannot tell which names the taps of all domains have: %s",
                          virGetLastErrorMessage());
    else
        status = each_domain(session, names, count);
    virConnectClose(session->connection);
    return finish_output(status, command);
}

static int set_option(struct session *session, int option, char *argv[])
{
    struct wish *wish = &session->job.wish;

    switch (option) {
    case 'c':
        session->uri = optarg;
        return 0;
    case OPT_ALL:
        session->all = true;
        return 0;
    case OPT_YES:
        session->yes = true;
        return 0;
    case OPT_STRICT:
        session->strict = true;
        return 0;
    case OPT_INTERFACE:
        session->interfaces[wish->interface_count++] = optarg;
        return 0;
    case OPT_BRIDGE:
        return wish_bridge(wish, argv[0], optarg);
    case OPT_NETWORK:
        return networks_add(&session->known, argv[0], optarg);
    default:
        return unknown_option(argv);
    }
}

static int run(int argc, char *argv[], change_function *function, const struct option *known)
{
    struct session session = {.job = {.name = argv[0], .change = function}};
    int status = 0, option;

    opterr = 0;
    session.known.words = calloc((size_t)argc, sizeof(*session.known.words));
    session.interfaces = calloc((size_t)argc, sizeof(*session.interfaces));
    session.job.wish.interfaces = session.interfaces;
    session.job.known = function == domain_rewrite ? &session.known : NULL;
    session.job.wish.find_network = find_network;
    session.job.wish.is_taken = is_taken;
    session.job.wish.data = &session;
    if (!session.known.words || !session.interfaces) {
        known_free(&session.known);
        free(session.interfaces);
        return complain(1, argv[0], "no memory");
    }
    while (!status && (option = getopt_long(argc, argv, "c:", known, NULL)) != -1)
        status = set_option(&session, option, argv);
    if (!status && session.all != (optind == argc))
        status = complain(2, argv[0], "which domains? Name them, or use --all");
    if (!status && function && !session.yes && !isatty(STDIN_FILENO))
        status = complain(2, argv[0], "not a terminal, so nobody can be asked: use --yes");
    if (!status)
        status = connect_and_run(&session, argv + optind, argc - optind);
    known_free(&session.known);
    free(session.interfaces);
    return status;
}

static int rewrite(int argc, char *argv[])
{
    return run(argc, argv, domain_rewrite, rewrite_options);
}

static int restore(int argc, char *argv[])
{
    return run(argc, argv, domain_restore, restore_options);
}

static int show(int argc, char *argv[])
{
    return run(argc, argv, NULL, show_options);
}

static const struct verb verbs[] = {
    {.name = "rewrite",
     .arguments = "[OPTION...] DOMAIN...|--all",
     .notes = rewrite_help,
     .run = rewrite,
     .summary = "point the interfaces of defined domains at taps of virt-tap"},
    {.name = "restore",
     .arguments = "[OPTION...] DOMAIN...|--all",
     .notes = RESTORE_HELP,
     .run = restore,
     .summary = "give their interfaces back as they were before rewrite"},
    {.name = "show",
     .arguments = "[OPTION...] DOMAIN...|--all",
     .notes = SHOW_HELP,
     .run = show,
     .summary = "what the interfaces of defined domains are, or could be"},
};

static const struct command domain_command = {
    "Domains that libvirt has defined: point their interfaces at taps, and back.", verbs,
    sizeof(verbs) / sizeof(verbs[0])};

static const struct verb commands[] = {{.name = "domain",
                                        .arguments = "VERB",
                                        .summary = "point libvirt's domains at taps, and back",
                                        .verbs = &domain_command}};

int main(int argc, char *argv[])
{
    return command_main(&(struct command){"Domains of libvirt.", commands, 1}, argc, argv);
}
