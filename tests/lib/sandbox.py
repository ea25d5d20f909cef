# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""A host of one's own for a test or the demo: private namespaces, private /etc, /dev and /run.

enter() starts the calling script again as the first process of new network, mount, pid, uts and ipc namespaces.
Nothing of the machine is changed, whatever the script does, and when the script ends, in whichever way, the kernel
ends everything that it left running.
"""
import functools
import glob
import os
import shutil
import stat
import subprocess
import sys

import bridgehelper
import needed
import sanitized

RUN = "/run/vt"  # private tmpfs, open to every user: neither nosuid nor behind somebody's 0700 home
USER, OTHER = 64321, 64322  # two unprivileged users, 'vmuser' and 'vmother', each with a group of that number
USERS = {USER: "vmuser", OTHER: "vmother"}
NOBODY = 65534
ACCOUNT_DATABASES = {"passwd", "group", "shadow", "gshadow", "initgroups", "subid"}
MARK = "VIRT_TAP_TEST_SANDBOX"  # set where the namespaces, or the whole machine, are our own already
NAMESPACES, MACHINE = "1", "2"


def enter(limit=600):
    """Return inside the sandbox; the script is killed after limit seconds. Exits 77 (skipped) without root."""
    if inside := os.environ.pop(MARK, ""):
        sanitized.leave_out(sys.argv[0])
        _furnish(inside)
        return
    if os.geteuid() != 0:
        needed.skip("namespaces require root; ./dev test uses sudo")
    sys.stdout.flush()
    # In the foreground, so that Ctrl-C reaches it. The shell is the first process of the pid namespace, for somebody
    # must reap what daemons leave: libvirtd waits for a QEMU that it has made an orphan itself.
    command = ["timeout", "--foreground", "-k", "5", str(limit * sanitized.SLOWER),
               "unshare", "--net", "--mount", "--pid", "--uts", "--ipc", "--fork", "--kill-child", "--mount-proc",
               "--propagation", "private", "sh", "-c", '"$@"; exit $?', "sandbox", sys.executable, *sys.argv]
    os.execvpe(command[0], command, {**os.environ, MARK: NAMESPACES})


def run(*command, check=True, uid=0, **options):
    """Run a command to its end as that user, at most 60 s; returns the CompletedProcess with text output."""
    options.setdefault("timeout", 60 * sanitized.SLOWER)
    done = bridgehelper.run(command, uid, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)
    if check and done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: exit {done.returncode}: {done.stdout}")
    return done


def batch(program, *lines, check=True):
    """Several commands of `ip`, `bridge` or `tc` (with options: a list) by one process, which starting takes longest; with check=False those
    behind one that fails, too. Returns the CompletedProcess."""
    program = [program] if isinstance(program, str) else program
    return run(*program, *([] if check else ["-force"]), "-batch", "-", input="".join(line + "\n" for line in lines), check=check)


def delete_links():
    """All interfaces, but lo."""
    if names := links() - {"lo"}:
        batch("ip", *(f"link delete {name}" for name in sorted(names)), check=False)


def write(path, text, mode=0o644, uid=0, gid=0):
    """Write a file with this mode and owner, making the folders above it."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(text if isinstance(text, bytes) else text.encode())
    os.chown(path, uid, gid)
    os.chmod(path, mode)


def install(program, name=None, caps="cap_net_admin=p", mode=0o755):
    """Copy a program into the private tmpfs with a file capability (None for none), and those that it starts (virt-tap-bridge beside
    virt-tap); returns its path."""
    path = os.path.join(RUN, name or os.path.basename(program))
    _copy(program, path, mode)
    for other in glob.glob(program + "-*"):
        if os.path.isfile(other):
            _copy(other, os.path.join(RUN, os.path.basename(other)), mode)
    if caps:
        os.setxattr(path, "security.capability", _written(caps))
    return path


@functools.cache
def _written(caps):
    """The attribute that setcap writes for these capabilities."""
    path = os.path.join(RUN, "capable")
    write(path, "")
    run("setcap", caps, path)
    try:
        return os.getxattr(path, "security.capability")
    finally:
        os.unlink(path)


def _copy(program, path, mode):
    if os.path.exists(path):
        os.unlink(path)
    shutil.copyfile(program, path)
    os.chmod(path, mode)


def make_bridge(name, *options):
    """Make a bridge with a MAC of its own and no forwarding delay, up; returns its interface index."""
    run("ip", "link", "add", name, "up", "address", "52:54:00:77:00:fe", "type", "bridge", "stp_state", "0", "forward_delay", "0", *options)
    return ifindex(name)


