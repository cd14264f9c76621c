//! The pages that `mirror report` writes, in a browser (chromium and chromedriver; without them, all are ignored):
//!
//! - `quiet`: a page causes no message on the console and no request but its own, from a file;
//! - `links`: from each line of either source, each call, packet and output, one step leads to all that belong to it, as
//!   the account has it;
//! - `keys`: the keyboard does, too, and search finds a name in either language;
//! - `narrow`: nothing is wider than the window, at 360 and at 1280 pixels, in any view and column;
//! - `without_script`: all is readable and reachable where JavaScript is off;
//! - `accessible`: axe-core finds nothing, in light and dark; ignored without axe-core (`make test` fetches it).

#[path = "../common/browser.rs"]
mod browser;
#[path = "../common/trials.rs"]
mod trials;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use browser::{ARGUMENTS, Browser, DESKTOP, Log, address, wrong};
use libtest_mimic::{Completion, Failed, Trial};
use mirror::account::Account;
use mirror::account::calls::{Kind, Phase};
use mirror::commands::{report, target::Target, trace};
use mirror::common::parallel::processors;
use mirror::common::tools::find_program;
use mirror::compare::normalise::Normaliser;
use mirror::compare::rules::RULES;
use mirror::project::{Case, Pair, Project};
use serde_json::{Value, json};

/// Where tests/axe.py puts it.
const AXE: &str = "target/axe/axe.min.js";

/// A page: a program, and the scenarios in it; its main one if none is named.
struct Page {
    program: &'static str,
    scenarios: &'static [&'static str],
    /// How large it may be, in bytes.
    limit: u64,
}

const PAGES: [Page; 4] = [
    Page { program: "echo_client", scenarios: &[], limit: 500_000 },
    Page { program: "echo_server", scenarios: &["hell_and_o", "client_resets", "short_write"], limit: 500_000 },
    Page { program: "echo_server_epoll", scenarios: &[], limit: 600_000 },
    Page { program: "echo_server_uring", scenarios: &[], limit: 600_000 },
];

type Check = fn(&Page, &Project) -> Result<()>;

fn main() -> ExitCode {
    if let Some(status) = mirror::run::take_over() {
        return status;
    }
    self::trials::run(trials)
}

fn trials() -> Result<Vec<Trial>> {
    let project = Project::find()?;
    project.build()?;
    let has = |program: &str| find_program(program).is_some();
    let lacking = ["chromium", "chromedriver"].into_iter().find(|program| !has(program));
    let checks: [(&str, Check); 6] = [
        ("quiet", quiet),
        ("links", links),
        ("keys", keys),
        ("narrow", narrow),
        ("without_script", without_script),
        ("accessible", accessible),
    ];
    let mut trials = Vec::new();
    for page in &PAGES {
        for (name, check) in checks {
            let missing = match lacking {
                None if name == "accessible" && !project.path(AXE).exists() => Some("axe-core"),
                lacking => lacking,
            };
            let project = project.clone();
            trials.push(Trial::ignorable_test(format!("{name}::{}", page.program), move || {
                if let Some(missing) = missing {
                    return Ok(Completion::ignored_with(format!("skipped: no {missing}")));
                }
                check(page, &project).map_err(|error| Failed::from(format!("{error:#}")))?;
                Ok(Completion::Completed)
            }));
        }
    }
    Ok(trials)
}

/// A page that was written for one check.
struct Written {
    file: PathBuf,
    pair: Pair,
    output: PathBuf,
}

fn write(page: &Page, project: &Project, check: &str) -> Result<Written> {
    let output = project.path("target/mirror/pages").join(check);
    std::fs::create_dir_all(&output)?;
    let file = output.join(format!("{}.html", page.program));
    let pair = project.pairs(&[page.program.to_owned()])?.remove(0);
    let scenarios: Vec<String> = page.scenarios.iter().map(|name| (*name).to_owned()).collect();
    let target = Target::of_pair(pair.clone(), output.clone(), &project.path(""));
    ensure!(report::run(&target, &scenarios, false, &file)?, "the twins are not the same");
    let size = std::fs::metadata(&file)?.len();
    ensure!(size <= page.limit, "{size} bytes: more than {}", page.limit);
    Ok(Written { file, pair, output })
}

