//! Values that are described when they are read, and the list of all that a registry holds.

use super::desc::Desc;
use super::names::{self, NameKind};
use super::registry::{DEFAULT_TIMEOUT, Metrics, Source, lock};
use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;

/// What a [`Sample`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SampleKind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
}

impl From<SampleKind> for NameKind {
    fn from(kind: SampleKind) -> Self {
        match kind {
            SampleKind::Counter => Self::Counter,
            SampleKind::Gauge => Self::Gauge,
        }
    }
}

/// One value that was found, with all that is to be said of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// What it is called.
    pub desc: Desc,
    /// What it is.
    pub kind: SampleKind,
    /// Its value.
    pub value: f64,
}

/// What is found when somebody reads.
pub type SamplesFuture = Pin<Box<dyn Future<Output = Vec<Sample>> + Send>>;

/// A metric, or a family of metrics that differ in their labels, as documents list it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Described {
    /// The name in `/metrics/snapshot`, with a `{label}` for each part that varies; absent when
    /// only Prometheus is shown it.
    pub name: Option<String>,
    /// The name at `/metrics`; absent when only Mesos's JSON holds it.
    pub prometheus: Option<String>,
    /// The labels at `/metrics`.
    pub labels: Vec<String>,
    /// What it is: `counter`, `gauge` or `histogram`.
    pub kind: &'static str,
    /// What it says.
    pub help: String,
}

impl Described {
    fn new(desc: &Desc, kind: NameKind, prometheus_name: String) -> Self {
        Self {
            name: (!desc.hidden).then(|| desc.template.clone()),
            prometheus: (!desc.mesos_only).then_some(prometheus_name),
            labels: desc.labels.iter().map(|(name, _)| names::label(name)).collect(),
            kind: match kind {
                NameKind::Counter => "counter",
                NameKind::Gauge => "gauge",
                NameKind::Duration | NameKind::Histogram => "histogram",
            },
            help: desc.help.clone(),
        }
    }
}

impl Metrics {
    /// Every metric that there is at this moment, families once, sorted by name.
    pub async fn described(&self) -> Vec<Described> {
        self.pull(DEFAULT_TIMEOUT).await;
        let mut found = BTreeSet::new();
        for entry in self.entries().values() {
            let Source::Samples { latest, .. } = &entry.source else {
                let name = entry.prometheus_name.clone();
                found.insert(Described::new(&entry.desc, entry.kind, name));
                continue;
            };
            found.extend(lock(latest).iter().map(|sample| {
                let kind = sample.kind.into();
                let name = names::derive(self.prefix(), &sample.desc, kind).0;
                Described::new(&sample.desc, kind, name)
            }));
        }
        found.into_iter().collect()
    }
}
