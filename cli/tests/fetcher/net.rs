//! Servers: those that work, those that send elsewhere, and those that do not end.

use std::fs;
use std::time::{Duration, Instant};

use crate::bench::{Bench, run, uri};
use crate::server::{Server, refuse, send};

#[test]
fn a_file_is_downloaded_with_its_query_in_its_name() {
    let server = Server::of("hello");
    let bench = Bench::new();
    let result = bench.fetched("c", &[uri(server.url("/a/b%20c?x=1"))]);
    assert_eq!(result, Ok(()), "{}", bench.log("c"));
    assert_eq!(bench.read("c", "b%20c?x=1"), "hello");
    assert_eq!(server.count("GET /a/b%20c?x=1"), 1);
    assert_eq!(server.count("HEAD /a/b%20c?x=1"), 0, "its size is nobody's business");
}

#[test]
fn redirects_are_followed_but_not_for_ever_nor_anywhere() {
    let server = Server::start(|request, stream| {
        let to = |place: &str| format!("Location: {place}\r\n");
        match request.target.as_str() {
            "/relative" => refuse(stream, "302 Found", &to("next?x#y")),
            "/next?x" => refuse(stream, "307 Temporary Redirect", &to("/there")),
            "/there" => send(request, stream, b"arrived"),
            "/circle" => refuse(stream, "301 Moved Permanently", &to("/circle")),
            "/file" => refuse(stream, "302 Found", &to("file:///etc/passwd")),
            _ => refuse(stream, "404 Not Found", ""),
        }
    });
    let bench = Bench::new();
    assert_eq!(bench.fetched("c", &[uri(server.url("/relative"))]), Ok(()), "{}", bench.log("c"));
    assert_eq!(bench.read("c", "relative"), "arrived");
    let log = bench.refused("circle", uri(server.url("/circle")));
    assert!(log.contains("Number of redirects hit maximum amount"), "{log}");
    assert_eq!(server.count("GET /circle"), 21);
    let log = bench.refused("file", uri(server.url("/file")));
    assert!(log.contains("'file' is not supported"), "{log}");
    let log = bench.refused("missing", uri(server.url("/missing")));
    assert!(log.contains("Error downloading resource, received HTTP return code 404"), "{log}");
}

#[test]
fn passwords_reach_only_the_server_that_they_are_for() {
    let other = Server::start(|request, stream| {
        let known = request.head.contains("Authorization: ");
        send(request, stream, if known { b"told" } else { b"kept" });
    });
    let target = other.url("/x");
    let server = Server::start(move |request, stream| {
        // me:se cret
        match request.head.contains("Authorization: Basic bWU6c2UgY3JldA==\r\n") {
            true => refuse(stream, "302 Found", &format!("Location: {target}\r\n")),
            false => refuse(stream, "401 Unauthorized", ""),
        }
    });
    let bench = Bench::new();
    let value = format!("http://me:se%20cret@{}/a", server.address);
    assert_eq!(bench.fetched("c", &[uri(value)]), Ok(()), "{}", bench.log("c"));
    assert_eq!(bench.read("c", "a"), "kept");
}

#[test]
fn a_transfer_that_breaks_off_is_no_file() {
    let server = Server::start(|_, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
    });
    let bench = Bench::new();
    let log = bench.refused("c", uri(server.url("/a")));
    assert!(log.contains("Error downloading resource: the transfer from"), "{log}");
    let chunked = Server::start(|_, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf");
    });
    bench.refused("d", uri(chunked.url("/a")));
    let nonsense = Server::start(|_, stream| {
        let _ = stream.write_all(b"SSH-2.0-OpenSSH_9.6\r\n\r\n");
    });
    bench.refused("e", uri(nonsense.url("/a")));
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let log = bench.refused("f", uri(format!("http://{closed}/a")));
    assert!(log.contains("cannot connect to 127.0.0.1:"), "{log}");
    let log = bench.refused("g", uri("ftp://127.0.0.1/a"));
    assert!(log.contains("'ftp' is not supported by this agent"), "{log}");
}

#[test]
fn what_stands_still_is_given_up() {
    let server = Server::start(|request, stream| {
        if request.target == "/some" {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome");
            let _ = stream.flush();
        }
        // Until the client gives up.
        let _ = stream.read(&mut [0]);
    });
    let bench = Bench::with(|config| config.stall_timeout = Duration::from_secs(1));
    let start = Instant::now();
    for (container, path) in [("none", "/none"), ("some", "/some")] {
        let log = bench.refused(container, uri(server.url(path)));
        assert!(log.contains("Timeout was reached"), "{log}");
    }
    assert!(start.elapsed() >= Duration::from_secs(2));
}

#[test]
fn https_is_for_servers_that_the_machine_trusts() {
    let server = secure::server();
    let dir = tempfile::tempdir().unwrap();
    let url = format!("https://localhost:{}/a", server.address.port());
    let authority = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fetcher/tls/ca.pem");
    let (ok, log) = run(dir.path(), &url, &[("SSL_CERT_FILE", authority)]);
    assert!(ok, "{log}");
    assert_eq!(fs::read_to_string(dir.path().join("a")).unwrap(), "secret");
    let wrong_name = format!("https://127.0.0.1:{}/a", server.address.port());
    let (ok, log) = run(dir.path(), &wrong_name, &[("SSL_CERT_FILE", authority)]);
    assert!(!ok && log.contains("certificate"), "{log}");
    let (ok, log) = run(dir.path(), &url, &[("SSL_CERT_FILE", "/dev/null")]);
    assert!(!ok && log.contains("certificate"), "{log}");
}

/// A server of HTTPS.
pub mod secure {
    use std::sync::Arc;

    use rustls::pki_types::pem::PemObject as _;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use rustls::{ServerConfig, ServerConnection, StreamOwned};

    use crate::server::{Server, send};

    /// Serves `secret` under every name, as `localhost`.
    pub fn server() -> Server {
        let certificate = CertificateDer::from_pem_slice(include_bytes!("tls/server.pem")).unwrap();
        let key = PrivateKeyDer::from_pem_slice(include_bytes!("tls/server.key")).unwrap();
        let config =
            ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_no_client_auth()
                .with_single_cert(vec![certificate], key)
                .unwrap();
        let config = Arc::new(config);
        let wrap = move |stream| -> Option<Box<dyn crate::server::Stream>> {
            let connection = ServerConnection::new(config.clone()).ok()?;
            Some(Box::new(StreamOwned::new(connection, stream)))
        };
        Server::start_on(wrap, |request, stream| send(request, stream, b"secret"))
    }
}
