//! Requests and answers, one at a time or pipelined.

use crate::site::{Answer, Routes, start};
use libprocess::http::server::HttpConfig;
use libprocess::http::{
    Authentication, Authenticator, Body, FileBody, Principal, Request, Response, StatusCode, assets,
};
use std::io::{Read, Write};
use std::sync::Arc;

fn echo() -> Routes {
    Routes::default().on("/echo", |request, reply| {
        let text = format!(
            "{} {} {} [{}] {}",
            request.method,
            request.route,
            request.rest(),
            request.query("x").unwrap_or("-"),
            String::from_utf8_lossy(&request.body)
        );
        reply.send(Response::text(StatusCode::OK, text));
    })
}

#[test]
fn answers_look_like_those_of_mesos() {
    let server = start(HttpConfig::default(), echo());
    let missing = server.get("/nonexistent");
    assert_eq!(missing.status(), 404);
    assert_eq!(missing.text(), "404 Not Found.");
    assert_eq!(missing.header("Content-Type"), Some("text/plain; charset=utf-8"));
    let date = missing.header("Date").unwrap();
    assert!(date.ends_with(" GMT") && date.len() == 29, "{date}");
    assert!(missing.head.starts_with("HTTP/1.1 404 Not Found\r\n"));
}

#[test]
fn paths_in_all_spellings() {
    let server = start(
        HttpConfig::default(),
        echo().on("/slave(1)/state", |_, reply| {
            reply.send(Response::text(StatusCode::OK, "agent"));
        }),
    );
    for (target, expected) in [
        ("/echo", "GET /echo  [-] "),
        ("/echo/", "GET /echo / [-] "),
        ("/master/echo?x=a%20b+c", "GET /master/echo  [a b c] "),
        ("/echo/v1/more?x", "GET /echo /v1/more [] "),
        ("/%65cho?x=%zz", "GET /echo  [%zz] "),
        ("http://elsewhere/echo", "GET /echo  [-] "),
        ("/slave%281%29/state", "agent"),
        ("/slave(1)/state/", "agent"),
    ] {
        assert_eq!(server.get(target).text(), expected, "{target}");
    }
}

#[test]
fn an_open_file_is_served_whoever_has_its_name_by_then() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    std::fs::write(&path, "0123456789").unwrap();
    let routes = Routes::default().on("/file", move |_, reply| {
        let file = std::fs::File::open(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, "somebody else's").unwrap();
        let mut response = Response::ok();
        response.body = Body::File(FileBody::open(file, 2, 5));
        reply.send(response);
    });
    let server = start(HttpConfig::default(), routes);
    let answer = server.send("GET /file HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(answer.text(), "23456");
}

#[test]
fn bodies_with_length_and_in_chunks() {
    let server = start(HttpConfig::default(), echo());
    let answer = server.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc");
    assert_eq!(answer.text(), "POST /echo  [-] abc");
    let answer = server.send(
        "PUT /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n\
         2\r\nab\r\n3;ext=1\r\ncde\r\n0\r\n\r\n",
    );
    assert_eq!(answer.text(), "PUT /echo  [-] abcde");
    let answer = server.send(
        "POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nz",
    );
    assert_eq!(answer.status(), 100);
}

#[test]
fn head_is_get_without_a_body() {
    let server = start(HttpConfig::default(), echo());
    let mut stream = server.connect();
    stream
        .write_all(b"HEAD /echo HTTP/1.1\r\nHost: x\r\n\r\nGET /echo HTTP/1.1\r\nHost: x\r\n\r\n")
        .unwrap();
    let head = Answer::read_head(&mut stream);
    assert!(head.contains("Content-Length: 15\r\n"), "{head}");
    assert_eq!(Answer::read(&mut stream).text(), "GET /echo  [-] ");
}

