//! The same exchange with several servers, one below the other: where each sleeps, when data arrives, what it calls.

use std::collections::BTreeMap;

use maud::{Markup, html};

use crate::chapter::Language;
use crate::recorded::{Account, Call, Packet, Side};

/// Between two deeds.
const INTERVAL: usize = 118;
/// Before the first deed, and after the last.
const MARGIN: usize = 34;
const NAMES: usize = 132;
const LANE: usize = 20;
const GAP: usize = 5;
/// Above a server's lanes: its name, and the data that arrives.
const HEAD: usize = 40;
const TOP: usize = 46;
/// A call that is drawn as a mark.
const MARK: usize = 8;
/// A call that began this long before a deed, in nanoseconds, and was over only afterwards, was waiting.
const WAITING: i64 = 100_000;
/// So long after a call a packet that it has sent is captured, at most, in nanoseconds.
const SENT_AFTER: i64 = 60_000;

/// What a call has done, as far as the figure shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    Accept,
    Receive,
    Send,
    /// It would have had to wait.
    Again,
    Other,
}

impl Mark {
    const ALL: [Self; 5] = [Self::Accept, Self::Receive, Self::Send, Self::Again, Self::Other];

    fn class(self) -> &'static str {
        match self {
            Self::Accept => "m-accept",
            Self::Receive => "m-receive",
            Self::Send => "m-send",
            Self::Again => "m-again",
            Self::Other => "m-other",
        }
    }

    fn words(self, language: Language) -> &'static str {
        match self {
            Self::Accept => language.choose("accepts", "accept"),
            Self::Receive => language.choose("receives", "수신"),
            Self::Send => language.choose("sends", "송신"),
            Self::Again => language.choose("EAGAIN: nothing there", "EAGAIN: 할 일 없음"),
            Self::Other => language.choose("other call", "그 밖의 호출"),
        }
    }
}

/// The part of a run that is drawn.
struct Window<'a> {
    side: &'a Side,
    /// When the deeds were done.
    deeds: Vec<i64>,
    calls: Vec<&'a Call>,
    arrivals: Vec<&'a Packet>,
    /// The times that have a place of their own, in order, for each interval.
    slots: Vec<Vec<i64>>,
}

impl<'a> Window<'a> {
    fn new(account: &'a Account, count: usize) -> Result<Self, String> {
        let side = &account.sides[0];
        let deeds: Vec<i64> = side.deeds.iter().take(count).map(|deed| deed.time).collect();
        let (Some(first), Some(last)) = (deeds.first().copied(), deeds.last().copied()) else {
            return Err("nothing is done in it".into());
        };
        if deeds.len() < count || deeds.windows(2).any(|pair| pair[0] > pair[1]) {
            return Err(format!("it has no {count} deeds in order"));
        }
        let calls = side.calls.iter().filter(|call| call.kind == "call" && call.begin <= last && call.end >= first);
        let calls: Vec<&Call> = calls.collect();
        let arrivals = side.packets.iter().filter(|packet| (first..=last).contains(&packet.time));
        let arrivals: Vec<&Packet> = arrivals.filter(|packet| packet.length > 0 && to_server(side, packet)).collect();
        let mut window = Self { side, deeds, calls, arrivals, slots: vec![Vec::new(); count + 1] };
        let mut times: Vec<i64> = window.arrivals.iter().map(|packet| packet.time).collect();
        for call in &window.calls {
            times.push(call.begin);
            if window.waits(call) {
                times.push(call.end);
            }
        }
        times.sort_unstable();
        times.dedup();
        for time in times {
            let interval = window.interval(time);
            window.slots[interval].push(time);
        }
        Ok(window)
    }

    /// 0 before the first deed.
    fn interval(&self, time: i64) -> usize {
        self.deeds.partition_point(|deed| *deed <= time)
    }

    /// Whether it slept until something was done.
    fn waits(&self, call: &Call) -> bool {
        waits(self.side, call)
    }

    /// Where a time is: between two deeds, whatever happens stands at equal distances.
    fn x(&self, time: i64) -> usize {
        let interval = self.interval(time);
        let last = self.deeds.len();
        match interval {
            0 => NAMES,
            _ if interval == last => NAMES + MARGIN + (last - 1) * INTERVAL + MARGIN,
            _ => {
                let slots = &self.slots[interval];
                let place = slots.partition_point(|slot| *slot < time);
                let of_its_own = usize::from(slots.get(place) == Some(&time));
                deed_x(interval - 1) + INTERVAL * (place + of_its_own) / (slots.len() + 1)
            }
        }
    }

