/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * virt-tap-helper: gives an ordinary user's QEMU a tap on a bridge, if the administrator's policy allows it.
 *
 * The caller is assumed to be hostile: it chooses argv, environment, descriptors, limits, working directory
 * and signal mask, and may stop or kill us at any instruction. The phases, and what may happen in each:
 *   0. scrub()     Before any library is initialised: the environment is emptied.
 *   1. confine()   No input is read. Afterwards descriptors 0 to 2 exist, a time limit is running, all
 *                  privileges except CAP_NET_ADMIN are gone, that one is not effective, and no_new_privs
 *                  is set. Root keeps the means to change to another user until phase 2 tells whether to.
 *   2. request     Reads argv only. Asks nothing of the system except whether --fd is a Unix socket.
 *   3. policy      Reads root's files as the caller, with no capability effective. If they allow it, opens
 *                  the rtnetlink socket with CAP_NET_ADMIN effective, and looks up the bridge without.
 *   4. grant       CAP_NET_ADMIN is effective. Makes kernel calls with values that the earlier phases
 *                  checked; opens /dev/net/tun, two settings in /proc/sys/net of a bridge that root has
 *                  declared and that is being made, and no other file. Or removes taps, without asking the
 *                  policy.
 *   5. answer      CAP_NET_ADMIN is not effective any more. One line goes to the system log; then the
 *                  descriptor is sent, or the tap made persistent; after that nothing can fail.
 *
 * Until phase 5 the tap is ours alone, and the kernel removes it if we die. */
#include "answer.h"
#include "base/error.h"
#include "base/log.h"
#include "broker.h"
#include "config.h"
#include "help.h" /* usage_text: help.txt as a string */
#include "privilege.h"
#include "request.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { TIME_LIMIT = 30 /* seconds */ };

/* The connection that a child of the broker answers on; -1: this was started by the caller. */
static int peer = -1;

/* Runs before the initialisers of all libraries, including libnl's, which read environment variables. */
static void scrub(int argc, char **argv, char **envp)
{
    (void)argc;
    (void)argv;
    envp[0] = NULL;
}
__attribute__((section(".preinit_array"), used)) static void (*const scrub_first)(int, char **,
                                                                                  char **) = scrub;

/* Prints why the request failed, and makes sure that the text arrives. libvirt reads it in a thread that it
 * does not wait for once our socket is closed (virCommandAbort, src/util/vircommand.c): 45 of 200 refusals
 * were shown without their reason, or with garbage after it. It terminates the text when standard error is
 * closed, so close that first and the socket later: 100 ms were too few for 1 of 20 on a busy machine. */
static void say(enum request_result status, const char *text)
{
    const struct timespec pause = {.tv_nsec = 250 * 1000 * 1000};
    struct pollfd room = {.fd = STDERR_FILENO, .events = POLLOUT};
    struct stat st;

    if (peer >= 0) {
        answer_say(peer, (unsigned char)status, text);
        return;
    }
    if (poll(&room, 1, 1000) <= 0)
        return; /* a pipe that nobody reads: QEMU would wait for ever with us */
    dprintf(STDERR_FILENO, HELPER_NAME ": %s\n", text);
    if (fstat(STDERR_FILENO, &st) < 0 || !S_ISFIFO(st.st_mode))
        return;
    close(STDERR_FILENO);
    nanosleep(&pause, NULL);
}

