//! The getters whose lists are there when they are empty: Mesos writes them by hand, and clients
//! count on it. It concerns JSON only.

use mesos::task::Task;
use mesos::v1::agent::{
    Executor, Framework, GetExecutorsResponse, GetFrameworksResponse, GetStateResponse,
    GetTasksResponse, Response, ResponseType,
};
use serde::Serialize;

/// An answer with all its lists.
#[derive(Serialize)]
pub(super) struct Whole<'a> {
    r#type: Option<ResponseType>,
    #[serde(skip_serializing_if = "Option::is_none")]
    get_tasks: Option<Tasks<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    get_executors: Option<Executors<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    get_frameworks: Option<Frameworks<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    get_state: Option<State<'a>>,
}

impl<'a> Whole<'a> {
    /// The answer with its lists, if it is one of those.
    pub fn of(answer: &'a Response) -> Option<Self> {
        let whole = Self {
            r#type: answer.r#type,
            get_tasks: answer.get_tasks.as_ref().map(Tasks::from),
            get_executors: answer.get_executors.as_ref().map(Executors::from),
            get_frameworks: answer.get_frameworks.as_ref().map(Frameworks::from),
            get_state: answer.get_state.as_ref().map(State::from),
        };
        let is_one = matches!(
            answer.r#type,
            Some(
                ResponseType::GetTasks
                    | ResponseType::GetExecutors
                    | ResponseType::GetFrameworks
                    | ResponseType::GetState
            )
        );
        is_one.then_some(whole)
    }
}

#[derive(Serialize)]
struct Tasks<'a> {
    pending_tasks: &'a [Task],
    queued_tasks: &'a [Task],
    launched_tasks: &'a [Task],
    terminated_tasks: &'a [Task],
    completed_tasks: &'a [Task],
}

impl<'a> From<&'a GetTasksResponse> for Tasks<'a> {
    fn from(tasks: &'a GetTasksResponse) -> Self {
        Self {
            pending_tasks: &tasks.pending_tasks,
            queued_tasks: &tasks.queued_tasks,
            launched_tasks: &tasks.launched_tasks,
            terminated_tasks: &tasks.terminated_tasks,
            completed_tasks: &tasks.completed_tasks,
        }
    }
}

#[derive(Serialize)]
struct Executors<'a> {
    executors: &'a [Executor],
    completed_executors: &'a [Executor],
}

impl<'a> From<&'a GetExecutorsResponse> for Executors<'a> {
    fn from(executors: &'a GetExecutorsResponse) -> Self {
        Self {
            executors: &executors.executors,
            completed_executors: &executors.completed_executors,
        }
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
struct State<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    get_tasks: Option<Tasks<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    get_executors: Option<Executors<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    get_frameworks: Option<Frameworks<'a>>,
}

impl<'a> From<&'a GetStateResponse> for State<'a> {
    fn from(state: &'a GetStateResponse) -> Self {
        Self {
            get_tasks: state.get_tasks.as_ref().map(Tasks::from),
            get_executors: state.get_executors.as_ref().map(Executors::from),
            get_frameworks: state.get_frameworks.as_ref().map(Frameworks::from),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_lists_are_written_where_mesos_writes_them() {
        let answer = Response {
            r#type: Some(ResponseType::GetExecutors),
            get_executors: Some(GetExecutorsResponse::default()),
            ..Response::default()
        };
        let whole = Whole::of(&answer).expect("it has lists");
        assert_eq!(
            mesos::json::to_string(&whole),
            r#"{"type":"GET_EXECUTORS","get_executors":{"executors":[],"completed_executors":[]}}"#
        );
        let other = Response { r#type: Some(ResponseType::GetAgent), ..Response::default() };
        assert!(Whole::of(&other).is_none());
    }
}
