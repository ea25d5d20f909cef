#!/usr/bin/python
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""virt_tap_bridge: makes a bridge of the host, with its network card as uplink, or removes it."""
from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
module: virt_tap_bridge
short_description: Create a bridge, with the host's network card as its uplink
description:
  - Runs C(virt-tap bridge create), C(confirm), C(persist), C(delete) and C(unpersist); see virt-tap-bridge(8).
  - With an uplink, the host's network moves to the bridge. It moves back unless the gateways and all I(probe) answer then as before, and
    unless somebody confirms within I(confirm_within).
  - A bridge that exists with other settings is not changed; the module fails.
options:
  name:
    description: The bridge.
    type: str
    required: true
  state:
    description:
      - C(present) creates it, C(absent) removes it and its configuration.
      - C(confirmed) keeps what an earlier task with I(confirm=false) has created, and fails if it was taken back already.
    type: str
    choices: [present, absent, confirmed]
    default: present
  uplink:
    description: The network card that becomes a port of it, and whose addresses and routes move to it.
    type: str
  address:
    description: More addresses for the bridge, with prefix length.
    type: list
    elements: str
    default: []
  dhcp:
    description: Have the host's DHCP client request an address for a new bridge.
    type: bool
    default: false
  mtu:
    description: The MTU of the bridge and its uplink.
    type: int
  mac:
    description: The MAC of the bridge; by default its uplink's, or one that this host always gives a bridge of this name.
    type: str
  stp:
    description: Spanning tree.
    type: bool
  vlan_filtering:
    description: A bridge that keeps VLANs apart.
    type: bool
  persist:
    description:
      - C(boot) writes the configuration with which the host's network manager creates the bridge at each boot.
      - C(manager) has the manager create it from that configuration now. Use it where NetworkManager or systemd-networkd manages the card.
      - A configuration that has been written is not written again, unless the bridge is new.
    type: str
    choices: [none, boot, manager]
    default: none
  format:
    description: The network manager; by default, the one that manages this host.
    type: str
    choices: [auto, networkd, networkmanager, netplan, ifupdown]
    default: auto
  confirm:
    description:
      - Confirm at once. With C(false), a later task must do so with I(state=confirmed), for which Ansible must still reach the host.
    type: bool
    default: true
  confirm_within:
    description: How long the guard waits for that.
    type: str
    default: 60s
  probe:
    description: Addresses that must answer a ping after the move as before.
    type: list
    elements: str
    default: []
  ignore_dependents:
    description: Move even if firewall rules or devices name the card, which they would no longer match.
    type: bool
    default: false
author:
  - The virt-tap authors (!UNKNOWN)
"""

EXAMPLES = r"""
- name: A bridge with the host's card, if the controller still reaches the host afterwards
  virt_tap.fleet.virt_tap_bridge:
    name: br0
    uplink: eth0
    confirm: false

- name: A new connection
  ansible.builtin.meta: reset_connection

- name: Keep it, and have it at each boot
  virt_tap.fleet.virt_tap_bridge:
    name: br0
    state: confirmed
    persist: boot

- name: A bridge for guests and the host only
  virt_tap.fleet.virt_tap_bridge:
    name: br-lab
    address: 10.70.0.1/24
"""

RETURN = r"""
bridge:
  description: The bridge as virt-tap show --json has it now; null if there is none.
  returned: always
  type: dict
messages:
  description: What virt-tap said.
  returned: always
  type: list
  elements: str
"""

import os  # noqa: E402

from ansible.module_utils.basic import AnsibleModule  # noqa: E402
from ansible_collections.virt_tap.fleet.plugins.module_utils.virt_tap import VirtTap  # noqa: E402

LIMIT = 900  # seconds: a network manager may take five minutes for each command