#[test]
fn head_of_a_stream_or_a_file_says_what_it_can_and_sends_nothing() {
    let (sender, writers) = std::sync::mpsc::channel();
    let routes = echo()
        .on("/stream", move |_, reply| {
            let (response, writer) = Response::stream("application/json", 1024);
            reply.send(response);
            sender.send(writer).unwrap();
        })
        .on("/file", |_, reply| reply.send(assets::file("/proc/version".as_ref())))
        .on("/self", |_, reply| reply.send(assets::file(&std::env::current_exe().unwrap())));
    let server = start(HttpConfig::default(), routes);
    let mut stream = server.connect();
    for path in ["/stream", "/self", "/file"] {
        let request = format!("HEAD {path} HTTP/1.1\r\nHost: x\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let head = Answer::read_head(&mut stream);
        assert!(head.starts_with("HTTP/1.1 200 OK"), "{head}");
        if path == "/self" {
            let size = std::fs::metadata(std::env::current_exe().unwrap()).unwrap().len();
            assert!(head.contains(&format!("Content-Length: {size}\r\n")), "{head}");
        }
    }
    assert!(writers.recv().unwrap().write("x").is_err(), "nobody reads it");
    stream.write_all(b"GET /echo HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    assert_eq!(Answer::read(&mut stream).text(), "GET /echo  [-] ");
}

#[test]
fn requests_may_arrive_in_any_pieces() {
    let server = start(HttpConfig::default(), echo());
    let requests = b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc\
        PUT /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n\
        2\r\nab\r\n3\r\ncde\r\n0\r\n\r\nGET /echo HTTP/1.1\r\nHost: x\r\n\r\n";
    for piece in [1, 2, 3, 7, 50] {
        let mut stream = server.connect();
        stream.set_nodelay(true).unwrap();
        for bytes in requests.chunks(piece) {
            stream.write_all(bytes).unwrap();
        }
        for expected in ["POST /echo  [-] abc", "PUT /echo  [-] abcde", "GET /echo  [-] "] {
            assert_eq!(Answer::read(&mut stream).text(), expected, "in pieces of {piece}");
        }
    }
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let (sender, slow) = std::sync::mpsc::channel();
    let routes = echo().on("/slow", move |_, reply| sender.send(reply).unwrap());
    let server = start(HttpConfig::default(), routes);
    let answer_slow = || {
        let reply: libprocess::http::Reply = slow.recv().unwrap();
        reply.send(Response::text(StatusCode::OK, "slow"));
    };
    let mut stream = server.connect();
    let mut requests = b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n".to_vec();
    for number in 0..50 {
        requests.extend(format!("GET /echo?x={number} HTTP/1.1\r\nHost: x\r\n\r\n").bytes());
    }
    requests.extend(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n");
    stream.write_all(&requests).unwrap();
    answer_slow();
    assert_eq!(Answer::read(&mut stream).text(), "slow");
    for number in 0..50 {
        assert_eq!(Answer::read(&mut stream).text(), format!("GET /echo  [{number}] "));
    }
    answer_slow();
    assert_eq!(Answer::read(&mut stream).text(), "slow");
}

#[test]
fn old_and_closing_clients() {
    let server = start(HttpConfig::default(), echo());
    for request in
        ["GET /echo HTTP/1.0\r\n\r\n", "GET /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"]
    {
        let mut stream = server.connect();
        stream.write_all(request.as_bytes()).unwrap();
        assert_eq!(Answer::read(&mut stream).text(), "GET /echo  [-] ");
        assert_eq!(stream.read(&mut [0]).unwrap(), 0, "closed after {request:?}");
    }
}

#[test]
fn a_client_may_close_its_side_and_still_be_answered() {
    let server = start(HttpConfig::default(), echo());
    let mut stream = server.connect();
    stream.write_all(b"GET /echo HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(Answer::read(&mut stream).text(), "GET /echo  [-] ");
}

#[test]
fn jsonp_wraps_json_only() {
    let routes = Routes::default()
        .on("/json", |_, reply| reply.send(Response::ok_json("{\"a\":1}")))
        .on("/text", |_, reply| reply.send(Response::text(StatusCode::OK, "t")))
        .on("/bad", |_, reply| reply.send(Response::bad_request("no")));
    let server = start(HttpConfig::default(), routes);
    let answer = server.get("/json?jsonp=cb.x[0]");
    assert_eq!(answer.text(), "cb.x[0]({\"a\":1})");
    assert_eq!(answer.header("Content-Type"), Some("text/javascript"));
    assert_eq!(server.get("/text?jsonp=cb").text(), "t");
    assert_eq!(server.get("/bad?jsonp=cb").text(), "no");
    assert_eq!(server.get("/json?jsonp=alert(1)//").status(), 400);
}

#[test]
fn large_answers_are_compressed_for_who_can_undo_it() {
    let routes = Routes::default()
        .on("/large", |_, reply| reply.send(Response::ok_json("x".repeat(1024))))
        .on("/huge", |_, reply| reply.send(Response::ok_json("y".repeat(1 << 20))))
        .on("/small", |_, reply| reply.send(Response::ok_json("x".repeat(1023))));
    let server = start(HttpConfig::default(), routes);
    let get = |path: &str, accept: &str| {
        server.send(format!("GET {path} HTTP/1.1\r\nHost: x\r\nAccept-Encoding: {accept}\r\n\r\n"))
    };
    for (path, letter, length) in [("/large", "x", 1024), ("/huge", "y", 1 << 20)] {
        let answer = get(path, "gzip, deflate");
        assert_eq!(answer.header("Content-Encoding"), Some("gzip"));
        assert_eq!(answer.header("Content-Type"), Some("application/json"));
        let mut plain = String::new();
        flate2::read::GzDecoder::new(&answer.body[..]).read_to_string(&mut plain).unwrap();
        assert_eq!(plain, letter.repeat(length));
    }
    assert_eq!(get("/small", "gzip").header("Content-Encoding"), None);
    assert_eq!(get("/large", "gzip;q=0").header("Content-Encoding"), None);
    assert_eq!(get("/large", "identity").text().len(), 1024);
}

#[test]
fn disabled_paths_are_forbidden_in_every_spelling() {
    let mut config = HttpConfig::default();
    config.disabled_paths.insert("/master/echo".to_owned());
    config.disabled_paths.insert("/metrics/snapshot".to_owned());
    let server = start(config, echo());
    for target in ["/echo", "/master/echo", "/echo/", "/%65cho", "/echo/x", "/metrics/snapshot"] {
        let answer = server.get(target);
        assert_eq!(answer.status(), 403, "{target}");
        assert!(answer.text().ends_with("is disabled"), "{}", answer.text());
    }
    assert_eq!(server.get("/metrics").status(), 200);
    assert_eq!(server.metric("mesos_libprocess_http_disabled_requests_total"), 6.0);
}

struct Door;

impl Authenticator for Door {
    fn authenticate<'a>(
        &'a self,
        request: &'a Request,
    ) -> libprocess::http::auth::AuthenticationFuture<'a> {
        Box::pin(async move {
            match request.header("Authorization") {
                Some("good") => Authentication::Principal(Principal::named("alice")),
                Some(_) => Authentication::Forbidden("not you".to_owned()),
                None => Authentication::Unauthorized {
                    challenges: vec!["Basic realm=\"r\"".to_owned()],
                    message: "who is there?".to_owned(),
                },
            }
        })
    }
}

#[test]
fn realms_are_open_until_they_have_an_authenticator() {
    let config = HttpConfig { readonly_realm: Some("r".to_owned()), ..HttpConfig::default() };
    let realms = config.realms.clone();
    let server = start(
        config,
        Routes::default().on_realm("/who", "r", |request, reply| {
            let name = request.principal.and_then(|principal| principal.value);
            reply.send(Response::text(StatusCode::OK, name.unwrap_or("nobody".to_owned())));
        }),
    );
    assert_eq!(server.get("/who").text(), "nobody");
    realms.set("r", Arc::new(Door));
    let answer = server.get("/who");
    assert_eq!((answer.status(), answer.text()), (401, "who is there?"));
    // The names of headers are in Mesos's letters, two capitals aside.
    assert!(answer.head.to_ascii_lowercase().contains("www-authenticate: basic realm=\"r\""));
    let with = |value: &str| {
        server.send(format!("GET /who HTTP/1.1\r\nHost: x\r\nAuthorization: {value}\r\n\r\n"))
    };
    assert_eq!(with("bad").status(), 403);
    assert_eq!(with("good").text(), "alice");
    assert_eq!(server.get("/metrics").status(), 401, "built-in endpoints have realms too");
    assert_eq!(server.get("/help").status(), 200);
}

#[test]
fn files_are_sent_as_they_are() {
    let directory = tempfile::tempdir().unwrap();
    let content: Vec<u8> = (0..1_000_000u32).map(|number| number as u8).collect();
    std::fs::write(directory.path().join("a.bin"), &content).unwrap();
    std::fs::write(directory.path().join("index.html"), "<html>").unwrap();
    let folder = directory.path().to_owned();
    let server = start(
        HttpConfig::default(),
        Routes::default().on("/static", move |request, reply| {
            reply.send(assets::from_folder(&folder, request.rest()));
        }),
    );
    let answer = server.get("/static/a.bin");
    assert_eq!(answer.header("Content-Type"), Some("application/octet-stream"));
    assert!(answer.body == content, "the file arrived changed");
    assert_eq!(server.get("/static/").text(), "<html>");
    assert_eq!(server.get("/static/%2e%2e/x").status(), 404);
}

#[test]
fn built_in_endpoints() {
    let server = start(HttpConfig::default(), echo());
    assert_eq!(
        server.get("/__processes__").text(),
        "[{\"id\":\"master\",\"events\":[],\"queued\":0}]"
    );
    assert_eq!(server.get("/logging/toggle").text(), "0\n");
    assert_eq!(
        server.get("/logging/toggle?level=1").text(),
        "Expecting 'duration=value' in query.\n"
    );
    assert!(server.get("/system/stats.json").text().starts_with("{\"avg_load_15min\":"));
    assert!(server.get("/help").text().contains("/master/echo"));
    assert!(server.get("/help/metrics/snapshot").text().contains("snapshot of the current"));
    let metrics = server.get("/metrics");
    assert_eq!(metrics.header("Content-Type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    assert!(metrics.text().contains("mesos_libprocess_http_requests_total"));
    server.metrics.counter(("master/tasks_lost", "Lost.")).unwrap().add(2);
    assert_eq!(server.get("/metrics/snapshot?timeout=1secs").text(), "{\"master/tasks_lost\":2.0}");
    assert_eq!(server.get("/metrics/snapshot?timeout=soon").status(), 400);
}

#[test]
fn a_reply_that_is_dropped_answers_500() {
    let server = start(HttpConfig::default(), Routes::default().on("/x", |_, _| {}));
    assert_eq!(server.get("/x").status(), 500);
}
