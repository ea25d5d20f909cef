/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * virt-tap domain: what virt-tap xml does, to domains that libvirt has defined. Their definitions hold
 * secrets (passwords of displays), so that they are neither shown but for the lines that change, nor written
 * to any file. */
#include "base/cleanup.h"
#include "base/printable.h"
#include "job.h"
#include "libvirt.h"
#include "verbs.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct session {
    struct libvirt lib;
    virConnectPtr connection;
    struct job job;
    struct known known; /* of --network */
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

/* What in a network's definition holds for its interfaces, and could not for a tap. */
static const char *unfit(const struct node *network)
{
    const struct node *group = node_child(network, "portgroup"), *port = node_child(network, "port");
    const char *isolated = port ? node_attribute(port, "isolated") : NULL;

    for (; group; group = node_next(group, "portgroup"))
        if (node_attribute(group, "default") && strcmp(node_attribute(group, "default"), "yes") == 0)
            return "<portgroup default='yes'>";
    if (node_child(network, "virtualport"))
        return "<virtualport>";
    if (node_child(network, "vlan"))
        return "<vlan>";
    return isolated && strcmp(isolated, "yes") == 0 ? "<port isolated='yes'>" : NULL;
}

/* Returns 0, or -1 and why the network is no bridge to put taps on. */
static int judge_network(const char *name, const char *xml, char reason[REASON_SIZE])
{
    struct document doc;
    struct xml_error why;
    const char *found = NULL;
    int result = document_read(&doc, xml, strlen(xml), &why);

    if (result < 0)
        snprintf(reason, REASON_SIZE, "network '%.30s' cannot be read: %.80s", name, why.text);
    else if ((found = unfit(doc.nodes)))
        snprintf(reason, REASON_SIZE, "network '%.40s' has %s, which its taps would not get", name, found);
    document_free(&doc);
    return result < 0 || found ? -1 : 0;
}

static bool is_taken(void *data, const struct domain *domain, const char *dev)
{
    const struct session *session = data;

    return taken_by_another(&session->known.taken, domain, dev);
}

/* The bridge of a network: as told, else as libvirt says. */
static int find_network(void *data, const char *name, char bridge[NAME_SIZE], char reason[REASON_SIZE])
{
    const struct session *session = data;
    const struct libvirt *lib = &session->lib;
    char ignore[REASON_SIZE], *xml = NULL, *found = NULL;
    int result = -1;

    if (networks_find((void *)&session->known, name, bridge, ignore) == 0)
        return 0;
    virNetworkPtr network = lib->virNetworkLookupByName(session->connection, name);
    if (network) {
        xml = lib->virNetworkGetXMLDesc(network, 0);
        found = lib->virNetworkGetBridgeName(network);
    }
    if (!xml || !found || !ifname_valid(found)) {
        snprintf(reason, REASON_SIZE, "the bridge of network '%.40s' is not known: %.80s", name,
                 found ? "no kernel takes its name" : lib->virGetLastErrorMessage());
    } else if (judge_network(name, xml, reason) == 0) {
        snprintf(bridge, NAME_SIZE, "%s", found);
        result = 0;
    }
    xml_clean(reason);
    free(xml);
    free(found);
    if (network)
        lib->virNetworkFree(network);
    return result;
}

