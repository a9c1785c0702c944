//! The log of a whole program; one test, since a program has one log.

use libprocess::http::client::Client;
use libprocess::logging::{self, Level, LogConfig, LogError};
use libprocess::{Node, NodeConfig};
use std::time::{Duration, Instant};

fn get(node: &Node, target: &str) -> String {
    let url = format!("http://{}{target}", node.bound_address());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async move { Client::new().get(&url).send().await.unwrap().text() })
}

#[test]
fn lines_levels_and_the_toggle() {
    let directory = tempfile::tempdir().unwrap();
    assert!(matches!(logging::toggle(1, Duration::from_secs(1)).unwrap_err(), LogError::NotSetUp));
    let config = LogConfig {
        program: "mesos-test".to_owned(),
        level: Level::Info,
        verbosity: 0,
        quiet: true,
        log_dir: Some(directory.path().to_owned()),
    };
    logging::init(config.clone()).unwrap();
    assert!(matches!(logging::init(config).unwrap_err(), LogError::Twice));
    let link = directory.path().join("mesos-test.INFO");
    assert_eq!(logging::log_file(), Some(link.as_path()));

    tracing::info!(agents = 3, name = "x", "Recovered {}", "the registry");
    tracing::debug!("hidden");
    tracing::error!("{}", "é".repeat(40_000));
    let text = std::fs::read_to_string(&link).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let (head, message) = lines[0].split_once("] ").unwrap();
    assert_eq!(message, "Recovered the registry agents=3 name=x");
    let words: Vec<&str> = head.split_ascii_whitespace().collect();
    assert!(words[0].starts_with('I') && words[0].len() == 5, "{head}");
    assert_eq!(words[1].len(), "17:30:01.123456".len(), "{head}");
    assert!(words[2].parse::<i32>().is_ok(), "{head}");
    assert!(words[3].starts_with("logging.rs:"), "{head}");
    assert!(lines[1].starts_with('E') && lines[1].ends_with("...") && lines[1].len() <= 30_003);
    assert_eq!(lines.len(), 2);

    // Over HTTP, as operators do it, and back by itself.
    let node = Node::start(NodeConfig::default()).unwrap();
    assert_eq!(get(&node, "/logging/toggle"), "0\n");
    assert_eq!(get(&node, "/logging/toggle?level=3&duration=1hrs"), "");
    assert_eq!(get(&node, "/logging/toggle"), "3\n");
    tracing::trace!("shown");
    assert!(std::fs::read_to_string(&link).unwrap().contains("] shown\n"));
    assert_eq!(get(&node, "/logging/toggle?level=x&duration=1hrs"), "Invalid level 'x'.\n");
    assert_eq!(
        get(&node, "/logging/toggle?level=1&duration=1hour"),
        "Unknown duration unit 'hour'.\n"
    );
    // A shorter time replaces the longer one.
    assert_eq!(get(&node, "/logging/toggle?level=2&duration=20ms"), "");
    let deadline = Instant::now() + Duration::from_secs(20);
    while logging::verbosity() != 0 {
        assert!(Instant::now() < deadline, "the verbosity was never taken back");
        // Polls the verbosity.
        std::thread::sleep(Duration::from_millis(2));
    }
    tracing::debug!("hidden again");
    assert!(!std::fs::read_to_string(&link).unwrap().contains("hidden"));
    node.shutdown();
}
