//! Probes against real commands, servers and ports.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use executor::check::{Outcome, Probe, Spec, http, probe};
use mesos::executor_info::{CommandInfo, Environment, EnvironmentVariable};

use crate::groups::eventually;

fn run(probe: Probe, timeout: Option<Duration>) -> Outcome {
    let (delay, interval) = (Duration::ZERO, Duration::ZERO);
    let spec = Spec { probe, delay, interval, timeout };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { probe::run(&spec).await })
}

fn shell(line: &str) -> CommandInfo {
    CommandInfo { value: Some(line.to_owned()), ..CommandInfo::default() }
}

fn command(info: CommandInfo) -> Probe {
    Probe::Command(Box::new(info))
}

/// Answers every connection so; `{port}` in the answer is the server's own.
fn server(answer: &'static str) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 4096];
            let length = stream.read(&mut request).unwrap();
            let moved = request[..length].starts_with(b"GET /moved");
            let text = if moved { "HTTP/1.1 418 I\r\nContent-Length: 0\r\n\r\n" } else { answer };
            let text = text.replace("{port}", &port.to_string());
            // The client may have gone.
            let _ = stream.write_all(text.as_bytes());
        }
    });
    port
}

fn get(port: u16, path: &str) -> Outcome {
    run(Probe::Http(format!("http://127.0.0.1:{port}{path}")), None)
}

#[test]
fn a_command_says_how_it_exits() {
    assert_eq!(run(command(shell("exit 0")), None), Outcome::Exited(0));
    assert_eq!(run(command(shell("exit 7")), None), Outcome::Exited(7));
    let killed = Outcome::Failed("Command terminated with signal Terminated".to_owned());
    assert_eq!(run(command(shell("kill -TERM $$")), None), killed);
    let mut missing = shell("/no/such/program");
    missing.shell = false;
    let Outcome::Failed(why) = run(command(missing), None) else { panic!() };
    assert!(why.contains("/no/such/program"), "{why}");
}

#[test]
fn a_command_has_its_own_variables() {
    let variable = EnvironmentVariable {
        name: "COLOUR".to_owned(),
        value: Some("red".to_owned()),
        ..EnvironmentVariable::default()
    };
    let mut info = shell("test \"$COLOUR\" = red && test -n \"$PATH\"");
    info.environment = Some(Environment { variables: vec![variable] });
    assert_eq!(run(command(info), None), Outcome::Exited(0));
}

#[test]
fn a_command_that_takes_too_long_is_killed_with_its_children() {
    let dir = tempfile::tempdir().unwrap();
    let pids = dir.path().join("pids");
    let line = format!("sleep 1000 & echo $! > {0}; echo $$ >> {0}; wait", pids.display());
    let began = Instant::now();
    let outcome = run(command(shell(&line)), Some(Duration::from_millis(300)));
    assert_eq!(outcome, Outcome::Failed("Command timed out after 300ms".to_owned()));
    assert!(began.elapsed() < Duration::from_secs(20));
    let pids = std::fs::read_to_string(pids).unwrap();
    assert_eq!(pids.lines().count(), 2);
    for pid in pids.lines() {
        eventually("the process ends", || {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            let state = stat.rsplit(") ").next().unwrap_or_default();
            state.is_empty() || state.starts_with('Z')
        });
    }
}

#[test]
fn a_server_says_its_status() {
    let plain = server("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    assert_eq!(get(plain, ""), Outcome::Answered(200));
    let broken = server("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(get(broken, "/health"), Outcome::Answered(503));
    let garbage = server("hello\r\n\r\n");
    assert!(matches!(get(garbage, "/"), Outcome::Failed(_)));
}

#[test]
fn a_server_may_lead_elsewhere() {
    let leads = "HTTP/1.1 302 Found\r\nLocation: /moved\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(get(server(leads), "/"), Outcome::Answered(418));
    let circles = "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{port}/\r\n\
                   Connection: close\r\nContent-Length: 0\r\n\r\n";
    let Outcome::Failed(why) = get(server(circles), "/") else { panic!() };
    assert!(why.contains("50 redirections"), "{why}");
}

#[test]
fn nobody_answers_and_too_slowly_answers_are_failures() {
    let closed = free_port();
    assert!(matches!(get(closed, "/"), Outcome::Failed(_)));
    let impossible = run(Probe::Http("http://127.0.0.1:70000/".to_owned()), None);
    assert!(matches!(impossible, Outcome::Failed(_)), "{impossible:?}");
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("http://{}/", silent.local_addr().unwrap());
    let outcome = run(Probe::Http(url), Some(Duration::from_millis(50)));
    assert_eq!(outcome, Outcome::Failed("HTTP request timed out after 50ms".to_owned()));
}

#[test]
fn a_port_accepts_or_does_not() {
    let tcp = |port: u32| Probe::Tcp { ip: Ipv4Addr::LOCALHOST.into(), port };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    assert_eq!(run(tcp(port.into()), None), Outcome::Connected(true));
    assert_eq!(run(tcp(free_port().into()), None), Outcome::Connected(false));
    assert_eq!(run(tcp(70000), None), Outcome::Connected(false));
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
    listener.local_addr().unwrap().port()
}

/// A server with a certificate that nobody has signed.
struct TlsServer(Child, u16);

impl TlsServer {
    fn start() -> Self {
        let script = "import http.server, ssl, sys\n\
            handler = http.server.SimpleHTTPRequestHandler\n\
            server = http.server.HTTPServer(('127.0.0.1', 0), handler)\n\
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)\n\
            context.load_cert_chain(sys.argv[1])\n\
            server.socket = context.wrap_socket(server.socket, server_side=True)\n\
            print(server.server_address[1], flush=True)\n\
            server.serve_forever()\n";
        let certificate = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/default/tls.pem");
        let mut child = std::process::Command::new("python3")
            .args(["-c", script, certificate])
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/default"))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("python3 is there");
        let mut port = String::new();
        let mut out = std::io::BufReader::new(child.stdout.take().unwrap());
        std::io::BufRead::read_line(&mut out, &mut port).unwrap();
        Self(child, port.trim().parse().unwrap())
    }
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        // It has nothing to lose.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Needs `curl` and `python3`, as agents with HTTPS checks need `curl`.
#[test]
fn certificates_are_not_verified() {
    let server = TlsServer::start();
    let status = |path: &str| {
        let url = format!("https://127.0.0.1:{}{path}", server.1);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move { http::status_of(&url).await })
    };
    assert_eq!(status("/main.rs"), Ok(200));
    assert_eq!(status("/missing"), Ok(404));
    let plain = free_port();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let url = format!("https://127.0.0.1:{plain}/");
    let refused = runtime.block_on(async move { http::status_of(&url).await }).unwrap_err();
    assert!(refused.starts_with("curl "), "{refused}");
}
