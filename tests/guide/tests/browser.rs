//! The study guide in a browser (chromium and chromedriver; without them, all are ignored). The site is built first:
//!
//! - `quiet`: no page causes a message on the console, or a request but for files of the site;
//! - `languages`: the switch leads to the same page and place, and the first page remembers the language;
//! - `search`: finds what is typed in either language, and leads there;
//! - `lines`: the row of a line that is typed comes into view;
//! - `narrow`: no page is wider than a window of 360 pixels;
//! - `without_script`: a chapter is readable where JavaScript is off;
//! - `accessible`: axe-core finds nothing, in light and dark; ignored without axe-core (`make test` fetches it).

#[path = "../../common/browser.rs"]
mod browser;
#[path = "../../common/trials.rs"]
mod trials;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use browser::{ARGUMENTS, Browser, DESKTOP, Log, address, wrong};
use guide::site::{Built, build};
use libtest_mimic::{Completion, Failed, Trial};
use mirror::common::tools::find_program;
use mirror::project::Project;
use serde_json::{Value, json};

/// Where tests/axe.py puts it.
const AXE: &str = "target/axe/axe.min.js";

type Check = fn(&Site) -> Result<()>;

/// The site, and the addresses of the guide's own pages.
#[derive(Clone)]
struct Site {
    folder: PathBuf,
    pages: Vec<String>,
}

impl Site {
    fn address(&self, page: &str) -> String {
        format!("{}/{page}", address(&self.folder))
    }
}

fn main() -> ExitCode {
    if let Some(status) = mirror::run::take_over() {
        return status;
    }
    self::trials::run(trials)
}

