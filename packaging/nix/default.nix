# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
# nix-build packaging/nix. The store has no file capabilities, so the helper works through its broker, whose units NixOS takes by
# systemd.packages = [ virt-tap ]; systemd.sockets.virt-tap-broker.wantedBy = [ "sockets.target" ]; and the rule that repairs taps by
# services.udev.packages = [ virt-tap ];
{ pkgs ? import <nixpkgs> { } }:

pkgs.stdenv.mkDerivation {
  pname = "virt-tap";
  version = "0.1.0";
  src = pkgs.lib.cleanSource ../..;

  nativeBuildInputs = with pkgs; [ meson ninja pkg-config ];
  buildInputs = with pkgs; [ jansson libnl libvirt libxml2 ];
  mesonFlags = [ "-Dstatic_helper=false" "-Dtests=false" "-Dsystemd_dir=${placeholder "out"}/lib/systemd"
    "-Dnetworkmanager_dir=${placeholder "out"}/lib/NetworkManager" "-Difupdown_dir=no" "-Dapparmor_dir=no" ];

  # With any DESTDIR, nothing is done to the host: no file capability, nothing in /etc, no word to its systemd.
  preInstall = "export DESTDIR=/";

  meta.license = pkgs.lib.licenses.gpl2Plus;
}