    fn is_inside(&self, time: i64) -> bool {
        (1..self.deeds.len()).contains(&self.interval(time))
    }

    /// What came of a call.
    fn mark(&self, call: &Call) -> Mark {
        let during = |packets: &[Packet], late: i64, wanted: &dyn Fn(&Packet) -> bool| {
            packets.iter().any(|packet| (call.begin..=call.end + late).contains(&packet.time) && wanted(packet))
        };
        let packets = &self.side.packets;
        let from_server = |packet: &Packet| packet.length > 0 && !to_server(self.side, packet);
        let is_uring = call.name == "io_uring_enter";
        match call.name.as_str() {
            _ if call.text.contains("EAGAIN") => Mark::Again,
            "accept4" | "accept" => Mark::Accept,
            "recvfrom" | "read" if has_data(call) => Mark::Receive,
            "sendto" | "write" if has_data(call) => Mark::Send,
            _ if is_uring && during(packets, SENT_AFTER, &from_server) => Mark::Send,
            _ if is_uring && during(packets, 0, &|packet| packet.length > 0 && to_server(self.side, packet)) => {
                Mark::Receive
            }
            _ if is_uring && during(packets, 0, &|packet| packet.flags == "SYN") => Mark::Accept,
            _ => Mark::Other,
        }
    }

    /// The threads, in the order in which they appear, with their calls.
    fn lanes(&self) -> Vec<Vec<&'a Call>> {
        let mut lanes: Vec<(u32, Vec<&Call>)> = Vec::new();
        for call in &self.calls {
            match lanes.iter_mut().find(|(thread, _)| *thread == call.thread) {
                Some((_, calls)) => calls.push(call),
                None => lanes.push((call.thread, vec![call])),
            }
        }
        lanes.sort_by_key(|(_, calls)| calls[0].begin);
        lanes.into_iter().map(|(_, calls)| calls).collect()
    }
}

fn waits(side: &Side, call: &Call) -> bool {
    let until = |deed: i64| call.begin + WAITING < deed && deed < call.end;
    !call.text.contains("EAGAIN") && side.deeds.iter().any(|deed| until(deed.time))
}

/// The server is who gets the first packet.
fn to_server(side: &Side, packet: &Packet) -> bool {
    side.packets.first().is_some_and(|first| first.to == packet.to)
}

/// Whether a call has a text of some bytes, which it has read or written.
fn has_data(call: &Call) -> bool {
    call.text.contains(", \"") && !call.text.contains(", \"\"")
}

fn deed_x(place: usize) -> usize {
    NAMES + MARGIN + place * INTERVAL
}

/// Who makes a call; empty if there is only one process.
pub fn owner_text(call: &Call, language: Language) -> String {
    if call.phase == "library" {
        return language.choose("C library's thread", "C 라이브러리 스레드").to_owned();
    }
    let owner = call.owner.split(',').next().unwrap_or("");
    language.choose(owner.to_owned(), owner.replace("process", "프로세스"))
}

/// What a peer did, in a few words.
pub fn deed_text(text: &str, language: Language) -> String {
    let korean = || -> Option<String> {
        let (who, rest) = text.split_once(' ')?;
        let what = match rest.split_whitespace().collect::<Vec<_>>()[..] {
            ["connects", "to", port] => format!("{port}번 포트에 연결"),
            ["sends", count, "byte" | "bytes"] => format!("{count}바이트를 보냄"),
            ["gets", count, "byte" | "bytes"] => format!("{count}바이트를 받음"),
            ["closes"] => "연결을 닫음".into(),
            ["resets"] => "연결을 리셋".into(),
            ["accepts"] => "연결을 받음".into(),
            ["shuts", "down", "its", "sending", "side"] => "보내는 방향을 끝냄".into(),
            ["listens", "on", port] => format!("{port}번 포트에서 listen"),
            ["is", "refused", "at", port] => format!("{port}번 포트에서 연결이 거부됨"),
            ["gets", "nothing"] => "아무것도 받지 못함".into(),
            ["gets", "the", "end", "of", "the", "stream"] => "스트림의 끝을 받음".into(),
            ["takes", "port", port, "for", "datagrams"] => format!("{port}번 포트에서 데이터그램을 받기 시작"),
            ["gets", "a", "datagram", "of", count, "byte" | "bytes"] => format!("{count}바이트 데이터그램을 받음"),
            ["sends", "a", "datagram", "of", count, "byte" | "bytes", "to", whom] => {
                format!("{whom}로 {count}바이트 데이터그램을 보냄")
            }
            ["joins", group, "port", port] => format!("{port}번 포트로 그룹 {}에 가입", group.trim_end_matches(',')),
            ["program", "gets", signal] if who == "the" => return Some(format!("프로그램이 {signal} 시그널을 받음")),
            _ => return None,
        };
        Some(format!("{who}: {what}"))
    };
    language.choose(text.to_owned(), korean().unwrap_or_else(|| text.to_owned()))
}

