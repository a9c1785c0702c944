//! The cache: one download for all, room, and what is no use.

use std::fs;
use std::sync::{Arc, Condvar, Mutex};

use crate::bench::{Bench, cached, uri};
use crate::server::{Server, refuse, send};

/// A door that stays shut until a test opens it.
#[derive(Default)]
struct Gate(Mutex<bool>, Condvar);

impl Gate {
    fn open(&self) {
        *self.0.lock().unwrap() = true;
        self.1.notify_all();
    }

    fn pass(&self) {
        let mut open = self.0.lock().unwrap();
        while !*open {
            open = self.1.wait(open).unwrap();
        }
    }
}

#[test]
fn many_who_want_a_file_at_once_have_it_downloaded_once() {
    let gate = Arc::new(Gate::default());
    let door = gate.clone();
    let server = Server::start(move |request, stream| {
        if request.method == "GET" {
            door.pass();
        }
        send(request, stream, b"hello");
    });
    let bench = Bench::new();
    for number in 0..8 {
        bench.fetch(&format!("c{number}"), &[cached(server.url("/a")), cached(server.url("/a"))]);
    }
    gate.open();
    for _ in 0..8 {
        let (container, result) = bench.end();
        assert_eq!(result, Ok(()), "{}", bench.log(&container));
        assert_eq!(bench.read(&container, "a"), "hello");
    }
    assert_eq!((server.count("HEAD /a"), server.count("GET /a")), (1, 1));
    assert_eq!(bench.cached(), ["c1-a"]);
    assert_eq!((bench.stats.cache_used_bytes(), bench.stats.succeeded()), (5, 8));
}

#[test]
fn what_was_not_used_for_long_makes_room() {
    let server = Server::of(vec![b'x'; 400]);
    let bench = Bench::with(|config| config.cache_bytes = 1000);
    let get = |container: &str, path: &str| {
        assert_eq!(bench.fetched(container, &[cached(server.url(path))]), Ok(()));
    };
    get("one", "/a");
    get("two", "/b");
    get("three", "/a");
    get("four", "/c");
    assert_eq!(bench.cached(), ["c1-a", "c3-c"]);
    assert_eq!(bench.stats.cache_used_bytes(), 800);
    assert_eq!(bench.stats.cache_bytes(), 1000);
    get("five", "/b");
    assert_eq!(server.count("GET /b"), 2);
}

#[test]
fn without_room_or_size_the_cache_is_left_alone() {
    let server = Server::start(|request, stream| match request.target.as_str() {
        "/unsized" if request.method == "HEAD" => refuse(stream, "405 Method Not Allowed", ""),
        "/unknown" => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
            if request.method == "GET" {
                let _ = stream.write_all(b"hello");
            }
        }
        "/large" => send(request, stream, &[b'x'; 2000]),
        _ => send(request, stream, b"hello"),
    });
    let bench = Bench::with(|config| config.cache_bytes = 1000);
    for name in ["unsized", "unknown", "large"] {
        let value = server.url(&format!("/{name}"));
        assert_eq!(bench.fetched(name, &[cached(value)]), Ok(()), "{}", bench.log(name));
        assert!(bench.path(name, name).exists());
    }
    assert_eq!(bench.cached(), [""; 0]);
    let none = Bench::with(|config| config.cache_bytes = 0);
    assert_eq!(none.fetched("c", &[cached(server.url("/a"))]), Ok(()));
    assert_eq!(server.count("HEAD /a"), 0);
    assert!(!none.dir.path().join("cache").exists());
}

#[test]
fn a_download_that_fails_leaves_nothing_and_holds_nobody_up() {
    let gate = Arc::new(Gate::default());
    let door = gate.clone();
    let tries = Mutex::new(0);
    let server = Server::start(move |request, stream| {
        if request.method == "HEAD" {
            return send(request, stream, b"hello");
        }
        door.pass();
        let mut tries = tries.lock().unwrap();
        *tries += 1;
        if *tries == 1 {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel");
        } else {
            send(request, stream, b"hello");
        }
    });
    let bench = Bench::new();
    for container in ["first", "second", "third"] {
        bench.fetch(container, &[cached(server.url("/a"))]);
    }
    gate.open();
    let mut ends = [bench.end(), bench.end(), bench.end()];
    ends.sort();
    assert!(ends[0].0 == "first" && ends[0].1.is_err());
    assert!(ends[1].1.is_ok() && ends[2].1.is_ok(), "{ends:?}");
    assert_eq!(bench.cached(), [""; 0]);
    assert_eq!(bench.stats.cache_used_bytes(), 0);
    assert_eq!(bench.fetched("fourth", &[cached(server.url("/a"))]), Ok(()));
    assert_eq!(bench.cached(), ["c2-a"]);
}

#[test]
fn a_file_that_vanished_from_the_cache_is_fetched_again() {
    let server = Server::of("hello");
    let bench = Bench::new();
    let file = [cached(server.url("/a"))];
    assert_eq!(bench.fetched("one", &file), Ok(()));
    fs::remove_file(bench.dir.path().join("cache/c1-a")).unwrap();
    assert_eq!(bench.fetched("two", &file), Ok(()));
    assert_eq!(bench.read("two", "a"), "hello");
    assert_eq!(bench.stats.cache_used_bytes(), 0, "nothing is there");
    assert_eq!(bench.fetched("three", &file), Ok(()));
    assert_eq!(bench.cached(), ["c2-a"]);
}

#[test]
fn whoever_gives_up_is_gone_and_the_others_get_their_files() {
    let gate = Arc::new(Gate::default());
    let door = gate.clone();
    let server = Server::start(move |request, stream| {
        if request.method == "GET" && request.target == "/a" {
            door.pass();
        }
        send(request, stream, b"hello");
    });
    let bench = Bench::with(|config| config.max_processes = 1);
    bench.fetch("running", &[cached(server.url("/a"))]);
    bench.fetch("waiting", &[uri(server.url("/b"))]);
    let id = |name: &str| mesos::ids::ContainerId::root(name);
    bench.fetcher.cancel(&id("waiting"));
    let cancelled = |name: &str| {
        let error = format!("Fetching the URIs of container '{name}' was cancelled");
        (name.to_owned(), Err(error))
    };
    assert_eq!(bench.end(), cancelled("waiting"));
    bench.fetcher.cancel(&id("running"));
    assert_eq!(bench.end(), cancelled("running"));
    gate.open();
    assert_eq!(bench.cached(), [""; 0]);
    assert_eq!(bench.fetched("next", &[cached(server.url("/a"))]), Ok(()));
    assert_eq!((bench.stats.succeeded(), bench.stats.failed()), (1, 2));
}
