//! The registry: every metric of one node, and its two renderings.

use super::desc::Desc;
use super::kinds::{Counter, Gauge, Histogram, Timer, TimerUnit};
use super::names::{self, NameKind};
use super::series::{DEFAULT_CAPACITY, TimeSeries};
use futures_util::future::join_all;
use prometheus::core::{Collector, GenericCounter, GenericGauge};
use prometheus::proto::{LabelPair, Metric, MetricFamily, MetricType};
use prometheus::{HistogramOpts, Opts, Registry, TextEncoder};
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long gauges may take when nobody says how long.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// Buckets for durations, in seconds: half a millisecond to a minute.
const DURATION_BUCKETS: [f64; 16] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
    60.0,
];

/// Why a metric could not be registered.
#[derive(Debug, thiserror::Error)]
pub enum MetricError {
    /// There is one with this Mesos name.
    #[error("metric '{0}' was already added")]
    Taken(String),
    /// There is no such metric.
    #[error("metric '{0}' was not found")]
    NotFound(String),
    /// Prometheus refuses it: another metric has its name with the same labels or other help.
    #[error("metric '{name}' cannot be added as '{prometheus_name}'")]
    Prometheus {
        /// The Mesos name.
        name: String,
        /// The name it would have had.
        prometheus_name: String,
        /// What Prometheus says.
        source: prometheus::Error,
    },
}

/// What a pull gauge gives: `None` where there is no value now.
pub type GaugeFuture = Pin<Box<dyn Future<Output = Option<f64>> + Send>>;
type Pull = Arc<dyn Fn() -> GaugeFuture + Send + Sync>;

/// Every metric of one node. Cheap to clone; every clone is the same registry.
#[derive(Clone)]
pub struct Metrics {
    inner: Arc<Inner>,
}

struct Inner {
    prefix: String,
    registry: Registry,
    entries: Mutex<BTreeMap<Arc<str>, Entry>>,
}

struct Entry {
    source: Source,
    hidden: bool,
    collector: Box<dyn Fn() -> Box<dyn Collector> + Send>,
}

#[derive(Clone)]
enum Source {
    Counter(Counter),
    Counted(Arc<dyn Fn() -> u64 + Send + Sync>),
    Gauge(Gauge),
    Pull { pull: Pull, latest: Arc<Mutex<Option<f64>>> },
    Timer(Timer),
    Histogram(Histogram),
}

impl Metrics {
    /// A registry without metrics. Names in Prometheus start with `prefix`.
    pub fn new(prefix: &str) -> Self {
        Self {
            inner: Arc::new(Inner {
                prefix: prefix.to_owned(),
                registry: Registry::new(),
                entries: Mutex::new(BTreeMap::new()),
            }),
        }
    }

    /// Adds a counter.
    ///
    /// # Errors
    /// [`MetricError::Taken`] or [`MetricError::Prometheus`]; so for every other kind.
    pub fn counter(&self, desc: impl Into<Desc>) -> Result<Counter, MetricError> {
        let desc = desc.into();
        let (name, _) = names::derive(&self.inner.prefix, &desc, NameKind::Counter);
        let inner = GenericCounter::with_opts(options(&desc, &name))
            .map_err(|source| refused(&desc, &name, source))?;
        let counter = Counter { inner: inner.clone() };
        self.add(&desc, name, Source::Counter(counter.clone()), move || Box::new(inner.clone()))?;
        Ok(counter)
    }

    /// Adds a gauge that code sets.
    ///
    /// # Errors
    /// See [`Metrics::counter`].
    pub fn gauge(&self, desc: impl Into<Desc>) -> Result<Gauge, MetricError> {
        let desc = desc.into();
        let (name, scale) = names::derive(&self.inner.prefix, &desc, NameKind::Gauge);
        let wrong = |source| refused(&desc, &name, source);
        let gauge = Gauge { inner: GenericGauge::with_opts(options(&desc, &name)).map_err(wrong)? };
        let read = gauge.clone();
        let sampled = Sampled::new(&desc, &name, scale, Arc::new(move || Some(read.value())))?;
        self.add(&desc, name, Source::Gauge(gauge.clone()), move || Box::new(sampled.clone()))?;
        Ok(gauge)
    }

    /// Adds a gauge whose value is asked for when somebody looks.
    ///
    /// # Errors
    /// See [`Metrics::counter`].
    pub fn pull_gauge(
        &self,
        desc: impl Into<Desc>,
        value: impl Fn() -> f64 + Send + Sync + 'static,
    ) -> Result<(), MetricError> {
        self.pull_gauge_async(desc, move || {
            let value = value();
            Box::pin(async move { Some(value) })
        })
    }

    /// Adds a gauge whose value takes a while to find, for example since it asks a process.
    /// Without a value, or without one in time, the metric is left out (LP-24).
    ///
    /// # Errors
    /// See [`Metrics::counter`].
    pub fn pull_gauge_async(
        &self,
        desc: impl Into<Desc>,
        pull: impl Fn() -> GaugeFuture + Send + Sync + 'static,
    ) -> Result<(), MetricError> {
        let desc = desc.into();
        let (name, scale) = names::derive(&self.inner.prefix, &desc, NameKind::Gauge);
        let latest = Arc::new(Mutex::new(None));
        let read = latest.clone();
        let sampled = Sampled::new(&desc, &name, scale, Arc::new(move || *lock(&read)))?;
        let source = Source::Pull { pull: Arc::new(pull), latest };
        self.add(&desc, name, source, move || Box::new(sampled.clone()))
    }

