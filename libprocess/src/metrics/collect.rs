//! What Prometheus's library gathers for values that are kept elsewhere.

use super::desc::Desc;
use super::names;
use super::registry::MetricError;
use prometheus::Opts;
use prometheus::core::Collector;
use prometheus::proto::{Metric, MetricFamily, MetricType};
use std::collections::HashMap;
use std::sync::Arc;

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
        let kind = if self.counter { MetricType::COUNTER } else { MetricType::GAUGE };
        family.set_field_type(kind);
        if let Some(value) = (self.read)() {
            let mut metric = Metric::default();
            if self.counter {
                let mut counter = prometheus::proto::Counter::default();
                counter.set_value(value * self.scale);
                metric.set_counter(counter);
            } else {
                let mut gauge = prometheus::proto::Gauge::default();
                gauge.set_value(value * self.scale);
                metric.set_gauge(gauge);
            }
            metric.set_label(self.desc.const_label_pairs.clone());
            family.set_metric(vec![metric]);
        }
        vec![family]
    }
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
