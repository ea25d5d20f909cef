/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "maps.h"

#include "base/array.h"
#include "base/error.h"
#include "base/name.h"
#include "config.h"
#include "declared.h"
#include "rootfile.h"

#include <stdlib.h>
#include <string.h>

enum { MAPS_MAX = 1024 /* each is compared with all before it */ };

static int add_map(struct maps *out, const struct declared_line *line, char **rest)
{
    const char *words[4] = {NULL}, *what, *theirs, *ours; /* strtok_r() goes on returning NULL at the end */
    struct map map = {.network = false};

    for (size_t i = 0; i < 4; i++)
        words[i] = strtok_r(NULL, DECLARED_BLANKS, rest);
    what = words[0], theirs = words[1], ours = words[2];
    map.network = what && strcmp(what, "network") == 0;
    if (!ours || words[3] || (!map.network && strcmp(what, "bridge") != 0))
        return declared_wrong(line, "a map is: map bridge|network THEIRS OURS");
    if (map.network ? strlen(theirs) >= sizeof(map.theirs) : !ifname_valid(theirs))
        return declared_wrong(line, "no %s can have the name '%.64s'", what, theirs);
    if (!ifname_valid(ours))
        return declared_wrong(line, "no bridge can have the name '%.64s'", ours);
    if (maps_find(out, map.network, theirs))
        return declared_wrong(line, "%s '%.64s' is mapped twice", what, theirs);
    strcpy(map.theirs, theirs);
    strcpy(map.ours, ours);
    if (out->count == MAPS_MAX || array_add(&out->list, &out->count, &map, sizeof(map)) < 0)
        return declared_wrong(line, "no memory, or more than %d maps", MAPS_MAX);
    return 0;
}

int maps_parse(struct maps *out, const char *path, const char *text, size_t size, struct error *why)
{
    *out = (struct maps){.count = 0};
    struct declared_line line = {path, 0, why};
    char *copy = strndup(text, size), *rest = copy;
    int err = 0;

    if (!copy)
        return error_set(why, "%s cannot be read: no memory", path);
    while (!err && rest) {
        char *words = NULL;
        const char *word = strtok_r(strsep(&rest, "\n"), DECLARED_BLANKS, &words);
        line.number++;
        if (word && strcmp(word, "map") == 0)
            err = add_map(out, &line, &words);
    }
    free(copy);
    return err;
}

int maps_read(struct maps *out, struct error *why)
{
    _cleanup_bridges_ struct bridges bridges = {.count = 0};
    struct policy_text text;

    *out = (struct maps){.count = 0};
    int err = bridges_read_text(&text, why);
    if (!err && text.bytes)
        err = bridges_parse(&bridges, BRIDGES_PATH, text.bytes, text.size, why);
    if (!err && text.bytes)
        err = maps_parse(out, BRIDGES_PATH, text.bytes, text.size, why);
    free(text.bytes);
    return err;
}

void maps_free(struct maps *maps)
{
    free(maps->list);
    *maps = (struct maps){.count = 0};
}

const char *maps_find(const struct maps *maps, bool network, const char *theirs)
{
    for (size_t i = 0; i < maps->count; i++)
        if (maps->list[i].network == network && strcmp(maps->list[i].theirs, theirs) == 0)
            return maps->list[i].ours;
    return NULL;
}
