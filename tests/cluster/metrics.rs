//! What daemons measure: the names that Mesos has, values that are true, and the page that lists
//! them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use libprocess::metrics::Described;
use libprocess::{Node, NodeConfig};
use mesos_framework::TaskState;

use crate::daemons::{Cluster, get_json, get_text, wait_for};
use crate::recorder::{Session, durable, shell};

/// Names of a Mesos master that ours has not, and why.
const MISSING_IN_MASTER: &[(&str, &str)] = &[
    ("allocator/mesos/quota/roles/*/resources/*/guarantee", "only while a quota is set"),
    ("allocator/mesos/quota/roles/*/resources/*/limit", "only while a quota is set"),
    ("allocator/mesos/quota/roles/*/resources/*/offered_or_allocated", "only while a quota is set"),
    ("frameworks/*/messages_processed", "frameworks that speak by messages are not served"),
    ("frameworks/*/messages_received", "frameworks that speak by messages are not served"),
    ("log_storage/diff_ms", "the registry is no log"),
    ("registrar/log/ensemble_size", "the registry is no log"),
    ("registrar/log/recovered", "the registry is no log"),
];

/// Names of a Mesos agent that ours has not, by how they begin, and why. Mesos has them only where
/// the part that they are of is switched on.
const MISSING_IN_AGENT: &[(&str, &str)] = &[
    ("containerizer/docker/image_pull_ms", "there is no Docker containerizer"),
    ("containerizer/mesos/disk/project_ids_", "there is no isolator disk/xfs"),
    ("containerizer/mesos/filesystem/", "there is no isolator filesystem/linux"),
    ("containerizer/mesos/provisioner/docker_store/", "there are no container images"),
    ("port_mapping/", "there is no isolator network/port_mapping"),
    ("resource_providers/", "there are no resource providers"),
    ("volume_gid_manager/", "there is no manager of volume gids"),
];

/// What `/metrics/snapshot` of a daemon holds.
fn snapshot(address: &str) -> BTreeMap<String, f64> {
    let url = format!("http://{address}/metrics/snapshot");
    // Polls, as the daemon answers only so many a second.
    let json = wait_for("the metrics", || get_json(&url));
    serde_json::from_value(json).expect("an object of numbers")
}

/// A name with `*` in the place of what differs between clusters.
fn pattern(name: &str) -> String {
    let mut parts: Vec<&str> = name.split('/').collect();
    if parts.starts_with(&["master", "frameworks"]) && parts.len() > 4 {
        parts[2..4].fill("*");
    }
    if let Some(roles) = parts.iter().position(|part| *part == "roles") {
        parts[roles + 1] = "*";
    }
    if let [.., "resources", resource, _] = &mut parts[..]
        && name.starts_with("allocator/mesos/quota/")
    {
        *resource = "*";
    }
    if parts.len() == 4 && parts[1].starts_with("task_") {
        return "master/task_*/source_*/reason_*".to_owned();
    }
    parts.join("/")
}

/// Compares the names that a daemon serves with those that Mesos has, but for the `missing`.
fn compare(served: &BTreeMap<String, f64>, recorded: &str, missing: &[(&str, &str)]) {
    let served: BTreeSet<String> = served.keys().map(|name| pattern(name)).collect();
    let is_missing = |name: &str| missing.iter().any(|(prefix, _)| name.starts_with(prefix));
    let lacking: Vec<&str> =
        recorded.lines().filter(|name| !served.contains(*name) && !is_missing(name)).collect();
    assert!(lacking.is_empty(), "Mesos has these and we have not: {lacking:#?}");
    let stale = missing.iter().filter(|(prefix, _)| {
        served.iter().any(|name| name.starts_with(prefix))
            || !recorded.lines().any(|name| name.starts_with(prefix))
    });
    assert_eq!(stale.collect::<Vec<_>>(), Vec::<&(&str, &str)>::new(), "no longer missing");
}

