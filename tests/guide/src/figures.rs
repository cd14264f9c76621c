//! Figures, drawn from recorded runs as SVG.

use maud::{Markup, html};

use crate::chapter::Language;
use crate::recorded::Packet;

/// With more ends than this, a ladder cannot be drawn.
const MOST_LANES: usize = 6;
const LANE: usize = 230;
const STEP: usize = 34;

/// What a packet says, in a few words.
pub fn packet_text(packet: &Packet, language: Language) -> String {
    let mut parts = Vec::new();
    if packet.length > 0 {
        let unit = language.choose(if packet.length == 1 { " byte" } else { " bytes" }, "바이트");
        parts.push(format!("{}{unit} \"{}\"", packet.length, packet.data));
    }
    parts.extend(packet.sequence.map(|number| format!("seq {number}")));
    // Only a segment with ACK acknowledges something.
    parts.extend(packet.acknowledges.filter(|_| packet.flags.contains("ACK")).map(|number| format!("ack {number}")));
    // Of segments, those that open a connection have options that matter.
    let has_options = packet.flags.is_empty() || packet.flags.contains("SYN");
    parts.extend(packet.options.iter().filter(|_| has_options).cloned());
    if packet.resent {
        parts.push(language.choose("sent again", "재전송").to_owned());
    }
    let head = if packet.flags.is_empty() { &packet.protocol } else { &packet.flags };
    format!("{head}  {}", parts.join(", "))
}

/// Packets as arrows between their ends, from top to bottom.
pub fn ladder(packets: &[&Packet], language: Language) -> Markup {
    let mut ends: Vec<&str> = Vec::new();
    for packet in packets {
        for end in [&packet.from, &packet.to] {
            if !ends.contains(&end.as_str()) {
                ends.push(end);
            }
        }
    }
    ends.truncate(MOST_LANES);
    let lane = |end: &str| ends.iter().position(|other| *other == end);
    // A packet that a host sends to itself goes from one side of it to another.
    let to_itself = ends.len() == 1;
    let to = |packet: &Packet| lane(&packet.to).map(|to| to + usize::from(to_itself));
    let shown: Vec<_> = packets.iter().filter_map(|p| Some((p, lane(&p.from)?, to(p)?))).collect();
    ends.extend_from_within(..usize::from(to_itself));
    // Each text has room between the two ends that it stands between.
    let room = |(packet, from, to): &(&&Packet, usize, usize)| {
        let lanes = from.abs_diff(*to).max(1);
        (packet_text(packet, language).chars().count() * 7 + 30).div_ceil(lanes)
    };
    let lane_width = shown.iter().map(room).max().unwrap_or(0).max(if ends.len() == 2 { 2 * LANE } else { LANE });
    let x = |lane: usize| 90 + LANE / 2 + lane * lane_width;
    let (width, height) = (x(ends.len().max(1) - 1) + LANE / 2 + 10, 46 + shown.len() * STEP);
    let zero = packets.first().map_or(0, |packet| packet.time);
    let left_out = packets.len() - shown.len();
    html! {
        svg .drawn viewBox={ "0 0 " (width) " " (height) } width=(width) height=(height) role="img"
            aria-label=(language.choose("The packets, from top to bottom", "위에서 아래로 본 패킷"))
        {
            text .faint x="4" y="18" { "ms" }
            @for (index, end) in ends.iter().enumerate() {
                text x=(x(index)) y="18" text-anchor="middle" .strong { (end) }
                line .lane x1=(x(index)) x2=(x(index)) y1="26" y2=(height) {}
            }
            @for (row, (packet, from, to)) in shown.iter().enumerate() {
                @let y = 58 + row * STEP;
                @let (a, b) = (x(*from), x(*to));
                @let (a, b) = if a < b { (a + 2, b - 3) } else { (a - 2, b + 3) };
                @let sign: i64 = if a < b { -1 } else { 1 };
                @let b = i64::try_from(b).unwrap_or(0);
                text .faint x="4" y=(y + 4) { (milliseconds(packet.time - zero)) }
                line .arrow x1=(a) x2=(b) y1=(y) y2=(y) {}
                polygon .tip points={ (b) "," (y) " " (b + sign * 8) "," (y - 4) " " (b + sign * 8) "," (y + 4) } {}
                text x=((x(*from) + x(*to)) / 2) y=(y - 7) text-anchor="middle" { (packet_text(packet, language)) }
            }
        }
        @if left_out > 0 {
            p .none { (left_out) (language.choose(" packets of other ends are left out.", "개는 다른 상대와 주고받은 패킷이라 생략했습니다.")) }
        }
    }
}

