//! The IANA registries of special-purpose addresses (RFC 6890) as a table of addresses that are not public.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Blocks of IPv4 addresses that are not public: first address, prefix length and kind. The first block that
/// contains an address gives its kind. The source is RFC 6890 and its registry unless noted.
const V4: &[(Ipv4Addr, u32, &str)] = &[
    // The addresses of cloud metadata services, which hold credentials.
    (Ipv4Addr::new(169, 254, 169, 254), 32, "a metadata service"),
    (Ipv4Addr::new(169, 254, 170, 2), 32, "a metadata service"),
    (Ipv4Addr::new(100, 100, 100, 200), 32, "a metadata service"),
    (Ipv4Addr::new(192, 0, 0, 192), 32, "a metadata service"),
    (Ipv4Addr::new(168, 63, 129, 16), 32, "a metadata service"), // Inside a public block.
    (Ipv4Addr::UNSPECIFIED, 8, "unspecified"),                   // Linux connects it to itself.
    (Ipv4Addr::new(10, 0, 0, 0), 8, "private"),
    (Ipv4Addr::new(100, 64, 0, 0), 10, "a provider's inside (CGNAT)"),
    (Ipv4Addr::new(127, 0, 0, 0), 8, "loopback"),
    (Ipv4Addr::new(169, 254, 0, 0), 16, "link-local"),
    (Ipv4Addr::new(172, 16, 0, 0), 12, "private"),
    (Ipv4Addr::new(192, 0, 0, 0), 24, "reserved"),
    (Ipv4Addr::new(192, 0, 2, 0), 24, "for documentation"),
    (Ipv4Addr::new(192, 88, 99, 0), 24, "a 6to4 relay"),
    (Ipv4Addr::new(192, 168, 0, 0), 16, "private"),
    (Ipv4Addr::new(198, 18, 0, 0), 15, "for benchmarks"),
    (Ipv4Addr::new(198, 51, 100, 0), 24, "for documentation"),
    (Ipv4Addr::new(203, 0, 113, 0), 24, "for documentation"),
    (Ipv4Addr::new(224, 0, 0, 0), 4, "multicast"),
    (Ipv4Addr::BROADCAST, 32, "broadcast"),
    (Ipv4Addr::new(240, 0, 0, 0), 4, "reserved"),
];

/// Blocks of IPv6 addresses that are not public. All addresses outside `2000::/3` are refused too.
const V6: &[(Ipv6Addr, u32, &str)] = &[
    (Ipv6Addr::UNSPECIFIED, 128, "unspecified"),
    (Ipv6Addr::LOCALHOST, 128, "loopback"),
    (Ipv6Addr::UNSPECIFIED, 96, "an IPv4-compatible form"), // RFC 4291 section 2.5.5.1.
    (Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0), 96, "an IPv4-mapped form"),
    (Ipv6Addr::new(0, 0, 0, 0, 0xffff, 0, 0, 0), 96, "an IPv4-translated form"), // RFC 2765.
    (NAT64, NAT64_LENGTH, "a NAT64 form"),
    (Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, 0, 0), 48, "a NAT64 form"), // RFC 8215.
    (Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254), 128, "a metadata service"),
    (Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7, "private (ULA)"), // RFC 4193.
    (Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10, "link-local"),
    (Ipv6Addr::new(0xfec0, 0, 0, 0, 0, 0, 0, 0), 10, "site-local"),
    (Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8, "multicast"),
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 32, "a Teredo form"), // RFC 4380.
    (Ipv6Addr::new(0x2001, 2, 0, 0, 0, 0, 0, 0), 48, "for benchmarks"),
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23, "reserved"),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32, "for documentation"),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16, "a 6to4 form"), // RFC 3056.
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20, "for documentation"),
];

/// The well-known prefix, whose last 32 bits are an IPv4 address (RFC 6052 section 2.1).
const NAT64: Ipv6Addr = Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0);
const NAT64_LENGTH: u32 = 96;

/// The kind of an address that is not public; `None` for a public one. For addresses that a URL contains.
pub(super) fn not_public(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => {
            let address = address.to_bits();
            let within =
                |first: Ipv4Addr, length| (address ^ first.to_bits()) >> (32 - length) == 0;
            V4.iter().find(|(first, length, _)| within(*first, *length)).map(|(.., name)| *name)
        }
        IpAddr::V6(address) => {
            let named = V6.iter().find(|(first, length, _)| is_within(address, *first, *length));
            let global = address.segments()[0] & 0xe000 == 0x2000;
            named.map(|(.., name)| *name).or((!global).then_some("reserved"))
        }
    }
}

/// As [`not_public`], for addresses that a name resolved to. In a network without IPv4 (DNS64, RFC 6147) an
/// IPv4-only server has a NAT64 address, whose embedded IPv4 address is checked instead.
pub(super) fn resolved_not_public(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V6(outer) if is_within(outer, NAT64, NAT64_LENGTH) => {
            let [.., a, b, c, d] = outer.octets();
            not_public(IpAddr::V4(Ipv4Addr::new(a, b, c, d)))
        }
        IpAddr::V4(_) | IpAddr::V6(_) => not_public(address),
    }
}

