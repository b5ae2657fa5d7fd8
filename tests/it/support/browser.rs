//! A headless Chromium, where one is installed, driven over the protocol of its developer tools.
//!
//! <https://chromedevtools.github.io/devtools-protocol/>, messages of JSON that end in a NUL, through
//! `--remote-debugging-pipe`: no port, and the browser ends with the test.

use std::collections::{HashSet, VecDeque};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::skip;

const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "chrome"];

/// For one answer or event of the browser, on a machine with other things to do.
const PATIENCE: Duration = Duration::from_mins(1);

/// The name of one that runs; says so where there is none.
pub(crate) fn installed() -> Option<&'static str> {
    let runs = |name: &&&str| {
        let mut asked = Command::new(name);
        asked.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
        asked.status().is_ok_and(|status| status.success())
    };
    let found = NAMES.iter().find(runs).copied();
    if found.is_none() {
        skip("browser");
    }
    found
}

/// One tab of a browser with a profile of its own.
pub(crate) struct Browser {
    child: Child,
    to: ChildStdin,
    from: Receiver<Value>,
    events: VecDeque<Value>,
    /// The tab, which is its topmost frame, too.
    tab: String,
    session: Option<String>,
    calls: u64,
    _profile: TempDir,
}

/// What came of a visit to a page.
#[derive(Debug, Default)]
pub(crate) struct Visit {
    /// The addresses that were asked for.
    pub(crate) requests: Vec<String>,
    /// Bytes that came over the wire for the page and its stylesheets, heads included.
    pub(crate) bytes: f64,
    /// Errors on the console: of scripts, of the content security policy, of failed requests.
    pub(crate) errors: Vec<String>,
}