fn milliseconds(nanoseconds: i64) -> String {
    let tenths = nanoseconds / 100_000;
    format!("{}.{}", tenths / 10, (tenths % 10).abs())
}

/// The bytes of a number, in memory and on the network: what `byte_order` prints.
pub fn bytes(output: &str, language: Language) -> Result<Markup, String> {
    let row = |name: &str| -> Result<(Vec<String>, String), String> {
        let line = output.lines().find_map(|line| line.trim_start().strip_prefix(name));
        let words: Vec<&str> = line.ok_or_else(|| format!("it prints no line {name:?}"))?.split_whitespace().collect();
        let (number, bytes) = words.split_last().ok_or("an empty line")?;
        Ok((bytes.iter().map(|byte| (*byte).to_owned()).collect(), (*number).to_owned()))
    };
    let is_little = output.starts_with("This machine is little-endian");
    let (memory, number) = row("the number")?;
    let (network, _) = row("after htonl")?;
    if memory.len() != 4 || network.len() != 4 {
        return Err("it does not print four bytes".into());
    }
    let machine = match is_little {
        true => language.choose("In memory here (little-endian)", "이 컴퓨터의 메모리(리틀 엔디언)"),
        false => language.choose("In memory here (big-endian)", "이 컴퓨터의 메모리(빅 엔디언)"),
    };
    let rows = [
        (machine, memory),
        (language.choose("On the network, after htonl (big-endian)", "htonl을 거친 네트워크 순서(빅 엔디언)"), network),
    ];
    Ok(html! {
        svg .drawn viewBox="0 0 620 262" width="620" height="262" role="img"
            aria-label={ (language.choose("The bytes of ", "바이트 순서: ")) (number) }
        {
            text x="10" y="20" .strong { (language.choose("The number ", "수: ")) (number) }
            @for (index, (title, bytes)) in rows.iter().enumerate() {
                @let y = 40 + index * 116;
                text x="10" y=(y + 14) { (title) }
                @for (place, byte) in bytes.iter().enumerate() {
                    @let x = 10 + place * 146;
                    rect class=(colour(byte)) x=(x) y=(y + 24) width="142" height="42" {}
                    text .value x=(x + 71) y=(y + 52) text-anchor="middle" { (byte) }
                    text .faint x=(x + 71) y=(y + 84) text-anchor="middle" {
                        @if index == 0 { (language.choose("address ", "주소 ")) "A" @if place > 0 { "+" (place) } }
                        @else if place == 0 { (language.choose("sent first", "처음에 보냄")) }
                        @else if place == 3 { (language.choose("sent last", "마지막에 보냄")) }
                    }
                }
            }
        }
    })
}

/// Equal bytes have equal colours.
fn colour(byte: &str) -> String {
    let value = u8::from_str_radix(byte, 16).unwrap_or(0);
    format!("byte c{}", value % 5)
}