    /// Adds a counter whose value is kept elsewhere and asked for when somebody looks. It must not
    /// go down.
    ///
    /// # Errors
    /// See [`Metrics::counter`].
    pub fn pull_counter(
        &self,
        desc: impl Into<Desc>,
        value: impl Fn() -> u64 + Send + Sync + 'static,
    ) -> Result<(), MetricError> {
        let desc = desc.into();
        let (name, _) = names::derive(&self.inner.prefix, &desc, NameKind::Counter);
        let value = Arc::new(value);
        let read = value.clone();
        let sampled = Sampled::new(&desc, &name, 1.0, Arc::new(move || Some(read() as f64)))?;
        let sampled = Sampled { counter: true, ..sampled };
        let source = Source::Counted(value);
        self.add(&desc, name, source, move || Box::new(sampled.clone()))
    }

    /// Adds a timer. With a window, statistics of the durations within it are shown too.
    ///
    /// The JSON name gains the ending of `unit`; Prometheus gets a histogram in seconds.
    ///
    /// # Errors
    /// See [`Metrics::counter`].
    pub fn timer(
        &self,
        desc: impl Into<Desc>,
        unit: TimerUnit,
        window: Option<Duration>,
    ) -> Result<Timer, MetricError> {
        let mut desc = desc.into();
        let (name, _) = names::derive(&self.inner.prefix, &desc, NameKind::Duration);
        desc.name.push_str(unit.suffix());
        let histogram = new_histogram(&desc, &name, &DURATION_BUCKETS)?;
        let series = window.map(|window| TimeSeries::new(window, DEFAULT_CAPACITY));
        let timer = Timer::new(unit, series, histogram.clone());
        self.add(&desc, name, Source::Timer(timer.clone()), move || Box::new(histogram.clone()))?;
        Ok(timer)
    }

    /// Adds a histogram with the given upper bounds, in the unit of the name.
    ///
    /// # Errors
    /// See [`Metrics::counter`].
    pub fn histogram(
        &self,
        desc: impl Into<Desc>,
        buckets: &[f64],
    ) -> Result<Histogram, MetricError> {
        let desc = desc.into();
        let (name, _) = names::derive(&self.inner.prefix, &desc, NameKind::Histogram);
        let inner = new_histogram(&desc, &name, buckets)?;
        let histogram = Histogram { inner: inner.clone() };
        let source = Source::Histogram(histogram.clone());
        self.add(&desc, name, source, move || Box::new(inner.clone()))?;
        Ok(histogram)
    }

    fn add(
        &self,
        desc: &Desc,
        prometheus_name: String,
        source: Source,
        collector: impl Fn() -> Box<dyn Collector> + Send + 'static,
    ) -> Result<(), MetricError> {
        let mut entries = lock(&self.inner.entries);
        if entries.contains_key(desc.name.as_str()) {
            return Err(MetricError::Taken(desc.name.clone()));
        }
        self.inner
            .registry
            .register(collector())
            .map_err(|source| refused(desc, &prometheus_name, source))?;
        entries.insert(
            desc.name.as_str().into(),
            Entry { source, hidden: desc.hidden, collector: Box::new(collector) },
        );
        Ok(())
    }

    /// Removes the metric with this Mesos name.
    ///
    /// # Errors
    /// [`MetricError::NotFound`].
    pub fn remove(&self, name: &str) -> Result<(), MetricError> {
        let mut entries = lock(&self.inner.entries);
        let entry = entries.remove(name).ok_or_else(|| MetricError::NotFound(name.to_owned()))?;
        self.unregister(name, &entry)
    }

    /// Removes every metric whose Mesos name starts with `prefix`, and says how many there were.
    pub fn remove_all(&self, prefix: &str) -> usize {
        let mut entries = lock(&self.inner.entries);
        let names: Vec<Arc<str>> = entries
            .range::<str, _>((std::ops::Bound::Included(prefix), std::ops::Bound::Unbounded))
            .map(|(name, _)| name.clone())
            .take_while(|name| name.starts_with(prefix))
            .collect();
        for name in &names {
            if let Some(entry) = entries.remove(name) {
                // What was registered can be unregistered; the name is gone in any case.
                let _ = self.unregister(name, &entry);
            }
        }
        names.len()
    }

    fn unregister(&self, name: &str, entry: &Entry) -> Result<(), MetricError> {
        self.inner.registry.unregister((entry.collector)()).map_err(|source| {
            MetricError::Prometheus {
                name: name.to_owned(),
                prometheus_name: String::new(),
                source,
            }
        })
    }

    /// Whether there is a metric with this Mesos name.
    pub fn contains(&self, name: &str) -> bool {
        lock(&self.inner.entries).contains_key(name)
    }

