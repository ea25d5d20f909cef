/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Command lines of any bytes: the input, cut at each '\0', is argv; an empty input is an empty argv. */
#include "fuzz.h"
#include "helper/refusal.h"
#include "helper/request.h"
#include "net/link.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS_MOST = 64 };

struct words {
    char *argv[WORDS_MOST + 1];
    char *copies[WORDS_MOST]; /* what the words were */
    size_t count;
};

/* Each word has an allocation of exactly its size, so that AddressSanitizer sees what is read beyond it. */
static void words_cut(struct words *out, const uint8_t *data, size_t size)
{
    const char *at = (const char *)data, *end = at + size;

    *out = (struct words){.count = 0};
    while (at < end && out->count < WORDS_MOST) {
        const size_t length = strnlen(at, (size_t)(end - at));
        out->argv[out->count] = strndup(at, length);
        out->copies[out->count] = strndup(at, length);
        hold(out->argv[out->count] && out->copies[out->count]);
        out->count++;
        at += length + 1;
    }
}

static void words_free(struct words *words)
{
    for (size_t i = 0; i < words->count; i++) {
        free(words->argv[i]);
        free(words->copies[i]);
    }
}

static bool inside(const struct words *words, const char *text)
{
    for (size_t i = 1; i < words->count; i++)
        if (text >= words->argv[i] && text <= words->argv[i] + strlen(words->argv[i]))
            return true;
    return false;
}

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool same_request(const struct request *a, const struct request *b)
{
    return a->verb == b->verb && same_text(a->bridge, b->bridge) && same_text(a->name, b->name) &&
           a->fd == b->fd && a->vnet_hdr == b->vnet_hdr;
}

/* What holds of a request that was taken. Verbs to come say here what they must have. */
static void hold_request_is_sound(const struct request *request, const struct words *words)
{
    if (request->bridge)
        hold(ifname_valid(request->bridge) && inside(words, request->bridge));
    if (request->name)
        hold(ifname_valid(request->name) && inside(words, request->name));
    switch (request->verb) {
    case REQUEST_HELP:
    case REQUEST_VERSION:
        return; /* whatever stood before it */
    case REQUEST_TAP:
        hold(request->bridge != NULL);
        hold(request->fd >= 0);
        return;
    }
    hold(false); /* no such verb */
}

/* Parses, and holds what holds of all outcomes. */
static enum request_result parse(struct request *out, const struct words *words)
{
    struct refusal why;

    refusal_poison(&why);
    memset(out, 0xa5, sizeof(*out));
    const enum request_result result = request_parse(out, words->argv, &why);
    hold(result == REQUEST_OK || result == REQUEST_REFUSED || result == REQUEST_USAGE);
    if (result == REQUEST_OK)
        hold_request_is_sound(out, words);
    else
        hold_one_line(&why);
    return result;
}

/* Options mean the same in any order. The first word stays where it is, for it may be a verb. */
static void hold_order_is_nothing(const struct request *request, struct words *words)
{
    struct request turned;

    for (size_t turn = 0; turn + 2 < words->count && turn < 4; turn++) {
        char *second = words->argv[2];
        memmove(&words->argv[2], &words->argv[3], (words->count - 3) * sizeof(words->argv[0]));
        words->argv[words->count - 1] = second;
        hold(parse(&turned, words) == REQUEST_OK);
        hold(same_request(request, &turned));
    }
}

/* What was understood, written out again, is understood as the same: nothing is cut, wrapped or made up. */
static void hold_says_what_was_said(const struct request *request)
{
    char name[32], bridge[32], fd[32];
    struct words words = {.argv = {"virt-tap-helper", bridge, fd}, .count = 3};
    struct request again;

    snprintf(bridge, sizeof(bridge), "--br=%s", request->bridge);
    snprintf(fd, sizeof(fd), "--fd=%d", request->fd);
    if (request->name) {
        snprintf(name, sizeof(name), "--name=%s", request->name);
        words.argv[words.count++] = name;
    }
    if (request->vnet_hdr)
        words.argv[words.count++] = "--use-vnet";
    hold(parse(&again, &words) == REQUEST_OK);
    hold(same_request(request, &again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct words words;
    struct request request, again;

    words_cut(&words, data, size);
    const enum request_result result = parse(&request, &words);
    hold(parse(&again, &words) == result);
    for (size_t i = 0; i < words.count; i++)
        hold(strcmp(words.argv[i], words.copies[i]) == 0);
    hold(!words.argv[words.count]);
    if (result == REQUEST_OK) {
        hold(same_request(&request, &again));
        if (request.verb == REQUEST_TAP) {
            hold_says_what_was_said(&request);
            hold_order_is_nothing(&request, &words);
        }
    }
    words_free(&words);
    return 0;
}
