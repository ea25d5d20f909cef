/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * virt-tap domain agent: the network cards of running domains, and the addresses that their guest agents say
 * these have. For `virt-tap address`, which does not link libvirt (address.h).
 *
 * A guest may answer slowly, or never: libvirt then waits for ever. So threads ask, for a few seconds in all,
 * and those that still wait then end with the process. */

#include "domain_verbs.h"

#include "base/array.h"
#include "base/cleanup.h"
#include "base/name.h"
#include "domain_libvirt.h"
#include "xml/domain.h"

#include <arpa/inet.h>
#include <libvirt/virterror.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/param.h>
#include <sys/random.h>
#include <time.h>

/* A connection may have five requests at a time at libvirtd (max_client_requests). */
enum { THREADS = 4, LIMIT_SECONDS = 5, ADDRESSES_MAX = 32 /* of a card */ };

struct agent_options {
    const char *uri;
    bool all;
};

const struct option_entry agent_options[] = {
    OPTION_LETTER('c', "connect", "URI", "the libvirt to connect to, on this host; default: as virsh",
                  struct agent_options, uri),
    OPTION_FLAG("all", "every domain that runs there", struct agent_options, all),
    OPTION_END(struct agent_options),
};

const char agent_notes[] =
    "Prints one line `TAP MAC ADDRESS`, separated by tabs, for each network card that has a device here, with '-'\n"
    "for the address, and for each address that the guest agent says the card with that MAC has.\n"
    "`virt-tap address` reads these lines.\n";

struct guest {
    virDomainPtr domain;
    char *text; /* its definition */
    struct domain xml;
    bool answered;
    virDomainInterfacePtr *cards; /* the agent's answer */
    int card_count;
};

/* Shared with the threads, from which `lock` protects `next`, and what is answered. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct guest *guests;
    size_t count, next, answered;
    size_t first; /* whom to begin with: at random, so that those who hang do not always keep the same ones
                     waiting */
} work = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* Takes over the domain. Returns 0, or 1. A domain that has ended meanwhile is none. */
static int add_guest(const char *command, virDomainPtr domain)
{
    struct guest *list = array_grow(work.guests, work.count, sizeof(*list));
    struct error why;

    if (!list)
        return complain(1, command, "no memory");
    work.guests = list;
    struct guest *guest = &list[work.count];
    *guest = (struct guest){.domain = domain};
    guest->text = virDomainIsActive(domain) == 1 ? virDomainGetXMLDesc(domain, 0) : NULL;
    if (!guest->text)
        return 0;
    work.count++;
    if (domain_read(&guest->xml, guest->text, strlen(guest->text), &why) < 0)
        return complain(1, command, "%s: %s", virDomainGetName(domain), why.text);
    return 0;
}

static int find_guests(virConnectPtr connection, const struct call *call)
{
    const struct agent_options *options = call->options;
    _cleanup_free_ virDomainPtr *list = NULL;
    int status = 0;

    for (size_t i = 0; i < call->count; i++) {
        virDomainPtr domain = libvirt_find(connection, call->name, call->words[i]);
        if (!domain || add_guest(call->name, domain) != 0)
            status = 1;
    }
    if (!options->all)
        return status;
    const int count = virConnectListAllDomains(connection, &list, VIR_CONNECT_LIST_DOMAINS_ACTIVE);
    if (count < 0)
        return complain(1, call->name, "cannot list the domains: %s", virGetLastErrorMessage());
    for (int i = 0; i < count; i++)
        if (add_guest(call->name, list[i]) != 0)
            status = 1;
    return status;
}

/* Asks the agents of one guest after the other. Those without one are known to libvirt, which says so at
 * once. */
static void *ask(void *unused)
{
    pthread_mutex_lock(&work.lock);
    while (work.next < work.count) {
        struct guest *guest = &work.guests[(work.first + work.next++) % work.count];
        virDomainInterfacePtr *cards = NULL;
        pthread_mutex_unlock(&work.lock);
        const int count =
            virDomainInterfaceAddresses(guest->domain, &cards, VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_AGENT, 0);
        pthread_mutex_lock(&work.lock);
        guest->answered = true;
        guest->cards = cards;
        guest->card_count = MAX(count, 0);
        work.answered++;
        pthread_cond_signal(&work.changed);
    }
    pthread_mutex_unlock(&work.lock);
    return unused;
}

