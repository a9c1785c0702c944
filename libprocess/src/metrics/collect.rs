//! What Prometheus's library gathers: values kept elsewhere, or found when they are read.

use super::desc::Desc;
use super::names;
use super::registry::{MetricError, lock};
use super::sample::{Sample, SampleKind};
use prometheus::Opts;
use prometheus::core::Collector;
use prometheus::proto::{LabelPair, Metric, MetricFamily, MetricType};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

/// A gauge or counter for Prometheus whose value comes from somewhere else, scaled to base units.
#[derive(Clone)]
pub(super) struct Sampled {
    desc: prometheus::core::Desc,
    scale: f64,
    counter: bool,
    read: Arc<dyn Fn() -> Option<f64> + Send + Sync>,
}

impl Sampled {
    pub(super) fn new(
        desc: &Desc,
        name: &str,
        scale: f64,
        read: Arc<dyn Fn() -> Option<f64> + Send + Sync>,
    ) -> Result<Self, MetricError> {
        let labels = const_labels(desc);
        let inner = prometheus::core::Desc::new(name.to_owned(), help(desc), Vec::new(), labels)
            .map_err(|source| refused(desc, name, source))?;
        Ok(Self { desc: inner, scale, counter: false, read })
    }

    /// It only grows.
    pub(super) fn as_counter(mut self) -> Self {
        self.counter = true;
        self
    }
}

impl Collector for Sampled {
    fn desc(&self) -> Vec<&prometheus::core::Desc> {
        vec![&self.desc]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let mut family = MetricFamily::default();
        family.set_name(self.desc.fq_name.clone());
        family.set_help(self.desc.help.clone());
        family.set_field_type(field_type(self.counter));
        if let Some(value) = (self.read)() {
            let labels = self.desc.const_label_pairs.clone();
            family.set_metric(vec![metric(self.counter, value * self.scale, labels)]);
        }
        vec![family]
    }
}

/// Many gauges and counters for Prometheus that are known when they are read.
#[derive(Clone)]
pub(super) struct SampleCollector {
    desc: prometheus::core::Desc,
    prefix: String,
    samples: Arc<Mutex<Vec<Sample>>>,
}

impl SampleCollector {
    pub(super) fn new(
        desc: &Desc,
        name: &str,
        prefix: String,
        samples: Arc<Mutex<Vec<Sample>>>,
    ) -> Result<Self, MetricError> {
        let inner = prometheus::core::Desc::new(
            name.to_owned(),
            help(desc),
            Vec::new(),
            const_labels(desc),
        )
        .map_err(|source| refused(desc, name, source))?;
        Ok(Self { desc: inner, prefix, samples })
    }
}

impl Collector for SampleCollector {
    fn desc(&self) -> Vec<&prometheus::core::Desc> {
        vec![&self.desc]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let samples = lock(&self.samples);
        let mut families: BTreeMap<String, MetricFamily> = BTreeMap::new();
        for Sample { desc, kind, value } in samples.iter().filter(|s| !s.desc.mesos_only) {
            let is_counter = *kind == SampleKind::Counter;
            let (name, scale) = names::derive(&self.prefix, desc, (*kind).into());
            let labels = desc.labels.iter().map(|(name, value)| {
                let mut pair = LabelPair::default();
                pair.set_name(names::label(name));
                pair.set_value(value.clone());
                pair
            });
            let mut labels: Vec<LabelPair> = labels.collect();
            labels.sort_by(|a, b| a.name().cmp(b.name()));
            let family = families.entry(name).or_insert_with_key(|name| {
                let mut family = MetricFamily::default();
                family.set_name(name.clone());
                family.set_help(help(desc));
                family.set_field_type(field_type(is_counter));
                family
            });
            family.mut_metric().push(metric(is_counter, value * scale, labels));
        }
        families.into_values().collect()
    }
}

fn field_type(is_counter: bool) -> MetricType {
    if is_counter { MetricType::COUNTER } else { MetricType::GAUGE }
}

fn metric(is_counter: bool, value: f64, labels: Vec<LabelPair>) -> Metric {
    let mut metric = Metric::default();
    if is_counter {
        let mut counter = prometheus::proto::Counter::default();
        counter.set_value(value);
        metric.set_counter(counter);
    } else {
        let mut gauge = prometheus::proto::Gauge::default();
        gauge.set_value(value);
        metric.set_gauge(gauge);
    }
    metric.set_label(labels);
    metric
}

pub(super) fn refused(
    desc: &Desc,
    prometheus_name: &str,
    source: prometheus::Error,
) -> MetricError {
    MetricError::Prometheus {
        name: desc.name.clone(),
        prometheus_name: prometheus_name.to_owned(),
        source,
    }
}

pub(super) fn const_labels(desc: &Desc) -> HashMap<String, String> {
    desc.labels.iter().map(|(name, value)| (names::label(name), value.clone())).collect()
}

/// Prometheus refuses empty help.
pub(super) fn help(desc: &Desc) -> String {
    if desc.help.is_empty() { desc.name.clone() } else { desc.help.clone() }
}

pub(super) fn options(desc: &Desc, name: &str) -> Opts {
    Opts::new(name, help(desc)).const_labels(const_labels(desc))
}
