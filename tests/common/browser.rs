//! A browser that tests drive: chromium, by chromedriver.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use fantoccini::wd::{TimeoutConfiguration, WebDriverCompatibleCommand};
use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};

/// A browser with its driver, which ends with it.
pub struct Browser {
    driver: Child,
    port: u16,
}

impl Browser {
    /// Starts the driver.
    pub fn start() -> Result<Self> {
        let mut command = Command::new("chromedriver");
        command.arg("--port=0").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut driver = command.spawn().context("chromedriver cannot be started")?;
        let lines = BufReader::new(driver.stdout.take().context("its output is piped")?).lines();
        for line in lines {
            let line = line?;
            let port = line.split_once("on port ").and_then(|(_, rest)| rest.trim_end_matches('.').parse().ok());
            if let Some(port) = port.filter(|_| line.contains("successfully")) {
                return Ok(Self { driver, port });
            }
        }
        driver.kill()?;
        driver.wait()?;
        bail!("chromedriver has not said on which port it listens")
    }

    /// Runs a check in a new window of this size.
    pub fn run<T>(
        &self,
        (width, height): (u32, u32),
        more: Value,
        check: impl AsyncFnOnce(&Client) -> Result<T>,
    ) -> Result<T> {
        let mut options = json!({
            "args": ARGUMENTS,
            "mobileEmulation": { "deviceMetrics": { "width": width, "height": height, "pixelRatio": 1.0, "touch": false } },
        });
        for (key, value) in more.as_object().into_iter().flatten() {
            options[key] = value.clone();
        }
        let capabilities = json!({
            "goog:chromeOptions": options,
            "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
        });
        let Value::Object(capabilities) = capabilities else { bail!("an object was made") };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let address = format!("http://127.0.0.1:{}", self.port);
            let client = ClientBuilder::new(HttpConnector::new()).capabilities(capabilities).connect(&address).await?;
            let long = std::time::Duration::from_secs(120);
            client.update_timeouts(TimeoutConfiguration::new(Some(long), Some(long), None)).await?;
            let result = check(&client).await;
            client.close().await?;
            result
        })
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// Asks chromedriver for one of its logs.
#[derive(Debug)]
pub struct Log(pub &'static str);

impl WebDriverCompatibleCommand for Log {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/se/log", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(json!({ "type": self.0 }).to_string()))
    }
}

/// Runs a script in the page, with `value` as its argument. It returns the list of what is wrong.
pub async fn wrong(client: &Client, script: &str, value: Value) -> Result<()> {
    let wrong = client.execute(script, vec![value]).await?;
    let list = wrong.as_array().with_context(|| format!("the script returned {wrong}"))?;
    ensure!(list.is_empty(), "{} things are wrong, first these: {:#?}", list.len(), &list[..list.len().min(5)]);
    Ok(())
}

/// The address of a file.
pub fn address(file: &Path) -> String {
    format!("file://{}", file.display())
}

/// What every browser is started with. A check selects more in a second than a person in an hour, which is no flood.
pub const ARGUMENTS: [&str; 5] =
    ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-ipc-flooding-protection"];

/// The size of an ordinary window.
pub const DESKTOP: (u32, u32) = (1280, 900);
