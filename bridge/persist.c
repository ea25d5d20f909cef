/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * virt-tap bridge persist and unpersist: collects what must exist, and finds the host's network manager. */
#include "persist.h"
#include "base/process.h"
#include "base/text.h"
#include "move.h"
#include "nat.h"
#include "net/link.h"
#include "portjson.h"
#include "probe.h"
#include "uplink.h"

#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct persist_options {
    const char *uplink;
    int format; /* index into `formats`, from 1; 0: the first */
    unsigned int confirm_ms;
    struct option_list probes;
    const char *nat; /* "": without a network; NULL: not given */
    bool only_print, apply, lossy, ignore_dependents;
};

#define FORMATS "auto|networkd|networkmanager|netplan|ifupdown|dnsmasq"
static const char *const formats[] = {"auto",    "auto",     "networkd", "networkmanager",
                                      "netplan", "ifupdown", "dnsmasq"};

const struct option_entry bridge_persist_options[] = {
    OPTION_STRING("uplink", "NIC", "of a bridge that does not exist yet", struct persist_options, uplink),
    OPTION_OPTIONAL_STRING("nat", "CIDR", "for guests only, which get addresses and NAT from the host",
                           struct persist_options, nat),
    OPTION_CHOICE("format", FORMATS, "who makes the bridge; auto, the default: who manages this host",
                  struct persist_options, format),
    OPTION_FLAG("print", "only show what would be written; with --apply, if that could be done at once",
                struct persist_options, only_print),
    OPTION_FLAG("dry-run", "the same", struct persist_options, only_print),
    OPTION_FLAG("apply", "and have it done at once, for a bridge that does not exist yet",
                struct persist_options, apply),
    CONFIRM_WITHIN(struct persist_options, confirm_ms),
    PROBE(struct persist_options, probes),
    OPTION_FLAG("ignore-dependents", "go on although firewall rules name the NIC", struct persist_options,
                ignore_dependents),
    OPTION_FLAG("lossy", "go on although something cannot be carried over", struct persist_options, lossy),
    OPTION_END(struct persist_options),
};

int persist_find_uplink(const struct view *view, const char *verb, const struct link *bridge,
                        const struct link **out)
{
    const struct link *named = links_by_name(&view->links, port_alias_uplink(bridge));

    *out = NULL;
    if (named && named->master == bridge->ifindex) {
        *out = named;
        return 0;
    }
    for (size_t i = 0; i < view->links.count; i++) {
        const struct link *port = &view->links.list[i];
        if (port->master != bridge->ifindex || !port_may_be_uplink(port))
            continue;
        if (*out)
            return complain(1, verb,
                            "nothing was changed: '%s' has several ports that could be its uplink, such as "
                            "'%s' and '%s': name one with --uplink",
                            bridge->name, (*out)->name, port->name);
        *out = port;
    }
    return 0;
}

/* Refuses a name that would need quoting in one of the formats, in a file name, or in a shell. */
static int refuse_name(const char *verb, const char *name)
{
    if (ifname_valid(name) && name[strspn(name, IFNAME_PLAIN)] == '\0')
        return 0;
    return complain(1, verb, "'%.64s' cannot be written to a configuration: letters, digits, . _ -", name);
}

static int make_plan(struct view *view, const char *verb, const char *name, const char *option,
                     struct persist_plan *plan)
{
    const struct link *bridge = links_by_name(&view->links, name), *holder = bridge;
    const struct link *uplink = links_by_name(&view->links, option);

    if (option && !view_link(view, verb, option))
        return 1;
    if (bridge && !view_bridge(view, verb, name))
        return 1;
    if (bridge && !option && persist_find_uplink(view, verb, bridge, &uplink) != 0)
        return 1;
    if (!holder)
        holder = uplink;
    if (!holder)
        return complain(
            1, verb, "there is no bridge '%.15s' to describe: name the NIC that it will have with --uplink",
            name);
    if (uplink && (refuse_name(verb, uplink->name) != 0 || uplink_refuse_kind(verb, uplink) != 0))
        return 1;
    if (uplink && !(bridge && uplink->master == bridge->ifindex) &&
        uplink_refuse_master(view, verb, uplink) != 0)
        return 1;
    strcpy(plan->bridge, name);
    if (uplink)
        strcpy(plan->uplink, uplink->name);
    mac_print(plan->mac, holder->mac);
    if (holder->mtu != 1500)
        plan->mtu = holder->mtu;
    plan->stp = bridge && bridge->bridge.stp;
    plan->vlan_filtering = bridge && bridge->bridge.vlan_filtering;
    plan->max_learned = BRIDGE_LEARNED_MAX;
    if (bridge && bridge->bridge.max_learned)
        plan->max_learned = bridge->bridge.max_learned;
    struct error why = {0};
    if (plan->format->inspect && plan->format->inspect(plan, &why) != 0)
        return complain(1, verb, "nothing was changed: %s", why.text);
    persist_look_beside(plan);
    const int err = persist_read_network(view, holder, plan);
    if (err == 0)
        return 0;
    return complain(1, verb, "cannot read the network of '%s': %s", holder->name, strerror(-err));
}

