/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * virt-tap bridge status: what bridges wait for, and whether they are made again at each boot. Everything is
 * read into JSON, from which the text is made. */
#include "base/array.h"
#include "base/cleanup.h"
#include "base/nat.h"
#include "base/quote.h"
#include "base/text.h"
#include "bridge.h"
#include "json.h"
#include "persist.h"
#include "portjson.h"
#include "state.h"

#include <errno.h>
#include <glob.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct status_options {
    bool json;
};

const struct option_entry bridge_status_options[] = {
    OPTION_JSON(struct status_options, json),
    OPTION_END(struct status_options),
};

const char bridge_status_notes[] =
    "With NAME only that bridge, also if it does not exist; otherwise all that exist, are to be made at each boot, or\n"
    "are being moved to. Requires root.\n";

/* Returns how many seconds are left to confirm; null: it cannot be read. The last rename was to this phase.
 */
static json_t *left_json(const char *bridge)
{
    __attribute__((cleanup(move_free))) struct move move = {.mover = 0};
    const struct state_path path = state_path(bridge, PHASE_MOVED);
    struct stat st;

    if (state_load(bridge, PHASE_MOVED, &move) || stat(path.text, &st) < 0)
        return json_null();
    const long long left = (long long)st.st_ctim.tv_sec + (long long)(move.confirm_ms / 1000) - time(NULL);
    return json_integer(left > 0 ? left : 0);
}

static const char *move_of(const char *bridge)
{
    static const struct {
        enum phase phase;
        const char *word;
    } words[] = {{PHASE_ARMING, "moving"},
                 {PHASE_MOVING, "moving"},
                 {PHASE_MOVED, "unconfirmed"},
                 {PHASE_RESTORING, "restoring"}};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (access(state_path(bridge, words[i].phase).text, F_OK) == 0)
            return words[i].word;
    return NULL;
}

/* Adds what is recorded of `bridge persist`; null: nothing. Returns 0, or 1 after reporting why it cannot be
 * read. */
static int add_persist(json_t *object, const char *verb, const char *bridge)
{
    __attribute__((cleanup(persist_free))) struct persist_files record = {.count = 0};
    const int err = persist_recall(bridge, &record);
    json_t *files = json_array();

    for (size_t i = 0; i < record.count; i++)
        json_array_append_new(files, text_json(record.list[i].path));
    if (err || record.count)
        json_object_set_new(object, "persist",
                            json_pack("{s:s?, s:o}", "manager", persist_manager_of(&record), "files", files));
    else
        json_decref(files);
    if (!err)
        return 0;
    return complain(1, verb, "cannot read %s%s, which bridge persist has written: %s", PERSIST_RECORD, bridge,
                    err == -ENOTSUP ? "a later virt-tap wrote it; use that one" : strerror(-err));
}

static int add_bridge(json_t *all, const struct view *view, const char *verb, const char *name)
{
    const struct link *link = links_by_name(&view->links, name);
    const bool exists = link && strcmp(link->kind, "bridge") == 0;
    const char *uplink = exists ? port_alias_uplink(link) : NULL, *move = move_of(name);
    json_t *left = move && strcmp(move, "unconfirmed") == 0 ? left_json(name) : json_null();
    json_t *object = json_pack("{s:o, s:b, s:o, s:b, s:s?, s:o, s:n}", "name", text_json(name), "exists",
                               exists, "uplink", uplink ? text_json(uplink) : json_null(), "nat",
                               nat_is_configured(name), "move", move, "confirm_within", left, "persist");

    if (json_array_append_new(all, object) < 0)
        return complain(1, verb, "no memory");
    return add_persist(object, verb, name);
}

struct names {
    char (*list)[IFNAMSIZ];
    size_t count;
};

/* Adds the first `length` bytes of a text as a name, if they can be one and it is new. Returns 0 or -ENOMEM.
 */
static int add_name(struct names *names, const char *text, size_t length)
{
    char name[IFNAMSIZ] = "";

    if (length >= sizeof(name))
        return 0;
    memcpy(name, text, length);
    if (!ifname_valid(name))
        return 0;
    for (size_t i = 0; i < names->count; i++)
        if (strcmp(names->list[i], name) == 0)
            return 0;
    return array_add(&names->list, &names->count, name, sizeof(name));
}

