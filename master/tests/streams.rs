//! Schedulers that do not read, vanish or come twice.

mod common;

use common::{Puppet, TestMaster, eventually, framework_info, quick};
use libprocess::http::server::HttpConfig;
use mesos::internal::ExecutorToFramework;
use serde_json::json;
use std::net::TcpStream;
use std::os::fd::AsRawFd;
use std::time::Duration;

#[test]
fn a_scheduler_that_does_not_read_is_cut_off() {
    let config = master::Config { stream_limit_bytes: 256 * 1024, ..quick() };
    let master = TestMaster::with(config);
    let agent = Puppet::registered(master.address());
    let mut info = framework_info();
    info["failover_timeout"] = json!(3600.0);
    let mut events = master.subscribe(info);
    let subscribed = events.expect("SUBSCRIBED");
    let id = subscribed["subscribed"]["framework_id"]["value"].as_str().unwrap().to_owned();
    // From here on nobody reads. What fits into sockets is a few megabytes.
    let message = ExecutorToFramework {
        agent_id: agent.id.clone(),
        framework_id: id.as_str().into(),
        executor_id: "e".into(),
        data: vec![7; 100_000].into(),
    };
    eventually("the framework is cut off", || {
        for _ in 0..10 {
            agent.say(message.clone());
        }
        master.state()["frameworks"][0]["connected"] == false
    });
    let counted = "mesos_libprocess_http_cut_streams_total 1\n";
    assert!(master.get("/metrics").text().contains(counted));
    // The master itself is well.
    assert_eq!(master.get("/health").status, 200);
}

/// The other end goes on existing and acknowledges nothing: as when a cable is cut.
fn deafen(socket: &TcpStream) {
    // "Keep 0 octets of every packet": the kernel drops what arrives, before TCP sees it.
    let mut drop_all = nix::libc::sock_filter { code: 0x06, jt: 0, jf: 0, k: 0 };
    let program = nix::libc::sock_fprog { len: 1, filter: &raw mut drop_all };
    let size = std::mem::size_of_val(&program) as nix::libc::socklen_t;
    // SAFETY: the socket is open, and the kernel copies the program of one instruction, which
    // outlives the call.
    let result = unsafe {
        nix::libc::setsockopt(
            socket.as_raw_fd(),
            nix::libc::SOL_SOCKET,
            nix::libc::SO_ATTACH_FILTER,
            (&raw const program).cast(),
            size,
        )
    };
    assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
}

#[test]
fn a_scheduler_that_vanished_without_a_word_is_noticed_by_its_heartbeats() {
    let mut config = quick();
    config.core.heartbeat_interval = Duration::from_millis(100);
    let http = HttpConfig { stall_timeout: Duration::from_millis(500), ..HttpConfig::default() };
    let master = TestMaster::with_http(config, http);
    let mut vanishing = master.subscribe(framework_info());
    vanishing.expect("SUBSCRIBED");
    let mut healthy = master.subscribe(framework_info());
    healthy.expect("SUBSCRIBED");
    deafen(vanishing.socket());
    eventually("the framework is gone", || {
        healthy.expect("HEARTBEAT");
        master.state()["frameworks"].as_array().map(Vec::len) == Some(1)
    });
    assert_eq!(master.state()["frameworks"][0]["connected"], true);
    drop(vanishing);
}

#[test]
fn a_second_subscription_takes_over() {
    let master = TestMaster::start();
    let mut first = master.subscribe(framework_info());
    let subscribed = first.expect("SUBSCRIBED");
    let id = subscribed["subscribed"]["framework_id"].clone();
    let mut info = framework_info();
    info["id"] = id.clone();
    let call = json!({
        "type": "SUBSCRIBE", "framework_id": id, "subscribe": {"framework_info": info}
    });
    let mut second = common::Events::open(master.address(), &call, "application/json");
    assert_eq!(second.status, 200);
    second.expect("SUBSCRIBED");
    let error = first.expect("ERROR");
    assert_eq!(error["error"]["message"], "Framework failed over");
    assert!(first.next_event().is_none());
    let revive = json!({"type": "REVIVE", "framework_id": id});
    assert_eq!(master.call(&revive, Some(&first.stream_id())).status, 400);
    assert_eq!(master.call(&revive, Some(&second.stream_id())).status, 202);
}
