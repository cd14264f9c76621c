//! The files in `tests/interop/`, and what is wrong with them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use toml::Spanned;

use super::template::{OF_A_BUILD, OF_A_CLIENT, OF_A_SERVER, names};
use super::{Client, Ends, Given, Protocol, Server, Way, Word};
use crate::scenario::Text;
use crate::scenario::source::{Mistakes, Source};

/// What is exchanged, and this project's programs.
#[derive(Debug, Clone)]
pub struct Ours {
    /// The words.
    pub words: Vec<Word>,
    /// The servers.
    pub servers: Vec<OurServer>,
    /// The clients.
    pub clients: Vec<OurClient>,
}

/// A server of this project.
#[derive(Debug, Clone)]
pub struct OurServer {
    /// The program's name.
    pub name: String,
    /// The name of its column.
    pub column: String,
    /// Its protocol.
    pub protocol: Protocol,
    /// Its arguments.
    pub arguments: Vec<String>,
}

/// A client of this project.
#[derive(Debug, Clone)]
pub struct OurClient {
    /// The program's name.
    pub name: String,
    /// The name of its column.
    pub column: String,
    /// Its protocol.
    pub protocol: Protocol,
    /// What it does. The command line has no program yet, only arguments.
    pub client: Client,
    /// The servers of others that cannot serve it, with the reasons.
    pub not_with: BTreeMap<String, String>,
}

/// A program of somebody else.
#[derive(Debug, Clone)]
pub struct Foreign {
    /// Its name, which is also that of the folder of its files.
    pub name: String,
    /// The commands, or files, without which it does not run.
    pub needs: Vec<String>,
    /// The package that has them, in Debian.
    pub package: String,
    /// The command that prints its version, unless that is the package's.
    pub version: Option<Vec<String>>,
    /// How it is built.
    pub build: Option<Build>,
    /// Its TCP client.
    pub client: Option<Client>,
    /// Its TCP server.
    pub server: Option<Server>,
    /// Its UDP client.
    pub udp_client: Option<Client>,
    /// Its UDP server.
    pub udp_server: Option<Server>,
}

