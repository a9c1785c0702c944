//! The HTTP client against servers that the tests script byte by byte.

use libprocess::http::client::{Client, ClientConfig, ClientError};
use libprocess::http::pipe;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::Duration;

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// Runs `script` for the first connection; gives the server's address.
fn serve<T: Send + 'static>(
    script: impl FnOnce(TcpListener) -> T + Send + 'static,
) -> (String, JoinHandle<T>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    (address, thread::spawn(move || script(listener)))
}

/// Reads the head of a request, and its body if it has a length; not one byte more.
fn read_request(mut stream: &TcpStream) -> (String, Vec<u8>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let length = head
        .lines()
        .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok())
        .unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    (head, body)
}

#[test]
fn methods_headers_queries_and_bodies_are_sent() {
    let (address, server) = serve(|listener| {
        let (mut stream, _) = listener.accept().unwrap();
        let request = read_request(&stream);
        stream.write_all(b"HTTP/1.1 202 Accepted\r\nX-A: b\r\nContent-Length: 0\r\n\r\n").unwrap();
        request
    });
    let client = Client::new();
    let answer = block_on(
        client
            .put(&format!("{address}/a b/%2F(1)"))
            .query("x", "1&2 ü")
            .query("y", "")
            .header("X-Stream", "s")
            .body("application/json", "{}")
            .send(),
    )
    .unwrap();
    assert_eq!((answer.status.as_u16(), answer.header("x-a")), (202, Some("b")));
    let (head, body) = server.join().unwrap();
    assert!(head.starts_with("PUT /a%20b/%2F(1)?x=1%262+%C3%BC&y= HTTP/1.1\r\n"), "{head}");
    assert!(head.contains("X-Stream: s\r\n") && head.contains("Content-Type: application/json"));
    assert_eq!(body, b"{}");
}

#[test]
fn a_connection_is_used_again() {
    let (address, server) = serve(|listener| {
        let (mut stream, _) = listener.accept().unwrap();
        for _ in 0..3 {
            read_request(&stream);
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").unwrap();
        }
        listener.set_nonblocking(true).unwrap();
        listener.accept().is_err()
    });
    let only_one = block_on(async {
        let client = Client::new();
        for _ in 0..3 {
            assert_eq!(client.get(&address).send().await.unwrap().text(), "ok");
        }
        server.join().unwrap()
    });
    assert!(only_one, "a second connection was made");
}

#[test]
fn answers_stream() {
    let (address, server) = serve(|listener| {
        let (mut stream, _) = listener.accept().unwrap();
        read_request(&stream);
        stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").unwrap();
        stream.write_all(b"3\r\nabc\r\n").unwrap();
        // The client ends its body only after it has seen the first chunk.
        let mut sent = Vec::new();
        while !sent.ends_with(b"0\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            sent.push(byte[0]);
        }
        stream.write_all(b"2\r\nde\r\n0\r\n\r\n").unwrap();
    });
    block_on(async {
        let client = Client::new();
        let (writer, reader) = pipe::pipe(1024);
        writer.write("x").unwrap();
        let request = client.post(&address).body_stream("application/recordio", reader);
        let mut answer = request.stream().await.unwrap();
        assert_eq!(answer.body.next().await.unwrap().unwrap(), "abc");
        writer.close();
        assert_eq!(answer.body.next().await.unwrap().unwrap(), "de");
        assert!(answer.body.next().await.is_none());
    });
    server.join().unwrap();
}

#[test]
fn streamed_requests_are_chunked_per_write() {
    let (address, server) = serve(|listener| {
        let (mut stream, _) = listener.accept().unwrap();
        let (head, _) = read_request(&stream);
        let mut body = Vec::new();
        let mut reader = BufReader::new(&stream);
        while !body.ends_with(b"0\r\n\r\n") {
            reader.read_until(b'\n', &mut body).unwrap();
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").unwrap();
        (head, String::from_utf8(body).unwrap())
    });
    block_on(async {
        let (writer, reader) = pipe::pipe(1024);
        writer.write("abc").unwrap();
        writer.write("defgh").unwrap();
        drop(writer);
        Client::new().post(&address).body_stream("application/recordio", reader).send().await
    })
    .unwrap();
    let (head, body) = server.join().unwrap();
    assert!(head.to_ascii_lowercase().contains("transfer-encoding: chunked"), "{head}");
    assert_eq!(body, "3\r\nabc\r\n5\r\ndefgh\r\n0\r\n\r\n");
}

#[test]
fn large_answers_are_refused() {
    let (address, server) = serve(|listener| {
        let (mut stream, _) = listener.accept().unwrap();
        read_request(&stream);
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n").unwrap();
        let _ = stream.write_all(&[b'x'; 1000]);
    });
    let client =
        Client::with_config(ClientConfig { body_limit_bytes: 999, ..ClientConfig::default() });
    let error = block_on(client.get(&address).send()).unwrap_err();
    assert!(matches!(error, ClientError::TooLarge { limit_bytes: 999, .. }), "{error}");
    server.join().unwrap();
}

#[test]
fn slow_servers_time_out() {
    let (address, server) = serve(|listener| {
        let (mut stream, _) = listener.accept().unwrap();
        read_request(&stream);
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc").unwrap();
        // Returns when the client gives up.
        let _ = stream.read(&mut [0]);
    });
    let request = Client::new().get(&address).timeout(Duration::from_millis(50));
    let error = block_on(request.send()).unwrap_err();
    assert!(matches!(error, ClientError::Timeout { .. }), "{error}");
    assert!(error.to_string().ends_with("within 50ms"), "{error}");
    server.join().unwrap();
}

#[test]
fn broken_answers_are_errors() {
    let (address, server) = serve(|listener| {
        let (mut stream, _) = listener.accept().unwrap();
        read_request(&stream);
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc").unwrap();
        drop(stream);
        let (mut stream, _) = listener.accept().unwrap();
        read_request(&stream);
        stream.write_all(b"garbage\r\n\r\n").unwrap();
    });
    block_on(async {
        let client = Client::new();
        let error = client.get(&address).send().await.unwrap_err();
        assert!(matches!(error, ClientError::Body { .. }), "{error}");
        let error = client.get(&address).send().await.unwrap_err();
        assert!(matches!(error, ClientError::Request { .. }), "{error}");
    });
    server.join().unwrap();
}

#[test]
fn wrong_addresses_are_named() {
    let error = |url: &str| block_on(Client::new().get(url).send()).unwrap_err().to_string();
    assert!(error("master:5050/x").contains("'master:5050/x' is not an HTTP address"));
    assert!(error("https://a/").contains("expecting 'http://'"));
    assert_eq!(error("http://127.0.0.1:1/"), "cannot connect to http://127.0.0.1:1/");
    let request = Client::new().get("http://a/").header("bad name", "x");
    assert_eq!(
        block_on(request.send()).unwrap_err().to_string(),
        "header 'bad name' cannot be sent"
    );
}

#[test]
fn unix_sockets_are_reached() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s");
    let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut head = [0; 14];
        stream.read_exact(&mut head).unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nu").unwrap();
        head
    });
    let client = Client::unix(&path);
    let answer = block_on(client.get("http://localhost/x").send()).unwrap();
    assert_eq!(answer.text(), "u");
    assert_eq!(&server.join().unwrap(), b"GET /x HTTP/1.");
}