/// The first deeds of a scenario that several servers have run, and what the servers did meanwhile.
pub fn timeline(runs: &[(&str, &Account)], count: usize, language: Language) -> Result<Markup, String> {
    let mut windows = Vec::new();
    for (program, account) in runs {
        windows.push((*program, Window::new(account, count).map_err(|what| format!("{program}: {what}"))?));
    }
    let texts = |window: &Window<'_>| -> Vec<String> {
        window.side.deeds.iter().take(count).map(|deed| deed.text.clone()).collect()
    };
    let deeds = windows.first().map(|(_, window)| texts(window)).ok_or("no program")?;
    if windows.iter().any(|(_, window)| texts(window) != deeds) {
        return Err("the peers do not do the same with all of them".into());
    }
    let width = deed_x(count - 1) + 2 * MARGIN;
    let mut y = TOP;
    let mut places = Vec::new();
    for (program, window) in &windows {
        let lanes = window.lanes();
        let height = HEAD + lanes.len() * (LANE + GAP);
        places.push((*program, window, lanes, y));
        y += height + 14;
    }
    Ok(html! {
        (legend(language))
        svg .drawn.timeline viewBox={ "0 0 " (width) " " (y) } width=(width) height=(y) role="img"
            aria-label=(language.choose("What each server does while its clients act", "클라이언트가 움직이는 동안 서버마다 하는 일"))
        {
            @for (place, text) in deeds.iter().enumerate() {
                @let x = deed_x(place);
                line .deed x1=(x) x2=(x) y1="30" y2=(y - 10) {}
                text .faint x=(x) y=(if place % 2 == 0 { 12 } else { 26 }) text-anchor="middle" { (deed_text(text, language)) }
            }
            @for (program, window, lanes, y) in &places {
                (server(program, window, lanes, *y, language))
            }
        }
    })
}

fn legend(language: Language) -> Markup {
    html! {
        p .legend {
            span { i .waits {} (language.choose("sleeps in the call", "호출한 채 잠듦")) }
            span { i .runs {} (language.choose("runs", "실행 중")) }
            @for mark in Mark::ALL { span { i class=(mark.class()) {} (mark.words(language)) } }
            span { "▼ " (language.choose("data arrives", "데이터 도착")) }
        }
    }
}

fn server(program: &str, window: &Window<'_>, lanes: &[Vec<&Call>], y: usize, language: Language) -> Markup {
    let begun = window.calls.iter().filter(|call| window.is_inside(call.begin)).count();
    html! {
        text .strong x="0" y=(y + 16) { (program) }
        text .faint x="0" y=(y + 34) { (begun) (language.choose(" calls", "개 호출")) }
        @for packet in &window.arrivals {
            @let x = window.x(packet.time);
            text .faint x=(x + 8) y=(y + 34) { (packet.data) }
            polygon .tip points={ (x - 5) "," (y + 25) " " (x + 5) "," (y + 25) " " (x) "," (y + 35) } {}
        }
        @for (place, calls) in lanes.iter().enumerate() {
            (lane(window, calls, y + HEAD + place * (LANE + GAP), language))
        }
    }
}

