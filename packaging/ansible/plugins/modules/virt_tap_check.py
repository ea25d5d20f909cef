#!/usr/bin/python
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""virt_tap_check: whether a host and a user can run guests on a bridge."""
from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
module: virt_tap_check
short_description: Test whether this host can run KVM guests on a bridge
description:
  - Runs C(virt-tap check --json), which changes nothing, and fails if it finds a failure. It also runs in check mode.
options:
  areas:
    description: What to check; everything by default.
    type: list
    elements: str
    choices: [kvm, groups, net, helper, qemu, libvirt]
    default: []
  user:
    description: Check as that user; by default, the one that the module runs as.
    type: str
  bridge:
    description: Check that bridge; by default, the first that passes.
    type: str
  fail_on:
    description: The least finding that makes the module fail.
    type: str
    choices: [failure, warning, never]
    default: failure
author:
  - The virt-tap authors (!UNKNOWN)
"""

EXAMPLES = r"""
- name: alice can run guests on br0
  virt_tap.fleet.virt_tap_check:
    user: alice
    bridge: br0
"""

RETURN = r"""
verdict:
  description: C(can), C(cannot), or C(partial), if there is no failure but not everything was checked.
  returned: always
  type: str
findings:
  description: All findings, each with id, area, level, seen, why, fix and fix_as.
  returned: always
  type: list
  elements: dict
failures:
  description: How many findings are failures.
  returned: always
  type: int
warnings_found:
  description: How many are warnings.
  returned: always
  type: int
"""

from ansible.module_utils.basic import AnsibleModule  # noqa: E402
from ansible_collections.virt_tap.fleet.plugins.module_utils.virt_tap import VirtTap  # noqa: E402

AREAS = ["kvm", "groups", "net", "helper", "qemu", "libvirt"]
FATAL = {"failure": ("failure",), "warning": ("failure", "warning"), "never": ()}


def main():
    module = AnsibleModule(supports_check_mode=True, argument_spec={
        "areas": {"type": "list", "elements": "str", "choices": AREAS, "default": []},
        "user": {"type": "str"},
        "bridge": {"type": "str"},
        "fail_on": {"type": "str", "choices": list(FATAL), "default": "failure"}})
    words = ["check"] + module.params["areas"]
    for name in ("user", "bridge"):
        if module.params[name]:
            words.append("--%s=%s" % (name, module.params[name]))
    found = VirtTap(module).json(*words, ok=(0, 1))
    # `warnings` is Ansible's own.
    result = {"changed": False, "verdict": found["verdict"], "failures": found["failures"], "warnings_found": found["warnings"],
              "findings": found["findings"], "msg": found["summary"]}
    fatal = [one for one in found["findings"] if one["level"] in FATAL[module.params["fail_on"]]]
    if fatal:
        result["msg"] += ": " + "; ".join("%s: %s" % (one["id"], one["seen"]) for one in fatal)
        module.fail_json(**result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