static void on_time_limit(int signal_number)
{
    static const char text[] =
        "virt-tap-helper: gave up after 30 s; is the policy on a file system that hangs, or does a directory of "
        "/etc/nsswitch.conf not answer?\n";
    struct pollfd room = {.fd = STDERR_FILENO, .events = POLLOUT};
    (void)signal_number;
    if (peer >= 0)
        answer_say(peer, REQUEST_REFUSED, text + sizeof(HELPER_NAME));
    else if (poll(&room, 1, 0) > 0 && write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
        _exit(1);
    _exit(1);
}

/* So that no file opened later gets the number of a standard stream, and our messages written into it. */
static int open_standard_streams(struct error *why)
{
    for (int fd = 0; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
            return error_set(why, "descriptor %d is closed and /dev/null cannot be opened in its place", fd);
    return 0;
}

static int confine(struct error *why)
{
    const struct sigaction action = {.sa_handler = on_time_limit};
    sigset_t alarm_only;

    if (open_standard_streams(why) < 0)
        return -1;
    /* Ignoring them drops a signal that the caller left pending. SIGPIPE stays ignored. */
    signal(SIGALRM, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&alarm_only);
    sigaddset(&alarm_only, SIGALRM);
    if (sigaction(SIGALRM, &action, NULL) < 0 || sigprocmask(SIG_UNBLOCK, &alarm_only, NULL) < 0)
        return error_set(why, "cannot set a time limit: %s", strerror(errno));
    alarm(TIME_LIMIT);
    return privilege_confine(why);
}

/* Root may ask on behalf of a user, and then becomes that user. */
static int settle(const struct request *request, struct error *why)
{
    if (request->has_owner)
        return privilege_become(request->owner, why);
    return privilege_lower(0, why);
}

static void report(const struct request *request, const struct error *why)
{
    if (request->bridge)
        audit(HELPER_NAME, "refused to uid %u: bridge %s: %s", getuid(), request->bridge, why->text);
    else
        audit(HELPER_NAME, "refused to uid %u: %s", getuid(), why->text);
    say(REQUEST_REFUSED, why->text);
}

/* Has the broker do it. Returns the exit status. */
static int pass_on(const struct request *request, char *argv[], struct error *why)
{
    int descriptor = -1, status = -1;

    if (request->verb != REQUEST_TAP || answer_check(request->fd, why) == 0)
        status = broker_ask(argv, &descriptor, why);
    if (status > 0)
        say(REQUEST_REFUSED, why->text); /* the broker has logged it */
    if (status == 0 && request->verb == REQUEST_TAP)
        status = answer_send(request->fd, descriptor, why);
    if (status < 0)
        report(request, why);
    return status < 0 ? REQUEST_REFUSED : status;
}

/* Phases 2 to 5. Returns the exit status. */
static int run(char *argv[], int confined, struct error *why)
{
    struct error bad_words = {0};
    struct request request;

    const enum request_result result = request_parse(&request, argv, &bad_words);
    if (result == REQUEST_REFUSED)
        report(&request, &bad_words);
    else if (result == REQUEST_USAGE)
        say(result, bad_words.text);
    if (result != REQUEST_OK)
        return result;
    if (peer < 0 && (request.verb == REQUEST_HELP || request.verb == REQUEST_VERSION)) {
        fputs(request.verb == REQUEST_HELP ? usage_text : HELPER_NAME " " VERSION "\n", stdout);
        return fflush(stdout) != 0;
    }
    if (confined == 1 && request.verb != REQUEST_BROKER)
        return pass_on(&request, argv, why);
    if (peer >= 0)
        request.fd = peer;
    const bool broker = request.verb >= REQUEST_BROKER; /* a peer's request for help, too */
    if (!confined && broker && privilege_broker(why) == 0 && broker_run(request.listen, &peer, why) == 0)
        return REQUEST_OK;
    if (confined || broker || settle(&request, why) < 0 || serve(&request, why) < 0) {
        report(&request, why);
        return REQUEST_REFUSED;
    }
    if (peer >= 0 && request.verb != REQUEST_TAP)
        say(REQUEST_OK, "");
    return REQUEST_OK;
}

/* In a child of the broker. Returns the exit status; BROKER_BUSY: nothing was asked. */
static int serve_peer(struct error *why)
{
    char message[BROKER_REQUEST_SIZE], *argv[BROKER_ARGV_SIZE];

    alarm(TIME_LIMIT);
    if (privilege_become_peer(peer, why) == 0 && broker_receive(peer, message, argv, why) == 0) {
        if (getuid() != 0)
            return run(argv, 0, why);
        error_set(why, "the broker does not serve root: run this as an ordinary user, or with CAP_NET_ADMIN");
    }
    report(&(struct request){.fd = -1}, why);
    return BROKER_BUSY;
}

int main(int argc, char *argv[])
{
    struct error why = {0};
    (void)argc;

    const int confined = confine(&why);
    const int status = run(argv, confined, &why);
    return peer < 0 ? status : serve_peer(&why);
}
