//! Browsers of people, driven by Chromium's DevTools protocol: what is clicked and typed arrives in the page as from a mouse and a
//! keyboard.

use super::Program;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tungstenite::{Message, WebSocket};

/// How long anything in a page may take before a test fails.
const PATIENCE: Duration = Duration::from_secs(40);

/// Markup that would end whatever it is put into, and then show itself: its scripts fail, and what it loads is elsewhere.
pub const MARKUP: &str = "\"'></script></title></style></textarea></noscript></td></text></svg>]]>--><!--\
    <script>owned()</script><img src=http://127.0.0.1:9/ onerror=owned()><svg onload=owned()><iframe src=javascript:owned()>\
    \u{2028}${owned()}";

/// A running Chromium, without windows. All tests that run at a time share it; the last one ends it.
pub struct Chromium {
    /// Behind a lock only because its input may not be shared between threads.
    _program: Mutex<Program>,
    /// Where its DevTools listen, such as `127.0.0.1:1234/devtools/browser/…`.
    address: String,
    _profile: TempDir,
}

/// The page of one person, who shares nothing with the others: no cookies, no storage.
pub struct Page {
    socket: RefCell<Socket>,
    /// What this person has of the browser, unless it is that of another page.
    context: Option<String>,
    tab: String,
    chromium: Arc<Chromium>,
}

struct Socket {
    socket: WebSocket<TcpStream>,
    session: Option<String>,
    commands: u64,
    /// What went wrong in the page: exceptions, and what its Content-Security-Policy forbade.
    errors: Vec<String>,
    /// What the page has asked for.
    requests: Vec<String>,
}

impl Chromium {
    /// The one that runs, or a new one.
    pub fn shared() -> Arc<Self> {
        static SHARED: Mutex<Weak<Chromium>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            let started = Arc::new(Self::start());
            *shared = Arc::downgrade(&started);
            started
        })
    }

    fn start() -> Self {
        let profile = TempDir::new().unwrap();
        let mut chromium = Command::new("chromium");
        chromium.args(["--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0"]);
        // No browser knows the authority of a test.
        chromium.arg("--ignore-certificate-errors");
        // Pages that nobody looks at run as fast as the others.
        chromium.args(["--disable-background-timer-throttling", "--disable-renderer-backgrounding"]);
        chromium.args([
            "--disable-backgrounding-occluded-windows",
            "--disable-dev-shm-usage",
            "--no-first-run",
        ]);
        chromium.arg(format!("--user-data-dir={}", profile.path().display()));
        let program = Program::start(chromium);
        let said = program.err.wait_for("DevTools listening on ws://");
        let address = said.split("DevTools listening on ws://").nth(1).unwrap().lines().next().unwrap();
        Self { address: address.trim().to_owned(), _program: Mutex::new(program), _profile: profile }
    }
}

impl Page {
    /// Somebody opens this address in a browser of their own.
    pub fn open(url: &str) -> Self {
        let chromium = Chromium::shared();
        let mut socket = Socket::connect(&chromium);
        let context = socket.command("Target.createBrowserContext", &json!({}));
        let context = context["browserContextId"].as_str().unwrap().to_owned();
        let blank = json!({
            "url": "about:blank", "browserContextId": context, "width": 1280, "height": 800, "newWindow": true
        });
        let tab = socket.command("Target.createTarget", &blank)["targetId"].as_str().unwrap().to_owned();
        let page = Self::attach(chromium, socket, Some(context), tab);
        page.goes_to(url);
        page
    }

    /// Opens a copy of this tab, with all that it has stored.
    pub fn opens_a_copy(&self) -> Self {
        let open = json!({ "expression": "!!window.open(location.href)", "userGesture": true });
        assert_eq!(self.command("Runtime.evaluate", &open)["result"]["value"], true);
        let mut socket = Socket::connect(&self.chromium);
        let began = Instant::now();
        let tab = loop {
            let targets = socket.command("Target.getTargets", &json!({}));
            let copy =
                targets["targetInfos"].as_array().unwrap().iter().find(|tab| tab["openerId"] == *self.tab);
            if let Some(copy) = copy {
                break copy["targetId"].as_str().unwrap().to_owned();
            }
            assert!(began.elapsed() < PATIENCE, "there is no copy");
        };
        Self::attach(Arc::clone(&self.chromium), socket, None, tab)
    }

