#!/usr/bin/python
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""virt_tap_domain: converts the interfaces of libvirt's domains to taps, and back."""
from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
module: virt_tap_domain
short_description: Convert the interfaces of libvirt's domains to taps of virt-tap, and back
description:
  - Runs C(virt-tap domain rewrite) or C(virt-tap domain restore), which change the definitions of domains that exist. A running domain has
    the change from its next start on.
  - Nothing is run beyond C(--dry-run) if that shows no change.
options:
  name:
    description: Domains, by name or UUID.
    type: list
    elements: str
    default: []
  all:
    description: All domains that are defined there.
    type: bool
    default: false
  state:
    description: C(rewritten) to open taps of virt-tap, C(restored) as they were before.
    type: str
    choices: [rewritten, restored]
    default: rewritten
  uri:
    description:
      - The libvirt to connect to, as seen from the host that the module runs on.
      - With a remote one, such as C(qemu+ssh://root@kvm1/system), the module can run on the controller (C(delegate_to=localhost)).
    type: str
    default: qemu:///system
  interface:
    description: Only these interfaces, by MAC or by number from 1.
    type: list
    elements: str
    default: []
  bridge:
    description: Put all taps on that bridge, whatever the interfaces name.
    type: str
  networks:
    description: The bridges of libvirt's networks, instead of what libvirt says.
    type: dict
    default: {}
  ip:
    description: IP addresses of the guest, if the policy locks it to them; for one interface of one domain.
    type: list
    elements: str
    default: []
  lock:
    description: Have the guests locked to their MACs, or to their IP addresses, too.
    type: str
    choices: [mac, ip]
  serve:
    description: Of what locked guests may serve, only this.
    type: list
    elements: str
    choices: [dhcp, dhcpv6, ra]
    default: []
  strict:
    description: Fail if an interface had to be left as it is.
    type: bool
    default: false
author:
  - The virt-tap authors (!UNKNOWN)
"""

EXAMPLES = r"""
- name: All domains open taps
  virt_tap.fleet.virt_tap_domain:
    all: true

- name: One domain, whose guest is locked to its address
  virt_tap.fleet.virt_tap_domain:
    name: web
    lock: ip
    ip: 192.0.2.30
"""

RETURN = r"""
messages:
  description: What virt-tap said besides the difference, such as interfaces that it left as they are.
  returned: always
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule  # noqa: E402
from ansible_collections.virt_tap.fleet.plugins.module_utils.virt_tap import VirtTap  # noqa: E402

VERBS = {"rewritten": "rewrite", "restored": "restore"}
ONLY_REWRITE = ("bridge", "networks", "ip", "lock", "serve", "strict")


def options(params):
    words = ["--connect=" + params["uri"]] + ["--interface=" + one for one in params["interface"]]
    words += ["--%s=%s" % (name, params[name]) for name in ("bridge", "lock") if params[name]]
    words += ["--network=%s=%s" % pair for pair in sorted(params["networks"].items())]
    words += ["--ip=" + one for one in params["ip"]]
    if params["serve"]:
        words.append("--serve=" + ",".join(params["serve"]))
    if params["strict"]:
        words.append("--strict")
    return words + (["--all"] if params["all"] else ["--"] + params["name"])


def main():
    module = AnsibleModule(supports_check_mode=True, argument_spec={
        "name": {"type": "list", "elements": "str", "default": []},
        "all": {"type": "bool", "default": False},
        "state": {"type": "str", "choices": list(VERBS), "default": "rewritten"},
        "uri": {"type": "str", "default": "qemu:///system"},
        "interface": {"type": "list", "elements": "str", "default": []},
        "bridge": {"type": "str"},
        "networks": {"type": "dict", "default": {}},
        "ip": {"type": "list", "elements": "str", "default": []},
        "lock": {"type": "str", "choices": ["mac", "ip"]},
        "serve": {"type": "list", "elements": "str", "choices": ["dhcp", "dhcpv6", "ra"], "default": []},
        "strict": {"type": "bool", "default": False}})
    params = module.params
    if params["all"] == bool(params["name"]):
        module.fail_json(msg="which domains? Give either name or all")
    extra = [name for name in ONLY_REWRITE if params[name]]
    if extra and params["state"] == "restored":
        module.fail_json(msg="not for state restored: " + " ".join(extra))
    verb, words = ["domain", VERBS[params["state"]]], options(params)
    tool = VirtTap(module)
    _status, difference, messages = tool.run(*verb + ["--dry-run"] + words)
    result = {"changed": bool(difference), "messages": messages.splitlines()}
    if difference:
        result["diff"] = {"prepared": difference}
        if not module.check_mode:
            _status, _out, messages = tool.run(*verb + ["--yes"] + words)
            result["messages"] = messages.splitlines()
    module.exit_json(**result)


if __name__ == "__main__":
    main()