fn quiet(page: &Page, project: &Project) -> Result<()> {
    let written = write(page, project, "quiet")?;
    Browser::start()?.run(DESKTOP, json!({}), async |client| {
        client.goto(&address(&written.file)).await?;
        // Everything that can be chosen is chosen once.
        let script =
            "for (const e of document.querySelectorAll('a[href], summary, label, .call, .l')) e.click(); return []";
        wrong(client, script, Value::Null).await?;
        let console = client.issue_cmd(Log("browser")).await?;
        ensure!(console.as_array().is_some_and(Vec::is_empty), "on the console: {console}");
        let events = client.issue_cmd(Log("performance")).await?;
        let mut requests = BTreeSet::new();
        for event in events.as_array().into_iter().flatten() {
            let message: Value = serde_json::from_str(event["message"].as_str().unwrap_or("null"))?;
            if message["message"]["method"] == "Network.requestWillBeSent" {
                let url = message["message"]["params"]["request"]["url"].as_str().unwrap_or_default();
                requests.insert(url.split('#').next().unwrap_or_default().to_owned());
            }
        }
        // The icon is empty and in the page itself.
        requests.remove("data:,");
        ensure!(requests == BTreeSet::from([address(&written.file)]), "requests: {requests:#?}");
        Ok(())
    })
}

/// The accounts of a page's scenarios, from runs of their own.
fn accounts(page: &Page, project: &Project, written: &Written) -> Result<Vec<Account>> {
    let target = Target::of_pair(written.pair.clone(), written.output.clone(), &project.path(""));
    let pair = &target.pairs[0];
    let scenarios = match page.scenarios {
        [] => vec![pair.scenarios.main()],
        names => names.iter().map(|name| pair.scenarios.find(name)).collect::<Result<_>>()?,
    };
    let (processor, normaliser) = (processors()?[0], Normaliser::new(RULES));
    let account = |scenario| Ok(trace::of(&target, &Case { pair, scenario }, processor, &normaliser)?.1);
    scenarios.into_iter().map(account).collect()
}

/// What must be linked: for each call that both make, the lines that make it and its text.
fn expected(accounts: &[Account]) -> Value {
    let of_account = |account: &Account| {
        let calls = account.rows.iter().filter_map(|row| {
            let [Some(left), Some(right)] = row.calls else { return None };
            let calls = [&account.sides[0].calls[left], &account.sides[1].calls[right]];
            let lines = calls.map(|call| {
                let place = call.places.first()?;
                Some(format!("{}:{}", place.file.rsplit('/').next()?, place.line))
            });
            let [Some(from), Some(to)] = lines else { return None };
            let shown = calls[0].phase >= Phase::Program && calls[0].kind == Kind::Call;
            shown.then(|| json!({ "left": from, "right": to, "text": calls[0].compared }))
        });
        json!({ "scenario": account.scenario, "calls": calls.collect::<Vec<_>>() })
    };
    accounts.iter().map(of_account).collect()
}

/// Selects by clicks only. `on(…)`: what is marked then.
const LINKS: &str = r##"
const wrong = [];
const byId = (id) => document.getElementById(id);
const isOn = (e) => e && (e.classList.contains("on") || e.classList.contains("led"));
const squeezed = (text) => text.replace(/\s+/g, "");
let calls = 0;
for (const { scenario, calls: list } of arguments[0]) {
  const radio = document.querySelector(`input[data-name="${scenario}"]`);
  if (radio) radio.click();
  const own = (card) => !radio || card.id.startsWith(scenario + "/");
  const cards = [...document.querySelectorAll(".call")].filter(own);
  const textOf = (card) => squeezed(card.querySelector(".text").textContent).replace("injected", "");
  for (const { left, right, text } of list) {
    calls++;
    const short = squeezed(text.replace(" (INJECTED)", "")).slice(0, 100);
    const own = cards.filter((card) => textOf(card).startsWith(short) && card.dataset.lines.split(" ").includes(left));
    if (!own.length) { wrong.push(`no card for ${text}`); continue; }
    for (const [from, to] of [[left, right], [right, left]]) {
      byId(from).click();
      if (!isOn(byId(to))) wrong.push(`${from} does not mark ${to}`);
      if (!own.every(isOn)) wrong.push(`${from} does not mark ${text}`);
    }
    for (const card of own) {
      card.querySelector(".text").click();
      for (const line of [left, right]) if (!isOn(byId(line))) wrong.push(`${text} does not mark ${line}`);
      if (decodeURIComponent(location.hash) !== "#" + card.id) wrong.push(`${card.id} is not in the address: ${location.hash}`);
      for (const id of card.dataset.with.split(" ").filter(Boolean)) {
        const other = byId(id);
        if (!isOn(other)) wrong.push(`${text} does not mark ${id}`);
        (other.querySelector("summary") || other).click();
        if (!isOn(card)) wrong.push(`${id} does not mark ${text}`);
        for (const line of [left, right]) if (!isOn(byId(line))) wrong.push(`${id} does not mark ${line}`);
      }
    }
  }
  // Every packet and every step can be selected, and a line without a call says so.
  for (const packet of [...document.querySelectorAll("details.packet")].filter(own)) {
    packet.querySelector("summary").click();
    if (!isOn(packet)) wrong.push(`${packet.id} cannot be selected`);
    for (const byte of document.querySelectorAll("#dock .bytes b")) {
      byte.click();
      if (!document.querySelector("#dock .asked").textContent.startsWith("byte ")) wrong.push(`${packet.id}: a byte says nothing`);
      if (!document.querySelector("#dock .layers tr.on")) wrong.push(`${packet.id}: a byte has no field`);
    }
  }
  document.querySelector("div.l").click();
  if (!byId("dock").textContent.includes("no system call")) wrong.push("a line without a call does not say so");
}
if (calls < 5) wrong.push(`only ${calls} calls were checked`);
return wrong;
"##;

