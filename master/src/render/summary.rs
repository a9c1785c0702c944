//! `/state-summary`: what a dashboard polls (row OI-02).

use std::collections::{BTreeMap, BTreeSet};

use mesos::ids::{AgentId, FrameworkId};
use mesos::json;
use mesos::task::{Task, TaskState};
use serde::Serialize;

use super::View;
use super::agent::AgentView;
use super::framework::SummaryView;

/// How many tasks are in each state.
#[derive(Debug, Default, Clone, Copy, Serialize)]
#[serde(rename_all = "UPPERCASE")]
struct Counts {
    task_staging: usize,
    task_starting: usize,
    task_running: usize,
    task_killing: usize,
    task_finished: usize,
    task_killed: usize,
    task_failed: usize,
    task_lost: usize,
    task_error: usize,
    task_unreachable: usize,
}

impl Counts {
    fn add(&mut self, state: TaskState) {
        let count = match state {
            TaskState::Staging => &mut self.task_staging,
            TaskState::Starting => &mut self.task_starting,
            TaskState::Running => &mut self.task_running,
            TaskState::Killing => &mut self.task_killing,
            TaskState::Finished => &mut self.task_finished,
            TaskState::Killed => &mut self.task_killed,
            TaskState::Failed => &mut self.task_failed,
            TaskState::Lost => &mut self.task_lost,
            TaskState::Error => &mut self.task_error,
            TaskState::Unreachable => &mut self.task_unreachable,
            // The summary has never had the states that came after it.
            _ => return,
        };
        *count += 1;
    }
}

#[derive(Serialize)]
struct AgentSummary<'a> {
    #[serde(flatten)]
    agent: AgentView<'a>,
    #[serde(flatten)]
    counts: Counts,
    framework_ids: Vec<&'a str>,
}

#[derive(Serialize)]
struct FrameworkSummary<'a> {
    #[serde(flatten)]
    framework: SummaryView<'a>,
    #[serde(flatten)]
    counts: Counts,
    slave_ids: Vec<&'a str>,
}

#[derive(Serialize)]
struct Summary<'a> {
    hostname: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster: Option<&'a str>,
    slaves: Vec<AgentSummary<'a>>,
    frameworks: Vec<FrameworkSummary<'a>>,
}

#[derive(Default)]
struct Tally<'a> {
    by_agent: BTreeMap<&'a AgentId, (Counts, BTreeSet<&'a FrameworkId>)>,
    by_framework: BTreeMap<&'a FrameworkId, (Counts, BTreeSet<&'a AgentId>)>,
}

impl<'a> Tally<'a> {
    fn add(&mut self, task: &'a Task) {
        let (counts, frameworks) = self.by_agent.entry(&task.agent_id).or_default();
        counts.add(task.state);
        frameworks.insert(&task.framework_id);
        let (counts, agents) = self.by_framework.entry(&task.framework_id).or_default();
        counts.add(task.state);
        agents.insert(&task.agent_id);
    }
}

/// The JSON of `/state-summary`.
pub fn render(view: &View) -> Vec<u8> {
    let snapshot = &view.snapshot;
    let mut tally = Tally::default();
    for framework in snapshot.frameworks.values() {
        let tasks = framework.tasks.values();
        let tasks = tasks.chain(framework.unreachable_tasks.values());
        tasks.chain(framework.completed_tasks.iter()).for_each(|task| tally.add(task));
    }
    let Tally { mut by_agent, mut by_framework } = tally;
    let slaves = snapshot.agents.values().map(|agent| {
        let (counts, ids) = by_agent.remove(&agent.id).unwrap_or_default();
        let framework_ids = ids.into_iter().map(|id| id.as_str()).collect();
        AgentSummary { agent: AgentView::new(agent), counts, framework_ids }
    });
    let frameworks = snapshot.frameworks.values().map(|framework| {
        let (counts, ids) = by_framework.remove(&framework.id).unwrap_or_default();
        let slave_ids = ids.into_iter().map(|id| id.as_str()).collect();
        FrameworkSummary { framework: SummaryView::new(framework), counts, slave_ids }
    });
    json::to_vec(&Summary {
        hostname: view.info.hostname.as_deref().unwrap_or_default(),
        cluster: view.config.cluster.as_deref(),
        slaves: slaves.collect(),
        frameworks: frameworks.collect(),
    })
}
