//! The registry: every metric of one node, and its two renderings.

use super::collect::{Sampled, const_labels, help, options, refused};
use super::desc::Desc;
use super::kinds::{Counter, Gauge, Histogram, Timer, TimerUnit};
use super::names::{self, NameKind};
use super::sample::{Families, Samples, SamplesFuture};
use super::series::{DEFAULT_CAPACITY, TimeSeries};
use futures_util::future::{join, join_all};
use prometheus::core::{Collector, GenericCounter, GenericGauge};
use prometheus::{HistogramOpts, Registry, TextEncoder};
use std::collections::{BTreeMap, btree_map};
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
type PullSamples = Arc<dyn Fn() -> SamplesFuture + Send + Sync>;

/// Every metric of one node. Cheap to clone; every clone is the same registry.
#[derive(Clone)]
pub struct Metrics {
    inner: Arc<Inner>,
}

struct Inner {
    prefix: String,
    registry: Registry,
    entries: Mutex<BTreeMap<Arc<str>, Entry>>,
    samples: Mutex<BTreeMap<Arc<str>, PullSamples>>,
}

pub(super) struct Entry {
    source: Source,
    pub(super) desc: Desc,
    pub(super) kind: NameKind,
    pub(super) prometheus_name: String,
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
                entries: Mutex::default(),
                samples: Mutex::default(),
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
        let source = Source::Counter(counter.clone());
        self.add(desc, NameKind::Counter, name, source, move || Box::new(inner.clone()))?;
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
        let source = Source::Gauge(gauge.clone());
        self.add(desc, NameKind::Gauge, name, source, move || Box::new(sampled.clone()))?;
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
        self.add(desc, NameKind::Gauge, name, source, move || Box::new(sampled.clone()))
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
        let sampled = sampled.as_counter();
        let source = Source::Counted(value);
        self.add(desc, NameKind::Counter, name, source, move || Box::new(sampled.clone()))
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
        desc.template.push_str(unit.suffix());
        let histogram = new_histogram(&desc, &name, &DURATION_BUCKETS)?;
        let series = window.map(|window| TimeSeries::new(window, DEFAULT_CAPACITY));
        let timer = Timer::new(unit, series, histogram.clone());
        let source = Source::Timer(timer.clone());
        self.add(desc, NameKind::Duration, name, source, move || Box::new(histogram.clone()))?;
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
        self.add(desc, NameKind::Histogram, name, source, move || Box::new(inner.clone()))?;
        Ok(histogram)
    }

    /// Adds metrics of which only the moment of reading knows how many there are, for example some
    /// for each framework. They are found together, and left out together if that takes too long.
    /// `name` stands for all of them in [`Metrics::remove`]; nobody else sees it.
    ///
    /// # Errors
    /// [`MetricError::Taken`].
    pub fn samples(
        &self,
        name: &str,
        pull: impl Fn() -> SamplesFuture + Send + Sync + 'static,
    ) -> Result<(), MetricError> {
        match lock(&self.inner.samples).entry(name.into()) {
            btree_map::Entry::Occupied(_) => Err(MetricError::Taken(name.to_owned())),
            btree_map::Entry::Vacant(place) => {
                place.insert(Arc::new(pull));
                Ok(())
            }
        }
    }

    fn add(
        &self,
        desc: Desc,
        kind: NameKind,
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
            .map_err(|source| refused(&desc, &prometheus_name, source))?;
        let name: Arc<str> = desc.name.as_str().into();
        let collector = Box::new(collector);
        entries.insert(name, Entry { source, desc, kind, prometheus_name, collector });
        Ok(())
    }

    /// Removes the metric with this Mesos name.
    ///
    /// # Errors
    /// [`MetricError::NotFound`].
    pub fn remove(&self, name: &str) -> Result<(), MetricError> {
        if lock(&self.inner.samples).remove(name).is_some() {
            return Ok(());
        }
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
        drop(entries);
        let mut samples = lock(&self.inner.samples);
        let before = samples.len();
        samples.retain(|name, _| !name.starts_with(prefix));
        names.len() + before - samples.len()
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

    /// Asks all that has to be asked for its value, all at once, and waits no longer than
    /// `timeout`. Needs a tokio runtime with time.
    pub(super) async fn pull(&self, timeout: Duration) -> Vec<Samples> {
        let sources: Vec<Source> =
            self.entries().values().map(|entry| entry.source.clone()).collect();
        let waits = sources.into_iter().map(|source| async move {
            if let Source::Pull { pull, latest } = source {
                let value = tokio::time::timeout(timeout, pull()).await.unwrap_or(None);
                *lock(&latest) = value;
            }
        });
        let pulls: Vec<PullSamples> = lock(&self.inner.samples).values().cloned().collect();
        let samples = pulls.into_iter().map(|pull| tokio::time::timeout(timeout, pull()));
        let (_, samples) = join(join_all(waits), join_all(samples)).await;
        samples.into_iter().flatten().collect()
    }

    pub(super) fn entries(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, Entry>> {
        lock(&self.inner.entries)
    }

    pub(super) fn prefix(&self) -> &str {
        &self.inner.prefix
    }

    /// Every value under its Mesos name. Gauges that give none within `timeout` are left out.
    pub async fn snapshot(&self, timeout: Option<Duration>) -> BTreeMap<String, f64> {
        let samples = self.pull(timeout.unwrap_or(DEFAULT_TIMEOUT)).await;
        self.render(samples, |metrics, samples| {
            let mut values = metrics.snapshot_now();
            for give in samples {
                give(&mut |sample| {
                    if !sample.desc.hidden && sample.value.is_finite() {
                        values.insert(sample.desc.name, sample.value);
                    }
                });
            }
            values
        })
        .await
    }

    /// Renders samples, on another thread if there are any: there may be very many.
    async fn render<T: Default + Send + 'static>(
        &self,
        samples: Vec<Samples>,
        render: impl FnOnce(&Metrics, Vec<Samples>) -> T + Send + 'static,
    ) -> T {
        if samples.is_empty() {
            return render(self, samples);
        }
        let metrics = self.clone();
        let rendered = tokio::task::spawn_blocking(move || render(&metrics, samples)).await;
        rendered.unwrap_or_else(|error| {
            tracing::error!("cannot render the metrics: {error}");
            T::default()
        })
    }

    /// As [`Metrics::snapshot`], with the values that pull gauges gave the last time, and without
    /// samples.
    pub fn snapshot_now(&self) -> BTreeMap<String, f64> {
        let sources: Vec<(Arc<str>, Source)> = lock(&self.inner.entries)
            .iter()
            .filter(|(_, entry)| !entry.desc.hidden)
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
        let samples = self.pull(timeout.unwrap_or(DEFAULT_TIMEOUT)).await;
        self.render(samples, |metrics, samples| {
            let mut text = metrics.prometheus_now();
            let mut families = Families::new(&metrics.inner.prefix);
            for give in samples {
                give(&mut |sample| families.add(&sample));
            }
            families.write(&mut text);
            text
        })
        .await
    }

    /// As [`Metrics::prometheus`], with the values that pull gauges gave the last time, and without
    /// samples.
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
