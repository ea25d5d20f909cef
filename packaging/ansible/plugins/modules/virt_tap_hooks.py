#!/usr/bin/python
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""virt_tap_hooks: turns virt-tap's hooks of libvirt on or off."""
from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
module: virt_tap_hooks
short_description: Have libvirt call the hooks of virt-tap, or not
description:
  - Runs C(virt-tap hooks enable) if C(virt-tap hooks status) says that a hook is not called, or C(virt-tap hooks disable) if there are
    links to the hooks.
options:
  state:
    description: Whether libvirt is to call them.
    type: str
    choices: [enabled, disabled]
    default: enabled
  reload:
    description: Have running daemons look for the hooks, and wait until they have.
    type: bool
    default: true
author:
  - The virt-tap authors (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Domains make their own taps
  virt_tap.fleet.virt_tap_hooks:
    state: enabled
"""

RETURN = r"""
status:
  description: What virt-tap hooks status prints now.
  returned: always
  type: list
  elements: str
"""

import glob  # noqa: E402
import os  # noqa: E402

from ansible.module_utils.basic import AnsibleModule  # noqa: E402
from ansible_collections.virt_tap.fleet.plugins.module_utils.virt_tap import VirtTap  # noqa: E402

LINKS = "/etc/libvirt/hooks/*.d/50-virt-tap"
DRIVERS = 3  # qemu, network, daemon


def ours(path):
    return os.path.islink(path) and "/virt-tap/hooks/" in os.readlink(path)


def obstacle():
    """What `hooks enable` would refuse: check mode must say the same."""
    if not os.path.isdir("/etc/libvirt"):
        return "there is no /etc/libvirt, so libvirt is not installed"
    foreign = [path for path in sorted(glob.glob(LINKS)) if not ours(path)]
    return "not virt-tap's, move it away: " + " ".join(foreign) if foreign else None


def main():
    module = AnsibleModule(supports_check_mode=True, argument_spec={
        "state": {"type": "str", "choices": ["enabled", "disabled"], "default": "enabled"},
        "reload": {"type": "bool", "default": True}})
    tool, enable = VirtTap(module), module.params["state"] == "enabled"
    status, before, _error = tool.run("hooks", "status", ok=(0, 1))
    links = [path for path in glob.glob(LINKS) if ours(path)]
    # Without a reload, a daemon that has not looked for them yet is left for later.
    enabled = status == 0 or not module.params["reload"] and len(links) == DRIVERS and all(os.access(path, os.X_OK) for path in links)
    result = {"changed": not enabled if enable else bool(links), "status": before.splitlines()}
    if result["changed"] and enable and obstacle():
        module.fail_json(msg="nothing was changed: " + obstacle(), **result)
    if result["changed"] and not module.check_mode:
        if enable:
            tool.run("hooks", "enable", *(["--reload"] if module.params["reload"] else []))
        else:
            tool.run("hooks", "disable")
        status, after, error = tool.run("hooks", "status", ok=(0, 1))
        result["status"] = after.splitlines()
        if enable and status and module.params["reload"]:
            module.fail_json(msg="the hooks are enabled, but libvirt does not call all of them: " + (after + error).strip(), **result)
    if result["changed"]:
        result["diff"] = {"before": "hooks: %s\n" % ("not all are called" if enable else "enabled"), "after": "hooks: %s\n" % module.params["state"]}
    module.exit_json(**result)


if __name__ == "__main__":
    main()
