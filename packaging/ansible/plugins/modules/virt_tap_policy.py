#!/usr/bin/python
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""virt_tap_policy: puts a policy in place that virt-tap has checked before."""
from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
module: virt_tap_policy
short_description: Install a policy of virt-tap, if it has no errors
description:
  - Has C(virt-tap policy check) read the policy, in a folder that only root can read, and fails if it finds an error.
    Nothing has been changed then, in check mode and otherwise.
  - Replaces the file atomically, with owner root, group root and mode 0644. The old file is kept beside it, its name ending in the date.
  - A file with the same content, owner and mode is left alone.
options:
  content:
    description:
      - The policy, as virt-tap-policy(5) describes it. Use a lookup for a file or a template of the controller.
      - A newline is added at the end if it lacks one.
    type: str
    required: true
  path:
    description:
      - The file to replace. Its folder must exist.
      - A file that policy.conf includes is checked without the others.
    type: path
    default: /etc/virt-tap/policy.conf
  strict:
    description:
      - Warnings are errors, too, such as a rule for a user who does not exist on this host, or a rule that can never match.
    type: bool
    default: true
  backup:
    description: Keep the old file.
    type: bool
    default: true
  apply:
    description:
      - After a change, bring the taps of running guests to what the new policy grants, as C(virt-tap policy apply) does.
      - Taps that are not allowed any more are reported in a warning, and stay.
    type: bool
    default: false
author:
  - The virt-tap authors (!UNKNOWN)
"""

EXAMPLES = r"""
- name: One policy for all hosts
  virt_tap.fleet.virt_tap_policy:
    content: "{{ lookup('template', 'policy.conf.j2') }}"

- name: Rules for one project, which policy.conf includes
  virt_tap.fleet.virt_tap_policy:
    path: /etc/virt-tap/policy.d/web.conf
    content: |
      allow br0 group=web quota=8 mac=lock
    apply: true
"""

RETURN = r"""
findings:
  description: What virt-tap policy check printed, one finding per line; the last line counts.
  returned: always
  type: list
  elements: str
backup_file:
  description: Where the old file is.
  returned: if it was replaced and backup is true
  type: str
taps:
  description: What virt-tap policy apply --json printed; null if nothing could be decided.
  returned: if apply is true and the file was replaced
  type: dict
"""

import json  # noqa: E402
import os  # noqa: E402
import shutil  # noqa: E402
import stat  # noqa: E402
import tempfile  # noqa: E402

from ansible.module_utils.basic import AnsibleModule  # noqa: E402
from ansible_collections.virt_tap.fleet.plugins.module_utils.virt_tap import VirtTap  # noqa: E402

MODE = 0o644
WARNINGS = 3  # exit status of policy check --strict


def present(module, path):
    """What the file is now: (content, mode, uid, gid), or None if there is no file."""
    try:
        info = os.lstat(path)
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(info.st_mode):
        module.fail_json(msg="%s is not a regular file; nothing was changed" % path)
    with open(path, "rb") as file:
        return file.read(), stat.S_IMODE(info.st_mode), info.st_uid, info.st_gid


def check(module, tool, path, content):
    """Have virt-tap read the policy from a folder of root's, under the name that it will have. Returns the findings."""
    folder = tempfile.mkdtemp(prefix="virt-tap-policy.", dir="/run")
    try:
        copy = os.path.join(folder, os.path.basename(path))
        with open(copy, "wb") as file:
            file.write(content)
            os.fchmod(file.fileno(), MODE)
        status, out, error = tool.run("policy", "check", *(["--strict"] if module.params["strict"] else []) + [copy], ok=(0, 1, WARNINGS))
    finally:
        shutil.rmtree(folder)
    findings = (out + error).replace(copy, path).splitlines()
    if status:
        module.fail_json(msg="the policy was not installed: " + "; ".join(findings), findings=findings)
    return findings


def replace(path, content):
    """By a new file in the same folder, renamed: whoever reads the policy gets the old one or the new one."""
    fd, new = tempfile.mkstemp(prefix=".%s." % os.path.basename(path), dir=os.path.dirname(path))
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(content)
            os.fchown(fd, 0, 0)
            os.fchmod(fd, MODE)
            file.flush()
            os.fsync(fd)
        os.rename(new, path)
    except BaseException:
        os.unlink(new)
        raise


def apply(module, tool):
    """Bring the taps to the policy. One that is not allowed any more is no failure: the policy is in place."""
    _status, out, error = tool.run("policy", "apply", "--json", ok=(0, 1))
    if not out:
        module.warn(error.strip())
        return None
    done = json.loads(out)
    left = ["%s: %s" % (one["name"], one["text"]) for one in done["results"] if one["result"] not in ("changed", "gone")]
    if left:
        module.warn("not every tap is as the policy has it: " + "; ".join(left))
    return done


def difference(path, before, after):
    """For --diff: the text, and what else differs."""
    parts = [[state[0].decode("utf-8", "replace") if state else "" for state in (before, after)]]
    if before and before[1:] != after[1:]:
        parts.append(["mode %04o, owner %d, group %d\n" % state[1:] for state in (before, after)])
    return [{"before_header": path, "after_header": path, "before": old, "after": new} for old, new in parts]


def main():
    module = AnsibleModule(supports_check_mode=True, argument_spec={
        "content": {"type": "str", "required": True},
        "path": {"type": "path", "default": "/etc/virt-tap/policy.conf"},
        "strict": {"type": "bool", "default": True},
        "backup": {"type": "bool", "default": True},
        "apply": {"type": "bool", "default": False}})
    path, content = os.path.abspath(module.params["path"]), module.params["content"].encode("utf-8", "surrogateescape")
    if content and not content.endswith(b"\n"):
        content += b"\n"
    tool = VirtTap(module)
    if not os.path.isdir(os.path.dirname(path)):
        module.fail_json(msg="there is no folder %s" % os.path.dirname(path))
    findings = check(module, tool, path, content)
    before, after = present(module, path), (content, MODE, 0, 0)
    result = {"changed": before != after, "findings": findings}
    if not result["changed"]:
        module.exit_json(**result)
    result["diff"] = difference(path, before, after)
    if module.check_mode:
        module.exit_json(**result)
    try:
        if before and module.params["backup"]:
            result["backup_file"] = module.backup_local(path)
        replace(path, content)
    except OSError as error:
        module.fail_json(msg="%s was not replaced: %s" % (path, error))
    if module.params["apply"]:
        result["taps"] = apply(module, tool)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