/* netplan first, since it writes for the other two; then who manages the NIC; for one that nobody manages, or
 * that is not known, managers with runtime state for devices; ifupdown, which only has files, last. */
static const char *find_manager(const char *nic)
{
    const char *manager = nic ? uplink_manager((int)if_nametoindex(nic)) : NULL;

    if (persist_any_file("/etc/netplan/*.yaml") && access("/usr/sbin/netplan", X_OK) == 0)
        return "netplan";
    if (!manager && nic && process_query(NULL, "ifquery", nic) == 0)
        return "ifupdown";
    if (manager ? strcmp(manager, "NetworkManager") == 0 : persist_any_file("/run/NetworkManager/devices/*"))
        return "networkmanager";
    if (manager || persist_any_file("/run/systemd/netif/links/*"))
        return "networkd";
    if (access("/etc/network/interfaces", F_OK) == 0 && access("/sbin/ifup", X_OK) == 0)
        return "ifupdown";
    return NULL;
}

static const struct persist_format *choose(const char *verb, const char *name, const char *nic)
{
    if (strcmp(name, "auto") == 0)
        name = find_manager(nic);
    if (name)
        return persist_find_format(name);
    complain(1, verb,
             "cannot tell what manages this host's network: name it with --format=networkd, "
             "networkmanager, netplan or ifupdown");
    return NULL;
}

static void print_files(const struct persist_files *files)
{
    for (size_t i = 0; i < files->count; i++)
        printf("%s# %s\n%s", text_if(i, "\n"), files->list[i].path, files->list[i].text);
}

/* What is to be written. */
struct writing {
    const char *verb;
    const struct persist_plan *plan;
    struct persist_files files;
};

/* cloud-init writes its file again at the first boot of each clone of this machine. */
static int check_cloud_init(const struct persist_files *files, struct error *why)
{
    for (size_t i = 0; i < files->count; i++)
        if (strstr(files->list[i].path, "cloud-init") &&
            process_query(NULL, "grep", "-rqs", "^[^#]*config: *disabled", "/etc/cloud/cloud.cfg.d",
                          "/etc/cloud/cloud.cfg") != 0)
            return error_set(
                why,
                "%s was written by cloud-init, which may write it again; turn that off first: echo 'network: {config: "
                "disabled}' | sudo tee /etc/cloud/cloud.cfg.d/99-disable-network-config.cfg",
                files->list[i].path);
    return 0;
}

/* It learns as few addresses as one of `bridge create`. udev tells it, as soon as anybody makes it: of the
 * managers, only networkd has a word for this, from systemd 257 on. */
static void write_limit(const struct persist_plan *plan, struct persist_files *files)
{
    fprintf(persist_open(files, plan, 0644, "/etc/udev/rules.d/80-virt-tap-%s.rules", plan->bridge),
            "ACTION==\"add\", SUBSYSTEM==\"net\", ENV{DEVTYPE}==\"bridge\", ENV{INTERFACE}==\"%s\", "
            "RUN+=\"/sbin/ip link set dev %s type bridge fdb_max_learned %u\"\n",
            plan->bridge, plan->bridge, plan->max_learned);
}

static int collect(void *arg)
{
    struct writing *writing = arg;
    struct error why = {.text = "there is no memory"};

    if (writing->plan->format->write(writing->plan, &writing->files, &why) != 0 ||
        check_cloud_init(&writing->files, &why) != 0)
        return complain(1, writing->verb, "nothing was changed: %s", why.text);
    if (writing->plan->nat.family)
        nat_write_host(writing->plan, &writing->files);
    write_limit(writing->plan, &writing->files);
    persist_end(&writing->files);
    return 0;
}

static int check(void *arg)
{
    const struct writing *writing = arg;
    struct error why;

    if (writing->plan->format->check(writing->plan, &why) == 0)
        return 0;
    return complain(1, writing->verb, "nothing was changed: %s", why.text);
}

static int persist(const char *verb, const struct persist_plan *plan, bool only_print)
{
    struct writing writing = {verb, plan, {.count = 0}};
    int status = persist_as_before(verb, plan->bridge, collect, &writing);

    if (status == 0 && only_print)
        print_files(&writing.files);
    else if (status == 0)
        status =
            persist_store(verb, plan->bridge, &writing.files, plan->format->check ? check : NULL, &writing);
    for (size_t i = 0; !only_print && status == 0 && i < writing.files.count; i++)
        printf("wrote %s\n", writing.files.list[i].path);
    persist_free(&writing.files);
    return status;
}

static int apply_plan(void *plan, const char *verb)
{
    const int status = persist(verb, plan, false);

    if (status != 0)
        return status;
    return persist_apply(verb, plan);
}