fn is_within(address: Ipv6Addr, first: Ipv6Addr, length: u32) -> bool {
    (address.to_bits() ^ first.to_bits()) >> (128 - length) == 0
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;

    fn kind(text: &str) -> Option<&'static str> {
        not_public(text.parse().unwrap())
    }

    #[expect(clippy::too_many_lines, reason = "a table of cases")]
    #[test]
    fn special_addresses_are_known_by_their_kind_and_their_neighbours_are_public() {
        for (address, expected) in [
            ("0.0.0.0", Some("unspecified")),
            ("0.255.255.255", Some("unspecified")),
            ("1.0.0.0", None),
            ("9.255.255.255", None),
            ("10.0.0.0", Some("private")),
            ("10.255.255.255", Some("private")),
            ("11.0.0.0", None),
            ("100.63.255.255", None),
            ("100.64.0.1", Some("a provider's inside (CGNAT)")),
            ("100.127.255.255", Some("a provider's inside (CGNAT)")),
            ("100.100.100.200", Some("a metadata service")),
            ("100.128.0.0", None),
            ("127.0.0.1", Some("loopback")),
            ("127.255.255.254", Some("loopback")),
            ("128.0.0.0", None),
            ("168.63.129.16", Some("a metadata service")),
            ("168.63.129.17", None),
            ("169.254.0.1", Some("link-local")),
            ("169.254.169.254", Some("a metadata service")),
            ("169.255.0.0", None),
            ("172.15.255.255", None),
            ("172.16.0.1", Some("private")),
            ("172.31.255.255", Some("private")),
            ("172.32.0.0", None),
            ("192.0.0.8", Some("reserved")),
            ("192.0.2.1", Some("for documentation")),
            ("192.88.99.1", Some("a 6to4 relay")),
            ("192.167.255.255", None),
            ("192.168.0.1", Some("private")),
            ("192.169.0.0", None),
            ("198.17.255.255", None),
            ("198.18.0.0", Some("for benchmarks")),
            ("198.19.255.255", Some("for benchmarks")),
            ("198.20.0.0", None),
            ("198.51.100.9", Some("for documentation")),
            ("203.0.113.255", Some("for documentation")),
            ("223.255.255.255", None),
            ("224.0.0.1", Some("multicast")),
            ("239.255.255.250", Some("multicast")),
            ("240.0.0.1", Some("reserved")),
            ("255.255.255.255", Some("broadcast")),
            ("::", Some("unspecified")),
            ("::1", Some("loopback")),
            ("::7f00:1", Some("an IPv4-compatible form")),
            ("::ffff:127.0.0.1", Some("an IPv4-mapped form")),
            ("::ffff:8.8.8.8", Some("an IPv4-mapped form")),
            ("::ffff:0:127.0.0.1", Some("an IPv4-translated form")),
            ("64:ff9b::127.0.0.1", Some("a NAT64 form")),
            ("64:ff9b::8.8.8.8", Some("a NAT64 form")),
            ("64:ff9b:1::10.0.0.1", Some("a NAT64 form")),
            ("100::1", Some("reserved")),
            ("2001::1", Some("a Teredo form")),
            ("2001:2::1", Some("for benchmarks")),
            ("2001:10::1", Some("reserved")),
            ("2001:200::1", None),
            ("2001:db8::1", Some("for documentation")),
            ("2002:7f00:1::", Some("a 6to4 form")),
            ("2606:4700::1111", None),
            ("2a00:1450:4001::200e", None),
            ("3fff::1", Some("for documentation")),
            ("4000::1", Some("reserved")),
            ("5f00::1", Some("reserved")),
            ("fc00::1", Some("private (ULA)")),
            ("fd00:ec2::254", Some("a metadata service")),
            ("fdff::1", Some("private (ULA)")),
            ("fe80::1", Some("link-local")),
            ("fec0::1", Some("site-local")),
            ("ff02::1", Some("multicast")),
        ] {
            assert_eq!(kind(address), expected, "{address}");
        }
    }

    #[test]
    fn of_a_resolved_nat64_address_the_one_inside_counts() {
        for (address, expected) in [
            ("64:ff9b::8.8.8.8", None),
            ("64:ff9b::127.0.0.1", Some("loopback")),
            ("64:ff9b::169.254.169.254", Some("a metadata service")),
            ("64:ff9b::10.1.2.3", Some("private")),
            ("64:ff9b:1::8.8.8.8", Some("a NAT64 form")),
            ("::ffff:8.8.8.8", Some("an IPv4-mapped form")),
            ("8.8.8.8", None),
            ("127.0.0.1", Some("loopback")),
        ] {
            assert_eq!(resolved_not_public(address.parse().unwrap()), expected, "{address}");
        }
    }

    #[test]
    fn odd_spellings_of_loopback_are_loopback() {
        for spelling in [
            "127.0.0.1",
            "127.1",
            "127.0.1",
            "2130706433",
            "0x7f000001",
            "0x7f.1",
            "0177.0.0.1",
            "017700000001",
            "127.0.0.1.",
            "127.0.0.0x1",
            "①②⑦.0.0.1",
            "127。0。0。1",
            "%31%32%37.0.0.1",
        ] {
            let url = Url::parse(&format!("http://{spelling}/")).unwrap();
            let Some(url::Host::Ipv4(address)) = url.host() else { panic!("{spelling}: {url}") };
            assert_eq!(not_public(address.into()), Some("loopback"), "{spelling}");
        }
    }
}