fn trials() -> Result<Vec<Trial>> {
    let checks: [(&'static str, Check); 7] = [
        ("quiet", quiet),
        ("languages", languages),
        ("search", search),
        ("lines", lines),
        ("narrow", narrow),
        ("without_script", without_script),
        ("accessible", accessible),
    ];
    let has_axe = Project::find()?.path(AXE).exists();
    let lacking = ["chromium", "chromedriver"].into_iter().find(|program| find_program(program).is_none());
    let site = match lacking {
        None => Some(built()?),
        Some(_) => None,
    };
    let trial = |(name, check): (&'static str, Check)| {
        let site = site.clone();
        Trial::ignorable_test(name, move || {
            let Some(site) = site else {
                return Ok(Completion::ignored_with(format!("skipped: no {}", lacking.unwrap_or("browser"))));
            };
            if name == "accessible" && !has_axe {
                return Ok(Completion::ignored_with("skipped: no axe-core"));
            }
            check(&site).map_err(|error| Failed::from(format!("{error:#}")))?;
            Ok(Completion::Completed)
        })
    };
    Ok(checks.into_iter().map(trial).collect())
}

fn built() -> Result<Site> {
    let folder = match build(&Project::find()?)? {
        Built::Site { page, .. } => page.parent().context("the page is in a folder")?.to_owned(),
        Built::Problems(problems) => bail!("{problems:?}"),
    };
    let mut pages = Vec::new();
    for code in ["en", "ko"] {
        for entry in std::fs::read_dir(folder.join(code))? {
            pages.push(format!("{code}/{}", entry?.file_name().to_string_lossy()));
        }
    }
    pages.sort();
    Ok(Site { folder, pages })
}

fn quiet(site: &Site) -> Result<()> {
    let files = address(&site.folder);
    Browser::start()?.run(DESKTOP, json!({}), async |client| {
        for page in &site.pages {
            client.goto(&site.address(page)).await?;
            let script = "for (const e of document.querySelectorAll('.copy, summary')) e.click(); return []";
            wrong(client, script, Value::Null).await?;
            let console = client.issue_cmd(Log("browser")).await?;
            ensure!(console.as_array().is_some_and(Vec::is_empty), "{page}: on the console: {console}");
        }
        let events = client.issue_cmd(Log("performance")).await?;
        for event in events.as_array().into_iter().flatten() {
            let message: Value = serde_json::from_str(event["message"].as_str().unwrap_or("null"))?;
            if message["message"]["method"] == "Network.requestWillBeSent" {
                let url = message["message"]["params"]["request"]["url"].as_str().unwrap_or_default();
                ensure!(url.starts_with(&files) || url == "data:,", "a request: {url}");
            }
        }
        Ok(())
    })
}

fn languages(site: &Site) -> Result<()> {
    Browser::start()?.run(DESKTOP, json!({}), async |client| {
        client.goto(&site.address("en/byte-order.html#wrong")).await?;
        wrong(client, "document.querySelector('#language').click(); return []", Value::Null).await?;
        ensure!(client.current_url().await?.as_str() == site.address("ko/byte-order.html#wrong"), "another page");
        client.goto(&site.address("index.html")).await?;
        let here = client.current_url().await?;
        ensure!(here.as_str() == site.address("ko/index.html"), "Korean was read last, but this is {here}");
        Ok(())
    })
}

fn search(site: &Site) -> Result<()> {
    Browser::start()?.run(DESKTOP, json!({}), async |client| {
        for (page, query, expected) in [
            ("en/index.html", "backlog", "en/listen-and-accept.html"),
            ("ko/index.html", "backlog", "ko/listen-and-accept.html"),
            ("ko/index.html", "바이트순서", "ko/byte-order.html"),
            ("ko/index.html", "소켓이", "ko/"),
            ("ko/index.html", "ㅂㅌㅅㅅ", "ko/byte-order.html"),
            ("ko/index.html", "바이ㅌ", "ko/byte-order.html"),
        ] {
            client.goto(&site.address(page)).await?;
            let script = "const [query, expected] = arguments[0]\n\
                const field = document.querySelector('#search input'), list = document.querySelector('#results')\n\
                field.value = query\n\
                field.dispatchEvent(new Event('input'))\n\
                const links = [...list.querySelectorAll('a')]\n\
                if (list.hidden || !links.some(link => link.href.includes(expected))) return [query, list.textContent]\n\
                if (!links[0].querySelector('span')) return ['no excerpt']\n\
                return []";
            wrong(client, script, json!([query, expected])).await?;
        }
        // From the keyboard: the field, the first result, and there.
        client.goto(&site.address("en/index.html")).await?;
        let press = "const key = arguments[0]\n\
            document.activeElement.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true })); return []";
        wrong(client, press, json!("/")).await?;
        client.active_element().await?.send_keys("byte order").await?;
        wrong(client, press, json!("ArrowDown")).await?;
        client.active_element().await?.click().await?;
        let here = client.current_url().await?;
        ensure!(here.as_str().starts_with(&site.address("en/byte-order.html")), "the first result is {here}");
        Ok(())
    })
}

/// The line that is typed comes into view, also one that no row has; another is said to be none.
fn lines(site: &Site) -> Result<()> {
    Browser::start()?.run(DESKTOP, json!({}), async |client| {
        client.goto(&site.address("ko/lines.html")).await?;
        for (typed, first) in [("306", "306"), ("300", "297"), ("690", "690")] {
            let field = client.find(fantoccini::Locator::Css("#line")).await?;
            field.clear().await?;
            field.send_keys(typed).await?;
            let script = "return new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => {\n\
                const row = document.querySelector('tr.on')\n\
                const box = row && row.getBoundingClientRect()\n\
                const wrong = []\n\
                if (!row || Number(row.dataset.first) > Number(arguments[0])) wrong.push('no row')\n\
                else if (box.top < 0 || box.bottom > innerHeight) wrong.push(`the row is at ${box.top}`)\n\
                if (!document.querySelector('#line-note').hidden) wrong.push('a note')\n\
                done(wrong) })))";
            wrong(client, script, json!(first)).await.with_context(|| format!("line {typed}"))?;
        }
        let field = client.find(fantoccini::Locator::Css("#line")).await?;
        field.send_keys("1").await?;
        let script = "return document.querySelector('#line-note').hidden ? ['6901 is taken for a line'] : []";
        wrong(client, script, Value::Null).await
    })
}

fn narrow(site: &Site) -> Result<()> {
    Browser::start()?.run((360, 740), json!({}), async |client| {
        for page in &site.pages {
            client.goto(&site.address(page)).await?;
            let script = "const wide = document.documentElement.scrollWidth\n\
                return wide <= innerWidth && innerWidth === 360 ? [] : [wide, innerWidth]";
            wrong(client, script, Value::Null).await.with_context(|| page.clone())?;
        }
        Ok(())
    })
}

fn without_script(site: &Site) -> Result<()> {
    let off = json!({ "prefs": { "profile.managed_default_content_settings.javascript": 2 } });
    Browser::start()?.run(DESKTOP, off, async |client| {
        client.goto(&site.address("en/byte-order.html")).await?;
        // The page's own scripts are off; the driver's are not.
        let script = "const shown = e => e && e.getClientRects().length > 0\n\
            const wrong = []\n\
            if (typeof guideSearch !== 'undefined') wrong.push('JavaScript is on')\n\
            if (shown(document.querySelector('#search'))) wrong.push('a search that does nothing')\n\
            for (const part of ['nav.side a', '#language', '.output pre', '.twin .l', 'svg.drawn', 'a[rel=next]'])\n\
              if (!shown(document.querySelector(part))) wrong.push(part)\n\
            return wrong";
        wrong(client, script, Value::Null).await?;
        client.goto(&site.address("index.html")).await?;
        wrong(client, "return document.links.length === 2 ? [] : ['no links']", Value::Null).await
    })
}

fn accessible(site: &Site) -> Result<()> {
    let axe = std::fs::read_to_string(Project::find()?.path(AXE))?;
    let browser = Browser::start()?;
    for scheme in ["dark", "light"] {
        let mut all = ARGUMENTS.map(str::to_owned).to_vec();
        all.push(format!("--blink-settings=preferredColorScheme={}", u8::from(scheme == "light")));
        browser.run(DESKTOP, json!({ "args": all }), async |client| {
            // The colours are those of both languages: in the dark, one of them is enough.
            for page in site.pages.iter().filter(|page| scheme == "light" || page.starts_with("en/")) {
                client.goto(&site.address(page)).await?;
                client.execute(&axe, Vec::new()).await?;
                // The views are pages of their own, which have their own tests.
                let script = "const done = arguments[0]\n\
                    axe.run({ exclude: ['iframe'] }).then(({ violations }) => done(violations.map(({ id, nodes }) =>\n\
                      id + ' ' + nodes.map(node => node.html).slice(0, 3).join(' '))))";
                let found = client.execute_async(script, Vec::new()).await?;
                ensure!(found.as_array().is_some_and(Vec::is_empty), "{page}, {scheme}: {found:#}");
            }
            Ok(())
        })?;
    }
    Ok(())
}
