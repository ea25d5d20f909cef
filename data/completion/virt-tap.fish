# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
# fish completion for virt-tap: verbs and options are what `virt-tap --list-options [VERB...]` prints.

# The words that an option's value may be: none for NAME, two for on|off.
function __virt_tap_values
    switch $argv[1]
        case '--uplink*'
            ip -brief link show 2>/dev/null | awk '{ sub(/@.*/, "", $1); print $1 }'
        case '--bridge*'
            ip -brief link show type bridge 2>/dev/null | awk '{ print $1 }'
        case '--drops*'
            virt-tap list 2>/dev/null | awk 'NR > 1 { print $1 }'
        case '--user*' '--owner*'
            getent passwd | cut -d: -f1
        case '--group*'
            getent group | cut -d: -f1
        case '--domain*'
            virsh list --all --uuid 2>/dev/null
        case '--serve*'
            printf '%s\n' dhcp dhcpv6 ra
        case '--output-dir*'
            __fish_complete_directories (string replace -r '^--[a-z-]*=' '' -- (commandline -ct))
        case '*=*|*'
            string match -q -r '=[A-Z]' -- $argv[1]; or string split '|' (string split -m 1 = -- $argv[1])[2]
    end
end

# What a verb takes besides options.
function __virt_tap_words
    switch "$argv"
        case 'setup*'
            getent passwd | cut -d: -f1
        case 'check*'
            printf '%s\n' kvm groups net helper qemu libvirt
        case 'tap delete'
            virt-tap list 2>/dev/null | awk 'NR > 1 { print $1 }'
        case 'repair*'
            virt-tap list 2>/dev/null | awk 'NR > 1 { print $1 }'
            ip -brief link show type bridge 2>/dev/null | awk '{ print $1 }'
        case 'address*'
            virt-tap list 2>/dev/null | awk 'NR > 1 { print $1 }'
            virsh list --name 2>/dev/null
        case 'bridge add' 'bridge remove'
            ip -brief link show 2>/dev/null | awk '{ sub(/@.*/, "", $1); print $1 }'
        case 'bridge *' 'show*'
            ip -brief link show type bridge 2>/dev/null | awk '{ print $1 }'
        case 'domain *'
            virsh list --all --name 2>/dev/null
        case 'xml *' 'policy check' 'policy edit'
            __fish_complete_path (commandline -ct)
    end
end

function __virt_tap
    set -l before (commandline -opc)
    set -l current (commandline -ct)
    set -l verb
    for word in $before[2..3]
        string match -q -- '-*' $word; or set -a verb $word
    end
    set -l list (virt-tap --list-options $verb 2>/dev/null)
    set -l name $before[-1]
    switch $name
        case -u
            set name --user
        case -b
            set name --bridge
    end
    set -l begin ''
    if string match -q -- '--*=*' $current
        set name (string split -m 1 = -- $current)[1]
        set begin $name=
    end
    set -l option (string match -- "$name=*" $list)
    if string match -q -- '--*' $name; and test -n "$option"
        for value in (__virt_tap_values $option)
            echo "$begin$value"
        end
        return
    end
    string replace -r '=.*' '' -- $list
    __virt_tap_words $verb
end

complete -c virt-tap -f -a '(__virt_tap)'
