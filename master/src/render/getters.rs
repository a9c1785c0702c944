//! The JSON of getters: where Mesos writes the state of the cluster by hand, lists are there even
//! when they are empty, and clients rely on it. Elsewhere, as in MessagePack, empty is absent.

use mesos::agent::AgentInfo;
use mesos::json;
use mesos::task::Task;
use mesos::v1::master::{
    Agent, EventType, Executor, Framework, GetAgentsResponse, GetExecutorsResponse,
    GetFrameworksResponse, GetStateResponse, GetTasksResponse, Response, ResponseType,
    SubscribedEvent,
};
use serde::Serialize;

/// An answer as JSON.
pub fn to_json(answer: &Response) -> Vec<u8> {
    let mut written = Written { r#type: answer.r#type, ..Written::default() };
    match answer {
        Response { get_state: Some(state), .. } => written.get_state = Some(state.into()),
        Response { get_tasks: Some(tasks), .. } => written.get_tasks = Some(tasks.into()),
        Response { get_executors: Some(executors), .. } => {
            written.get_executors = Some(executors.into());
        }
        Response { get_frameworks: Some(frameworks), .. } => {
            written.get_frameworks = Some(frameworks.into());
        }
        Response { get_agents: Some(agents), .. } => written.get_agents = Some(agents.into()),
        other => return json::to_vec(other),
    }
    json::to_vec(&written)
}

/// The first event of a stream to an operator as JSON: it holds the state.
pub fn subscribed_to_json(subscribed: &SubscribedEvent) -> Vec<u8> {
    json::to_vec(&WrittenEvent {
        r#type: EventType::Subscribed,
        subscribed: Subscribed {
            get_state: subscribed.get_state.as_ref().map(Into::into),
            heartbeat_interval_seconds: subscribed.heartbeat_interval_seconds,
        },
    })
}

#[derive(Serialize)]
struct WrittenEvent<'a> {
    r#type: EventType,
    subscribed: Subscribed<'a>,
}

#[derive(Serialize)]
struct Subscribed<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    get_state: Option<State<'a>>,
    heartbeat_interval_seconds: Option<f64>,
}

/// An answer with one of the bodies that are written by hand.
#[derive(Default, Serialize)]
struct Written<'a> {
    r#type: Option<ResponseType>,
    #[serde(skip_serializing_if = "Option::is_none")]
    get_state: Option<State<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    get_tasks: Option<Tasks<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    get_executors: Option<Executors<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    get_frameworks: Option<Frameworks<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    get_agents: Option<Agents<'a>>,
}

#[derive(Serialize)]
struct State<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    get_tasks: Option<Tasks<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    get_executors: Option<Executors<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    get_frameworks: Option<Frameworks<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    get_agents: Option<Agents<'a>>,
}

impl<'a> From<&'a GetStateResponse> for State<'a> {
    fn from(state: &'a GetStateResponse) -> Self {
        Self {
            get_tasks: state.get_tasks.as_ref().map(Into::into),
            get_executors: state.get_executors.as_ref().map(Into::into),
            get_frameworks: state.get_frameworks.as_ref().map(Into::into),
            get_agents: state.get_agents.as_ref().map(Into::into),
        }
    }
}

#[derive(Serialize)]
struct Tasks<'a> {
    tasks: &'a [Task],
    unreachable_tasks: &'a [Task],
    completed_tasks: &'a [Task],
}

impl<'a> From<&'a GetTasksResponse> for Tasks<'a> {
    fn from(tasks: &'a GetTasksResponse) -> Self {
        Self {
            tasks: &tasks.tasks,
            unreachable_tasks: &tasks.unreachable_tasks,
            completed_tasks: &tasks.completed_tasks,
        }
    }
}

#[derive(Serialize)]
struct Executors<'a> {
    executors: &'a [Executor],
}

impl<'a> From<&'a GetExecutorsResponse> for Executors<'a> {
    fn from(executors: &'a GetExecutorsResponse) -> Self {
        Self { executors: &executors.executors }
    }
}

#[derive(Serialize)]
struct Frameworks<'a> {
    frameworks: &'a [Framework],
    completed_frameworks: &'a [Framework],
}

impl<'a> From<&'a GetFrameworksResponse> for Frameworks<'a> {
    fn from(frameworks: &'a GetFrameworksResponse) -> Self {
        Self {
            frameworks: &frameworks.frameworks,
            completed_frameworks: &frameworks.completed_frameworks,
        }
    }
}

#[derive(Serialize)]
struct Agents<'a> {
    agents: &'a [Agent],
    recovered_agents: &'a [AgentInfo],
}

impl<'a> From<&'a GetAgentsResponse> for Agents<'a> {
    fn from(agents: &'a GetAgentsResponse) -> Self {
        Self { agents: &agents.agents, recovered_agents: &agents.recovered_agents }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_lists_are_written() {
        let text = |answer: &Response| String::from_utf8(to_json(answer)).expect("JSON is text");
        let mut answer = Response { r#type: Some(ResponseType::GetAgents), ..Response::default() };
        answer.get_agents = Some(GetAgentsResponse::default());
        let expected = r#"{"type":"GET_AGENTS","get_agents":{"agents":[],"recovered_agents":[]}}"#;
        assert_eq!(text(&answer), expected);
        let answer = Response {
            r#type: Some(ResponseType::GetState),
            get_state: Some(GetStateResponse {
                get_tasks: Some(GetTasksResponse::default()),
                ..GetStateResponse::default()
            }),
            ..Response::default()
        };
        let expected = r#"{"type":"GET_STATE","get_state":{"get_tasks":{"tasks":[],"#;
        assert!(text(&answer).starts_with(expected));
    }

    #[test]
    fn other_answers_are_written_by_their_schema() {
        let answer = Response {
            r#type: Some(ResponseType::GetOperations),
            get_operations: Some(mesos::v1::master::GetOperationsResponse::default()),
            ..Response::default()
        };
        assert_eq!(to_json(&answer), br#"{"type":"GET_OPERATIONS","get_operations":{}}"#);
    }
}