impl Browser {
    pub(crate) fn start(name: &str) -> Self {
        let profile = tempfile::tempdir().unwrap();
        // The protocol is spoken on the descriptors 3 and 4, which a shell can name.
        let mut child = Command::new("sh")
            .args(["-c", "exec \"$0\" \"$@\" 3<&0 4>&1 </dev/null >&2", name])
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--hide-scrollbars",
            ])
            .args(["--no-first-run", "--disable-sync", "--disable-dev-shm-usage"])
            .args(["--disable-background-networking", "--disable-component-update"])
            // No name but this machine's is looked up.
            .arg("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1")
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("--remote-debugging-pipe")
            .env("TMPDIR", profile.path()) // What it leaves behind goes with the profile.
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (to, out) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let (sender, from) = channel();
        thread::spawn(move || {
            for message in BufReader::new(out).split(0).map_while(Result::ok) {
                let Ok(message) = serde_json::from_slice(&message) else { break };
                if sender.send(message).is_err() {
                    break;
                }
            }
        });
        let mut browser = Self {
            child,
            to,
            from,
            events: VecDeque::new(),
            tab: String::new(),
            session: None,
            calls: 0,
            _profile: profile,
        };
        let tab = browser.call("Target.createTarget", &json!({ "url": "about:blank" }));
        browser.tab = text(&tab["targetId"]);
        let tab = json!({ "targetId": browser.tab, "flatten": true });
        browser.session = Some(text(&browser.call("Target.attachToTarget", &tab)["sessionId"]));
        for domain in ["Page", "Runtime", "Log", "Network"] {
            browser.call(&format!("{domain}.enable"), &json!({}));
        }
        browser.call("Network.setCacheDisabled", &json!({ "cacheDisabled": true }));
        browser
    }

    pub(crate) fn resize(&mut self, width: u32, height: u32) {
        let size =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.call("Emulation.setDeviceMetricsOverride", &size);
    }

    /// Goes to a page.
    #[track_caller]
    pub(crate) fn visit(&mut self, url: &str) -> Visit {
        self.events.clear();
        let started = self.call("Page.navigate", &json!({ "url": url }));
        assert!(started.get("errorText").is_none(), "{url}: {started}");
        self.arrive()
    }

    /// Waits for the page that something led to, and for all that is shown at once.
    #[track_caller]
    pub(crate) fn arrive(&mut self) -> Visit {
        let mut visit = Visit::default();
        let mut own = HashSet::new(); // The page and its stylesheets, on their way.
        let mut loaded = false;
        while !loaded || !own.is_empty() {
            let event = self.event();
            let about = &event["params"];
            match event["method"].as_str().unwrap() {
                "Page.loadEventFired" => loaded = true,
                "Network.requestWillBeSent" => {
                    visit.requests.push(text(&about["request"]["url"]));
                    let page = about["type"] == "Document" && about["frameId"] == *self.tab;
                    if page || about["type"] == "Stylesheet" {
                        own.insert(text(&about["requestId"]));
                    }
                }
                "Network.loadingFinished" if own.remove(&text(&about["requestId"])) => {
                    visit.bytes += about["encodedDataLength"].as_f64().unwrap();
                }
                "Network.loadingFailed" => drop(own.remove(&text(&about["requestId"]))),
                "Runtime.exceptionThrown" => visit.errors.push(about.to_string()),
                "Runtime.consoleAPICalled" if about["type"] == "error" => {
                    visit.errors.push(about["args"].to_string());
                }
                "Log.entryAdded" if about["entry"]["level"] == "error" => {
                    visit.errors.push(about["entry"].to_string());
                }
                _ => {}
            }
        }
        visit
    }

    /// Lets timers run as if so many milliseconds had gone by.
    pub(crate) fn let_time_pass(&mut self, milliseconds: u32) {
        let policy = json!({ "policy": "advance", "budget": milliseconds });
        self.call("Emulation.setVirtualTimePolicy", &policy);
        while self.event()["method"] != "Emulation.virtualTimeBudgetExpired" {}
        self.call("Emulation.setVirtualTimePolicy", &json!({ "policy": "advance" })); // It goes on.
    }

    /// The value of an expression in the page.
    #[track_caller]
    pub(crate) fn value(&mut self, expression: &str) -> Value {
        let expression = json!({ "expression": expression, "returnByValue": true });
        let mut answer = self.call("Runtime.evaluate", &expression);
        assert!(answer.get("exceptionDetails").is_none(), "{expression}: {answer}");
        answer["result"]["value"].take()
    }

    /// Clicks in the middle of the first element that a selector names, as a hand would.
    pub(crate) fn click(&mut self, selector: &str) {
        let place = self.value(&format!(
            "(() => {{ const it = document.querySelector({selector:?}); it.scrollIntoView({{ block: 'center' }}); \
             const box = it.getClientRects()[0]; return [box.x + box.width / 2, box.y + box.height / 2] }})()"
        ));
        for kind in ["mousePressed", "mouseReleased"] {
            let event = json!({ "type": kind, "x": place[0], "y": place[1], "button": "left", "clickCount": 1 });
            self.call("Input.dispatchMouseEvent", &event);
        }
    }

    /// Types into what has the focus.
    pub(crate) fn write(&mut self, text: &str) {
        self.call("Input.insertText", &json!({ "text": text }));
    }

    /// Presses a key that writes nothing but, for Enter, a line's end.
    pub(crate) fn press(&mut self, key: &str, code: u32) {
        let text = if key == "Enter" { "\r" } else { "" };
        let mut event = json!({
            "type": "keyDown", "key": key, "code": key, "windowsVirtualKeyCode": code, "text": text,
        });
        self.call("Input.dispatchKeyEvent", &event);
        event["type"] = json!("keyUp");
        self.call("Input.dispatchKeyEvent", &event);
    }

    #[track_caller]
    fn call(&mut self, method: &str, parameters: &Value) -> Value {
        self.calls += 1;
        let id = self.calls;
        let mut message = json!({ "id": id, "method": method, "params": parameters });
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        self.to.write_all(format!("{message}\0").as_bytes()).unwrap();
        loop {
            let mut message = self.receive();
            if message["id"] == id {
                assert!(message.get("error").is_none(), "{method}: {message}");
                return message["result"].take();
            }
            self.events.push_back(message);
        }
    }

    fn event(&mut self) -> Value {
        self.events.pop_front().unwrap_or_else(|| self.receive())
    }

    #[track_caller]
    fn receive(&mut self) -> Value {
        self.from.recv_timeout(PATIENCE).expect("the browser says nothing any more")
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Told to close, it ends its other processes before itself: nobody writes into the profile while
        // that is removed.
        self.to.write_all(b"{\"id\":0,\"method\":\"Browser.close\"}\0").ok();
        let deadline = Instant::now() + Duration::from_secs(10);
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(10));
        }
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}
