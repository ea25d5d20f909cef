/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "hooks_words.h"

#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

const struct hooks_words hooks_words[HOOK_STATES] = {
    [HOOK_GOOD] = {"enabled", "enabled", ""},
    [HOOK_MISSING] = {"missing", "not enabled: ", "virt-tap hooks enable"},
    [HOOK_CLOSED] = {"unknown",
                     "unknown, since this user may not read the folder: ", "virt-tap hooks status"},
    [HOOK_BROKEN] = {"broken", "enabled, but cannot be run: ", "virt-tap hooks enable"},
    [HOOK_FOREIGN] = {"shadowed", "shadowed by a file that is not virt-tap's: move it away, then ",
                      "virt-tap hooks enable"},
    [HOOK_UNSEEN] = {"unseen", "enabled, but newer than the daemon, which must be reloaded: ",
                     "virt-tap hooks enable --reload"},
};

const char *hooks_sudo(void)
{
    return text_if(geteuid() != 0, "sudo ");
}

bool hooks_session_is_old(char command[HOOKS_COMMAND])
{
    const struct user user = {.uid = geteuid(), .home = getenv("HOME") ? getenv("HOME") : ""};
    char file[FINDING_ABOUT_SIZE];

    if (user.uid == 0 || !hooks_session_unseen(&user, file))
        return false;
    snprintf(command, HOOKS_COMMAND, "kill $(cat %s)", quote(file).text);
    return true;
}
