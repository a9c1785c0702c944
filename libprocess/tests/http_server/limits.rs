//! Clients that are slow, greedy or broken.

use crate::site::{Answer, Routes, Running, start};
use libprocess::http::Response;
use libprocess::http::server::HttpConfig;
use std::io::{Read, Write};
use std::time::Duration;

fn server(change: impl FnOnce(&mut HttpConfig)) -> Running {
    let mut config = HttpConfig::default();
    change(&mut config);
    let length = |request: libprocess::http::Request| format!("{}", request.body.len());
    start(
        config,
        Routes::default().on("/length", move |request, reply| {
            reply.send(Response::ok_json(length(request)));
        }),
    )
}

/// What the server says before it closes; nothing is an answer too.
fn until_closed(stream: &mut std::net::TcpStream) -> String {
    let mut text = Vec::new();
    // A reset also closes.
    let _ = stream.read_to_end(&mut text);
    String::from_utf8_lossy(&text).into_owned()
}

#[test]
fn large_bodies_are_refused() {
    let server = server(|config| config.body_limit_bytes = 1000);
    let ok = format!(
        "POST /length HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{}",
        "x".repeat(1000)
    );
    assert_eq!(server.send(ok).text(), "1000");
    let announced = server.send("POST /length HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n");
    assert_eq!(announced.status(), 413);
    assert_eq!(announced.text(), "The request body is larger than the limit of 1000 bytes");
    let chunked = format!(
        "POST /length HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n\
         3E9\r\n{}\r\n0\r\n\r\n",
        "x".repeat(1001)
    );
    assert_eq!(server.send(chunked).status(), 413);
    assert_eq!(server.metric("mesos_libprocess_http_too_large_requests_total"), 2.0);
}

#[test]
fn large_heads_are_refused() {
    let server = server(|_| {});
    let mut stream = server.connect();
    let head = format!("GET /length HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "x".repeat(200_000));
    let _ = stream.write_all(head.as_bytes());
    let answer = until_closed(&mut stream);
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer}");

    let mut stream = server.connect();
    let many: String = (0..500).map(|number| format!("X-{number}: y\r\n")).collect();
    stream.write_all(format!("GET /length HTTP/1.1\r\nHost: x\r\n{many}\r\n").as_bytes()).unwrap();
    let answer = until_closed(&mut stream);
    assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
}

#[test]
fn garbage_is_answered_400_and_closed() {
    let server = server(|_| {});
    for garbage in [
        &b"GARBAGE\r\n\r\n"[..],
        b"GET / HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET /length HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"GET /length HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST /length HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n",
    ] {
        let mut stream = server.connect();
        stream.write_all(garbage).unwrap();
        let answer = until_closed(&mut stream);
        assert!(answer.starts_with("HTTP/1.1 400"), "{garbage:?}: {answer}");
    }
    assert_eq!(
        server.send("POST /length HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n").text(),
        "0"
    );
}

#[test]
fn random_bytes_do_no_harm() {
    let server = server(|_| {});
    let mut seed = 42u64;
    for _ in 0..50 {
        let mut bytes = Vec::new();
        for _ in 0..200 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            bytes.push((seed >> 33) as u8);
        }
        let mut stream = server.connect();
        let _ = stream.write_all(&bytes);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        until_closed(&mut stream);
    }
    assert_eq!(server.get("/length").text(), "0");
    server.wait_for_metric("mesos_libprocess_http_connections", 0.0);
}