/// The queues of a listening socket while nobody accepts: what `listen_backlog` prints.
pub fn queues(output: &str, language: Language) -> Result<Markup, String> {
    let find = |pattern: &str| {
        let line = output.lines().find_map(|line| line.split_once(pattern));
        line.ok_or_else(|| format!("it prints no line with {pattern:?}"))
    };
    let first = |text: &str| text.split_whitespace().next().unwrap_or("").to_owned();
    let backlog = first(find("a backlog of ")?.1).trim_end_matches(',').to_owned();
    let limit = first(find("limit in force is ")?.1);
    let late = first(find(" has no answer")?.0);
    let count: usize = first(find("not accepted: ")?.1).parse().map_err(|_| "no number of connections")?;
    let connected = output.lines().filter_map(|line| line.strip_suffix(" is connected"));
    let complete: Vec<&str> = connected.take(count).collect();
    let accepted: Vec<&str> = output.lines().filter_map(|line| line.strip_prefix("The server accepts ")).collect();
    if complete.len() != count || accepted.len() < count || complete[..] != accepted[..count] {
        return Err("the first to connect are not the first to be accepted".into());
    }
    if count > 8 {
        return Err("more connections than can be drawn".into());
    }
    let height = 130 + count * 34;
    let text = |english: &'static str, korean: &'static str| language.choose(english, korean);
    Ok(html! {
        svg .drawn viewBox={ "0 0 720 " (height) } width="720" height=(height) role="img"
            aria-label=(text("The queues of the listening socket", "리스닝 소켓의 큐"))
        {
            text x="10" y="20" .strong { "listen(fd, " (backlog) ")" }
            text x="190" y="20" .faint { (text("limit in force: ", "실제 한도: ")) (limit) }
            text x="20" y="56" { (text("half-open (SYN queue)", "연결 중(SYN 큐)")) }
            rect .slot x="20" y="66" width="180" height="34" {}
            text .faint x="110" y="88" text-anchor="middle" { (text("empty", "비어 있음")) }
            line .arrow x1="204" x2="250" y1="83" y2="83" {}
            polygon .tip points="254,83 246,79 246,87" {}
            text x="262" y="56" { (text("complete (accept queue)", "완료됨(accept 큐)")) }
            @for (place, client) in complete.iter().enumerate() {
                @let y = 66 + place * 34;
                rect class={ "slot full" @if place + 1 == count { " extra" } } x="262" y=(y) width="180" height="30" {}
                text x="352" y=(y + 20) text-anchor="middle" { (client) }
                @if place == 0 {
                    line .arrow x1="446" x2="500" y1=(y + 15) y2=(y + 15) {}
                    polygon .tip points={ "504," (y + 15) " 496," (y + 11) " 496," (y + 19) } {}
                    text x="510" y=(y + 20) { (text("accept() takes this one first", "accept()가 먼저 꺼냄")) }
                }
                @if place + 1 == count && place > 0 {
                    text .faint x="452" y=(y + 20) { (text("one more than the limit", "한도보다 하나 많음")) }
                }
            }
            @let y = 66 + count * 34;
            line .cut x1="20" x2="700" y1=(y + 6) y2=(y + 6) {}
            text x="20" y=(y + 34) { (late) }
            line .arrow x1="110" x2="200" y1=(y + 29) y2=(y + 29) {}
            text .bad x="206" y=(y + 35) { "✕" }
            text x="226" y=(y + 34) {
                (text("its SYN is dropped: no answer; it is sent again later", "SYN을 버림: 응답 없음, 나중에 재전송됨"))
            }
        }
    })
}

