//! The link and network layers: Ethernet, VLAN, ARP, NDP, IPv4, IPv6, ICMP and UDP.
