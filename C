auto lo
iface lo inet loopback

auto eth0
#virt-tap# iface eth0 inet static
iface eth0 inet manual
#virt-tap#    address 192.0.2.10/24
#virt-tap#    gateway 192.0.2.1

auto eth1
#virt-tap# iface eth1 inet static
iface eth1 inet manual
#virt-tap#    address 198.51.100.10/24

source /etc/network/virt-tap-br0

source /etc/network/virt-tap-br1
