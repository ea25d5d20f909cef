# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
# Makes a C string of a text, in which @NAME@ is a macro's value.
s/["\\]/\\&/g
s/@\([A-Z_]*\)@/" \1 "/g
s/.*/"&\\n"/