/// How a program is built.
#[derive(Debug, Clone)]
pub struct Build {
    /// The command line.
    pub run: Vec<String>,
    /// The commands that it needs.
    pub needs: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OursFile {
    word: Vec<Spanned<WordForm>>,
    server: Vec<Spanned<OurForm>>,
    client: Vec<Spanned<OurForm>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WordForm {
    name: String,
    text: Text,
    way: Way,
    #[serde(default)]
    at_once: bool,
    #[serde(default)]
    only_ours: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OurForm {
    name: String,
    column: String,
    arguments: Spanned<String>,
    #[serde(default)]
    udp: bool,
    word: Option<Given>,
    prints: Option<String>,
    #[serde(default)]
    not_with: Vec<NotWithForm>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ForeignFile {
    program: Vec<Spanned<ForeignForm>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ForeignForm {
    name: Spanned<String>,
    needs: Vec<String>,
    package: String,
    version: Option<Spanned<String>>,
    build: Option<BuildForm>,
    client: Option<ClientForm>,
    server: Option<ServerForm>,
    udp_client: Option<ClientForm>,
    udp_server: Option<ServerForm>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BuildForm {
    run: Spanned<String>,
    needs: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClientForm {
    run: Spanned<String>,
    #[serde(default)]
    word: Given,
    #[serde(default)]
    ends: Ends,
    prints: Option<String>,
    #[serde(default)]
    exit: i32,
    #[serde(default)]
    except: Vec<Spanned<ExceptionForm>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ServerForm {
    run: Spanned<String>,
    #[serde(default)]
    except: Vec<Spanned<ExceptionForm>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExceptionForm {
    word: String,
    because: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NotWithForm {
    server: String,
    because: String,
}

/// Reads the words and the programs of this project. Every mistake is told with its line.
pub fn read_ours(path: &Path) -> Result<Ours> {
    ours(&read(path)?)
}

/// Reads the programs of others. Every mistake is told with its line.
pub fn read_foreign(path: &Path, words: &[Word]) -> Result<Vec<Foreign>> {
    foreign(&read(path)?, words)
}

fn read(path: &Path) -> Result<Source> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(Source::new(path, text))
}

fn form<Form: DeserializeOwned>(source: &Source) -> Result<Form> {
    source.form(source.table()?)
}

fn ours(source: &Source) -> Result<Ours> {
    let OursFile { word, server, client } = form(source)?;
    let mut check = Check { source, mistakes: Mistakes::default(), owner: String::new(), names: BTreeSet::new() };
    let mut words = Vec::new();
    for word in word {
        let line = source.line(&word.span());
        let WordForm { name, text, way, at_once, only_ours } = word.into_inner();
        check.begin("word", &name, line);
        if let Err(what) = text.check() {
            check.add(line, format!("text: {what}"));
        }
        words.push(Word { name, text, way, at_once, only_ours });
    }
    let protocol = |udp| if udp { Protocol::Udp } else { Protocol::Tcp };
    let mut servers = Vec::new();
    for server in server {
        let line = source.line(&server.span());
        let OurForm { name, column, arguments, udp, word, prints, not_with } = server.into_inner();
        check.begin("server", &column, line);
        if word.is_some() || prints.is_some() || !not_with.is_empty() {
            check.add(line, "word, prints and not_with are for clients".to_owned());
        }
        let arguments = check.command("arguments", &arguments, &OF_A_SERVER, &["port"]);
        servers.push(OurServer { name, column, protocol: protocol(udp), arguments });
    }
    let mut clients = Vec::new();
    for client in client {
        let line = source.line(&client.span());
        let OurForm { name, column, arguments, udp, word, prints, not_with } = client.into_inner();
        check.begin("client", &column, line);
        let run = check.client_command("arguments", &arguments, word.unwrap_or_default());
        let new = Client::new(run);
        let client = Client {
            word: word.unwrap_or_default(),
            prints: prints.unwrap_or_else(|| new.prints.clone()),
            silent: true,
            ..new
        };
        let not_with = not_with.into_iter().map(|NotWithForm { server, because }| (server, because)).collect();
        clients.push(OurClient { name, column, protocol: protocol(udp), client, not_with });
    }
    check.mistakes.check()?;
    Ok(Ours { words, servers, clients })
}

fn foreign(source: &Source, words: &[Word]) -> Result<Vec<Foreign>> {
    let ForeignFile { program } = form(source)?;
    let mut check = Check { source, mistakes: Mistakes::default(), owner: String::new(), names: BTreeSet::new() };
    let mut programs = Vec::new();
    for program in program {
        let line = source.line(&program.span());
        let ForeignForm { name, needs, package, version, build, client, server, udp_client, udp_server } =
            program.into_inner();
        check.begin("program", name.get_ref(), line);
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-+".contains(&byte);
        if !name.get_ref().bytes().all(is_plain) || name.get_ref().starts_with('.') {
            check.add(
                source.line(&name.span()),
                "name: letters, digits, '.', '_', '-' and '+' were expected".to_owned(),
            );
        }
        if client.is_none() && server.is_none() && udp_client.is_none() && udp_server.is_none() {
            check.add(line, "a client or a server was expected".to_owned());
        }
        let may_build = build.is_some();
        let build = build.map(|BuildForm { run, needs }| Build {
            run: check.command("build", &run, &OF_A_BUILD, &["build"]),
            needs,
        });
        if needs.is_empty() && build.is_none() {
            check.add(line, "needs: a command was expected, because there is no build".to_owned());
        }
        programs.push(Foreign {
            needs,
            package,
            version: version.map(|version| check.command("version", &version, &[], &[])),
            build,
            client: client.map(|form| check.client("client", form, words, may_build)),
            server: server.map(|form| check.server("server", form, words, may_build)),
            udp_client: udp_client.map(|form| check.client("udp_client", form, words, may_build)),
            udp_server: udp_server.map(|form| check.server("udp_server", form, words, may_build)),
            name: name.into_inner(),
        });
    }
    check.mistakes.check()?;
    Ok(programs)
}

/// Collects what is wrong.
struct Check<'a> {
    source: &'a Source,
    mistakes: Mistakes,
    /// What is looked at, as `program 'a'`.
    owner: String,
    /// What was there before.
    names: BTreeSet<String>,
}

impl Check<'_> {
    fn begin(&mut self, kind: &str, name: &str, line: usize) {
        self.owner = format!("{kind} '{name}'");
        if !self.names.insert(self.owner.clone()) {
            self.add(line, "there is another one of this name".to_owned());
        }
    }

    fn add(&mut self, line: usize, what: String) {
        self.mistakes.add(self.source.path(), line, format!("{}: {what}", self.owner));
    }

    fn command(&mut self, field: &str, run: &Spanned<String>, known: &[&str], needed: &[&str]) -> Vec<String> {
        let line = self.source.line(&run.span());
        let text = run.get_ref();
        let Some(parts) = shlex::split(text).filter(|parts| !parts.is_empty()) else {
            self.add(line, format!("{field}: invalid command line {text:?}"));
            return Vec::new();
        };
        let list = |names: &[&str]| names.iter().map(|name| format!("{{{name}}}")).collect::<Vec<_>>().join(", ");
        for name in names(text).filter(|name| !known.contains(name)) {
            self.add(line, format!("{field}: unknown {{{name}}}: one of {} was expected", list(known)));
        }
        for name in needed.iter().filter(|needed| !names(text).any(|name| name == **needed)) {
            self.add(line, format!("{field}: {{{name}}} was expected"));
        }
        parts
    }

    fn client_command(&mut self, field: &str, run: &Spanned<String>, word: Given) -> Vec<String> {
        let line = self.source.line(&run.span());
        let is_argument = names(run.get_ref()).any(|name| name == "word");
        match (word, is_argument) {
            (Given::Argument, false) => self.add(line, format!("{field}: {{word}} was expected")),
            (Given::Stdin | Given::Held, true) => {
                self.add(line, format!("{field}: {{word}} is for word = \"argument\""));
            }
            _ => {}
        }
        self.command(field, run, &OF_A_CLIENT, &["ip", "port"])
    }

    fn client(&mut self, field: &str, form: ClientForm, words: &[Word], may_build: bool) -> Client {
        let ClientForm { run, word, ends, prints, exit, except } = form;
        self.check_build(field, &run, may_build);
        let new = Client::new(self.client_command(field, &run, word));
        let except = self.exceptions(field, except, words);
        Client { word, ends, prints: prints.unwrap_or_else(|| new.prints.clone()), exit, except, ..new }
    }

    fn server(&mut self, field: &str, form: ServerForm, words: &[Word], may_build: bool) -> Server {
        self.check_build(field, &form.run, may_build);
        Server {
            run: self.command(field, &form.run, &OF_A_SERVER, &["port"]),
            except: self.exceptions(field, form.except, words),
        }
    }

    fn check_build(&mut self, field: &str, run: &Spanned<String>, may_build: bool) {
        if !may_build && names(run.get_ref()).any(|name| name == "build") {
            self.add(self.source.line(&run.span()), format!("{field}: {{build}}, but nothing is built"));
        }
    }

    fn exceptions(
        &mut self,
        field: &str,
        except: Vec<Spanned<ExceptionForm>>,
        words: &[Word],
    ) -> BTreeMap<String, String> {
        let mut exceptions = BTreeMap::new();
        let mut known: Vec<&Word> = words.iter().filter(|word| !word.only_ours).collect();
        if field.starts_with("udp") {
            known.retain(|word| word.text.len() <= super::LONGEST_DATAGRAM);
        }
        for exception in except {
            let line = self.source.line(&exception.span());
            let ExceptionForm { word, because } = exception.into_inner();
            if !known.iter().any(|known| known.name == word) {
                let names: Vec<String> = known.iter().map(|word| format!("{:?}", word.name)).collect();
                self.add(
                    line,
                    format!("{field}: except: unknown word {word:?}: one of {} was expected", names.join(", ")),
                );
            }
            if because.trim().is_empty() {
                self.add(line, format!("{field}: except: {word:?}: a reason was expected"));
            }
            if exceptions.insert(word.clone(), because).is_some() {
                self.add(line, format!("{field}: except: {word:?} is there twice"));
            }
        }
        exceptions
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS: &str = "[[word]]\nname = \"a\"\ntext = \"x\"\nway = \"count\"\n";
    const PROGRAMS: &str = "[[server]]\nname = \"s\"\ncolumn = \"s\"\narguments = \"{port}\"\n\
                            [[client]]\nname = \"c\"\ncolumn = \"c\"\narguments = \"{ip} {port}\"\n";

    fn words() -> Vec<Word> {
        ours(&Source::new(Path::new("o.toml"), format!("{WORDS}{PROGRAMS}"))).unwrap().words
    }

    fn mistakes_of(text: &str) -> String {
        format!("{:#}", foreign(&Source::new(Path::new("f.toml"), text.to_owned()), &words()).unwrap_err())
    }

    const HEAD: &str = "[[program]]\nname = \"p\"\nneeds = [\"p\"]\npackage = \"p\"\n";

    #[test]
    fn a_program_with_all_that_it_may_have() {
        let text = "build = { run = \"cc -o {build}/p {here}/p.c\", needs = [\"cc\"] }\nversion = \"cc --version\"\n\
                    client = { run = \"{build}/p 'a b' {ip} {word} {port}\", word = \"argument\", ends = \"never\", \
                    prints = \"<{word}>\", exit = 1, except = [{ word = \"a\", because = \"It cannot.\" }] }\n\
                    udp_server = { run = \"p {port}\" }\n";
        let programs = foreign(&Source::new(Path::new("f.toml"), format!("{HEAD}{text}")), &words()).unwrap();
        let client = programs[0].client.as_ref().unwrap();
        assert_eq!(client.run, ["{build}/p", "a b", "{ip}", "{word}", "{port}"]);
        assert_eq!(client.except["a"], "It cannot.");
        assert!(programs[0].server.is_none() && programs[0].udp_server.is_some());
    }

    #[test]
    fn mistakes_are_told_with_their_lines() {
        for (text, expected) in [
            ("", "f.toml:1: program 'p': a client or a server was expected"),
            (
                "server = { run = \"p {prt}\" }\n",
                "f.toml:5: program 'p': server: unknown {prt}: one of {ip}, {port}, {here}, {build} was expected\n\
                 f.toml:5: program 'p': server: {port} was expected",
            ),
            ("server = { run = \"p '{port}\" }\n", "f.toml:5: program 'p': server: invalid command line \"p '{port}\""),
            (
                "server = { run = \"{build}/p {port}\" }\n",
                "f.toml:5: program 'p': server: {build}, but nothing is built",
            ),
            (
                "client = { run = \"p {ip} {port} {word}\" }\n",
                "f.toml:5: program 'p': client: {word} is for word = \"argument\"",
            ),
            (
                "client = { run = \"p {ip} {port}\", word = \"argument\" }\n",
                "f.toml:5: program 'p': client: {word} was expected",
            ),
            (
                "server = { run = \"p {port}\", except = [\n{ word = \"b\", because = \" \" },\n] }\n",
                "f.toml:6: program 'p': server: except: unknown word \"b\": one of \"a\" was expected\n\
                 f.toml:6: program 'p': server: except: \"b\": a reason was expected",
            ),
        ] {
            assert_eq!(mistakes_of(&format!("{HEAD}{text}")), expected);
        }
        let form = mistakes_of(&format!("{HEAD}server = {{ runs = \"p\" }}\n"));
        assert!(form.starts_with("f.toml:5: ") && form.contains("unknown field `runs`"), "{form}");
        let two = format!("{HEAD}server = {{ run = \"p {{port}}\" }}\n").repeat(2);
        assert_eq!(mistakes_of(&two), "f.toml:6: program 'p': there is another one of this name");
    }
}
