//! A server of HTTP that does what a test wants, right or wrong.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What somebody asked for.
pub struct Request {
    /// `GET`.
    pub method: String,
    /// `/a/b`, or whatever else stands there.
    pub target: String,
    /// All headers, as they came.
    pub head: String,
}

/// A server, until the end of the program.
#[derive(Clone)]
pub struct Server {
    /// Where it is.
    pub address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
}

pub trait Stream: Read + Write {}

impl<T: Read + Write> Stream for T {}

impl Server {
    /// Answers each request with what `answer` writes; then the connection is closed.
    pub fn start(answer: impl Fn(&Request, &mut dyn Stream) + Send + Sync + 'static) -> Self {
        Self::start_on(|stream| Some(Box::new(stream)), answer)
    }

    /// As `start`, on what `wrap` makes of connections.
    pub fn start_on(
        wrap: impl Fn(TcpStream) -> Option<Box<dyn Stream>> + Send + Sync + 'static,
        answer: impl Fn(&Request, &mut dyn Stream) + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = Self { address, requests: Arc::default() };
        let requests = server.requests.clone();
        let handlers = Arc::new((wrap, answer));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (handlers, requests) = (handlers.clone(), requests.clone());
                std::thread::spawn(move || {
                    let Some(mut stream) = handlers.0(stream) else { return };
                    let Some(request) = read(&mut *stream) else { return };
                    let line = format!("{} {}", request.method, request.target);
                    requests.lock().unwrap().push(line);
                    handlers.1(&request, &mut *stream);
                });
            }
        });
        server
    }

    /// Serves the same file under every name.
    pub fn of(content: impl Into<Vec<u8>>) -> Self {
        let content = content.into();
        Self::start(move |request, stream| send(request, stream, &content))
    }

    /// The address of a file.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// How often this was asked for.
    pub fn count(&self, line: &str) -> usize {
        self.requests.lock().unwrap().iter().filter(|request| *request == line).count()
    }
}

fn read(stream: &mut dyn Stream) -> Option<Request> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).ok()?;
    let mut words = head.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    Some(Request { method, target, head })
}

/// A whole, correct answer.
pub fn send(request: &Request, stream: &mut dyn Stream, content: &[u8]) {
    let length = content.len();
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    // The client may have gone.
    let _ = stream.write_all(head.as_bytes());
    if request.method != "HEAD" {
        let _ = stream.write_all(content);
    }
    let _ = stream.flush();
}

/// An answer without a body.
pub fn refuse(stream: &mut dyn Stream, status: &str, header: &str) {
    let text =
        format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n{header}Connection: close\r\n\r\n");
    let _ = stream.write_all(text.as_bytes());
    let _ = stream.flush();
}
