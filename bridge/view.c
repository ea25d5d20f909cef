/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "bridge.h"
#include "net/link.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

int view_read(struct view *view)
{
    *view = (struct view){.links = {.count = 0}};
    const int err = rtnl_open(&view->nl);
    if (err < 0)
        return err;
    return links_read(&view->nl, NULL, &view->links);
}

int view_open(struct view *view, const char *verb, bool needs_root)
{
    *view = (struct view){.links = {.count = 0}};
    if (needs_root && complain_unless_root(verb, "the host's network"))
        return 1;
    const int err = view_read(view);
    if (err == 0)
        return 0;
    return complain(1, verb, "cannot ask the kernel for its interfaces: %s", strerror(-err));
}

void view_close(struct view *view)
{
    links_free(&view->links);
    rtnl_close(&view->nl);
}

const struct link *view_link(const struct view *view, const char *verb, const char *name)
{
    const struct link *link = links_by_name(&view->links, name);

    if (!link)
        complain(1, verb, "there is no interface '%.64s'; `ip link` lists those that there are", name);
    return link;
}

const struct link *view_bridge(const struct view *view, const char *verb, const char *name)
{
    const struct link *link = links_by_name(&view->links, name);

    if (link && strcmp(link->kind, "bridge") == 0)
        return link;
    if (link)
        complain(1, verb, "'%s' is not a bridge; `virt-tap bridge show` lists those that there are", name);
    else
        complain(1, verb, "there is no bridge '%.64s'; `virt-tap bridge show` lists those that there are",
                 name);
    return NULL;
}

int view_send(struct view *view, const char *verb, const struct batch *batch, const char *what,
              const char *name)
{
    const int err = batch_send(&view->nl, batch, NULL);

    if (err == 0)
        return 0;
    if (err == -EXFULL)
        return complain(1, verb, "cannot %s '%s': a bridge has 1,023 ports, and all are taken", what, name);
    if (!*view->nl.reason)
        return complain(1, verb, "cannot %s '%s': %s", what, name, strerror(-err));
    return complain(1, verb, "cannot %s '%s': %s (%s)", what, name, strerror(-err), view->nl.reason);
}