/// The states of both ends of a connection, from top to bottom: what `handshake` prints.
pub fn states(output: &str, language: Language) -> Result<Markup, String> {
    let mut rows: Vec<(&str, [&str; 2])> = Vec::new();
    let is_head = |line: &&str| line.split_whitespace().collect::<Vec<_>>() == ["client", "server"];
    for line in output.lines().skip_while(|line| !is_head(line)).skip(1).filter(|line| !line.starts_with("  ")) {
        let mut columns = line.rsplit("  ").map(str::trim).filter(|column| !column.is_empty());
        let (Some(server), Some(client), Some(what)) = (columns.next(), columns.next(), columns.next()) else { break };
        rows.push((what, [client, server]));
    }
    if rows.len() < 2 {
        return Err("it prints no states".into());
    }
    let (row, width) = (38, 720);
    let height = 34 + rows.len() * row + 6;
    let lanes = [(10, language.choose("client", "클라이언트")), (width - 150, language.choose("server", "서버"))];
    Ok(html! {
        svg .drawn viewBox={ "0 0 " (width) " " (height) } width=(width) height=(height) role="img"
            aria-label=(language.choose("The states of both ends, from top to bottom", "양 끝의 상태, 위에서 아래로"))
        {
            @for (side, (x, name)) in lanes.iter().enumerate() {
                text .strong x=(x + 70) y="20" text-anchor="middle" { (name) }
                @for (first, count, state) in runs(&rows, side) {
                    @let (y, height) = (32 + first * row, count * row - 4);
                    rect class={ "state" @if state == "ESTABLISHED" { " whole" } } x=(x) y=(y) width="140" height=(height) {}
                    text x=(x + 70) y=(y + height / 2 + 5) text-anchor="middle" { (state) }
                }
            }
            @for (place, (what, _)) in rows.iter().enumerate() {
                text .faint x=(width / 2) y=(32 + place * row + 21) text-anchor="middle" { (what) }
            }
        }
    })
}

/// The same state in rows that follow each other: the first of them, how many, and the state.
fn runs<'a>(rows: &[(&'a str, [&'a str; 2])], side: usize) -> Vec<(usize, usize, &'a str)> {
    let mut runs: Vec<(usize, usize, &str)> = Vec::new();
    for (place, (_, states)) in rows.iter().enumerate() {
        match runs.last_mut() {
            Some((_, count, state)) if *state == states[side] => *count += 1,
            _ => runs.push((place, 1, states[side])),
        }
    }
    runs
}

