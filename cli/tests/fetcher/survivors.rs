//! An agent that is killed while it fetches leaves no process, and its successor an empty cache.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use slave::fetcher::{Fetcher, Stats};

use crate::bench::{Bench, cached, config};

/// The folder of the agent that is killed, in its environment.
const FOLDER: &str = "FETCHER_TEST_FOLDER";
/// Where it fetches from.
const SERVER: &str = "FETCHER_TEST_SERVER";

/// The agent that is killed, when the other test runs this; otherwise nothing.
#[test]
fn the_agent_that_is_killed() {
    let (Some(folder), Ok(server)) = (std::env::var_os(FOLDER), std::env::var(SERVER)) else {
        return;
    };
    let cache = PathBuf::from(folder).join("cache");
    let bench = Bench::with(|config| config.cache_dir = cache);
    let result = bench.fetched("c", &[cached(server)]);
    unreachable!("the server never ends: {result:?}");
}

#[test]
fn nothing_survives_a_killed_agent() {
    let dir = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/a", listener.local_addr().unwrap());
    let mut agent = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "survivors::the_agent_that_is_killed"])
        .envs([(FOLDER, dir.path().as_os_str()), (SERVER, url.as_ref())])
        // What it cannot clean up goes with our folder.
        .env("TMPDIR", dir.path())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let mut stream = loop {
        let (mut stream, _) = listener.accept().unwrap();
        let mut head = [0; 4];
        stream.read_exact(&mut head).unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n").unwrap();
        if &head == b"GET " {
            stream.write_all(b"some").unwrap();
            break stream;
        }
    };
    agent.kill().unwrap();
    agent.wait().unwrap();
    // The process that fetches is gone when its connection is: read to the end of it.
    let mut rest = Vec::new();
    // Reset or closed, it is over.
    let _ = stream.read_to_end(&mut rest);
    let cache = dir.path().join("cache");
    assert_eq!(crate::bench::names(&cache), ["c1-a"], "half a file is there");
    fs::create_dir(cache.join("nobody")).unwrap();
    fs::write(cache.join("nobody/c2-b"), "old").unwrap();
    let config = config(dir.path());
    let next = Fetcher::start(config, Stats::new(1), Arc::new(|_, _| {})).unwrap();
    assert_eq!(crate::bench::names(&cache), [""; 0]);
    drop(next);
}
