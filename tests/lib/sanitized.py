# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""What `./dev test sanitized` leaves out, each with the reason. A name is a file's, or a file's, class's and test's."""
import os
import sys
import unittest

import needed

SANITIZED = os.environ.get("VIRT_TAP_SANITIZED") == "1"
SLOWER = 6 if SANITIZED else 1  # by so much a limit of time is longer

EACH_CALL = "counts the program's system calls, and kills it at each or fails it: the sanitizers' own are among them"
STOPPED_AT = "stops the program at the nth of its system calls; the sanitizers' own change which one that is"
LEFT_OUT = {
    "test_death": EACH_CALL,
    "test_broker_death": EACH_CALL,
    "test_move_back.Back.test_killed_anywhere": EACH_CALL,
    "test_move_back.Back.test_calls_failing": EACH_CALL,
    "test_ondemand_crowd.Death.test_at_each_system_call": EACH_CALL,
    "test_callers.Starved.test_plenty_is_enough": "takes memory away of which ASan's own shadow needs far more",
    "test_callers.Starved.test_limits_set_while_it_runs": EACH_CALL,
    "test_xml_files.Races.test_something_else_in_its_place": STOPPED_AT,
    "test_xml_files.Races.test_the_folder_swapped_for_a_link": STOPPED_AT,
    "test_xml_files.Races.test_what_root_writes_swapped": STOPPED_AT,
    "test_apparmor": "the helper's profile keeps whoever looks for leaks from reading /proc/<pid>/task",
    "test_differential": "starts thousands of helpers to compare verdicts; ./dev fuzz has the same parser read far more, with sanitizers",
    "test_grant.Privileges.test_clean_under_valgrind": "valgrind and ASan both want the memory to themselves",
    "test_setup_more.Users.test_other_service": "gpasswd, which has no sanitizers, cannot load a name service that has",
    "test_users.Names.test_order_of_services": "without any service glibc leaves errno as it was, and ASan's runtime does not: the helper "
                                               "then refuses, as it does whenever a look-up fails",
}

# Of the states of test_check: by what each takes away.
STATES_LEFT_OUT = {
    "no process can be made": "who looks for leaks is one",
    "no /proc": "ASan reads there where its stack is",
}


def leave_out(script):
    """Before the tests of this script, which is running, are collected. Ends it, as skipped, if all of it is left out."""
    script = os.path.basename(script).removesuffix(".py")
    for name, reason in LEFT_OUT.items() if SANITIZED else ():
        file, *test = name.split(".")
        if file == script and not test:
            needed.skip(reason)
        if file == script:
            case = getattr(sys.modules["__main__"], test[0])
            setattr(case, test[1], unittest.skip(reason)(getattr(case, test[1])))
