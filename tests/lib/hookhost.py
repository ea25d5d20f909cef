# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""libvirt's hooks, installed where this build expects them, and called as libvirt calls them."""
import os
import re
import shutil
import subprocess

import bridgehelper
import sandbox

LIMIT = 30
ENVIRONMENT = {"LC_ALL": "C", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/", "USER": "nobody", "LOGNAME": "nobody", "TMPDIR": "/tmp"}


def install():
    """Helper, command and hooks, by an overlay of this namespace alone. Returns the helper's path and the folder of the hooks."""
    built = os.environ["VIRT_TAP_HELPER"]
    helper = re.search(r"helper=(/\S+)", sandbox.run(built, "--help").stdout)[1]
    prefix, hooks = os.path.dirname(os.path.dirname(helper)), os.path.join(os.path.dirname(helper), "virt-tap/hooks")
    sandbox.run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/mnt")
    for folder in ("upper", "work"):
        os.mkdir(f"/mnt/{folder}")
    sandbox.run("mount", "-t", "overlay", "overlay", "-o", f"lowerdir={prefix},upperdir=/mnt/upper,workdir=/mnt/work", prefix)
    os.makedirs(hooks, exist_ok=True)
    shutil.copy(built, helper)
    sandbox.run("setcap", "cap_net_admin=p", helper)
    if cli := os.environ.get("VIRT_TAP_CLI"):
        os.makedirs(f"{prefix}/bin", exist_ok=True)
        shutil.copy(cli, f"{prefix}/bin/virt-tap")
    for driver in ("qemu", "network", "daemon"):
        source = os.path.join(os.environ["VIRT_TAP_HOOKS"], driver)
        if os.path.exists(source):
            shutil.copy(source, hooks)
    return helper, hooks


def call(path, words, text, uid=0, env=None, limit=LIMIT):
    """Run a hook with these arguments and this standard input (text or bytes). Returns exit status, standard output, standard
    error; fails if it leaves a child behind that holds its output."""
    text = text.encode() if isinstance(text, str) else text
    done = bridgehelper.run([path, *words], uid, text, limit, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd="/", env=env or ENVIRONMENT)
    return done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
