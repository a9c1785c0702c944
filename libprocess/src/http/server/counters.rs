//! What the server counts about itself. Only Prometheus sees it: Mesos has no such metrics.

use crate::metrics::{Counter, Desc, Gauge, Histogram, MetricError, Metrics};
use std::time::Duration;

/// The counters of one server.
pub(super) struct Counters {
    connections: Gauge,
    streams: Gauge,
    requests: Counter,
    responses: [Counter; 4],
    duration: Histogram,
    /// Requests whose body was too large.
    pub too_large: Counter,
    /// Requests whose body arrived too slowly.
    pub slow_bodies: Counter,
    /// Requests refused as other bodies took all there is for bodies.
    pub crowded_bodies: Counter,
    /// Connections that stopped in the middle of a head.
    pub slow_heads: Counter,
    /// Connections whose client stopped reading.
    pub slow_readers: Counter,
    /// Streams whose client was further behind than their bound.
    pub cut_streams: Counter,
    /// Requests refused by the firewall.
    pub disabled: Counter,
    /// Requests whose client went before they were answered.
    pub abandoned: Counter,
}

/// Counts one as long as it lives.
pub(super) struct Open(Gauge);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.decrement();
    }
}

impl Counters {
    pub fn register(metrics: &Metrics) -> Result<Self, MetricError> {
        let desc = |name: &str, help: &str| {
            Desc::new(format!("libprocess/http/{name}"), help).prometheus_only()
        };
        let counter = |name: &str, help: &str| metrics.counter(desc(name, help));
        let responses = |class: &str| {
            let template = "libprocess/http/responses/{class}";
            let help = "Answers by class of status.";
            metrics.counter(Desc::labelled(template, &[("class", class)], help).prometheus_only())
        };
        Ok(Self {
            connections: metrics.gauge(desc("connections", "Open HTTP connections."))?,
            streams: metrics.gauge(desc("streams", "Answers that are being streamed."))?,
            requests: counter("requests", "Requests received.")?,
            responses: [responses("2xx")?, responses("3xx")?, responses("4xx")?, responses("5xx")?],
            duration: metrics.histogram(
                desc("request_duration_secs", "Time from a request's head to its answer's."),
                &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0],
            )?,
            too_large: counter("too_large_requests", "Requests whose body was too large.")?,
            slow_bodies: counter("slow_bodies", "Requests whose body arrived too slowly.")?,
            crowded_bodies: counter("crowded_bodies", "Requests refused as bodies took all room.")?,
            slow_heads: counter("slow_heads", "Connections closed in the middle of a head.")?,
            slow_readers: counter("slow_readers", "Connections whose client stopped reading.")?,
            cut_streams: counter("cut_streams", "Streams cut as their client was too slow.")?,
            disabled: counter("disabled_requests", "Requests to disabled endpoints.")?,
            abandoned: counter("abandoned_requests", "Requests whose client left first.")?,
        })
    }

    pub fn open_connection(&self) -> Open {
        self.connections.increment();
        Open(self.connections.clone())
    }

    pub fn open_stream(&self) -> Open {
        self.streams.increment();
        Open(self.streams.clone())
    }

    pub fn request(&self) {
        self.requests.increment();
    }

    pub fn response(&self, status: u16, took: Duration) {
        let class = usize::from(status / 100).clamp(2, 5) - 2;
        self.responses[class].increment();
        self.duration.observe(took.as_secs_f64());
    }
}
