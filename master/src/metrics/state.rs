//! Metrics of the state, which are found when somebody reads them: whoever looks makes the master
//! take a snapshot, and all of them are computed from it, off the master's thread.

use std::time::Duration;

use libprocess::metrics::{Desc, Sample, SampleKind, Samples};
use libprocess::{Node, Pid};
use master_core::Snapshot;
use master_core::metrics::{self, Kind, Metric, Reading};
use mesos::time::Time;
use tokio::sync::oneshot;

use crate::process::{MasterProcess, time};

/// Where metrics of the state come from.
#[derive(Clone)]
pub(super) struct StateSource {
    pub node: Node,
    pub pid: Pid<MasterProcess>,
    /// Whether each framework has metrics of its own.
    pub per_framework: bool,
}

/// What the master's process has to be asked for.
struct Moment {
    snapshot: Snapshot,
    reading: Reading,
    listening: usize,
    uptime: Duration,
}

impl Moment {
    fn of(process: &MasterProcess, now: Time) -> Self {
        Self {
            snapshot: process.core.snapshot(),
            reading: process.core.allocator().reading(),
            listening: process.core.listening(),
            uptime: now.since(process.started),
        }
    }
}

impl StateSource {
    /// All of them; none once the master is gone.
    pub async fn collect(self) -> Samples {
        let (sender, receiver) = oneshot::channel();
        self.node.dispatch(&self.pid, move |process, context| {
            // Whoever asked may have gone; then nobody needs it.
            let _ = sender.send(Moment::of(process, time(context)));
        });
        let Ok(moment) = receiver.await else { return Box::new(|_| {}) };
        let events = self.waiting_events();
        let per_framework = self.per_framework;
        Box::new(move |take| {
            let uptime = moment.uptime.as_secs_f64();
            take(gauge("master/uptime_secs", "How long the master has run", uptime));
            take(gauge(
                "master/operator_event_stream_subscribers",
                "Operators who listen to the stream of events",
                moment.listening as f64,
            ));
            events.into_iter().for_each(&mut *take);
            let Moment { snapshot, reading, .. } = moment;
            metrics::read(&snapshot, &reading, per_framework, &mut |metric| take(sample(metric)));
        })
    }

    /// What waits in the master's queue (row MM-09).
    fn waiting_events(&self) -> [Sample; 3] {
        let processes = self.node.processes();
        let master = processes.iter().find(|process| process.id == self.pid.upid().id());
        let count = |kind: &str| {
            let events = master.into_iter().flat_map(|process| &process.events);
            events.filter(|event| event.kind == kind).count() as f64
        };
        [
            ("master/event_queue_messages", "MESSAGE", "Messages that wait for the master"),
            ("master/event_queue_dispatches", "DISPATCH", "Calls that wait for the master"),
            ("master/event_queue_http_requests", "HTTP", "Requests that wait for the master"),
        ]
        .map(|(name, kind, help)| gauge(name, help, count(kind)))
    }
}

fn gauge(name: &str, help: &str, value: f64) -> Sample {
    let desc = Desc::new(name, format!("{help}."));
    Sample { desc, kind: SampleKind::Gauge, value }
}

/// A metric of the core, with the two names that it has outside.
fn sample(metric: Metric) -> Sample {
    let encoded: Vec<(&str, String)> = metric
        .labels
        .iter()
        .map(|(label, value)| match *label {
            "framework" => (*label, metrics::encode(value)),
            _ => (*label, value.clone()),
        })
        .collect();
    let values: Vec<(&str, &str)> =
        encoded.iter().map(|(label, value)| (*label, value.as_str())).collect();
    let mut desc = Desc::labelled(&metric.template, &values, format!("{}.", metric.help));
    if let Some((label, name)) = metric.labels.first().filter(|(label, _)| *label == "framework") {
        desc = desc.relabel(label, name.clone());
    }
    if counts_megabytes(&metric.template) {
        desc = desc.megabytes();
    }
    let kind = match metric.kind {
        Kind::Counter => SampleKind::Counter,
        Kind::Gauge => SampleKind::Gauge,
        Kind::Sum => {
            desc = desc.mesos_only();
            SampleKind::Counter
        }
    };
    Sample { desc, kind, value: metric.value }
}

/// Whether an amount of memory or disk is meant, which Mesos counts in megabytes.
fn counts_megabytes(name: &str) -> bool {
    [
        "master/mem_",
        "master/disk_",
        "allocator/mesos/resources/mem/",
        "allocator/mesos/resources/disk/",
    ]
    .iter()
    .any(|prefix| name.starts_with(prefix))
        && !name.ends_with("percent")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metric(template: &'static str, labels: &[(&'static str, &str)], kind: Kind) -> Metric {
        Metric {
            template: template.into(),
            labels: labels.iter().map(|(label, value)| (*label, (*value).to_owned())).collect(),
            kind,
            help: "What it is".into(),
            value: 1.0,
        }
    }

    #[test]
    fn frameworks_are_encoded_in_names_and_not_in_labels() {
        let template = "master/frameworks/{framework}/{framework_id}/calls/{call}";
        let labels = [("framework", "a b"), ("framework_id", "F 1"), ("call", "accept")];
        let sample = sample(metric(template, &labels, Kind::Counter));
        assert_eq!(sample.desc.name, "master/frameworks/a%20b/F 1/calls/accept");
        assert_eq!(sample.desc.labels[0], ("framework".to_owned(), "a b".to_owned()));
        assert_eq!(sample.desc.help, "What it is.");
    }

    #[test]
    fn sums_are_for_readers_of_json() {
        assert!(sample(metric("master/operations/total", &[], Kind::Sum)).desc.mesos_only);
        assert!(!sample(metric("master/elected", &[], Kind::Gauge)).desc.mesos_only);
    }

    #[test]
    fn memory_is_counted_in_megabytes() {
        assert!(counts_megabytes("master/mem_total"));
        assert!(counts_megabytes("allocator/mesos/resources/disk/total"));
        assert!(!counts_megabytes("master/mem_percent"));
        assert!(!counts_megabytes("master/cpus_total"));
    }
}