    fn attach(chromium: Arc<Chromium>, mut socket: Socket, context: Option<String>, tab: String) -> Self {
        let attached = socket.command("Target.attachToTarget", &json!({ "targetId": tab, "flatten": true }));
        socket.session = Some(attached["sessionId"].as_str().unwrap().to_owned());
        for domain in ["Page", "Runtime", "Log", "Network"] {
            socket.command(&format!("{domain}.enable"), &json!({}));
        }
        socket.command("Emulation.setFocusEmulationEnabled", &json!({ "enabled": true }));
        Self { socket: RefCell::new(socket), context, tab, chromium }
    }

    /// A command of the DevTools protocol to this page.
    #[track_caller]
    pub fn command(&self, method: &str, parameters: &Value) -> Value {
        self.socket.borrow_mut().command(method, parameters)
    }

    #[track_caller]
    pub fn goes_to(&self, url: &str) {
        self.command("Page.navigate", &json!({ "url": url }));
        self.waits_for(
            "the page is loaded",
            &format!(
                "document.readyState === 'complete' && location.href !== 'about:blank' || {}",
                url == "about:blank"
            ),
        );
    }

    #[track_caller]
    pub fn reloads(&self) {
        self.evaluate("window.isOld = true");
        self.command("Page.reload", &json!({}));
        self.waits_for("the page is loaded again", "!window.isOld && document.readyState === 'complete'");
    }

    /// What an expression is in the page.
    #[track_caller]
    pub fn evaluate(&self, expression: &str) -> Value {
        self.try_evaluate(expression).unwrap_or_else(|error| panic!("{expression}: {error}"))
    }

    fn try_evaluate(&self, expression: &str) -> Result<Value, Value> {
        let parameters = json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let mut result = self.socket.borrow_mut().try_command("Runtime.evaluate", &parameters)?;
        match result.get("exceptionDetails") {
            Some(exception) => Err(exception.clone()),
            None => Ok(result["result"]["value"].take()),
        }
    }

    /// Waits until an expression is true in the page.
    #[track_caller]
    pub fn waits_for(&self, what: &str, expression: &str) {
        let began = Instant::now();
        loop {
            // There is nothing to ask while the page is being loaded.
            let result = self.try_evaluate(&format!("!!({expression})"));
            if matches!(result, Ok(Value::Bool(true))) {
                return;
            }
            let shown = || self.try_evaluate("document.body.innerText.split('\\n')");
            assert!(
                began.elapsed() < PATIENCE,
                "timed out waiting until {what}: {result:?}; the page shows {:#?}",
                shown()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The text of the element that a selector finds.
    #[track_caller]
    pub fn text(&self, selector: &str) -> String {
        self.evaluate(&format!("document.querySelector({}).textContent", json!(selector)))
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// Clicks on the middle of the element that a selector finds, as soon as it is there.
    #[track_caller]
    pub fn clicks(&self, selector: &str) {
        let find = format!("document.querySelector({})", json!(selector));
        self.waits_for(&format!("{selector} is there"), &format!("{find}?.getClientRects().length"));
        let middle = format!(
            "(() => {{ const element = {find}; element.scrollIntoView({{ block: 'nearest' }});
            const box = element.getBoundingClientRect(); return [box.x + box.width / 2, box.y + box.height / 2]; }})()"
        );
        let middle = self.evaluate(&middle);
        for kind in ["mousePressed", "mouseReleased"] {
            let click =
                json!({ "type": kind, "x": middle[0], "y": middle[1], "button": "left", "clickCount": 1 });
            self.command("Input.dispatchMouseEvent", &click);
        }
    }

    /// Types a text where the focus is.
    #[track_caller]
    pub fn types(&self, text: &str) {
        self.command("Input.insertText", &json!({ "text": text }));
    }

    /// Presses a key, such as `Enter`, `Tab` or `Shift+Enter`.
    #[track_caller]
    pub fn presses(&self, key: &str) {
        let (modifiers, key) = key.strip_prefix("Shift+").map_or((0, key), |key| (8, key));
        let (code, text) = match key {
            "Tab" => (9, ""),
            "Enter" => (13, "\r"),
            "Escape" => (27, ""),
            "End" => (35, ""),
            "Home" => (36, ""),
            "ArrowUp" => (38, ""),
            "ArrowDown" => (40, ""),
            _ => panic!("{key}?"),
        };
        for kind in ["keyDown", "keyUp"] {
            let mut event = json!({ "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code, "modifiers": modifiers });
            if kind == "keyDown" && !text.is_empty() {
                event["text"] = json!(text);
            }
            self.command("Input.dispatchKeyEvent", &event);
        }
    }

    /// Shows the page as on a screen of this size.
    #[track_caller]
    pub fn has_size(&self, [width, height]: [u32; 2], is_dark: bool) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500 });
        self.command("Emulation.setDeviceMetricsOverride", &size);
        let theme = if is_dark { "dark" } else { "light" };
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": theme }] });
        self.command("Emulation.setEmulatedMedia", &features);
    }

