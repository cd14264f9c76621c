//! The files in a run's `/etc` that influence programs: the same on every host.

use std::collections::BTreeMap;
use std::net::IpAddr;

/// The host name in every run.
pub const HOST_NAME: &str = "mirror";

/// Files that no run has even if the host has them: they would change how every program behaves, or
/// identify the host.
pub const ABSENT: [&str; 6] = ["ld.so.preload", "machine-id", "mtab", "motd", "environment", "timezone"];

/// The files in `/etc` with their contents. `hosts` are the names that a scenario adds, and `resolv_conf` the lines that
/// list its name servers, if it has any.
pub fn files(hosts: &BTreeMap<String, Vec<IpAddr>>, resolv_conf: &[String]) -> Vec<(&'static str, Vec<u8>)> {
    let mut names = format!("127.0.0.1 localhost\n127.0.1.1 {HOST_NAME}\n");
    for (name, addresses) in hosts {
        names.extend(addresses.iter().map(|address| format!("{address} {name}\n")));
    }
    // Without a name server, names are looked up in files only.
    let (sources, servers) = match resolv_conf {
        [] => ("files", "# There is no name server.\n".to_owned()),
        lines => ("files dns", lines.iter().map(|line| format!("{line}\n")).collect()),
    };
    let text = |text: &str| text.as_bytes().to_vec();
    vec![
        ("hosts", names.into_bytes()),
        ("hostname", format!("{HOST_NAME}\n").into_bytes()),
        (
            "nsswitch.conf",
            format!(
                "passwd: files\ngroup: files\nhosts: {sources}\nnetworks: files\nprotocols: files\n\
                 services: files\n"
            )
            .into_bytes(),
        ),
        ("host.conf", text("multi on\n")),
        ("resolv.conf", servers.into_bytes()),
        ("gai.conf", text("# Addresses are sorted as RFC 3484 says.\n")),
        ("networks", text("loopback 127.0.0.0\n")),
        ("protocols", text(PROTOCOLS)),
        ("services", text(SERVICES)),
        (
            "passwd",
            text(
                "root:x:0:0:root:/root:/bin/sh\n\
                 nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
            ),
        ),
        ("group", text("root:x:0:\nnogroup:x:65534:\n")),
        ("localtime", utc()),
    ]
}

const PROTOCOLS: &str = "ip 0 IP\nicmp 1 ICMP\nigmp 2 IGMP\ntcp 6 TCP\nudp 17 UDP\nipv6 41 IPv6\n\
                         ipv6-icmp 58 IPv6-ICMP\nsctp 132 SCTP\nudplite 136 UDPLite\n";

const SERVICES: &str = "tcpmux 1/tcp\necho 7/tcp\necho 7/udp\ndiscard 9/tcp sink null\n\
                        discard 9/udp sink null\ndaytime 13/tcp\ndaytime 13/udp\n\
                        chargen 19/tcp ttytst source\nchargen 19/udp ttytst source\n\
                        ftp-data 20/tcp\nftp 21/tcp\nssh 22/tcp\ntelnet 23/tcp\nsmtp 25/tcp mail\n\
                        time 37/tcp timserver\ntime 37/udp timserver\ndomain 53/tcp\n\
                        domain 53/udp\nbootps 67/udp\nbootpc 68/udp\ntftp 69/udp\nfinger 79/tcp\n\
                        http 80/tcp www\npop3 110/tcp pop-3\nntp 123/udp\nimap2 143/tcp imap\n\
                        snmp 161/udp\nhttps 443/tcp\nhttps 443/udp\nsyslog 514/udp\n";

/// UTC in the format of tzfile(5), version 2: one local time type and no transitions.
fn utc() -> Vec<u8> {
    let mut block = b"TZif2".to_vec();
    block.extend([0; 15]);
    // The counts: UT/local indicators, standard/wall indicators, leap seconds, transitions, local
    // time types, bytes of abbreviations.
    for count in [0_u32, 0, 0, 0, 1, 4] {
        block.extend(count.to_be_bytes());
    }
    // The local time type: UT offset 0, no daylight saving time, the first abbreviation.
    block.extend([0; 6]);
    block.extend(b"UTC\0");
    // The same block again for 64-bit times, and the rule for times after the last transition.
    [block.as_slice(), &block, b"\nUTC0\n"].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scenario_adds_hosts() {
        let addresses = ["192.0.2.1", "::1"].map(|address| address.parse().unwrap()).to_vec();
        let hosts = BTreeMap::from([("a.example".to_owned(), addresses)]);
        let files: BTreeMap<_, _> = files(&hosts, &[]).into_iter().collect();
        let text = String::from_utf8_lossy(&files["hosts"]);
        assert_eq!(text, "127.0.0.1 localhost\n127.0.1.1 mirror\n192.0.2.1 a.example\n::1 a.example\n");
    }

    #[test]
    fn only_a_scenario_with_a_name_server_asks_one() {
        let with = |lines: &[&str]| {
            let lines: Vec<_> = lines.iter().map(ToString::to_string).collect();
            let files: BTreeMap<_, _> = files(&BTreeMap::new(), &lines).into_iter().collect();
            ["nsswitch.conf", "resolv.conf"].map(|name| String::from_utf8_lossy(&files[name]).into_owned())
        };
        let [switch, servers] = with(&[]);
        assert!(switch.contains("\nhosts: files\n"), "{switch}");
        assert_eq!(servers, "# There is no name server.\n");
        let [switch, servers] = with(&["nameserver 127.0.0.1", "options timeout:1"]);
        assert!(switch.contains("\nhosts: files dns\n"), "{switch}");
        assert_eq!(servers, "nameserver 127.0.0.1\noptions timeout:1\n");
    }

    #[test]
    fn utc_has_the_size_that_tzfile_states() {
        // tzfile(5): a header is 44 bytes.
        assert_eq!(utc().len(), 2 * (44 + 10) + 6);
    }
}