fn lane(window: &Window<'_>, calls: &[&Call], y: usize, language: Language) -> Markup {
    let is_library = calls[0].phase == "library";
    let name = owner_text(calls[0], language);
    let (begin, end) = (calls[0].begin, calls.iter().map(|call| call.end).max().unwrap_or(0));
    let (left, right) = (window.x(begin), window.x(end));
    // Between the calls, a thread of the C library waits for locks, which an account leaves out.
    let runs = if is_library { "unknown" } else { "runs" };
    html! {
        text .faint x="0" y=(y + 14) { (name) }
        rect class=(runs) x=(left) y=(y + 6) width=(right.saturating_sub(left).max(1)) height=(LANE - 12) {}
        @for call in calls {
            @let x = window.x(call.begin);
            @if window.waits(call) {
                @let end = window.x(call.end);
                @let width = end.saturating_sub(x).max(MARK);
                rect .waits x=(x) y=(y) width=(width) height=(LANE) { title { (call.text) } }
                @if width > call.function.len() * 8 + 16 { text .inside x=(x + 6) y=(y + 14) { (call.function) } }
                @let mark = window.mark(call);
                @if mark != Mark::Other && window.is_inside(call.end) {
                    rect class=(mark.class()) x=((x + width).saturating_sub(MARK)) y=(y) width=(MARK) height=(LANE) { title { (call.text) } }
                }
            } @else if window.is_inside(call.begin) {
                @let mark = window.mark(call);
                @let width = if mark == Mark::Other { 2 } else { MARK };
                rect class=(mark.class()) x=(x) y=(y) width=(width) height=(LANE) { title { (call.text) } }
            }
        }
    }
}

/// Stevens' two phases of one message, as each server went through them: the wait for the data, and its copy.
pub fn phases(runs: &[(&str, &Account)], deed: usize, language: Language) -> Result<Markup, String> {
    let mut rows = BTreeMap::new();
    for (place, (program, account)) in runs.iter().enumerate() {
        let row = Phases::of(&account.sides[0], deed).ok_or_else(|| format!("{program}: no message is echoed"))?;
        rows.insert(place, (*program, row));
    }
    let code = |call: Option<&Call>, otherwise: &'static str| {
        html! {
            @match call { Some(call) => { code { (call.function) } }, None => { (otherwise) } }
        }
    };
    Ok(html! {
        div .wide tabindex="0" { table .phases {
            thead { tr {
                th { (language.choose("server", "서버")) }
                th { (language.choose("1: waits for the data in", "1: 데이터를 기다리는 호출")) }
                th { (language.choose("2: the data is copied by", "2: 데이터를 복사하는 호출")) }
                th { (language.choose("sent back by", "되돌려 보내는 호출")) }
                th { (language.choose("calls", "호출 수")) }
                th { (language.choose("ms until the echo leaves", "에코가 나갈 때까지(ms)")) }
            } }
            tbody { @for (program, row) in rows.values() {
                tr {
                    td { code { (program) } }
                    td { (code(row.waits, language.choose("none: it asks again and again", "없음: 될 때까지 되풀이"))) }
                    td { (code(Some(row.receives), "")) }
                    td { (code(Some(row.sends), "")) }
                    td .number { (row.calls) }
                    td .number { (format!("{:.1}", row.duration as f64 / 1e6)) }
                }
            } }
        } }
    })
}

/// How a message was received and sent back.
struct Phases<'a> {
    waits: Option<&'a Call>,
    receives: &'a Call,
    sends: &'a Call,
    /// From the arrival of the message to the call that sends it, that one included.
    calls: usize,
    duration: i64,
}

impl<'a> Phases<'a> {
    /// Of the message that the deed of this number sends; the first is 1.
    fn of(side: &'a Side, deed: usize) -> Option<Self> {
        let from = side.deeds.get(deed.checked_sub(1)?)?.time;
        let data = |packet: &&Packet| packet.length > 0 && packet.time >= from;
        let arrival = side.packets.iter().filter(data).find(|packet| to_server(side, packet))?;
        let echo = side
            .packets
            .iter()
            .filter(data)
            .find(|packet| !to_server(side, packet) && packet.to == arrival.from && packet.time > arrival.time)?;
        let calls = || side.calls.iter().filter(|call| call.kind == "call");
        let waiting = |call: &&Call| call.begin < arrival.time && arrival.time < call.end && waits(side, call);
        let waiting = calls().filter(waiting).min_by_key(|call| call.end);
        let text = format!("\"{}\"", arrival.data);
        let receives = calls().filter(|call| call.end >= arrival.time && call.text.contains(&text));
        let receives = receives.min_by_key(|call| call.end).filter(|call| call.begin < echo.time && !is_sending(call));
        let sends = calls().filter(|call| call.begin <= echo.time).max_by_key(|call| {
            // The one that is over first, of those that the packet came of.
            (call.end + SENT_AFTER >= echo.time && !call.text.contains("EAGAIN"), call.text.contains(&text), call.begin)
        })?;
        let between = calls().filter(|call| call.end >= arrival.time && call.begin <= sends.begin);
        let between = between.filter(|call| call.end <= echo.time + SENT_AFTER || *call == sends);
        // With io_uring, the data is there when the wait is over.
        let receives = receives.or(waiting)?;
        Some(Self { waits: waiting, receives, sends, calls: between.count(), duration: echo.time - arrival.time })
    }
}

