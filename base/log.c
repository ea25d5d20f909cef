/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syslog.h>
#include <sys/un.h>
#include <unistd.h>

int audit_pid;

/* Without a date: every syslog daemon then uses the time of arrival, and we need no time zone. */
void audit(const char *program, const char *format, ...)
{
    char text[1900], line[2048];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    snprintf(line, sizeof(line), "<%d>%s[%d]: %s", LOG_AUTHPRIV | LOG_NOTICE, program,
             audit_pid ? audit_pid : getpid(), text);
    for (char *c = line; *c; c++)
        if (*c < ' ' || *c > '~')
            *c = '?';
    audit_send(line);
}

void audit_send(const char *line)
{
    const struct sockaddr_un log = {.sun_family = AF_UNIX, .sun_path = "/dev/log"};
    const int sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (sock < 0)
        return;
    sendto(sock, line, strlen(line), MSG_DONTWAIT | MSG_NOSIGNAL, (const struct sockaddr *)&log, sizeof(log));
    close(sock);
}
