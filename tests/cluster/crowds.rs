//! Thousands of streams that nothing happens on: they are held, they hear heartbeats, and nothing
//! is left of them.

use std::fs;
use std::time::{Duration, Instant};

use mesos_framework::mesos::v1::scheduler::EventType;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::daemons::{Cluster, get_text, wait_for};
use crate::raw::{Media, Subscription, framework, get};

const STREAMS: usize = 3_000;

/// Both ends of every connection need a file each, in two processes.
fn allow_many_files() {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("there is a limit");
    assert!(hard > STREAMS as u64 + 500, "the hard limit of open files is {hard}");
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).expect("the soft limit can be raised");
}

fn resident_bytes(cluster: &Cluster) -> u64 {
    let pid = cluster.master.as_ref().expect("it runs").pid();
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a size");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") << 10
}

fn open_files(cluster: &Cluster) -> usize {
    let pid = cluster.master.as_ref().expect("it runs").pid();
    fs::read_dir(format!("/proc/{pid}/fd")).expect("it runs").count()
}

fn gauge(text: &str, name: &str) -> f64 {
    let line = text.lines().find(|line| line.split([' ', '{']).next() == Some(name));
    let line = line.unwrap_or_else(|| panic!("{name} is missing"));
    line.rsplit(' ').next().and_then(|value| value.parse().ok()).expect("a number")
}

fn subscribe_all(cluster: &Cluster, round: usize) -> Vec<Subscription> {
    let address = cluster.address();
    let one = |number| {
        let media = if number % 2 == 0 { Media::Json } else { Media::Msgpack };
        Subscription::open(&address, framework(&format!("idle-{round}-{number}"), "idle"), media)
    };
    (0..STREAMS).map(one).collect()
}

/// All streams are open at once, and each hears the two heartbeats that 15 seconds have.
fn crowd(cluster: &Cluster, round: usize, beats: usize) {
    let mut streams = subscribe_all(cluster, round);
    assert!(open_files(cluster) > STREAMS);
    for _ in 0..beats {
        for stream in &mut streams {
            stream.expect_event(EventType::Heartbeat);
        }
    }
    let asked = Instant::now();
    assert_eq!(get(&cluster.address(), "/health").expect("it answers").status, 200);
    assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
    let files = open_files(cluster);
    drop(streams);
    wait_for("the files are closed", || (open_files(cluster) < files - STREAMS + 10).then_some(()));
    // The metrics of so many frameworks are a large page, so they are asked for when it is smaller.
    wait_for("the frameworks are over", || {
        let frameworks = cluster.state()?["frameworks"].as_array()?.len();
        (frameworks == 0).then_some(())
    });
    let url = format!("http://{}/metrics", cluster.address());
    let text = wait_for("metrics", || get_text(&url));
    assert_eq!(gauge(&text, "mesos_master_frameworks_connected"), 0.0);
    assert_eq!(gauge(&text, "mesos_libprocess_http_streams"), 0.0);
    // The one that asks.
    assert!(gauge(&text, "mesos_libprocess_http_connections") <= 1.0);
}

#[test]
fn thousands_of_idle_streams_are_held_and_leave_nothing() {
    allow_many_files();
    let cluster = Cluster::start(0);
    let files = open_files(&cluster);
    let before = resident_bytes(&cluster);
    crowd(&cluster, 0, 2);
    let first = resident_bytes(&cluster);
    crowd(&cluster, 1, 1);
    crowd(&cluster, 2, 1);
    // The allocator keeps what the first crowd took, in pieces that do not fit the next ones as
    // well. Had nothing been given back, this were twice the first crowd.
    let last = resident_bytes(&cluster);
    let (one, more) = (first - before, last.saturating_sub(first));
    assert!(more < one, "{one} bytes for the first crowd, {more} for two more");
    wait_for("the files are closed", || (open_files(&cluster) <= files + 2).then_some(()));
}
