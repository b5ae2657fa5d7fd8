//! A web server on loopback that serves the pages of a test and records the requests.

#[path = "../../support/loopback.rs"]
mod loopback;

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

pub(crate) use loopback::nobody;

/// The response of one path.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    status: u16,
    headers: Vec<(&'static str, Vec<u8>)>,
    body: Vec<u8>,
    delay: Duration,
    stalled: bool,
}

impl Page {
    pub(crate) fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self::status(200).body(body)
    }

    pub(crate) fn status(status: u16) -> Self {
        let (headers, body) = (Vec::new(), Vec::new());
        Self { status, headers, body, delay: Duration::ZERO, stalled: false }
    }

    pub(crate) fn body(self, body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), ..self }
    }

    /// Adds a header. A page with an `ETag` or a `Last-Modified` answers 304 to a request with the same validator.
    pub(crate) fn header(mut self, name: &'static str, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Delays the response.
    pub(crate) fn after(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }

    /// A page that receives the request and never answers.
    pub(crate) fn stalled() -> Self {
        Self { stalled: true, ..Self::status(200) }
    }

    fn value(&self, name: &str) -> Option<&[u8]> {
        self.headers.iter().find(|(other, _)| *other == name).map(|(_, value)| value.as_slice())
    }

    /// RFC 9110 section 13.2.2: `If-None-Match` wins over `If-Modified-Since`.
    fn is_known_to(&self, request: &Request) -> bool {
        let sent = |name| request.header(name);
        match (sent("if-none-match"), sent("if-modified-since")) {
            (Some(tag), _) => self.value("ETag") == Some(tag),
            (None, Some(date)) => self.value("Last-Modified") == Some(date),
            (None, None) => false,
        }
    }
}

/// A request, byte for byte.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// The value of a header, by its name in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_slice())
    }
}

/// A server that runs until the process ends.
#[derive(Clone)]
pub(crate) struct Server {
    address: SocketAddr,
    site: Arc<Mutex<Site>>,
}

#[derive(Default)]
struct Site {
    pages: HashMap<String, Page>,
    requests: Vec<Request>,
}

impl Server {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let site = Arc::<Mutex<Site>>::default();
        let shared = Arc::clone(&site);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let site = Arc::clone(&shared);
                // Some tests kill the client in the middle of a request.
                thread::spawn(move || answer(&stream, &site).ok());
            }
        });
        Self { address, site }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sets the response of `path`. A path without a page answers 404.
    pub(crate) fn put(&self, path: &str, page: Page) {
        self.site.lock().unwrap().pages.insert(path.to_owned(), page);
    }

    /// All requests so far, in the order of their arrival.
    pub(crate) fn all_requests(&self) -> Vec<Request> {
        self.site.lock().unwrap().requests.clone()
    }

    /// The number of requests so far.
    pub(crate) fn total(&self) -> usize {
        self.site.lock().unwrap().requests.len()
    }

    /// The requests for one path.
    pub(crate) fn requests(&self, path: &str) -> Vec<Request> {
        let mut requests = self.all_requests();
        requests.retain(|request| request.path == path);
        requests
    }
}

fn answer(mut stream: &TcpStream, site: &Mutex<Site>) -> std::io::Result<()> {
    let Some(request) = read(stream)? else { return Ok(()) };
    let page = {
        let mut site = site.lock().unwrap();
        let page = site.pages.get(&request.path).cloned();
        site.requests.push(request.clone());
        page.unwrap_or_else(|| Page::status(404))
    };
    if page.stalled {
        stream.read_to_end(&mut Vec::new())?; // Until the client gives up.
        return Ok(());
    }
    thread::sleep(page.delay);
    let known = page.status == 200 && page.is_known_to(&request);
    let (status, body) = if known { (304, &[][..]) } else { (page.status, page.body.as_slice()) };
    let mut reply = format!("HTTP/1.1 {status} Said\r\nConnection: close\r\n").into_bytes();
    if !known {
        reply.extend(format!("Content-Length: {}\r\n", body.len()).bytes());
    }
    for (name, value) in &page.headers {
        reply.extend(name.bytes().chain(*b": "));
        reply.extend(value.iter().chain(b"\r\n"));
    }
    reply.extend(b"\r\n");
    reply.extend(body);
    stream.write_all(&reply)
}

/// Reads a request. Returns `None` when the client closes the connection before its end.
fn read(mut stream: &TcpStream) -> std::io::Result<Option<Request>> {
    const END: &[u8] = b"\r\n\r\n";
    let mut head = Vec::new();
    let mut buffer = [0; 1024];
    let end = loop {
        if let Some(at) = head.windows(END.len()).position(|window| window == END) {
            break at + END.len();
        }
        match stream.read(&mut buffer)? {
            0 => return Ok(None),
            n => head.extend(buffer.iter().take(n)),
        }
    };
    let mut body = head.split_off(end);
    let mut lines = head.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end);
    let first = String::from_utf8_lossy(lines.next().unwrap_or_default()).into_owned();
    let mut words = first.split(' ').map(str::to_owned);
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let field = |line: &[u8]| {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let (name, value) = line.split_at(colon);
        let name = String::from_utf8_lossy(name).to_ascii_lowercase();
        Some((name, value.get(1..)?.trim_ascii().to_vec()))
    };
    let headers: Vec<_> = lines.map_while(field).collect();
    let mut request = Request { method, path, headers, body: Vec::new() };
    let length = request.header("content-length").map(String::from_utf8_lossy);
    let length = length.and_then(|text| text.parse().ok()).unwrap_or(0);
    while body.len() < length {
        match stream.read(&mut buffer)? {
            0 => return Ok(None),
            n => body.extend(buffer.iter().take(n)),
        }
    }
    request.body = body;
    Ok(Some(request))
}
