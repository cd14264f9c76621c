//! Directives: what a chapter quotes from the sources, the runs and the other documents.

/// A line `{{NAME ARGUMENTS}}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Directive {
    /// `{{program P}}`: what the program is, with links to both sources.
    Program(String),
    /// `{{step P N}}`: a step of both sources; 0 is what stands before the first.
    Step(String, u32),
    /// `{{output P S}}`: what it writes in a scenario.
    Output(Run),
    /// `{{calls P S}}`: the calls of a scenario; `{{calls P S N}}` those of one step.
    Calls(Run, Option<u32>),
    /// `{{packets P S}}`: its packets as a ladder; `{{packets P S ADDRESS}}` those of one address.
    Packets(Run, Option<String>),
    /// `{{story P S}}`: what the peers did, the calls and the packets, in the order of time; `{{story P S N}}` from step
    /// N on.
    Story(Run, Option<u32>),
    /// `{{view P S}}`: the whole run, embedded.
    View(Run),
    /// `{{erratum N}}`: an entry of the errata, with its proof.
    Erratum(u32),
    /// `{{claims}}`: the rows of the claims for the chapter's lines.
    Claims,
    /// `{{figure KIND P S}}`: drawn from a run.
    Figure(Figure, Run),
    /// `{{timeline S N P…}}`: what these programs do in the scenario until the peers have done N things.
    Timeline(Vec<Run>, usize),
    /// `{{phases S N P…}}`: how these programs receive what the peers' Nth deed sends.
    Phases(Vec<Run>, usize),
    /// `{{table FILE N}}`: the Nth table of a document; `{{table FILE N WORD…}}` its rows that begin with these words.
    Table {
        /// The document.
        file: String,
        /// The number of the table; the first is 1.
        number: usize,
        /// The first cells of the rows; empty for all.
        rows: Vec<String>,
    },
    /// `{{change FILE`, lines that begin with `- ` or `+ `, and `}}`: a change of a source.
    Change {
        /// The source.
        file: String,
        /// What it has.
        find: String,
        /// What it gets instead.
        put: String,
    },
}

/// A program in a scenario.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Run {
    /// The program.
    pub program: String,
    /// The scenario.
    pub scenario: String,
}

/// What is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Figure {
    /// The bytes of a number in memory and on the network: of `byte_order`.
    Bytes,
    /// The queues of a listening socket: of `listen_backlog`.
    Queues,
    /// The states of both ends of a connection: of `handshake`.
    States,
    /// The MTUs of a route: of `ttl_mtu`.
    Path,
}

impl Directive {
    /// The runs that it needs.
    pub fn runs(&self) -> &[Run] {
        match self {
            Self::Output(run)
            | Self::Calls(run, _)
            | Self::Packets(run, _)
            | Self::Story(run, _)
            | Self::View(run)
            | Self::Figure(_, run) => std::slice::from_ref(run),
            Self::Timeline(runs, _) | Self::Phases(runs, _) => runs,
            _ => &[],
        }
    }
}

