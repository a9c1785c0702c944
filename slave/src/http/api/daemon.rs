//! The calls about the agent as a program: its metrics and its log.

use std::time::Duration;

use libprocess::http::{Reply, Response};
use libprocess::{Context, logging};
use mesos::master_info::Metric;
use mesos::v1::agent::{self, Call, GetMetricsResponse, ResponseType};

use super::answer_with;
use crate::http::media::MediaType;
use crate::process::AgentProcess;

/// Metrics take as long as the slowest gauge, or as the caller allows.
pub(super) fn get_metrics(
    context: &Context<AgentProcess>,
    call: &Call,
    media: MediaType,
    reply: Reply,
) {
    let timeout = call.get_metrics.as_ref().and_then(|body| body.timeout.as_ref());
    let timeout: Option<Duration> = timeout.and_then(|timeout| timeout.to_duration());
    let metrics = context.metrics().clone();
    context.node().handle().spawn(async move {
        let values = metrics.snapshot(timeout).await;
        let metric = |(name, value)| Metric { name, value: Some(value) };
        let metrics = values.into_iter().map(metric).collect();
        reply.send(answer_with(
            media,
            &agent::Response {
                r#type: Some(ResponseType::GetMetrics),
                get_metrics: Some(GetMetricsResponse { metrics }),
                ..agent::Response::default()
            },
        ));
    });
}

/// Makes the log more or less talkative for a while.
pub(super) fn set_logging_level(call: &Call) -> Response {
    let Some(body) = &call.set_logging_level else { return Response::bad_request("") };
    let duration = body.duration.to_duration().unwrap_or_default();
    match logging::toggle(body.level, duration) {
        Ok(()) => Response::ok(),
        Err(error) => Response::bad_request(error.to_string()),
    }
}
