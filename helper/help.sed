# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
# Makes a C string, usage_text, of a text in which @NAME@ is a macro's value.
s/["\\]/\\&/g
s/@\([A-Z_]*\)@/" \1 "/g
s/.*/"&\\n"/
1s/^/static const char usage_text[] =\
/
$s/$/;/