#[test]
fn a_head_that_stops_is_dropped_also_on_a_used_connection() {
    let server = server(|config| config.head_timeout = Duration::from_millis(100));
    let mut stream = server.connect();
    stream.write_all(b"GET /length HT").unwrap();
    until_closed(&mut stream);

    let mut stream = server.connect();
    stream.write_all(b"GET /length HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    assert_eq!(Answer::read(&mut stream).text(), "0");
    stream.write_all(b"GET /length HT").unwrap();
    assert_eq!(until_closed(&mut stream), "");
    assert!(server.metric("mesos_libprocess_http_slow_heads_total") >= 1.0);
}

#[test]
fn a_body_that_stops_is_answered_408() {
    let server = server(|config| config.stall_timeout = Duration::from_millis(100));
    let answer = server.send("POST /length HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc");
    assert_eq!(answer.status(), 408);
    assert_eq!(server.metric("mesos_libprocess_http_slow_bodies_total"), 1.0);
}

/// Sends a byte now and then until an answer comes.
fn trickle(mut stream: std::net::TcpStream, length: usize) -> Answer {
    let head = format!("POST /length HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
    let mut first = [0];
    while !stream.peek(&mut first).is_ok_and(|read| read == 1) {
        stream.write_all(b"x").unwrap();
    }
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    Answer::read(&mut stream)
}

#[test]
fn a_trickled_body_is_answered_408_and_holds_nobody_up() {
    let server = server(|config| config.stall_timeout = Duration::from_millis(300));
    let slow: Vec<_> = (0..50)
        .map(|_| {
            let stream = server.connect();
            std::thread::spawn(move || trickle(stream, 100_000).status())
        })
        .collect();
    while slow.iter().any(|thread| !thread.is_finished()) {
        assert_eq!(server.get("/length").text(), "0");
    }
    for thread in slow {
        assert_eq!(thread.join().unwrap(), 408);
    }
    assert_eq!(server.metric("mesos_libprocess_http_slow_bodies_total"), 50.0);
}

#[test]
fn large_bodies_share_a_bound() {
    let server = server(|config| config.bodies_limit_bytes = 100_000);
    let head = "POST /length HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n";
    let mut first = server.connect();
    first.write_all(head.as_bytes()).unwrap();
    first.write_all(&[b'x'; 150_000]).unwrap();
    // The first has all there is. Polls until that is known.
    let refused = loop {
        let answer =
            server.send("POST /length HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n123456789");
        if answer.status() == 503 {
            break answer;
        }
        assert_eq!(answer.text(), "9");
    };
    assert_eq!(refused.text(), "Too many large requests at once");
    assert!(server.metric("mesos_libprocess_http_crowded_bodies_total") >= 1.0);
    first.write_all(&[b'x'; 50_000]).unwrap();
    assert_eq!(Answer::read(&mut first).text(), "200000");
    let answer = server.send("POST /length HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n1");
    assert_eq!(answer.text(), "1");
}

#[test]
fn idle_connections_are_kept() {
    let server = server(|config| {
        config.head_timeout = Duration::from_millis(50);
        config.stall_timeout = Duration::from_millis(50);
    });
    let mut stream = server.connect();
    for _ in 0..3 {
        stream.write_all(b"GET /length HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        assert_eq!(Answer::read(&mut stream).text(), "0");
        // When the server has given up on a connection that began later and stopped in the middle
        // of a head, its timeouts have passed for this one too.
        let mut stuck = server.connect();
        stuck.write_all(b"GET /length HT").unwrap();
        until_closed(&mut stuck);
    }
}

#[test]
fn a_body_of_no_use_is_read_so_that_the_connection_lives() {
    let server = server(|_| {});
    let mut stream = server.connect();
    for _ in 0..2 {
        stream
            .write_all(b"POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n")
            .unwrap();
        stream.write_all(b"abcde").unwrap();
        assert_eq!(Answer::read(&mut stream).status(), 404);
    }
}

#[test]
fn many_connections_come_and_go() {
    let server = server(|_| {});
    for _ in 0..20 {
        let streams: Vec<_> = (0..20).map(|_| server.connect()).collect();
        for mut stream in streams {
            stream.write_all(b"GET /length HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
            assert_eq!(Answer::read(&mut stream).text(), "0");
        }
    }
    server.wait_for_metric("mesos_libprocess_http_connections", 0.0);
    assert_eq!(server.metric("mesos_libprocess_http_requests_total"), 400.0);
}