fn is_sending(call: &Call) -> bool {
    ["sendto", "write", "pwrite64"].contains(&call.name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    /// Times are in milliseconds.
    fn call(name: &str, text: &str, begin: i64, end: i64) -> Value {
        json!({
            "kind": "call", "name": name, "function": name.replace("from", ""), "thread": 8, "owner": "", "text": text,
            "compared": text,
            "phase": "program", "step": 1, "places": [], "begin": begin * 1_000_000, "end": end * 1_000_000,
            "meaning": null,
        })
    }

    fn packet(from: &str, to: &str, data: &str, time: i64) -> Value {
        json!({
            "number": 1, "time": time * 1_000_000, "protocol": "TCP", "from": from, "to": to, "flags": "PSH, ACK",
            "sequence": 1, "acknowledges": 1, "options": [], "resent": false, "length": data.len(), "data": data,
        })
    }

    /// A server that waits in poll, or asks again and again.
    fn account(waiting: bool) -> Account {
        let wait = if waiting {
            call("poll", "poll(...) = 1", 2, 11)
        } else {
            call("recvfrom", "recvfrom(4, ...) = -1 EAGAIN", 2, 11)
        };
        let side = json!({
            "label": "C", "end": "exit status 0", "stdout": { "hex": "" }, "stderr": { "hex": "" },
            "calls": [
                wait, call("recvfrom", "recvfrom(4, \"abc\", 9, 0, NULL, NULL) = 3", 13, 14),
                call("sendto", "sendto(4, \"abc\", 3, 0, NULL, 0) = 3", 16, 18), call("poll", "poll(...) = 1", 19, 40),
            ],
            "packets": [packet("client", "server", "abc", 10), packet("server", "client", "abc", 17)],
            "deeds": [
                { "text": "a connects to 5000", "time": 1_000_000 }, { "text": "a sends 3 bytes", "time": 9_000_000 },
                { "text": "a gets 3 bytes", "time": 30_000_000 },
            ],
            "timeline": [],
        });
        let account = json!({ "verdict": "same", "differences": [], "about": "", "sides": [side, side], "rows": [] });
        serde_json::from_value(account).unwrap()
    }

    #[test]
    fn what_waits_and_what_copies() {
        let account = account(true);
        let side = &account.sides[0];
        let phases = Phases::of(side, 2).unwrap();
        assert_eq!(phases.waits.unwrap().name, "poll");
        assert_eq!((phases.receives.name.as_str(), phases.sends.name.as_str()), ("recvfrom", "sendto"));
        assert_eq!((phases.calls, phases.duration), (3, 7_000_000));
        assert!(Phases::of(side, 3).is_none());
    }

    #[test]
    fn who_asks_again_and_again_does_not_wait() {
        let account = account(false);
        assert!(Phases::of(&account.sides[0], 2).unwrap().waits.is_none());
        let drawn = timeline(&[("p", &account)], 3, Language::English).unwrap().into_string();
        assert!(drawn.contains("m-again") && drawn.contains("m-receive") && drawn.contains("abc"));
    }

    #[test]
    fn a_time_line_has_the_same_deeds_for_all() {
        let (one, mut other) = (account(true), account(true));
        let draw =
            |other: &Account| timeline(&[("p", &one), ("q", other)], 3, Language::Korean).map(|it| it.into_string());
        let drawn = draw(&other).unwrap();
        assert!(drawn.contains("a: 3바이트를 보냄") && drawn.matches("<title>poll(...) = 1").count() >= 4, "{drawn}");
        other.sides[0].deeds[1].text = "b sends 3 bytes".into();
        assert!(draw(&other).unwrap_err().contains("the same"));
        other.sides[0].deeds.truncate(2);
        assert!(draw(&other).unwrap_err().contains("no 3 deeds"));
    }

    #[test]
    fn what_happens_between_two_deeds_stands_between_them() {
        let account = account(true);
        let window = Window::new(&account, 3).unwrap();
        let x: Vec<usize> = [1, 2, 9, 10, 11, 13, 16, 19].map(|ms| window.x(ms * 1_000_000)).into();
        assert!(x.windows(2).all(|pair| pair[0] < pair[1]), "{x:?}");
        assert_eq!((x[0], x[2]), (deed_x(0), deed_x(1)));
    }
}