fn links(page: &Page, project: &Project) -> Result<()> {
    let written = write(page, project, "links")?;
    let expected = expected(&accounts(page, project, &written)?);
    Browser::start()?.run(DESKTOP, json!({}), async |client| {
        client.goto(&address(&written.file)).await?;
        wrong(client, LINKS, expected).await?;
        // What the address names is selected when the page is opened with it.
        let script = "return document.querySelectorAll('.call')[2].id";
        let id = client.execute(script, Vec::new()).await?;
        let id = id.as_str().context("a call has an ID")?.to_owned();
        client.goto("about:blank").await?;
        client.goto(&format!("{}#{id}", address(&written.file))).await?;
        let script = "const e = document.getElementById(arguments[0]); const r = e.getBoundingClientRect(); \
                      return e.classList.contains('on') && r.top >= 0 && r.bottom <= innerHeight ? [] : [r.top]";
        wrong(client, script, json!(id)).await
    })
}

fn keys(page: &Page, project: &Project) -> Result<()> {
    let written = write(page, project, "keys")?;
    Browser::start()?.run(DESKTOP, json!({}), async |client| {
        client.goto(&address(&written.file)).await?;
        let script = r##"
            const wrong = [];
            const press = (key) => document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
            const hash = () => decodeURIComponent(location.hash.slice(1));
            const numbers = [];
            for (let i = 0; i < 5; i++) {
              press("ArrowDown");
              numbers.push(Number(hash().split("call-")[1]));
            }
            if (numbers.join() !== "1,2,3,4,5") wrong.push("down: " + numbers);
            press("ArrowUp");
            if (!hash().endsWith("call-4")) wrong.push("up: " + hash());
            const seen = new Set();
            for (let i = 0; i < 40; i++) { press("ArrowRight"); seen.add(hash()); }
            if (![...seen].some((id) => id.includes(".c:")) || ![...seen].some((id) => id.includes(".rs:"))) wrong.push("right: " + [...seen]);
            press("Escape");
            if (hash() || document.querySelector(".on")) wrong.push("Escape leaves " + hash());
            press("t");
            if (!document.getElementById("view-time").checked) wrong.push("t does not change the view");
            press("/");
            const input = document.querySelector("#search input");
            if (document.activeElement !== input) wrong.push("/ does not search");
            input.value = arguments[0];
            input.dispatchEvent(new Event("input"));
            const files = new Set();
            for (let i = 0; i < 60; i++) {
              document.getElementById("search").requestSubmit();
              files.add(hash().split(":")[0].split(".").pop());
            }
            if (!files.has("c") || !files.has("rs")) wrong.push("found in " + [...files]);
            return wrong;
        "##;
        // The C calls it echoServAddr or listener, the Rust likewise but for the case.
        let name = if page.program.starts_with("echo_server_") { "signalled" } else { "echo_serv_addr" };
        wrong(client, script, json!(name)).await
    })
}

