"""Which addresses of the internet are somebody's public host."""

import ipaddress

NETWORKS_4 = tuple(
    map(
        ipaddress.IPv4Network,
        (
            "0.0.0.0/8",
            "10.0.0.0/8",
            "100.64.0.0/10",
            "127.0.0.0/8",
            "169.254.0.0/16",
            "172.16.0.0/12",
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.31.196.0/24",
            "192.52.193.0/24",
            "192.88.99.0/24",
            "192.168.0.0/16",
            "192.175.48.0/24",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/3",
        ),
    )
)
"""Networks of IPv4 that no public host has: the IANA register of special-purpose addresses, multicast, class E."""
UNICAST_6 = ipaddress.IPv6Network("2000::/3")
NETWORKS_6 = tuple(
    map(ipaddress.IPv6Network, ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20"))
)
"""The same of IPv6 within global unicast: protocol assignments with Teredo, documentation, 6to4, AS112. Whatever is
outside of it (loopback, link-local, unique local, IPv4-mapped, NAT64, multicast) is public nowhere."""
METADATA = frozenset(map(ipaddress.ip_address, ("168.63.129.16", "100.100.100.200")))
"""Clouds' own services at addresses that look public."""


def is_public_address(text: str) -> bool:
    """Whether an address is of a public host. What is no address is not."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    if address in METADATA:
        return False
    if isinstance(address, ipaddress.IPv4Address):
        return address.is_global and not any(address in network for network in NETWORKS_4)
    return address.is_global and address in UNICAST_6 and not any(address in network for network in NETWORKS_6)
