//! Answers and requests that do not end.

use crate::site::{Answer, Routes, start};
use libprocess::http::server::HttpConfig;
use libprocess::http::{BodyWriter, Response, StatusCode, WriteError};
use std::io::{Read, Write};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// A route that hands each stream's writer to the test.
fn streaming(limit_bytes: usize) -> (Routes, mpsc::Receiver<BodyWriter>) {
    let (sender, receiver) = mpsc::channel();
    let routes = Routes::default().on("/stream", move |_, reply| {
        let (response, writer) = Response::stream("application/json", limit_bytes);
        reply.send(response.header("Mesos-Stream-Id", "s1"));
        sender.send(writer).unwrap();
    });
    (routes, receiver)
}

fn soon(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(Instant::now() < deadline, "not within 20 seconds: {what}");
        // Polls the condition.
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn each_write_is_exactly_one_chunk() {
    let (routes, writers) = streaming(1 << 20);
    let server = start(HttpConfig::default(), routes);
    let mut stream = server.connect();
    let request =
        b"POST /stream HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\nContent-Length: 0\r\n\r\n";
    stream.write_all(request).unwrap();
    let writer = writers.recv().unwrap();
    let head = Answer::read_head(&mut stream);
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(head.contains("Transfer-Encoding: chunked\r\n"), "{head}");
    assert!(head.contains("Mesos-Stream-Id: s1\r\n"), "{head}");
    assert!(head.contains("Content-Type: application/json\r\n"), "{head}");
    assert!(!head.contains("Content-Length") && !head.contains("Content-Encoding"), "{head}");

    // Written at once, so that a server that coalesces would be caught.
    for text in ["20\n{\"type\":\"HEARTBEAT\"}", "3\n{ }", "x"] {
        writer.write(text).unwrap();
    }
    let big = "z".repeat(100_000);
    writer.write(big.clone()).unwrap();
    writer.write("end").unwrap();
    writer.close();
    let mut expected = b"17\r\n20\n{\"type\":\"HEARTBEAT\"}\r\n5\r\n3\n{ }\r\n1\r\nx\r\n".to_vec();
    expected.extend(format!("186A0\r\n{big}\r\n3\r\nend\r\n0\r\n\r\n").bytes());
    let mut received = vec![0; expected.len()];
    stream.read_exact(&mut received).unwrap();
    assert_eq!(
        String::from_utf8_lossy(&received).to_lowercase(),
        String::from_utf8_lossy(&expected).to_lowercase()
    );

    // The connection carries on.
    stream.write_all(b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    assert_eq!(Answer::read(&mut stream).status(), 404);
}

#[test]
fn writers_learn_that_the_client_went() {
    let (routes, writers) = streaming(1 << 20);
    let server = start(HttpConfig::default(), routes);
    let mut stream = server.connect();
    stream.write_all(b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let writer = writers.recv().unwrap();
    Answer::read_head(&mut stream);
    let (gone, news) = mpsc::channel();
    writer.on_closed(move || gone.send(()).unwrap());
    drop(stream);
    news.recv_timeout(Duration::from_secs(20)).unwrap();
    assert_eq!(writer.write("x"), Err(WriteError::Closed));
    server.wait_for_metric("mesos_libprocess_http_streams", 0.0);
}

#[test]
fn handlers_learn_that_the_client_went_before_the_answer() {
    let (sender, replies) = mpsc::channel();
    let routes = Routes::default().on("/wait", move |_, reply| sender.send(reply).unwrap());
    let config =
        HttpConfig { half_closed_timeout: Duration::from_millis(20), ..HttpConfig::default() };
    let server = start(config, routes);
    let mut stream = server.connect();
    stream.write_all(b"GET /wait HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let reply = replies.recv().unwrap();
    let (gone, news) = mpsc::channel();
    reply.on_closed(move || gone.send(()).unwrap());
    assert!(!reply.is_closed());
    drop(stream);
    news.recv_timeout(Duration::from_secs(20)).unwrap();
    assert!(reply.is_closed());
    // A handler that never answers does not keep the connection.
    server.wait_for_metric("mesos_libprocess_http_connections", 0.0);
    server.wait_for_metric("mesos_libprocess_http_abandoned_requests_total", 1.0);
    reply.send(Response::ok());
}

#[test]
fn a_client_that_does_not_read_is_cut_off() {
    let (routes, writers) = streaming(64 * 1024);
    let config = HttpConfig { stall_timeout: Duration::from_millis(100), ..HttpConfig::default() };
    let server = start(config, routes);
    let mut stream = server.connect();
    stream.write_all(b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let writer = writers.recv().unwrap();
    let chunk = vec![b'x'; 16 * 1024];
    let deadline = Instant::now() + Duration::from_secs(20);
    let error = loop {
        assert!(Instant::now() < deadline, "a client that never reads is still served");
        match writer.write(chunk.clone()) {
            Ok(()) if writer.waiting_bytes() > 32 * 1024 => {
                // Polls how much waits.
                std::thread::sleep(Duration::from_millis(1));
            }
            Ok(()) => {}
            Err(error) => break error,
        }
    };
    assert!(matches!(error, WriteError::Overflow { .. } | WriteError::Closed), "{error}");
    server.wait_for_metric("mesos_libprocess_http_connections", 0.0);
}

#[test]
fn a_client_that_is_too_far_behind_is_cut_off_at_once() {
    // The server would wait a minute for a client that does not read.
    let (routes, writers) = streaming(64 * 1024);
    let server = start(HttpConfig::default(), routes);
    let mut stream = server.connect();
    stream.write_all(b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let writer = writers.recv().unwrap();
    let chunk = vec![b'x'; 16 * 1024];
    while writer.write(chunk.clone()).is_ok() {}
    server.wait_for_metric("mesos_libprocess_http_connections", 0.0);
    assert_eq!(server.metric("mesos_libprocess_http_cut_streams_total"), 1.0);
    assert_eq!(server.metric("mesos_libprocess_http_slow_readers_total"), 0.0);
}

#[test]
fn a_stuck_reader_of_a_plain_answer_is_cut_off() {
    let routes = Routes::default().on("/huge", |_, reply| {
        reply.send(Response::ok_json(vec![b'x'; 64 << 20]));
    });
    let config = HttpConfig { stall_timeout: Duration::from_millis(100), ..HttpConfig::default() };
    let server = start(config, routes);
    let mut stream = server.connect();
    stream.write_all(b"GET /huge HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    server.wait_for_metric("mesos_libprocess_http_slow_readers_total", 1.0);
    server.wait_for_metric("mesos_libprocess_http_connections", 0.0);
}

#[test]
fn a_failed_stream_does_not_look_complete() {
    let (routes, writers) = streaming(1 << 20);
    let server = start(HttpConfig::default(), routes);
    let mut stream = server.connect();
    stream.write_all(b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let writer = writers.recv().unwrap();
    writer.write("abc").unwrap();
    writer.fail("disk");
    Answer::read_head(&mut stream);
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest);
    assert!(!rest.ends_with(b"0\r\n\r\n"), "{}", String::from_utf8_lossy(&rest));
}

#[test]
fn recordio_requests_are_handed_over_while_they_arrive() {
    let (sender, chunks) = mpsc::channel();
    let routes = Routes::default().on("/attach", move |request, reply| {
        let sender = sender.clone();
        let mut body = request.stream.expect("a stream");
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(async {
                while let Some(chunk) = body.next().await {
                    sender.send(chunk.unwrap()).unwrap();
                }
            });
            reply.send(Response::text(StatusCode::OK, "done"));
        });
    });
    let server = start(HttpConfig::default(), routes);
    let mut stream = server.connect();
    let head = "POST /attach HTTP/1.1\r\nHost: x\r\nContent-Type: application/recordio\r\n\
                Transfer-Encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    for text in ["abc", "de"] {
        stream.write_all(format!("{}\r\n{text}\r\n", text.len()).as_bytes()).unwrap();
        // Sent on before the next is written.
        assert_eq!(chunks.recv_timeout(Duration::from_secs(20)).unwrap(), text);
    }
    stream.write_all(b"0\r\n\r\n").unwrap();
    assert_eq!(Answer::read(&mut stream).text(), "done");
    soon("the stream is over", || {
        matches!(
            chunks.try_recv(),
            Err(mpsc::TryRecvError::Empty | mpsc::TryRecvError::Disconnected)
        )
    });
}
