# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""What the modules share: they run the command virt-tap on the host, with a time limit, and fail with what it says."""
import json

FOLDERS = ["/usr/local/bin", "/usr/bin"]  # a login by ssh may lack the first
LIMIT = 120  # seconds
TIMED_OUT = 124  # timeout(1)'s exit status

QUIETLY = ["sh", "-c", 'exec "$@" </dev/null', "sh"]  # standard input may be a terminal that ssh has made; virt-tap would ask there


class VirtTap:
    def __init__(self, module, limit=LIMIT):
        """In check mode, on a host that virt-tap is yet to be installed on, this ends the module."""
        self.module, self.limit = module, limit
        self.command = module.get_bin_path("virt-tap", opt_dirs=FOLDERS)
        if self.command:
            return
        if module.check_mode:
            module.exit_json(changed=True, msg="virt-tap is not installed yet, so nothing was compared")
        module.fail_json(msg="virt-tap is not installed on this host: no such command in PATH or " + " ".join(FOLDERS))

    def run(self, *words, ok=(0,)):
        """Run a verb. Returns exit status, standard output, standard error; ends the module if the status is not one of `ok`."""
        words = [str(word) for word in words]
        status, out, error = self.module.run_command(["timeout", "-k", "5", str(self.limit)] + QUIETLY + [self.command] + words)
        if status == TIMED_OUT:
            self.module.fail_json(msg="virt-tap %s: no answer within %d s" % (" ".join(words), self.limit), rc=status, stdout=out, stderr=error)
        if status not in ok:
            self.module.fail_json(msg=(error or out).strip() or "virt-tap %s: exit status %d" % (" ".join(words), status),
                                  rc=status, stdout=out, stderr=error)
        return status, out, error

    def json(self, *words, ok=(0,)):
        """The object that a verb prints with --json."""
        _status, out, error = self.run(*(words + ("--json",)), ok=ok)
        try:
            return json.loads(out)
        except ValueError:
            self.module.fail_json(msg="virt-tap %s --json did not print JSON" % " ".join(words), stdout=out, stderr=error)