static bool is_yes(const char *name)
{
    char answer[8] = "", *line = printable_line(name);

    fprintf(stderr, "Define %s so? [y/N] ", line ? line : "it");
    free(line);
    return fgets(answer, sizeof(answer), stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}

/* Defines the domain anew, if the user wants and it still is what was shown. */
static int define(const struct session *session, virDomainPtr domain, const char *name, const char *was,
                  const struct product *product)
{
    const struct libvirt *lib = &session->lib;
    char *now;
    bool same;

    if (!session->yes && !is_yes(name))
        return complain(1, session->job.name, "%s: left as it is", name);
    now = lib->virDomainGetXMLDesc(domain, VIR_DOMAIN_XML_SECURE | VIR_DOMAIN_XML_INACTIVE);
    same = now && strcmp(now, was) == 0;
    free(now);
    if (!same)
        return complain(1, session->job.name, "%s: its definition was changed meanwhile: try again", name);
    virDomainPtr defined =
        lib->virDomainDefineXMLFlags(session->connection, product->text, VIR_DOMAIN_DEFINE_VALIDATE);
    if (!defined)
        return complain(1, session->job.name, "%s: libvirt does not define it: %s", name,
                        lib->virGetLastErrorMessage());
    if (lib->virDomainIsActive(defined) == 1)
        complain(0, session->job.name, "%s is running: this counts from its next start", name);
    lib->virDomainFree(defined);
    return 0;
}

static int change_domain(const struct session *session, virDomainPtr domain)
{
    const struct libvirt *lib = &session->lib;
    const char *name = lib->virDomainGetName(domain);
    struct product product;
    char *text;
    int status;

    if (lib->virDomainIsPersistent(domain) != 1)
        return complain(1, session->job.name, "%s is transient: there is no definition of it to change",
                        name);
    text = lib->virDomainGetXMLDesc(domain, VIR_DOMAIN_XML_SECURE | VIR_DOMAIN_XML_INACTIVE);
    if (!text)
        return complain(1, session->job.name, "cannot read %s: %s", name, lib->virGetLastErrorMessage());
    status = job_run(&session->job, name, text, strlen(text), &product);
    if (status == 0 && product.change.edits.count > 0) {
        diff_print(stdout, name, &product.change.edits, text, strlen(text), product.text);
        fflush(stdout);
        status = define(session, domain, name, text, &product);
    }
    if (status == 0 && session->strict && product.left > 0)
        status = 3;
    product_free(&product);
    explicit_bzero(text, strlen(text));
    free(text);
    return status;
}

static int show_domain(const struct session *session, virDomainPtr domain)
{
    const char *name = session->lib.virDomainGetName(domain);
    char *text = session->lib.virDomainGetXMLDesc(domain, VIR_DOMAIN_XML_INACTIVE);
    int status;

    if (!text)
        return complain(1, session->job.name, "cannot read %s: %s", name,
                        session->lib.virGetLastErrorMessage());
    status = job_show(session->job.name, name, text, strlen(text));
    free(text);
    return status;
}

static int one_domain(const struct session *session, virDomainPtr domain)
{
    const int status = session->job.change ? change_domain(session, domain) : show_domain(session, domain);

    session->lib.virDomainFree(domain);
    return status;
}

/* All domains, also after one has failed: 1 is worse than 3. */
static int each_domain(const struct session *session, char *names[], int count)
{
    const struct libvirt *lib = &session->lib;
    virDomainPtr *list = NULL;
    int status = 0;

    if (session->all) {
        count =
            lib->virConnectListAllDomains(session->connection, &list, VIR_CONNECT_LIST_DOMAINS_PERSISTENT);
        if (count < 0)
            return complain(1, session->job.name, "cannot list the domains: %s",
                            lib->virGetLastErrorMessage());
    }
    for (int i = 0; i < count; i++) {
        virDomainPtr domain = list ? list[i] : lib->virDomainLookupByName(session->connection, names[i]);
        if (!domain)
            domain = lib->virDomainLookupByUUIDString(session->connection, names[i]);
        const int one = domain ? one_domain(session, domain)
                               : complain(1, session->job.name, "there is no domain '%.60s'", names[i]);
        status = status == 1 || one == 0 ? status : one;
    }
    free(list);
    return status;
}

/* Learns which names of taps the domains of that libvirt have. */
static int learn(struct session *session)
{
    const struct libvirt *lib = &session->lib;
    virDomainPtr *list = NULL;
    const int count = lib->virConnectListAllDomains(session->connection, &list, 0);
    int err = 0;

    for (int i = 0; i < count; i++) {
        _cleanup_free_ char *text = lib->virDomainGetXMLDesc(list[i], VIR_DOMAIN_XML_INACTIVE);
        if (text && !err)
            err = taken_add_document(&session->known.taken, text, strlen(text));
        lib->virDomainFree(list[i]);
    }
    free(list);
    return count < 0 || err ? -1 : 0;
}

static int connect_and_run(struct session *session, char *names[], int count)
{
    struct libvirt *lib = &session->lib;
    int status;

    if (libvirt_load(lib) < 0)
        return complain(1, session->job.name, "libvirt's client library is not installed (Debian: libvirt0)");
    session->connection = lib->virConnectOpenAuth(session->uri, *lib->virConnectAuthPtrDefault, 0);
    if (!session->connection)
        return complain(1, session->job.name, "no connection to libvirt%s%s: %s", session->uri ? " at " : "",
                        session->uri ? session->uri : "", lib->virGetLastErrorMessage());
    if (session->job.known && learn(session) < 0)
        status = complain(1, session->job.name, "cannot tell which names the taps of all domains have: %s",
                          lib->virGetLastErrorMessage());
    else
        status = each_domain(session, names, count);
    lib->virConnectClose(session->connection);
    return finish_output(status, session->job.name);
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
        status = complain(2, argv[0], "which domains? Name them, or --all");
    if (!status && function && !session.yes && !isatty(STDIN_FILENO))
        status = complain(2, argv[0], "there is nobody to ask: say --yes");
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

const struct command domain_command = {
    "Domains that libvirt has defined: point their interfaces at taps, and back.", verbs,
    sizeof(verbs) / sizeof(verbs[0])};