#[test]
fn a_live_master_and_agent_serve_the_names_and_count_what_happens() {
    let cluster = Cluster::start(1);
    let tasks = [
        shell("good", "true"),
        shell("nothing", "true").cpus(0.0).mem(0.0),
        shell("long", "sleep 1000"),
    ];
    let session = Session::start(durable("a/b"), &cluster.address(), tasks);
    session.record.wait_for("good", TaskState::Finished);
    session.record.wait_for("nothing", TaskState::Error);
    session.record.wait_for("long", TaskState::Running);
    let state = wait_for("the state", || cluster.state());
    let id = state["frameworks"][0]["id"].as_str().expect("an id").to_owned();
    // The last acknowledgement may be on its way.
    let good = format!("master/frameworks/a%2Fb/{id}/calls/acknowledge");
    let master = wait_for("all acknowledgements", || {
        let values = snapshot(&cluster.address());
        (values.get(&good).copied() >= Some(5.0)).then_some(values)
    });
    compare(&master, include_str!("golden/master_metrics.txt"), MISSING_IN_MASTER);
    let of_framework = |name: &str| format!("master/frameworks/a%2Fb/{id}/{name}");
    for (name, value) in [
        ("master/elected", 1.0),
        ("master/slaves_active", 1.0),
        ("master/slave_registrations", 1.0),
        ("master/messages_register_framework", 1.0),
        ("master/tasks_finished", 1.0),
        ("master/tasks_error", 1.0),
        ("master/tasks_running", 1.0),
        ("master/task_error/source_master/reason_task_invalid", 1.0),
        // Starting, running and finished of one, starting and running of the other.
        ("master/messages_status_update", 5.0),
        ("master/valid_status_updates", 5.0),
        ("master/invalid_status_updates", 0.0),
        ("master/valid_status_update_acknowledgements", 5.0),
        (&of_framework("subscribed"), 1.0),
        (&of_framework("calls/subscribe"), 1.0),
        (&of_framework("calls/acknowledge"), 5.0),
        // One of them by the master.
        (&of_framework("events/update"), 6.0),
        (&of_framework("operations/launch"), 2.0),
        (&of_framework("tasks/terminal/task_finished"), 1.0),
        (&of_framework("tasks/active/task_running"), 1.0),
    ] {
        assert_eq!(master.get(name), Some(&value), "{name}");
    }
    assert!(master[&of_framework("offers/accepted")] <= master[&of_framework("offers/sent")]);
    assert!(master["allocator/mesos/allocation_runs"] >= 1.0);
    assert!(master["allocator/mesos/allocation_run_ms/max"] > 0.0);
    let agent = snapshot(&cluster.agent_address(0));
    compare(&agent, include_str!("golden/agent_metrics.txt"), MISSING_IN_AGENT);
    for (name, value) in [
        ("slave/registered", 1.0),
        ("slave/tasks_finished", 1.0),
        ("slave/tasks_running", 1.0),
        ("slave/executors_running", 1.0),
        ("slave/valid_status_updates", 5.0),
    ] {
        assert_eq!(agent.get(name), Some(&value), "{name}");
    }
    let text = get_text(&format!("http://{}/metrics", cluster.address())).expect("it answers");
    let line = format!(
        "mesos_master_frameworks_calls_total{{call=\"subscribe\",framework=\"a/b\",\
         framework_id=\"{id}\"}} 1"
    );
    assert!(text.contains(&line), "{text}");
    session.finish();
}

/// A page of documentation that is checked to be what the code says. With `UPDATE_DOCS` in the
/// environment it is written instead.
fn check_page(path: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, text).expect("the page can be written");
    }
    let page = fs::read_to_string(&path).unwrap_or_default();
    let differs = page.lines().zip(text.lines()).find(|(page, text)| page != text);
    assert!(
        page == text,
        "{} is stale; run this test with UPDATE_DOCS=1. First difference: {differs:#?}",
        path.display()
    );
}

