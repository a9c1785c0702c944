//! A master with thousands of subscribed frameworks that nothing happens to but heartbeats.

use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::daemons::Cluster;
use crate::raw::{Connection, Media, Subscription, framework};
use crate::report::Report;
use crate::tasks::kilobytes;

const FRAMEWORKS: usize = 5_000;
/// Long enough for each framework to hear two heartbeats.
const WATCHED: Duration = Duration::from_secs(32);
/// How often `/health` is asked for.
const PACE: Duration = Duration::from_millis(10);

/// Adds this file's rows.
pub fn run(report: &mut Report) {
    let memory = format!("crowd: master with {FRAMEWORKS} subscribed frameworks, resident");
    let health = format!("crowd: /health with {FRAMEWORKS} subscribed frameworks, p50, p99, most");
    if !report.wants(&memory) && !report.wants(&health) {
        return;
    }
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("there is a limit");
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).expect("the soft limit can be raised");
    let cluster = Cluster::start(0);
    let address = cluster.address();
    let one = |number| {
        Subscription::open(&address, framework(&format!("crowd-{number}"), "bench"), Media::Json)
    };
    let streams: Vec<Subscription> = (0..FRAMEWORKS).map(one).collect();
    let times = watch(&address);
    let at = |part: usize| times[(times.len() - 1) * part / 100].as_secs_f64() * 1000.0;
    let pid = cluster.master.as_ref().expect("it runs").pid();
    let megabytes = kilobytes(&format!("/proc/{pid}/status"), "VmRSS:") / 1024.0;
    report.value(&memory, megabytes, "400 MB");
    let times = format!("{:.2} ms, {:.2} ms, {:.2} ms", at(50), at(99), at(100));
    report.text(&health, times, "p99: 10 ms");
    drop(streams);
}

/// How long `/health` takes, sorted.
fn watch(address: &str) -> Vec<Duration> {
    let mut connection = Connection::open(address);
    let begin = Instant::now();
    let mut times = Vec::new();
    while begin.elapsed() < WATCHED {
        let asked = Instant::now();
        let answer = connection.ask(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_eq!(answer.expect("the master answers").status, 200);
        times.push(asked.elapsed());
        // Polls at an even pace, as a monitor would.
        std::thread::sleep(PACE.saturating_sub(asked.elapsed()));
    }
    times.sort();
    times
}
