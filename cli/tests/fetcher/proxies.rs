//! Proxies of HTTP, with and without tunnels.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use crate::bench::run;
use crate::net::secure;
use crate::server::{Server, refuse, send};

#[test]
fn a_proxy_is_asked_for_the_whole_address() {
    let proxy = Server::start(|request, stream| {
        // me:secret
        match request.head.contains("Proxy-Authorization: Basic bWU6c2VjcmV0\r\n") {
            true => send(request, stream, request.target.as_bytes()),
            false => refuse(stream, "407 Proxy Authentication Required", ""),
        }
    });
    let dir = tempfile::tempdir().unwrap();
    let address = format!("me:secret@{}", proxy.address);
    let url = "http://you:hidden@unknown.invalid/a?b=1#c";
    let (ok, log) = run(dir.path(), url, &[("http_proxy", &address)]);
    assert!(ok, "{log}");
    let text = fs::read_to_string(dir.path().join("a?b=1#c")).unwrap();
    assert_eq!(text, "http://unknown.invalid/a?b=1");
    let (ok, log) = run(dir.path(), url, &[("http_proxy", &proxy.address.to_string())]);
    assert!(!ok && log.contains("407"), "{log}");
}

#[test]
fn some_servers_are_reached_without_the_proxy() {
    let server = Server::of("direct");
    let dir = tempfile::tempdir().unwrap();
    let variables = [("http_proxy", "127.0.0.1:1"), ("no_proxy", "127.0.0.0/8")];
    let (ok, log) = run(dir.path(), &server.url("/a"), &variables);
    assert!(ok, "{log}");
    let (ok, log) = run(dir.path(), &server.url("/a"), &variables[..1]);
    assert!(!ok && log.contains("cannot connect to 127.0.0.1:1"), "{log}");
    // Whoever sets this may be a stranger.
    let (ok, log) = run(dir.path(), &server.url("/a"), &[("HTTP_PROXY", "127.0.0.1:1")]);
    assert!(ok, "{log}");
}

#[test]
fn https_goes_through_a_tunnel() {
    let server = secure::server();
    let target = server.address;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = listener.local_addr().unwrap();
    let tunnels = std::thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") && client.read(&mut byte).unwrap() == 1 {
            head.push(byte[0]);
        }
        let mut upstream = TcpStream::connect(target).unwrap();
        client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").unwrap();
        let (mut from, mut to) = (client.try_clone().unwrap(), upstream.try_clone().unwrap());
        let up = std::thread::spawn(move || {
            // Whoever goes first ends it.
            let _ = std::io::copy(&mut from, &mut to);
            let _ = to.shutdown(std::net::Shutdown::Write);
        });
        let _ = std::io::copy(&mut upstream, &mut client);
        let _ = client.shutdown(std::net::Shutdown::Both);
        up.join().unwrap();
        String::from_utf8(head).unwrap()
    });
    let dir = tempfile::tempdir().unwrap();
    let authority = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fetcher/tls/ca.pem");
    let url = format!("https://localhost:{}/a", target.port());
    let proxy = format!("http://{proxy}");
    let variables = [("SSL_CERT_FILE", authority), ("HTTPS_PROXY", &proxy)];
    let (ok, log) = run(dir.path(), &url, &variables);
    assert!(ok, "{log}");
    assert_eq!(fs::read_to_string(dir.path().join("a")).unwrap(), "secret");
    let head = tunnels.join().unwrap();
    assert!(head.starts_with(&format!("CONNECT localhost:{} HTTP/1.1\r\n", target.port())));
}
