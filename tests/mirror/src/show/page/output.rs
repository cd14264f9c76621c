//! What the programs wrote, each piece with the call that wrote it.

use maud::{Markup, html};

use super::view::{Card, View};
use crate::account::calls::Kind;

/// The streams: descriptor and name.
const STREAMS: [(&str, &str); 2] = [("1", "standard output"), ("2", "standard error")];

/// A piece of a stream: the bytes as hexadecimal digits, and the number of the card of the call that wrote them.
struct Piece {
    text: String,
    number: Option<usize>,
}

/// The output of one scenario.
pub(super) fn output(view: &View<'_>) -> Markup {
    let sides = &view.account.sides;
    html! {
        section class={ "output " (view.class()) } aria-label="Output" {
            h2 { "Output" }
            div .streams {
                @for (stream, (_, name)) in STREAMS.iter().enumerate() {
                    @let same = hex(view, 0, stream) == hex(view, 1, stream);
                    @for (side, account) in sides.iter().enumerate() {
                        @if !same || side == 0 {
                            figure .differing[!same] {
                                figcaption { (name) @if same { ", both" } @else { ", " (account.label) } }
                                pre {
                                    @for piece in pieces(view, side, stream) {
                                        @match piece.number {
                                            Some(number) => {
                                                @let id = piece_id(view, side, stream, number);
                                                a .piece id=(id) data-k=(id) href={ "#" (id) } { (piece.text) }
                                            },
                                            None => (piece.text),
                                        }
                                    }
                                    @if hex(view, side, stream).is_empty() { span .none { "nothing" } }
                                }
                            }
                        }
                    }
                }
                @for account in sides.iter().take(if sides[0].peers == sides[1].peers { 1 } else { 2 }) {
                    @for peer in &account.peers {
                        figure {
                            figcaption {
                                "peer " (peer.peer) " received"
                                @if sides[0].peers == sides[1].peers { ", both" } @else { ", " (account.label) }
                            }
                            pre { (cropped(&peer.bytes.text)) @if peer.bytes.hex.is_empty() { span .none { "nothing" } } }
                        }
                    }
                }
                figure {
                    figcaption { "end" }
                    pre { (sides[0].end) @if sides[0].end != sides[1].end { "; " (sides[1].label) ": " (sides[1].end) } }
                }
            }
        }
    }
}

fn cropped(text: &str) -> String {
    let count = text.chars().count();
    if count <= 2000 {
        return text.to_owned();
    }
    format!("{}… ({} characters more)", text.chars().take(2000).collect::<String>(), count - 2000)
}

fn hex<'a>(view: &'a View<'_>, side: usize, stream: usize) -> &'a str {
    let side = &view.account.sides[side];
    [&side.stdout.hex, &side.stderr.hex][stream]
}

fn piece_id(view: &View<'_>, side: usize, stream: usize, number: usize) -> String {
    let name = ["stdout", "stderr"][stream];
    let label = if side == 0 { String::new() } else { format!("-{}", view.account.sides[1].label.to_lowercase()) };
    view.id(&format!("{name}-{number}{label}"))
}

/// What a side wrote to a stream, call by call; in one piece if the calls do not make up the whole.
fn pieces(view: &View<'_>, side: usize, stream: usize) -> Vec<Piece> {
    let all = hex(view, side, stream);
    let mut pieces = Vec::new();
    let mut place = 0;
    for card in &view.cards {
        let Some(count) = written(view, card, side, stream) else { continue };
        let Some(hex) = all.get(place..place + 2 * count) else { break };
        pieces.push(Piece { text: decoded(hex), number: Some(card.number) });
        place += 2 * count;
    }
    if place != all.len() {
        return vec![Piece { text: decoded(all), number: None }];
    }
    pieces
}

/// How many bytes the call of a side has written to a stream, if it has.
fn written(view: &View<'_>, card: &Card, side: usize, stream: usize) -> Option<usize> {
    let call = view.calls(card.row)[side]?;
    let is_write = call.kind == Kind::Call && call.name == "write" && call.arguments[0] == STREAMS[stream].0;
    call.result.parse().ok().filter(|_| is_write)
}

/// The text of hexadecimal digits; lines stay lines.
fn decoded(hex: &str) -> String {
    let digit = |place: usize| hex.as_bytes().get(place).and_then(|c| char::from(*c).to_digit(16)).unwrap_or(0);
    let bytes: Vec<u8> =
        (0..hex.len() / 2).map(|byte| u8::try_from(16 * digit(2 * byte) + digit(2 * byte + 1)).unwrap_or(0)).collect();
    let text = String::from_utf8_lossy(&bytes);
    let visible: String =
        text.chars().map(|c| if c == '\r' || c.is_control() && c != '\n' { '\u{b7}' } else { c }).collect();
    cropped(&visible)
}

/// The names of the pieces that a card's call has written.
pub(super) fn of_card(view: &View<'_>, card: &Card) -> Vec<String> {
    let mut names = Vec::new();
    for stream in 0..STREAMS.len() {
        let same = hex(view, 0, stream) == hex(view, 1, stream);
        for side in 0..if same { 1 } else { 2 } {
            let writes = written(view, card, side, stream).is_some();
            if writes && pieces(view, side, stream).iter().any(|piece| piece.number == Some(card.number)) {
                names.push(piece_id(view, side, stream, card.number));
            }
        }
    }
    names
}