/* Returns with the lock held, so that nothing changes any more. */
static void ask_all(void)
{
    pthread_condattr_t attributes;
    struct timespec end;
    pthread_t thread;

    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&work.changed, &attributes);
    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += LIMIT_SECONDS;
    if (getrandom(&work.first, sizeof(work.first), GRND_NONBLOCK) != sizeof(work.first))
        work.first = 0;
    work.first %= MAX(work.count, 1);
    for (size_t i = 0; i < MIN(THREADS, work.count); i++)
        if (pthread_create(&thread, NULL, ask, NULL) == 0)
            pthread_detach(thread);
    pthread_mutex_lock(&work.lock);
    while (work.answered < work.count && pthread_cond_timedwait(&work.changed, &work.lock, &end) == 0)
        ;
}

static bool is_card(const struct interface *interface, const uint8_t mac[6])
{
    uint8_t own[6];

    return interface->mac && mac_parse(interface->mac, own) && memcmp(own, mac, sizeof(own)) == 0;
}

static bool is_address(const char *text)
{
    unsigned char bytes[sizeof(struct in6_addr)];

    return text && inet_pton(strchr(text, ':') ? AF_INET6 : AF_INET, text, bytes) == 1;
}

/* The guest chose all of the answer: nothing of it is printed but addresses. */
static void print_addresses(const struct guest *guest, const struct interface *interface)
{
    unsigned int printed = 0;
    uint8_t mac[6];

    for (int i = 0; i < guest->card_count; i++) {
        const virDomainInterface *card = guest->cards[i];
        if (!card->hwaddr || !mac_parse(card->hwaddr, mac) || !is_card(interface, mac))
            continue;
        for (unsigned int k = 0; k < card->naddrs && printed < ADDRESSES_MAX; k++, printed++)
            if (is_address(card->addrs[k].addr))
                printf("%s\t%s\t%s\n", interface->dev, interface->mac, card->addrs[k].addr);
    }
}

static void print_guest(const struct guest *guest)
{
    for (size_t i = 0; i < guest->xml.interface_count; i++) {
        const struct interface *interface = &guest->xml.interfaces[i];
        uint8_t mac[6];
        if (!interface->dev || !ifname_valid(interface->dev) || !interface->mac ||
            !mac_parse(interface->mac, mac))
            continue;
        printf("%s\t%s\t-\n", interface->dev, interface->mac);
        print_addresses(guest, interface);
    }
}

/* Other hosts have other bridges. */
static int check_here(virConnectPtr connection, const char *command)
{
    _cleanup_free_ char *uri = virConnectGetURI(connection);

    if (uri && (strcmp(uri, "qemu:///system") == 0 || strcmp(uri, "qemu:///session") == 0))
        return 0;
    return complain(1, command,
                    "the guests of %.200s may be on another host; use qemu:///system or qemu:///session",
                    uri ? uri : "this libvirt");
}

int agent_run(const struct call *call)
{
    const struct agent_options *options = call->options;

    if (options->all != (call->count == 0))
        return complain(2, call->name, "which domains? Name them, or use --all");
    virConnectPtr connection = libvirt_open(call->name, options->uri);
    if (!connection || check_here(connection, call->name) != 0)
        return 1;
    int status = find_guests(connection, call);
    ask_all();
    for (size_t i = 0; i < work.count; i++)
        print_guest(&work.guests[i]);
    const size_t waiting = work.next - work.answered, unasked = work.count - work.next;
    if (waiting)
        complain(0, call->name, "%zu guest agent%s did not answer in %d seconds", waiting,
                 waiting > 1 ? "s" : "", LIMIT_SECONDS);
    if (unasked)
        complain(0, call->name,
                 "%zu guest agent%s could not be asked meanwhile; name a domain to ask only its own", unasked,
                 unasked > 1 ? "s" : "");
    status = finish_output(status, call->name);
    _exit(status); /* threads still use what would be released */
}