/// The table of some metrics.
fn table(title: &str, metrics: &[Described], page: &mut String) {
    let _ = writeln!(page, "\n## {title}\n");
    page.push_str("| `/metrics/snapshot` | `/metrics` | labels | kind | what |\n");
    page.push_str("|---|---|---|---|---|\n");
    for metric in metrics {
        let code =
            |name: &Option<String>| name.as_ref().map_or(String::new(), |n| format!("`{n}`"));
        let _ = writeln!(
            page,
            "| {} | {} | {} | {} | {} |",
            code(&metric.name),
            code(&metric.prometheus),
            metric.labels.join(", "),
            metric.kind,
            metric.help
        );
    }
}

/// What a node's registry holds, without what every node has.
async fn described(node: &Node, common: &[Described]) -> Vec<Described> {
    let all = node.metrics().described().await;
    all.into_iter().filter(|metric| !common.contains(metric)).collect()
}

const INTRODUCTION: &str = "\
# Metrics

Every daemon serves the same facts twice: as Mesos's flat JSON at `/metrics/snapshot`, under Mesos's
names, and as Prometheus text at `/metrics`. This page is generated from what daemons register
(`UPDATE_DOCS=1 cargo test -p mesos-tests --test cluster the_page_lists_every_metric`).

- A `{label}` in a JSON name stands for what Mesos writes there; Prometheus has it as a label. Names
  of frameworks are percent-encoded in JSON, and as they are in labels.
- Prometheus has base units: seconds and bytes where the JSON has milliseconds and megabytes, and
  ratios for `_percent`. The label `resource` of consumption is the exception: memory and disk are
  in megabytes there.
- Where the JSON has a sum over labels (`…/calls` beside `…/calls/{call}`), Prometheus has none:
  `sum by` gives it.
- A timer gives `_ms` (the latest), and within its window `/count`, `/min`, `/max`, `/p50`, `/p90`,
  `/p95`, `/p99`, `/p999` and `/p9999` in JSON; a histogram in Prometheus.
- Metrics of a framework are there for as long as the master remembers it
  (`--max_completed_frameworks`); `--no-publish_per_framework_metrics` leaves them out.
- What has a Prometheus name only is ours; what Mesos has and this release has not is in
  `tests/cluster/metrics.rs`, each with its reason.
";

#[test]
fn the_page_lists_every_metric() {
    let start = |id: &str| {
        let delegate = Some(id.to_owned());
        let config = NodeConfig { delegate, workers: 1, ..NodeConfig::default() };
        Node::start(config).expect("a node starts")
    };
    let (bare, node, agent_node) = (start(""), start(master::PROCESS_ID), start(slave::PROCESS_ID));
    let master = master::start(&node, master::Config::default()).expect("a master starts");
    let address = master.address().to_string();
    let folder = tempfile::tempdir().expect("a folder");
    let resources = slave::machine::resources(Some("cpus:2;mem:256;disk:64"), "*", folder.path());
    let info = mesos::agent::AgentInfo {
        resources: resources.expect("they are resources"),
        ..Default::default()
    };
    let config = slave::Config::new(&address, folder.path(), info).expect("a configuration");
    let agent = slave::start(&agent_node, config).expect("an agent starts");
    // A task that is not launched: what would run it is not this program.
    let nothing = shell("nothing", "true").cpus(0.0).mem(0.0);
    let session = Session::start(durable("docs"), &address, [nothing]);
    session.record.wait_for("nothing", TaskState::Error);

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let page = runtime.expect("a runtime").block_on(async {
        let common = bare.metrics().described().await;
        let mut page = INTRODUCTION.to_owned();
        table("Master", &described(&node, &common).await, &mut page);
        table("Agent", &described(&agent_node, &common).await, &mut page);
        table("Every daemon", &common, &mut page);
        page
    });
    session.finish();
    agent.stop();
    master.stop();
    for node in [bare, node, agent_node] {
        node.shutdown();
    }
    check_page("docs/metrics.md", &page);
}
