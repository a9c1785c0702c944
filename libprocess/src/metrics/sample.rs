//! Values that are described when they are read, and the list of all that a registry holds.

use super::collect::help;
use super::desc::Desc;
use super::names::{self, NameKind};
use super::registry::{DEFAULT_TIMEOUT, Metrics};
use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;
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

/// Gives samples one after the other to whoever renders them, so that never all of them are in
/// memory: there may be dozens for each of thousands of frameworks.
pub type Samples = Box<dyn FnOnce(&mut dyn FnMut(Sample)) + Send>;

/// What is found when somebody reads.
pub type SamplesFuture = Pin<Box<dyn Future<Output = Samples> + Send>>;

/// Samples in Prometheus's text format, by family.
pub(super) struct Families<'a> {
    prefix: &'a str,
    /// By what their names are derived from, which costs more than to look it up.
    gauges: HashMap<String, Family>,
    counters: HashMap<String, Family>,
}

struct Family {
    name: String,
    scale: f64,
    help: String,
    /// The lines of its values.
    values: String,
}

impl<'a> Families<'a> {
    pub(super) fn new(prefix: &'a str) -> Self {
        Self { prefix, gauges: HashMap::new(), counters: HashMap::new() }
    }

    pub(super) fn add(&mut self, sample: &Sample) {
        let Sample { desc, kind, value } = sample;
        if desc.mesos_only {
            return;
        }
        let families = match kind {
            SampleKind::Counter => &mut self.counters,
            SampleKind::Gauge => &mut self.gauges,
        };
        if !families.contains_key(&desc.family) {
            let (name, scale) = names::derive(self.prefix, desc, (*kind).into());
            let family = Family { name, scale, help: help(desc), values: String::new() };
            families.insert(desc.family.clone(), family);
        }
        if let Some(family) = families.get_mut(&desc.family) {
            family.add(desc, *value);
        }
    }

    /// Appends the families, in the order of their names.
    pub(super) fn write(self, text: &mut String) {
        let gauges = self.gauges.into_values().map(|family| (family, "gauge"));
        let counters = self.counters.into_values().map(|family| (family, "counter"));
        let mut families: Vec<(Family, &str)> = gauges.chain(counters).collect();
        families.sort_by(|(a, _), (b, _)| a.name.cmp(&b.name));
        for (Family { name, help, values, .. }, kind) in families {
            let help = escape(&help, false);
            let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n{values}");
        }
    }
}

impl Family {
    fn add(&mut self, desc: &Desc, value: f64) {
        let values = &mut self.values;
        values.push_str(&self.name);
        let mut labels: Vec<(String, &str)> =
            desc.labels.iter().map(|(name, value)| (names::label(name), value.as_str())).collect();
        labels.sort_unstable();
        for (place, (label, value)) in labels.iter().enumerate() {
            values.push(if place == 0 { '{' } else { ',' });
            let _ = write!(values, "{label}=\"{}\"", escape(value, true));
        }
        let end = if labels.is_empty() { "" } else { "}" };
        let _ = match value * self.scale {
            f64::INFINITY => writeln!(values, "{end} +Inf"),
            f64::NEG_INFINITY => writeln!(values, "{end} -Inf"),
            value => writeln!(values, "{end} {value}"),
        };
    }
}

/// Escapes what would end a line, or a value in quotes.
fn escape(text: &str, in_quotes: bool) -> Cow<'_, str> {
    if !text.contains(['\\', '\n', '"']) {
        return Cow::Borrowed(text);
    }
    let escaped = text.replace('\\', "\\\\").replace('\n', "\\n");
    Cow::Owned(if in_quotes { escaped.replace('"', "\\\"") } else { escaped })
}

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
        let samples = self.pull(DEFAULT_TIMEOUT).await;
        let mut found = BTreeSet::new();
        for entry in self.entries().values() {
            let name = entry.prometheus_name.clone();
            found.insert(Described::new(&entry.desc, entry.kind, name));
        }
        for give in samples {
            give(&mut |sample| {
                let kind = sample.kind.into();
                let name = names::derive(self.prefix(), &sample.desc, kind).0;
                found.insert(Described::new(&sample.desc, kind, name));
            });
        }
        found.into_iter().collect()
    }
}
