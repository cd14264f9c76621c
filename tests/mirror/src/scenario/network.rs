//! The devices and routes that a scenario gives the run's network, in the words of ip(8).

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

/// The loopback device, which every run has.
pub const LOOPBACK: &str = "lo";

/// Names that the kernel's settings use for something else.
const RESERVED: [&str; 2] = ["all", "default"];

/// The longest name of a device, in bytes.
const LONGEST_NAME: usize = 15;

/// From the smallest MTU of IPv4 to the largest of a tap device.
const MTUS: RangeInclusive<u32> = 68..=65521;

/// The most devices; the last byte of their hardware addresses tells them apart.
const MOST_DEVICES: usize = 16;

/// A device: the loopback device, or a tap device that nothing is connected to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Device {
    /// Its addresses with their prefix lengths, as `192.0.2.1/24`; those of loopback besides 127.0.0.1.
    #[serde(default)]
    pub addresses: Vec<String>,
    /// Its MTU, in bytes; if left out, the kernel's default.
    pub mtu: Option<u32>,
}

/// A route, which replaces another one to the same destination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// The type: `unicast` if left out, or `local` for an address of this host.
    #[serde(default)]
    pub r#type: RouteType,
    /// The destination, an address or a prefix.
    pub to: String,
    /// The next router, if there is one.
    pub via: Option<Ipv4Addr>,
    /// The device.
    pub dev: String,
    /// The MTU of the path, in bytes.
    pub mtu: Option<u32>,
}

/// What becomes of the packets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RouteType {
    /// They leave by the device.
    #[default]
    Unicast,
    /// They are for this host.
    Local,
}

impl Route {
    /// The route as ip-route(8) takes it.
    pub fn words(&self) -> String {
        let Self { r#type, to, via, dev, mtu } = self;
        let kind = match r#type {
            RouteType::Unicast => "unicast",
            RouteType::Local => "local",
        };
        let via = via.map(|via| format!(" via {via}")).unwrap_or_default();
        let mtu = mtu.map(|mtu| format!(" mtu {mtu}")).unwrap_or_default();
        format!("{kind} {to}{via} dev {dev}{mtu}")
    }
}

/// What is wrong with the devices.
pub(super) fn check_devices(devices: &BTreeMap<String, Device>) -> Vec<String> {
    let mut mistakes = Vec::new();
    if devices.len() > MOST_DEVICES {
        mistakes.push(format!("devices: {MOST_DEVICES} at most were expected"));
    }
    let mut all = BTreeSet::new();
    for (name, Device { addresses, mtu }) in devices {
        let mut wrong = |what: &str| mistakes.push(format!("devices: {name:?}: {what}"));
        if !is_name(name) {
            let expected = format!("letters, digits, '_' and '-' were expected, {LONGEST_NAME} at most, as \"tap0\"");
            wrong(&expected);
        }
        if name == LOOPBACK && addresses.is_empty() && mtu.is_none() {
            wrong("addresses or an mtu were expected: every run has this device");
        }
        if let Some(what) = mtu.and_then(wrong_mtu) {
            wrong(&what);
        }
        for text in addresses {
            match prefix(text) {
                Some((address, _)) if !all.insert(address) => wrong(&format!("{address} is there twice")),
                Some((address, _)) if address.is_loopback() && name != LOOPBACK => {
                    wrong(&format!("{text} is an address of loopback"));
                }
                Some((address, _)) if address.is_multicast() || address.is_unspecified() || address.is_broadcast() => {
                    wrong(&format!("{text} cannot be the address of a device"));
                }
                Some(_) => {}
                None => {
                    wrong(&format!("{text:?}: an address with its prefix length was expected, as \"192.0.2.1/24\""))
                }
            }
        }
    }
    mistakes
}

/// What is wrong with each of the routes, by its place.
pub(super) fn check_routes(routes: &[Route], devices: &BTreeMap<String, Device>) -> Vec<(usize, String)> {
    let mut mistakes = Vec::new();
    let mut all = BTreeSet::new();
    for (index, Route { to, dev, mtu, .. }) in routes.iter().enumerate() {
        let mut wrong = |what: String| mistakes.push((index, format!("routes: {what}")));
        let destination = if to.contains('/') { prefix(to) } else { to.parse().ok().map(|address| (address, 32)) };
        match destination {
            None => wrong(format!("to = {to:?}: an address or a prefix was expected, as \"192.0.2.0/24\"")),
            Some((address, length)) if address.to_bits() & !mask(length) != 0 => {
                let network = Ipv4Addr::from_bits(address.to_bits() & mask(length));
                wrong(format!("to = {to:?}: bits after the prefix are set; did you mean \"{network}/{length}\"?"));
            }
            Some(destination) if !all.insert(destination) => wrong(format!("to = {to:?} is there twice")),
            Some(_) => {}
        }
        if dev != LOOPBACK && !devices.contains_key(dev) {
            wrong(format!("dev = {dev:?}: \"{LOOPBACK}\" or one of the devices was expected"));
        }
        if let Some(what) = mtu.and_then(wrong_mtu) {
            wrong(what);
        }
    }
    mistakes
}

fn is_name(name: &str) -> bool {
    super::is_plain_name(name) && name.len() <= LONGEST_NAME && !RESERVED.contains(&name)
}

fn wrong_mtu(mtu: u32) -> Option<String> {
    let (first, last) = (MTUS.start(), MTUS.end());
    (!MTUS.contains(&mtu)).then(|| format!("mtu = {mtu}: {first} to {last} was expected"))
}

/// An address with a prefix length.
fn prefix(text: &str) -> Option<(Ipv4Addr, u32)> {
    let (address, length) = text.split_once('/')?;
    let length = length.bytes().all(|digit| digit.is_ascii_digit()).then(|| length.parse().ok())??;
    (length <= 32).then_some((address.parse().ok()?, length))
}

/// The network mask of a prefix length.
fn mask(length: u32) -> u32 {
    u32::MAX.checked_shl(32 - length).unwrap_or(0)
}

/// Whether an address of this prefix length has a broadcast address.
pub fn has_broadcast(address: &str) -> bool {
    prefix(address).is_some_and(|(_, length)| length < 31)
}