    /// Asks every pull gauge for its value, all at once, and waits no longer than `timeout`. Needs
    /// a tokio runtime with time.
    async fn pull(&self, timeout: Duration) {
        let pulls: Vec<(Pull, Arc<Mutex<Option<f64>>>)> = lock(&self.inner.entries)
            .values()
            .filter_map(|entry| match &entry.source {
                Source::Pull { pull, latest } => Some((pull.clone(), latest.clone())),
                _ => None,
            })
            .collect();
        let waits = pulls.into_iter().map(|(pull, latest)| async move {
            let value = tokio::time::timeout(timeout, pull()).await.unwrap_or(None);
            *lock(&latest) = value;
        });
        join_all(waits).await;
    }

    /// Every value under its Mesos name. Gauges that give none within `timeout` are left out.
    pub async fn snapshot(&self, timeout: Option<Duration>) -> BTreeMap<String, f64> {
        self.pull(timeout.unwrap_or(DEFAULT_TIMEOUT)).await;
        self.snapshot_now()
    }

    /// As [`Metrics::snapshot`], with the values that pull gauges gave the last time.
    pub fn snapshot_now(&self) -> BTreeMap<String, f64> {
        let sources: Vec<(Arc<str>, Source)> = lock(&self.inner.entries)
            .iter()
            .filter(|(_, entry)| !entry.hidden)
            .map(|(name, entry)| (name.clone(), entry.source.clone()))
            .collect();
        let mut values = BTreeMap::new();
        for (name, source) in sources {
            read(&name, &source, &mut values);
        }
        // Infinities have no JSON; an empty value says as much.
        values.retain(|_, value| value.is_finite());
        values
    }

    /// Everything in Prometheus's text format.
    pub async fn prometheus(&self, timeout: Option<Duration>) -> String {
        self.pull(timeout.unwrap_or(DEFAULT_TIMEOUT)).await;
        self.prometheus_now()
    }

    /// As [`Metrics::prometheus`], with the values that pull gauges gave the last time.
    pub fn prometheus_now(&self) -> String {
        let mut text = String::new();
        for family in self.inner.registry.gather() {
            // A family that cannot be written must not take the others with it.
            let before = text.len();
            if let Err(error) = TextEncoder::new().encode_utf8(&[family], &mut text) {
                text.truncate(before);
                tracing::warn!("cannot write a metric family: {error}");
            }
        }
        text
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new("mesos")
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(lock(&self.inner.entries).keys()).finish()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn read(name: &str, source: &Source, values: &mut BTreeMap<String, f64>) {
    match source {
        Source::Counter(counter) => {
            values.insert(name.to_owned(), counter.value() as f64);
        }
        Source::Counted(count) => {
            values.insert(name.to_owned(), count() as f64);
        }
        Source::Gauge(gauge) => {
            values.insert(name.to_owned(), gauge.value());
        }
        Source::Pull { latest, .. } => {
            if let Some(value) = *lock(latest) {
                values.insert(name.to_owned(), value);
            }
        }
        Source::Timer(timer) => {
            let (last, statistics) = timer.read();
            values.extend(last.map(|last| (name.to_owned(), last)));
            for (ending, value) in statistics.iter().flat_map(|s| s.entries()) {
                values.insert(format!("{name}/{ending}"), value);
            }
        }
        Source::Histogram(histogram) => {
            values.insert(format!("{name}/count"), histogram.count() as f64);
            values.insert(format!("{name}/sum"), histogram.sum());
        }
    }
}

fn refused(desc: &Desc, prometheus_name: &str, source: prometheus::Error) -> MetricError {
    MetricError::Prometheus {
        name: desc.name.clone(),
        prometheus_name: prometheus_name.to_owned(),
        source,
    }
}

fn const_labels(desc: &Desc) -> HashMap<String, String> {
    desc.labels.iter().map(|(name, value)| (names::label(name), value.clone())).collect()
}

/// Prometheus refuses empty help.
fn help(desc: &Desc) -> String {
    if desc.help.is_empty() { desc.name.clone() } else { desc.help.clone() }
}

fn options(desc: &Desc, name: &str) -> Opts {
    Opts::new(name, help(desc)).const_labels(const_labels(desc))
}

fn new_histogram(
    desc: &Desc,
    name: &str,
    buckets: &[f64],
) -> Result<prometheus::Histogram, MetricError> {
    let options = HistogramOpts::new(name, help(desc))
        .const_labels(const_labels(desc))
        .buckets(buckets.to_vec());
    prometheus::Histogram::with_opts(options).map_err(|source| refused(desc, name, source))
}

/// A gauge or counter for Prometheus whose value comes from somewhere else, scaled to base units.
#[derive(Clone)]
struct Sampled {
    desc: prometheus::core::Desc,
    scale: f64,
    counter: bool,
    read: Arc<dyn Fn() -> Option<f64> + Send + Sync>,
}

impl Sampled {
    fn new(
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
            let labels: Vec<LabelPair> = self.desc.const_label_pairs.clone();
            metric.set_label(labels);
            family.set_metric(vec![metric]);
        }
        vec![family]
    }
}