/* Adds bridges that files are named after; phase: the name ends before the last dot. */
static int add_files(struct names *names, const char *prefix, bool phase)
{
    _cleanup_globfree_ glob_t found = {.gl_pathc = 0};
    char pattern[64];
    int err = 0;

    snprintf(pattern, sizeof(pattern), "%s*", prefix);
    glob(pattern, 0, NULL, &found);
    for (size_t i = 0; i < found.gl_pathc && !err; i++) {
        const char *name = found.gl_pathv[i] + strlen(prefix), *end = phase ? strrchr(name, '.') : NULL;
        if (!phase || (end && strcmp(end, ".confirmed") != 0))
            err = add_name(names, name, end ? (size_t)(end - name) : strlen(name));
    }
    return err;
}

static int find_names(struct names *names, const struct view *view)
{
    int err = 0;

    for (size_t i = 0; i < view->links.count && !err; i++)
        if (strcmp(view->links.list[i].kind, "bridge") == 0)
            err = add_name(names, view->links.list[i].name, strlen(view->links.list[i].name));
    if (!err)
        err = add_files(names, PERSIST_RECORD, false);
    if (!err)
        err = add_files(names, STATE_FOLDER "/bridge.", true);
    return err;
}

static void print_move(const json_t *bridge)
{
    const char *name = json_text(bridge, "name"), *move = json_text(bridge, "move");
    const json_t *left = json_object_get(bridge, "confirm_within");

    if (strcmp(move, "moving") == 0)
        puts("  the host's network is being moved to it");
    else if (strcmp(move, "restoring") == 0)
        puts("  the host's network is being moved back");
    else if (json_is_integer(left))
        printf(
            "  not confirmed: in %d s everything is put back, unless you run:\n    virt-tap bridge confirm %s\n",
            (int)json_integer_value(left), quote(name).text);
    else if (*move)
        printf("  not confirmed: to keep it, run:\n    virt-tap bridge confirm %s\n", quote(name).text);
}

static void print_bridge(const json_t *bridge)
{
    const json_t *persist = json_object_get(bridge, "persist");
    const char *uplink = json_text(bridge, "uplink");
    json_t *file;
    size_t i;

    printf("%s: %s", json_text(bridge, "name"), json_flag(bridge, "exists") ? "exists" : "does not exist");
    if (*uplink)
        printf(", uplink %s", uplink);
    if (json_flag(bridge, "nat"))
        printf(", NAT");
    putchar('\n');
    print_move(bridge);
    if (!json_is_object(persist)) {
        puts("  not made at boot by what bridge persist wrote");
        return;
    }
    printf("  made at each boot%s%s\n", text_if(*json_text(persist, "manager"), " by "),
           json_text(persist, "manager"));
    json_array_foreach(json_object_get(persist, "files"), i, file)
        printf("    %s\n", json_string_value(file));
}

static void print(json_t *bridges)
{
    json_t *bridge;
    size_t i;

    json_array_foreach(bridges, i, bridge) print_bridge(bridge);
    if (json_array_size(bridges) == 0)
        puts("No bridges. `virt-tap bridge create br0` makes one.");
}

int bridge_status(const struct call *call)
{
    const struct status_options *options = call->options;
    const char *verb = call->name, *only = call->words[0];
    _cleanup_view_ struct view view = {.links = {.count = 0}};
    _cleanup_json_ json_t *bridges = json_array();
    struct names names = {NULL, 0};
    int status = 0;

    if (geteuid() != 0)
        return complain(1, verb,
                        "what bridge persist and create --uplink note can be read by root only: use sudo");
    if (only && !ifname_valid(only))
        return complain(2, verb, "'%.64s' is not a name that a bridge can have", only);
    if (view_open(&view, verb, false) != 0)
        return 1;
    const int err = only ? add_name(&names, only, strlen(only)) : find_names(&names, &view);
    if (err || !bridges)
        status = complain(1, verb, "no memory");
    for (size_t i = 0; i < names.count && !err; i++)
        if (add_bridge(bridges, &view, verb, names.list[i]) != 0)
            status = 1;
    free(names.list);
    if (options->json)
        return json_finish(json_pack("{s:O}", "bridges", bridges), status, verb);
    print(bridges);
    return finish_output(status, verb);
}