/// A route of links with their MTUs, and what becomes of a packet: what `ttl_mtu` prints.
pub fn path(output: &str, language: Language) -> Result<Markup, String> {
    let after = |mark: &str| output.lines().find_map(|line| line.strip_prefix(mark));
    let (route, least) =
        after("MTUs on the route: ").and_then(|line| line.split_once("; path MTU: ")).ok_or("no route")?;
    let least: usize = least.trim().parse().map_err(|_| "no path MTU")?;
    let words: Vec<&str> = route.split_whitespace().collect();
    let links: Vec<(&str, usize)> =
        words.chunks(2).filter_map(|pair| Some((*pair.first()?, pair.get(1)?.parse().ok()?))).collect();
    let largest = links.iter().map(|(_, mtu)| *mtu).max().unwrap_or(0);
    if links.len() < 2 || links.len() > 6 || largest == 0 {
        return Err("no route of some links".into());
    }
    let (packet, pieces) = after("a packet of ").and_then(|line| line.split_once(" bytes")).ok_or("no packet")?;
    let pieces = pieces.split_once("fragmented into ").map_or("", |(_, rest)| rest);
    let pieces: Vec<usize> = pieces.split_whitespace().map_while(|word| word.parse().ok()).collect();
    let packet: usize = packet.parse().map_err(|_| "no length of a packet")?;
    let (wide, high, middle) = (170, 90, 84);
    let width = 20 + links.len() * wide;
    Ok(html! {
        svg .drawn viewBox={ "0 0 " (width) " 236" } width=(width) height="236" role="img"
            aria-label={ (language.choose("The path MTU is ", "Path MTU는 ")) (least) }
        {
            @for (place, (name, mtu)) in links.iter().enumerate() {
                @let (x, height) = (10 + place * wide, (mtu * high / largest).max(8));
                rect class={ "slot full" @if *mtu == least { " extra" } } x=(x) y=(middle - height / 2) width=(wide - 6) height=(height) {}
                text .strong x=(x + wide / 2 - 3) y="20" text-anchor="middle" { (name) }
                text x=(x + wide / 2 - 3) y=(middle + 5) text-anchor="middle" { "MTU " (mtu) }
            }
            text x="10" y="162" {
                (language.choose("Path MTU: ", "Path MTU: ")) (least)
                (language.choose(", the smallest of them", ", 가장 작은 MTU"))
            }
            rect .slot.full x="10" y="178" width=(packet * 2) height="22" {}
            text x=(10 + packet) y="194" text-anchor="middle" { (packet) (language.choose(" bytes", "바이트")) }
            text x=(22 + packet * 2) y="194" { "→" }
            @for (place, piece) in pieces.iter().enumerate() {
                @let x = 46 + packet * 2 + pieces[..place].iter().sum::<usize>() * 2 + place * 14;
                rect .slot.full.extra x=(x) y="178" width=(piece * 2) height="22" {}
                text x=(x + piece) y="194" text-anchor="middle" { (piece) }
            }
            text .faint x="10" y="222" {
                (language.choose(
                    "A packet that is larger is sent in fragments, each with a header of its own.",
                    "이보다 큰 패킷은 조각으로 나누어 보내고, 조각마다 헤더가 붙습니다.",
                ))
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BYTES: &str = "This machine is little-endian: the lowest byte comes first.\n  the number    01 02 03 04    0x04030201\n  \
                         after htonl   04 03 02 01    0x01020304\n";
    const QUEUES: &str = "The server listens with a backlog of 1, and does not accept\nThe limit in force is 1\n\
                          127.0.0.2 is connected\n127.0.0.3 is connected\n127.0.0.4 has no answer: the queue is full\n\
                          Complete, and not accepted: 2\nThe server accepts 127.0.0.2\nThe server accepts 127.0.0.3\n";

    #[test]
    fn figures_say_what_the_output_says() {
        let drawn = bytes(BYTES, Language::English).unwrap().into_string();
        assert!(drawn.contains("0x04030201") && drawn.contains("little-endian"));
        let drawn = queues(QUEUES, Language::Korean).unwrap().into_string();
        assert!(drawn.contains("127.0.0.4") && drawn.contains("listen(fd, 1)"));
    }

    #[test]
    fn states_and_a_path() {
        let output = "Segments of a client   sent  received\nSYN, ACK   2   1\n\n        client       server\n\
                      The server listens           CLOSE        LISTEN\nThe client connects          SYN_SENT     LISTEN\n\
                      \x20 The recv returns 1\nThe server accepts           ESTABLISHED  ESTABLISHED\nNot shown: SYN_RECV\n";
        let drawn = states(output, Language::English).unwrap().into_string();
        assert_eq!(drawn.matches("LISTEN").count(), 1);
        assert!(drawn.contains("SYN_SENT") && drawn.contains("The server accepts") && !drawn.contains("recv"));
        let output = "MTUs on the route: A 100 B 70; path MTU: 70\na packet of 100 bytes, 20 of them header, is \
                      fragmented into 68 52 bytes, each with a header\n";
        let drawn = path(output, Language::English).unwrap().into_string();
        assert!(["MTU 100", "MTU 70", ">68<", ">52<", "100 bytes"].iter().all(|text| drawn.contains(text)), "{drawn}");
        assert!(
            states("", Language::English).is_err() && path(&output.replace("; path", ""), Language::English).is_err()
        );
    }

    #[test]
    fn other_output_is_not_drawn() {
        assert!(bytes("", Language::English).is_err());
        assert!(bytes(&BYTES.replace("04 03 02 01", "04 03"), Language::English).is_err());
        assert!(queues(&QUEUES.replace("has no answer", "is connected"), Language::English).is_err());
        let swapped = QUEUES.replace("accepts 127.0.0.3", "accepts 127.0.0.9");
        assert!(queues(&swapped, Language::English).unwrap_err().contains("first"));
    }
}