fn narrow(page: &Page, project: &Project) -> Result<()> {
    let written = write(page, project, "narrow")?;
    let browser = Browser::start()?;
    for width in [360, 800, 1280] {
        browser.run((width, 740), json!({}), async |client| {
            client.goto(&address(&written.file)).await?;
            let script = r##"
                const wrong = [];
                const check = (what) => {
                  const { scrollWidth } = document.documentElement;
                  if (innerWidth !== arguments[0] || scrollWidth > innerWidth) wrong.push(`${what}: ${scrollWidth} in ${innerWidth}`);
                };
                for (const details of document.querySelectorAll("details:not(.chooser)")) details.open = true;
                for (const radio of document.querySelectorAll("input[name=view], input[name=show], input[name=scenario]")) {
                  radio.click();
                  check(radio.id);
                }
                document.querySelector("details.packet summary").click();
                check("a packet");
                document.querySelector(".call").click();
                check("a call");
                return wrong;
            "##;
            wrong(client, script, json!(width)).await
        })?;
    }
    Ok(())
}

fn without_script(page: &Page, project: &Project) -> Result<()> {
    let written = write(page, project, "without_script")?;
    let expected = expected(&accounts(page, project, &written)?);
    let off = json!({ "prefs": { "profile.managed_default_content_settings.javascript": 2 } });
    Browser::start()?.run(DESKTOP, off, async |client| {
        client.goto(&address(&written.file)).await?;
        let script = r##"
            const wrong = [];
            if (!document.getElementById("dock").hidden || getComputedStyle(document.getElementById("search")).display !== "none") wrong.push("the script has run, or what needs it is shown");
            const shown = (e) => e && getComputedStyle(e).display !== "none" && e.getClientRects().length > 0;
            for (const { scenario, calls } of arguments[0]) {
              const radio = document.querySelector(`input[data-name="${scenario}"]`);
              if (radio) radio.checked = true;
              for (const details of document.querySelectorAll("details")) details.open = true;
              const squeezed = (text) => text.replace(/\s+/g, "");
              const text = squeezed(document.querySelector("main").innerText);
              for (const call of calls) {
                if (!text.includes(squeezed(call.text.replace(" (INJECTED)", "")).slice(0, 100))) wrong.push("not shown: " + call.text);
                for (const line of [call.left, call.right]) if (!shown(document.getElementById(line))) wrong.push("not shown: " + line);
              }
            }
            for (const link of document.querySelectorAll("a[href^='#']")) {
              if (!document.getElementById(decodeURIComponent(link.getAttribute("href").slice(1)))) wrong.push("leads nowhere: " + link.getAttribute("href"));
            }
            for (const view of [".by-step", ".time"]) if (!shown([...document.querySelectorAll(view)].find(shown))) wrong.push("not shown: " + view);
            return wrong;
        "##;
        wrong(client, script, expected).await
    })
}

fn accessible(page: &Page, project: &Project) -> Result<()> {
    let written = write(page, project, "accessible")?;
    let axe = std::fs::read_to_string(project.path(AXE))?;
    let browser = Browser::start()?;
    for scheme in ["dark", "light"] {
        let mut all = ARGUMENTS.map(str::to_owned).to_vec();
        all.push(format!("--blink-settings=preferredColorScheme={}", u8::from(scheme == "light")));
        browser.run(DESKTOP, json!({ "args": all }), async |client| {
            client.goto(&address(&written.file)).await?;
            let script = "return matchMedia(`(prefers-color-scheme: ${arguments[0]})`).matches ? [] : ['another scheme']";
            wrong(client, script, json!(scheme)).await?;
            client.execute(&axe, Vec::new()).await?;
            for view in ["view-step", "view-time"] {
                let script = "
                    const [view, done] = arguments;
                    document.getElementById(view).click();
                    document.querySelector(view === 'view-time' ? 'details.packet summary' : '.call').click();
                    axe.run().then(({ violations }) => done(violations.map(({ id, help, nodes }) =>
                        `${view}: ${id}: ${help}: ` + nodes.slice(0, 3).map((node) => node.html.slice(0, 160)).join(' | '))),
                        (error) => done([String(error)]));";
                let found = client.execute_async(script, vec![json!(view)]).await?;
                let found = found.as_array().context("axe returned no list")?;
                ensure!(found.is_empty(), "{scheme}: {found:#?}");
            }
            Ok(())
        })?;
    }
    Ok(())
}