/// Reads a directive, given as the lines between its brackets.
pub fn parse(lines: &[&str]) -> Result<Directive, String> {
    let words: Vec<&str> = lines[0].split_whitespace().collect();
    let (name, arguments) = words.split_first().ok_or("an empty directive")?;
    if *name != "change" && lines.len() > 1 {
        return Err(format!("{name} takes one line"));
    }
    let run = |program: &str, scenario: &str| Run { program: program.to_owned(), scenario: scenario.to_owned() };
    let number = |text: &str| text.parse::<u32>().map_err(|_| format!("invalid number {text:?}"));
    let place = |text: &str| text.parse().ok().filter(|n| *n > 0).ok_or_else(|| format!("invalid number {text:?}"));
    let expected = |form: &str| Err(format!("expected {{{{{form}}}}}"));
    match (*name, arguments) {
        ("program", [program]) => Ok(Directive::Program((*program).to_owned())),
        ("program", _) => expected("program PROGRAM"),
        ("step", [program, step]) => Ok(Directive::Step((*program).to_owned(), number(step)?)),
        ("step", _) => expected("step PROGRAM NUMBER"),
        ("output", [program, scenario]) => Ok(Directive::Output(run(program, scenario))),
        ("output", _) => expected("output PROGRAM SCENARIO"),
        ("calls", [program, scenario]) => Ok(Directive::Calls(run(program, scenario), None)),
        ("calls", [program, scenario, step]) => Ok(Directive::Calls(run(program, scenario), Some(number(step)?))),
        ("calls", _) => expected("calls PROGRAM SCENARIO [STEP]"),
        ("packets", [program, scenario]) => Ok(Directive::Packets(run(program, scenario), None)),
        ("packets", [program, scenario, address]) => {
            Ok(Directive::Packets(run(program, scenario), Some((*address).to_owned())))
        }
        ("packets", _) => expected("packets PROGRAM SCENARIO [ADDRESS]"),
        ("story", [program, scenario]) => Ok(Directive::Story(run(program, scenario), None)),
        ("story", [program, scenario, step]) => Ok(Directive::Story(run(program, scenario), Some(number(step)?))),
        ("story", _) => expected("story PROGRAM SCENARIO [STEP]"),
        ("view", [program, scenario]) => Ok(Directive::View(run(program, scenario))),
        ("view", _) => expected("view PROGRAM SCENARIO"),
        ("erratum", [entry]) => Ok(Directive::Erratum(number(entry)?)),
        ("erratum", _) => expected("erratum NUMBER"),
        ("claims", []) => Ok(Directive::Claims),
        ("claims", _) => expected("claims"),
        ("figure", ["bytes", program, scenario]) => Ok(Directive::Figure(Figure::Bytes, run(program, scenario))),
        ("figure", ["queues", program, scenario]) => Ok(Directive::Figure(Figure::Queues, run(program, scenario))),
        ("figure", ["states", program, scenario]) => Ok(Directive::Figure(Figure::States, run(program, scenario))),
        ("figure", ["path", program, scenario]) => Ok(Directive::Figure(Figure::Path, run(program, scenario))),
        ("figure", _) => expected("figure bytes|queues|states|path PROGRAM SCENARIO"),
        ("timeline", [scenario, count, programs @ ..]) if !programs.is_empty() => {
            let runs = programs.iter().map(|program| run(program, scenario)).collect();
            Ok(Directive::Timeline(runs, place(count)?))
        }
        ("timeline", _) => expected("timeline SCENARIO DEEDS PROGRAM…"),
        ("phases", [scenario, deed, programs @ ..]) if !programs.is_empty() => {
            let runs = programs.iter().map(|program| run(program, scenario)).collect();
            Ok(Directive::Phases(runs, place(deed)?))
        }
        ("phases", _) => expected("phases SCENARIO DEED PROGRAM…"),
        ("table", [file, number, rows @ ..]) => Ok(Directive::Table {
            file: (*file).to_owned(),
            number: place(number)?,
            rows: rows.iter().map(|row| (*row).to_owned()).collect(),
        }),
        ("table", _) => expected("table FILE NUMBER [ROW…]"),
        ("change", [file]) => change(file, &lines[1..]),
        ("change", _) => expected("change FILE"),
        _ => Err(format!("unknown directive {name:?}")),
    }
}

fn change(file: &str, lines: &[&str]) -> Result<Directive, String> {
    let side = |mark: &str| lines.iter().filter_map(|line| line.strip_prefix(mark)).collect::<Vec<_>>().join("\n");
    if lines.iter().any(|line| !line.starts_with("- ") && !line.starts_with("+ ")) {
        return Err("each line of a change begins with \"- \" or \"+ \"".into());
    }
    let (find, put) = (side("- "), side("+ "));
    if find.is_empty() {
        return Err("a change without a line \"- \"".into());
    }
    Ok(Directive::Change { file: file.to_owned(), find, put })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directives_are_read() {
        let run = || Run { program: "p".into(), scenario: "s".into() };
        assert_eq!(parse(&["step p 3"]), Ok(Directive::Step("p".into(), 3)));
        assert_eq!(parse(&["calls p s 2"]), Ok(Directive::Calls(run(), Some(2))));
        assert_eq!(parse(&["figure bytes p s"]), Ok(Directive::Figure(Figure::Bytes, run())));
        let change = Directive::Change { file: "f".into(), find: "a\n  b".into(), put: "c".into() };
        assert_eq!(parse(&["change f", "- a", "-   b", "+ c"]), Ok(change));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let wrong = |lines: &[&str]| parse(lines).unwrap_err();
        assert_eq!(wrong(&["step p"]), "expected {{step PROGRAM NUMBER}}");
        assert_eq!(wrong(&["step p x"]), "invalid number \"x\"");
        assert_eq!(wrong(&["stop p"]), "unknown directive \"stop\"");
        assert_eq!(wrong(&[""]), "an empty directive");
        assert_eq!(wrong(&["claims", "- a"]), "claims takes one line");
        assert!(wrong(&["change f", "a"]).starts_with("each line"));
        assert!(wrong(&["change f", "+ a"]).starts_with("a change without"));
    }
}