def ifindex(name):
    with open(f"/sys/class/net/{name}/ifindex", encoding="ascii") as file:
        return int(file.read())


def links():
    """The names of all network interfaces of this namespace."""
    return set(os.listdir("/sys/class/net")) - {"bonding_masters"}


def _furnish(inside):
    os.umask(0o022)
    if inside == NAMESPACES:
        run("mount", "-t", "sysfs", "sysfs", "/sys")  # the machine's /sys would show the machine's interfaces
    while os.path.ismount("/run"):  # the machine's: a policy may not lie behind two mounts
        run("umount", "-l", "/run")
    _private_etc()
    run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run")
    os.mkdir(RUN)
    _private_dev()
    run("ip", "link", "set", "lo", "up")


def _private_etc():
    run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run")  # a place for the copy, hidden again afterwards
    run("cp", "-a", "/etc/.", "/run")
    if os.path.ismount("/etc"):  # in a sandbox within one: the policy may not lie behind two mounts
        run("umount", "-l", "/etc")
    run("mount", "--bind", "/run", "/etc")
    run("umount", "-l", "/run")
    for folder in ("/etc/qemu", "/etc/virt-tap"):
        shutil.rmtree(folder, ignore_errors=True)
        os.mkdir(folder)
    _accounts()


def _accounts():
    """The system's own accounts and USERS, whatever others the host has, and no service but files that knows any."""
    passwd, group = ([line for line in _lines(path) if _is_systems(line.split(":"))] for path in ("/etc/passwd", "/etc/group"))
    users, groups = ({line.split(":")[0] for line in lines} for lines in (passwd, group))
    _rewrite("/etc/passwd", passwd + [f"{name}:x:{uid}:{uid}::/run/vt:/bin/sh" for uid, name in USERS.items()])
    _rewrite("/etc/group", [_with_members(line, users) for line in group] + [f"{name}:x:{uid}:" for uid, name in USERS.items()])
    for path, names in (("/etc/shadow", users), ("/etc/subuid", users), ("/etc/gshadow", groups), ("/etc/subgid", users)):
        _rewrite(path, [line for line in _lines(path) if line.split(":")[0] in names])
    others = [line for line in _lines("/etc/nsswitch.conf") if line.split(":")[0].strip() not in ACCOUNT_DATABASES]
    _rewrite("/etc/nsswitch.conf", others + [f"{database}: files" for database in ("passwd", "group", "shadow")])


def _is_systems(fields):
    """Whether a line of passwd or group is of the distribution's, and so has a number that no test uses."""
    return (len(fields) > 2 and fields[0] not in USERS.values() and fields[2].isascii() and fields[2].isdigit()
            and (int(fields[2]) < 1000 or int(fields[2]) == NOBODY))


def _with_members(line, users):
    """A line of the file of groups, with those of its members only."""
    *start, members = line.split(":")
    return ":".join([*start, ",".join(name for name in members.split(",") if name in users)])


def _lines(path):
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        return file.read().splitlines()


def _rewrite(path, lines):
    """The same file, with its mode and owner, or a new one, of these lines."""
    with open(path, "w", encoding="utf-8", errors="surrogateescape") as file:
        file.writelines(line + "\n" for line in lines)


def _private_dev():
    """A /dev without kvm, where /dev/net/tun is 0666 as udev makes it on ordinary systems."""
    dev = RUN + "/dev"
    os.mkdir(dev)
    run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", dev)
    nodes = {"null": (1, 3), "zero": (1, 5), "full": (1, 7), "random": (1, 8), "urandom": (1, 9), "tty": (5, 0),
             "net/tun": (10, 200)}
    for folder in ("net", "shm", "pts"):
        os.mkdir(f"{dev}/{folder}")
    os.chmod(dev + "/shm", 0o1777)
    for name, number in nodes.items():
        os.mknod(f"{dev}/{name}", stat.S_IFCHR | 0o666, os.makedev(*number))
        os.chmod(f"{dev}/{name}", 0o666)
    for link, target in (("ptmx", "pts/ptmx"), ("fd", "/proc/self/fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")):
        os.symlink(target, f"{dev}/{link}")
    run("mount", "-t", "devpts", "-o", "newinstance,ptmxmode=0666,mode=620", "devpts", dev + "/pts")
    run("mount", "--rbind", dev, "/dev")
    run("umount", "-l", dev)
