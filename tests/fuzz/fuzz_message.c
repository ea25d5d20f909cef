/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Messages of any bytes to a child of the broker, which makes argv of them: all words of the message, in
 * order, and nothing else, or a refusal. What argv then means is fuzz_request's. */
#include "base/error.h"
#include "fuzz.h"
#include "helper/broker.h"
#include "helper/request.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SENT_MOST = 65536 };

static void hold_words_are_the_message(char *const argv[], const uint8_t *data, size_t size)
{
    size_t at = 0;

    for (int i = 1; argv[i]; at += strlen(argv[i]) + 1, i++)
        hold(at + strlen(argv[i]) < size && memcmp(argv[i], data + at, strlen(argv[i]) + 1) == 0);
    hold(at == size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char *argv[BROKER_ARGV_SIZE];
    /* Of its exact size, so that AddressSanitizer sees what is read beyond it. */
    char *message = malloc(BROKER_REQUEST_SIZE);
    struct request request;
    struct error why;
    int pair[2];

    if (size > SENT_MOST)
        size = SENT_MOST;
    hold(message && socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0);
    hold(send(pair[0], data, size, 0) == (ssize_t)size);
    refusal_poison(&why);
    const bool good = size > 0 && size <= BROKER_REQUEST_SIZE && !data[size - 1];
    hold(broker_receive(pair[1], message, argv, &why) == (good ? 0 : -1));
    if (!good)
        hold_one_line(&why);
    else
        hold_words_are_the_message(argv, data, size);
    if (good && request_parse(&request, argv, &why) != REQUEST_OK)
        hold_one_line(&why);
    close(pair[0]);
    close(pair[1]);
    free(message);
    return 0;
}