static int apply(struct view *view, const char *verb, struct persist_plan *plan,
                 const struct persist_options *options)
{
    const struct manager manager = {plan->format->name, plan->format->owns_move, apply_plan, plan};
    struct create create = {.name = plan->bridge,
                            .uplink = plan->uplink,
                            .confirm_ms = options->confirm_ms ? options->confirm_ms : CONFIRM_DEFAULT,
                            .probes = &options->probes,
                            .ignore_dependents = options->ignore_dependents,
                            .manager = &manager};

    strcpy(create.spec.name, plan->bridge);
    if (links_by_name(&view->links, plan->bridge))
        return complain(1, verb, "'%s' exists already: omit --apply; the files take effect at the next boot",
                        plan->bridge);
    if (!*plan->uplink)
        return complain(2, verb, "--apply requires --uplink=NIC");
    if (!options->only_print)
        return move_create(view, verb, &create);
    if (move_check(view, verb, &create) != 0)
        return 1;
    return finish_output(persist(verb, plan, true), verb);
}

static int do_it(struct view *view, const char *verb, struct persist_plan *plan,
                 const struct persist_options *options)
{
    if (options->apply)
        return apply(view, verb, plan, options);
    const bool moves = *plan->uplink && !links_by_name(&view->links, plan->bridge);
    const bool looks = moves && !options->only_print && !options->ignore_dependents;
    char then[PERSIST_COMMAND];
    if (looks && uplink_refuse_at_boot(view, verb, plan->uplink, plan->bridge) != 0)
        return 1;
    const int status = persist(verb, plan, options->only_print);
    if (status == 0 && !options->only_print) {
        persist_expand(plan->format->then, plan->bridge, plan->uplink, "", then);
        printf("In effect from the next start on, or at once by: %s\n", then);
    }
    return finish_output(status, verb);
}

/* What cannot be carried over is listed, and refused unless --lossy. Returns 0 or 1. */
static int check_losses(const char *verb, const struct persist_plan *plan, bool lossy)
{
    if (!plan->lost[0])
        return 0;
    complain(1, verb,
             lossy ? "this is not carried over: %s"
                   : "nothing was changed: this cannot be carried over: %s; --lossy goes on without it",
             plan->lost);
    return !lossy;
}

/* --nat: no NIC is touched, so nothing is guarded, and nothing need be confirmed. */
static int persist_nat(struct view *view, const char *verb, const char *name, struct persist_plan *plan,
                       const struct persist_options *options)
{
    char address[CIDR_TEXT];

    if (options->uplink || options->probes.count > 0 || options->confirm_ms || options->ignore_dependents)
        return complain(2, verb, "--nat has no uplink: leave out --uplink and what belongs to it");
    strcpy(plan->bridge, name);
    plan->format = nat_format(verb, formats[options->format]);
    if (!plan->format)
        return 1;
    if (view_open(view, verb, !options->only_print) != 0)
        return 1;
    int status = nat_plan(view, verb, options->nat, plan);
    if (status == 0)
        status = persist(verb, plan, options->only_print);
    if (status != 0 || options->only_print)
        return finish_output(status, verb);
    if (options->apply && nat_apply(verb, plan) != 0)
        return 1;
    cidr_print(&plan->nat, address);
    if (options->apply)
        printf("'%s' is there: %s\n", plan->bridge, address);
    else
        printf("In effect from the next start on, or at once with --apply: '%s', %s\n", plan->bridge,
               address);
    return finish_output(0, verb);
}

int bridge_persist(const struct call *call)
{
    const struct persist_options *options = call->options;
    const char *bridge = call->words[0];
    __attribute__((cleanup(persist_plan_free))) struct persist_plan plan = {.mtu = 0};
    _cleanup_view_ struct view view = {.links = {.count = 0}};

    if ((options->probes.count > 0 || options->confirm_ms) && !options->apply && !options->nat)
        return complain(
            2, call->name,
            "--probe and --confirm-within are for what is changed at once: use them with --apply");
    if (probe_check(call->name, &options->probes) != 0)
        return 2;
    if (refuse_name(call->name, bridge) != 0 ||
        (options->uplink && refuse_name(call->name, options->uplink) != 0))
        return 1;
    if (options->nat)
        return persist_nat(&view, call->name, bridge, &plan, options);
    if (strcmp(formats[options->format], "dnsmasq") == 0)
        return complain(2, call->name, "--format=dnsmasq is for --nat");
    if (nat_refuse(call->name, bridge) != 0)
        return 1;
    plan.format = choose(call->name, formats[options->format], options->uplink);
    if (!plan.format)
        return 1;
    if (view_open(&view, call->name, options->apply || !options->only_print) != 0 ||
        make_plan(&view, call->name, bridge, options->uplink, &plan) != 0 ||
        check_losses(call->name, &plan, options->lossy) != 0)
        return 1;
    return do_it(&view, call->name, &plan, options);
}

int bridge_unpersist(const struct call *call)
{
    const char *bridge = call->words[0];

    if (!ifname_valid(bridge))
        return complain(2, call->name, "'%.64s' is not a name that a bridge can have", bridge);
    if (geteuid() != 0)
        return complain(1, call->name, "this requires root: use sudo");
    const int count = persist_undo(call->name, bridge, false);
    if (count == 0)
        return complain(1, call->name, "nothing was written for '%s'", bridge);
    if (count > 0 && if_nametoindex(bridge) != 0)
        printf("'%s' itself stays until the next start\n", bridge);
    return finish_output(count < 0, call->name);
}