class Bridge:
    def __init__(self, module):
        self.module, self.params, self.messages = module, module.params, []
        self.tool, self.name = VirtTap(module, LIMIT), module.params["name"]
        self.before = self.look()
        self.persisted = bool(self.status()["persist"])

    def look(self):
        return next((one for one in self.tool.json("show")["bridges"] if one["name"] == self.name), None)

    def status(self):
        return self.tool.json("bridge", "status", self.name)["bridges"][0]

    def is_pending(self):
        """Whether the guard waits for a confirmation."""
        return self.status()["move"] == "unconfirmed"

    def run(self, verb, *words):
        _status, out, error = self.tool.run("bridge", verb, self.name, *words)
        self.messages += (out + error).splitlines()

    def fail(self, text):
        self.module.fail_json(msg="nothing was changed: " + text, bridge=self.before)

    def differences(self):
        """What the bridge that exists has otherwise than it should."""
        wrong = [name for name in ("mtu", "stp", "vlan_filtering") if self.params[name] is not None and self.params[name] != self.before[name]]
        if self.params["mac"] and self.params["mac"].lower() != self.before["mac"]:
            wrong.append("mac")
        if self.params["uplink"] and self.params["uplink"] not in [port["name"] for port in self.before["ports"]]:
            wrong.append("uplink")
        return wrong + ["address"] * (not set(self.params["address"]) <= set(self.before["addresses"]))

    def move_options(self):
        """How the move of an uplink is guarded."""
        if not self.params["uplink"]:
            return []
        words = ["--uplink=" + self.params["uplink"], "--confirm-within=" + self.params["confirm_within"]]
        return words + ["--probe=" + one for one in self.params["probe"]] + ["--ignore-dependents"] * self.params["ignore_dependents"]

    def create(self):
        if self.params["persist"] == "manager":
            self.run("persist", "--apply", "--format=" + self.params["format"], *self.move_options())
        else:
            words = ["--%s=%s" % (name, self.params[name]) for name in ("mtu", "mac") if self.params[name] is not None]
            words += ["--address=" + one for one in self.params["address"]]
            words += ["--dhcp"] * self.params["dhcp"] + ["--vlan-filtering"] * bool(self.params["vlan_filtering"])
            if self.params["stp"] is not None:
                words.append("--stp=" + ("on" if self.params["stp"] else "off"))
            self.run("create", *self.move_options() + words)
        if self.params["confirm"] and self.is_pending():
            self.run("confirm")

    def present(self):
        """Returns whether something changes."""
        if self.before and self.differences():
            self.fail("the bridge %s exists with another %s; change or delete it first" % (self.name, ", ".join(self.differences())))
        if not self.before and self.params["uplink"] and not os.path.exists("/sys/class/net/" + self.params["uplink"]):
            self.fail("there is no interface %s on this host" % self.params["uplink"])
        if not self.before and not self.module.check_mode:
            self.create()
        return self.boot() or not self.before

    def boot(self):
        """The configuration for the next boot."""
        wanted = self.params["persist"] == "boot" and (not self.persisted or not self.before and self.params["state"] == "present")
        if wanted and not self.module.check_mode:
            self.run("persist", "--format=" + self.params["format"])
        return wanted

    def confirmed(self):
        if not self.before and not self.module.check_mode:
            self.fail("the bridge %s does not exist: it was not created, or taken back since nobody confirmed it in time" % self.name)
        if self.is_pending() and not self.module.check_mode:
            self.run("confirm")
        return self.boot()

    def absent(self):
        if self.before and not self.module.check_mode:
            self.run("delete", *(["--uplink=" + self.params["uplink"]] if self.params["uplink"] else []))
        if not self.module.check_mode and self.status()["persist"]:
            self.run("unpersist")
        return bool(self.before) or self.persisted

    def describe(self, exists, persisted):
        """For --diff."""
        lines = ["bridge %s: %s" % (self.name, "exists" if exists else "does not exist")]
        if exists and self.params["uplink"]:
            lines.append("uplink: " + self.params["uplink"])
        return "\n".join(lines + ["created at each boot: " + ("yes" if persisted else "no"), ""])


def main():
    module = AnsibleModule(supports_check_mode=True, argument_spec={
        "name": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["present", "absent", "confirmed"], "default": "present"},
        "uplink": {"type": "str"},
        "address": {"type": "list", "elements": "str", "default": []},
        "dhcp": {"type": "bool", "default": False},
        "mtu": {"type": "int"},
        "mac": {"type": "str"},
        "stp": {"type": "bool"},
        "vlan_filtering": {"type": "bool"},
        "persist": {"type": "str", "choices": ["none", "boot", "manager"], "default": "none"},
        "format": {"type": "str", "choices": ["auto", "networkd", "networkmanager", "netplan", "ifupdown"], "default": "auto"},
        "confirm": {"type": "bool", "default": True},
        "confirm_within": {"type": "str", "default": "60s"},
        "probe": {"type": "list", "elements": "str", "default": []},
        "ignore_dependents": {"type": "bool", "default": False}})
    params = module.params
    if params["state"] == "present" and params["persist"] == "boot" and not params["confirm"]:
        module.fail_json(msg="persist=boot is for a bridge that stays: with confirm=false, give it to the task with state=confirmed")
    if params["persist"] == "manager" and params["state"] == "present" and not params["uplink"]:
        module.fail_json(msg="persist=manager requires uplink")
    bridge = Bridge(module)
    changed = getattr(bridge, params["state"])()
    result = {"changed": changed, "bridge": bridge.before if module.check_mode else bridge.look(), "messages": bridge.messages}
    if changed:
        gone = params["state"] == "absent"
        result["diff"] = {"before": bridge.describe(bridge.before, bridge.persisted),
                          "after": bridge.describe(not gone, not gone and (bridge.persisted or params["persist"] != "none"))}
    module.exit_json(**result)


if __name__ == "__main__":
    main()