    /// Writes what the page looks like into a PNG file.
    #[track_caller]
    pub fn is_photographed(&self, file: &Path) {
        use base64::Engine;
        let picture = self.command("Page.captureScreenshot", &json!({}));
        let png = base64::prelude::BASE64_STANDARD.decode(picture["data"].as_str().unwrap()).unwrap();
        std::fs::write(file, png).unwrap();
    }

    /// Runs a script in each page from now on, before those of the page.
    #[track_caller]
    pub fn runs_first(&self, script: &str) {
        self.command("Page.addScriptToEvaluateOnNewDocument", &json!({ "source": script }));
    }

    /// Fails if any of the [`MARKUP`] became more than text: an element, a script that ran, or a request for what is not at `home`.
    #[track_caller]
    pub fn is_unharmed(&self, home: &str) {
        let elements = "document.querySelectorAll('img, iframe, [onload], [onerror]').length";
        assert_eq!(self.evaluate(elements), 0);
        self.has_no_errors();
        let requests = &self.socket.borrow().requests;
        assert!(!requests.is_empty() && requests.iter().all(|url| url.starts_with(home)), "{requests:?}");
    }

    /// Fails if there was an exception in the page, or if its Content-Security-Policy forbade something.
    #[track_caller]
    pub fn has_no_errors(&self) {
        self.evaluate("0");
        assert_eq!(self.socket.borrow().errors, [""; 0]);
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        // The browser ends with the last of its pages anyway, and a test that has failed may have left anything behind.
        if let Some(context) = &self.context
            && !std::thread::panicking()
        {
            let mut socket = self.socket.borrow_mut();
            socket.session = None;
            socket.command("Target.disposeBrowserContext", &json!({ "browserContextId": context }));
        }
    }
}

impl Socket {
    fn connect(chromium: &Chromium) -> Self {
        let stream = TcpStream::connect(chromium.address.split('/').next().unwrap()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let (socket, _) = tungstenite::client(format!("ws://{}", chromium.address), stream).unwrap();
        Self { socket, session: None, commands: 0, errors: Vec::new(), requests: Vec::new() }
    }

    #[track_caller]
    fn command(&mut self, method: &str, parameters: &Value) -> Value {
        self.try_command(method, parameters).unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    /// Sends a command, and waits for its result, or for why there is none.
    #[track_caller]
    fn try_command(&mut self, method: &str, parameters: &Value) -> Result<Value, Value> {
        self.commands += 1;
        let mut command = json!({ "id": self.commands, "method": method, "params": parameters });
        if let Some(session) = &self.session {
            command["sessionId"] = json!(session);
        }
        self.socket.send(Message::text(command.to_string())).unwrap();
        loop {
            let message = self.socket.read().unwrap_or_else(|error| panic!("{method}: {error}"));
            let Message::Text(text) = message else { continue };
            let mut message: Value = serde_json::from_str(&text).unwrap();
            if message["id"] == self.commands {
                return match message.get("error") {
                    Some(error) => Err(error.clone()),
                    None => Ok(message["result"].take()),
                };
            }
            self.notes(&message);
        }
    }

    fn notes(&mut self, event: &Value) {
        let parameters = &event["params"];
        match event["method"].as_str() {
            Some("Runtime.exceptionThrown") => self.errors.push(parameters["exceptionDetails"].to_string()),
            Some("Log.entryAdded") if parameters["entry"]["source"] == "security" => {
                self.errors.push(parameters["entry"]["text"].to_string());
            }
            Some("Page.javascriptDialogOpening") => self.errors.push(parameters["message"].to_string()),
            Some("Network.requestWillBeSent") => {
                self.requests.push(parameters["request"]["url"].as_str().unwrap().to_owned());
            }
            _ => {}
        }
    }
}
