//! A packet: what it says in short, its fields, and its bytes.

use maud::{Markup, html};

use super::view::View;
use crate::account::headers::Field;
use crate::account::packets::{Origin, Packet};

/// Its flags or its protocol, and how much it carries.
pub(super) fn short(packet: &Packet) -> String {
    let head = if packet.flags.is_empty() { &packet.protocol } else { &packet.flags };
    let data = match packet.length {
        0 => String::new(),
        count => format!(" {count} B"),
    };
    let again = if packet.resent { " again" } else { "" };
    format!("{head}{data}{again}")
}

/// All of it.
pub(super) fn opened(view: &View<'_>, side: usize, packet: &Packet) -> Markup {
    html! {
        div .opened {
            (bytes(packet))
            div .layers {
                @for fields in packet.fields.chunk_by(|a, b| a.layer == b.layer) {
                    (layer(view, side, packet, fields))
                }
            }
        }
    }
}

/// The bytes, grouped as the fields have them. The script finds a group's fields by counting bytes.
fn bytes(packet: &Packet) -> Markup {
    let length = packet.bytes.len() / 2;
    let shown = length.min(MOST_BYTES);
    let mut edges: Vec<usize> =
        packet.fields.iter().flat_map(|field| [field.offset, field.offset + field.length]).collect();
    edges.extend([0, shown]);
    // A group ends with its row.
    edges.extend((0..shown).step_by(16));
    edges.sort_unstable();
    edges.dedup();
    edges.retain(|edge| *edge <= shown);
    let from_program = |offset: usize| packet.origins.iter().any(|origin| covers(&packet.fields[origin.field], offset));
    html! {
        pre .bytes {
            @for pair in edges.windows(2) {
                @if pair[0] % 16 == 0 {
                    @if pair[0] > 0 { "\n" }
                    span .offset { (format!("{:04x}  ", pair[0])) }
                }
                b class=[from_program(pair[0]).then_some("own")] { (spaced(&packet.bytes[2 * pair[0]..2 * pair[1]])) }
                " "
            }
            @if shown < length { "\n" span .offset { "… " (length - shown) " bytes more" } }
        }
    }
}

/// How many bytes of a packet are shown.
const MOST_BYTES: usize = 256;

fn covers(field: &Field, offset: usize) -> bool {
    (field.offset..field.offset + field.length).contains(&offset)
}

/// Two digits, a space, two digits.
fn spaced(hex: &str) -> String {
    let pairs: Vec<&str> = (0..hex.len() / 2).map(|byte| &hex[2 * byte..2 * byte + 2]).collect();
    pairs.join(" ")
}

fn layer(view: &View<'_>, side: usize, packet: &Packet, fields: &[Field]) -> Markup {
    let first = fields.as_ptr_range().start;
    let before = packet.fields.iter().position(|field| std::ptr::eq(field, first)).unwrap_or(0);
    html! {
        table {
            caption { (fields[0].layer) @if !fields[0].source.is_empty() { " " cite { (fields[0].source) } } }
            @for (index, field) in fields.iter().enumerate() {
                @let origins: Vec<&Origin> =
                    packet.origins.iter().filter(|origin| origin.field == before + index).collect();
                tr class=[(!origins.is_empty()).then_some("own")] data-b={ (field.offset) "+" (field.length) } {
                    th { (field.name) }
                    td {
                        (value(packet, field))
                        @for origin in origins { " " (came(view, side, origin)) }
                        @if field.source != fields[0].source { " " cite { (field.source) } }
                    }
                }
            }
        }
    }
}

fn value(packet: &Packet, field: &Field) -> Markup {
    let bits = field.bits.map(|(from, count)| {
        let what = if count == 1 { "bit" } else { "bits" };
        format!("{count} {what} from {from}")
    });
    html! {
        (field.value)
        @if field.layer == "data" && !packet.data.is_empty() { " “" (packet.data) "”" }
        @if let Some(bits) = bits { i { (bits) } }
    }
}

fn came(view: &View<'_>, side: usize, origin: &Origin) -> Markup {
    let number = view.number_of(side, origin.call);
    let call = &view.account.sides[side].calls[origin.call];
    let text: String = origin.text.chars().take(60).collect();
    html! {
        span .origin {
            @if origin.read { "read by " } @else { "from " }
            @match number {
                Some(number) => { a href={ "#" (view.call_id(number)) } { (number) " " (call.function) } },
                None => { (call.function) },
            }
            " " code { (text) }
        }
    }
}
