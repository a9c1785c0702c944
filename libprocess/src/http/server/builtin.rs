//! The endpoints that every node has, whatever its processes.

use super::{Endpoint, HttpConfig, Shared, pages};
use crate::http::{Help, Request, Response, StatusCode};
use crate::logging;
use crate::metrics::system::SystemStats;
use crate::units::parse_duration;
use std::time::Duration;

/// What Prometheus expects as the content type of its text format.
const PROMETHEUS_TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// One built-in endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Builtin {
    /// `/help`, and with what follows.
    Help { process: Option<String>, endpoint: Option<String> },
    /// `/__processes__`
    Processes,
    /// `/logging/toggle`
    LoggingToggle,
    /// `/metrics`
    Metrics,
    /// `/metrics/snapshot`
    Snapshot,
    /// `/system/stats.json`
    SystemStats,
}

impl Builtin {
    /// The built-in endpoint at a decoded path.
    pub fn find(path: &str) -> Option<Self> {
        let path = path.trim_end_matches('/');
        match path {
            "/__processes__" => return Some(Self::Processes),
            "/logging/toggle" => return Some(Self::LoggingToggle),
            "/metrics" => return Some(Self::Metrics),
            "/metrics/snapshot" => return Some(Self::Snapshot),
            "/system/stats.json" | "/system/stats" => return Some(Self::SystemStats),
            _ => {}
        }
        let rest = path.strip_prefix("/help")?;
        if rest.is_empty() {
            return Some(Self::Help { process: None, endpoint: None });
        }
        let rest = rest.strip_prefix('/')?;
        let (process, endpoint) = match rest.split_once('/') {
            Some((process, endpoint)) => (process, Some(format!("/{endpoint}"))),
            None => (rest, None),
        };
        Some(Self::Help { process: Some(process.to_owned()), endpoint })
    }

    /// The realm of the endpoint.
    pub fn realm(&self, config: &HttpConfig) -> Option<String> {
        match self {
            Self::Help { .. } | Self::SystemStats => None,
            Self::Metrics | Self::Snapshot => config.readonly_realm.clone(),
            Self::Processes | Self::LoggingToggle => config.readwrite_realm.clone(),
        }
    }

    /// Answers a request.
    pub async fn answer(self, request: Request, shared: &Shared) -> Response {
        match self {
            Self::Help { process, endpoint } => {
                let mut all = endpoints();
                all.extend(shared.site.endpoints());
                all.sort_by(|a, b| a.0.cmp(&b.0));
                pages::help(&request, &all, process.as_deref(), endpoint.as_deref())
            }
            Self::Processes => Response::json(&shared.site.processes()),
            Self::LoggingToggle => logging_toggle(&request),
            Self::Metrics => match timeout(&request) {
                Ok(timeout) => {
                    let text = shared.metrics.prometheus(timeout).await;
                    Response::ok().with_body(PROMETHEUS_TEXT, text)
                }
                Err(response) => *response,
            },
            Self::Snapshot => snapshot(&request, shared).await,
            Self::SystemStats => Response::json(&SystemStats::now()),
        }
    }
}

async fn snapshot(request: &Request, shared: &Shared) -> Response {
    let timeout = match timeout(request) {
        Ok(timeout) => timeout,
        Err(response) => return *response,
    };
    if !shared.config.snapshot_limit.acquire().await {
        return Response::text(
            StatusCode::SERVICE_UNAVAILABLE,
            "Too many requests are waiting for '/metrics/snapshot'",
        );
    }
    Response::json(&shared.metrics.snapshot(timeout).await)
}

fn timeout(request: &Request) -> Result<Option<Duration>, Box<Response>> {
    request
        .query("timeout")
        .map(|text| {
            parse_duration(text).map_err(|error| {
                Box::new(Response::bad_request(format!("Invalid timeout '{text}': {error}.\n")))
            })
        })
        .transpose()
}

fn logging_toggle(request: &Request) -> Response {
    match (request.query("level"), request.query("duration")) {
        (None, None) => Response::text(StatusCode::OK, format!("{}\n", logging::verbosity())),
        (Some(_), None) => Response::bad_request("Expecting 'duration=value' in query.\n"),
        (None, Some(_)) => Response::bad_request("Expecting 'level=value' in query.\n"),
        (Some(level), Some(duration)) => {
            let Ok(level) = level.parse::<u32>() else {
                return Response::bad_request(format!("Invalid level '{level}'.\n"));
            };
            let duration = match parse_duration(duration) {
                Ok(duration) => duration,
                Err(error) => return Response::bad_request(format!("{error}.\n")),
            };
            match logging::toggle(level, duration) {
                Ok(()) => Response::ok(),
                Err(error) => Response::bad_request(format!("{error}.\n")),
            }
        }
    }
}

/// What `/help` says about the built-in endpoints.
fn endpoints() -> Vec<(String, Vec<Endpoint>)> {
    let one = |path: &str, help: Help| vec![Endpoint { path: path.to_owned(), help }];
    vec![
        (
            "__processes__".to_owned(),
            one("", Help::new("Lists every process with the events that wait in its queue.")),
        ),
        (
            "help".to_owned(),
            one(
                "",
                Help::new("Lists processes and their endpoints.")
                    .description("Add a process id, and an endpoint, for more.")
                    .description(">        format=json         Answers JSON."),
            ),
        ),
        (
            "logging".to_owned(),
            one(
                "/toggle",
                Help::new("Sets the logging verbosity level for a duration.")
                    .description("Without parameters it answers the present level.")
                    .description(">        level=VALUE          Verbosity level (e.g., 1, 2, 3)")
                    .description(">        duration=VALUE       Duration (e.g., 10secs, 15mins)")
                    .authentication(true),
            ),
        ),
        (
            "metrics".to_owned(),
            vec![
                Endpoint {
                    path: String::new(),
                    help: Help::new("Metrics in the text format of Prometheus.")
                        .description(">        timeout=VALUE        How long to wait for gauges.")
                        .authentication(true),
                },
                Endpoint {
                    path: "/snapshot".to_owned(),
                    help: Help::new("Provides a snapshot of the current metrics.")
                        .description("One flat JSON object of names and numbers.")
                        .description(">        timeout=VALUE        How long to wait for gauges.")
                        .authentication(true),
                },
            ],
        ),
        (
            "system".to_owned(),
            one("/stats.json", Help::new("Shows load, processors and memory of the machine.")),
        ),
    ]
}
