//! `/slaves`, `/frameworks` and `/tasks`: parts of the state (row OI-03).

use mesos::json;
use mesos::task::Task;
use serde::Serialize;

use super::View;
use super::agent::{FullAgentView, InfoView};
use super::framework::FrameworkView;
use super::task::TaskView;

#[derive(Serialize)]
struct Slaves<'a> {
    slaves: Vec<FullAgentView<'a>>,
    recovered_slaves: Vec<InfoView<'a>>,
}

/// The JSON of `/slaves`; of one agent if `id` names one.
pub fn slaves(view: &View, id: Option<&str>) -> Vec<u8> {
    let snapshot = &view.snapshot;
    let is_wanted = |agent: &str| id.is_none_or(|id| id == agent);
    let agents = snapshot.agents.values().filter(|agent| is_wanted(agent.id.as_str()));
    let recovered = snapshot.recovered_agents.iter().filter(|(id, _)| is_wanted(id.as_str()));
    json::to_vec(&Slaves {
        slaves: agents.map(|agent| FullAgentView::new(agent)).collect(),
        recovered_slaves: recovered.map(|(_, info)| InfoView::new(info)).collect(),
    })
}

#[derive(Serialize)]
struct Frameworks<'a> {
    frameworks: Vec<FrameworkView<'a>>,
    completed_frameworks: Vec<FrameworkView<'a>>,
    unregistered_frameworks: [(); 0],
}

/// The JSON of `/frameworks`; of one framework if `id` names one.
pub fn frameworks(view: &View, id: Option<&str>) -> Vec<u8> {
    let snapshot = &view.snapshot;
    let is_wanted = |framework: &str| id.is_none_or(|id| id == framework);
    let frameworks = snapshot.frameworks.values().filter(|f| is_wanted(f.id.as_str()));
    let completed = snapshot.completed_frameworks.iter().filter(|f| is_wanted(f.id.as_str()));
    json::to_vec(&Frameworks {
        frameworks: frameworks.map(|f| FrameworkView::new(f, snapshot)).collect(),
        completed_frameworks: completed.map(|f| FrameworkView::new(f, snapshot)).collect(),
        unregistered_frameworks: [],
    })
}

/// Which tasks `/tasks` shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskPage {
    /// Of this framework, if it is named.
    pub framework_id: Option<String>,
    /// With this id, if it is named.
    pub task_id: Option<String>,
    /// At most so many.
    pub limit: usize,
    /// Without the first so many.
    pub offset: usize,
    /// The oldest first, instead of last.
    pub ascending: bool,
}

#[derive(Serialize)]
struct Tasks<'a> {
    tasks: Vec<TaskView<'a>>,
}

/// The JSON of `/tasks`.
pub fn tasks(view: &View, page: &TaskPage) -> Vec<u8> {
    let snapshot = &view.snapshot;
    let frameworks = snapshot.frameworks.values().chain(snapshot.completed_frameworks.iter());
    let frameworks = frameworks
        .filter(|f| page.framework_id.as_deref().is_none_or(|wanted| wanted == f.id.as_str()));
    let mut tasks: Vec<&Task> = frameworks
        .flat_map(|framework| {
            let tasks = framework.tasks.values();
            let tasks = tasks.chain(framework.unreachable_tasks.values());
            tasks.chain(framework.completed_tasks.iter()).map(|task| &**task)
        })
        .filter(|task| page.task_id.as_deref().is_none_or(|id| id == task.task_id.as_str()))
        .collect();
    // By the time of the first status; a task without any is the newest there is.
    let began = |task: &&Task| {
        task.statuses.first().map_or(f64::MAX, |status| status.timestamp.unwrap_or(0.0))
    };
    tasks.sort_by(|left, right| began(left).total_cmp(&began(right)));
    if !page.ascending {
        tasks.reverse();
    }
    let tasks = tasks.into_iter().skip(page.offset).take(page.limit);
    json::to_vec(&Tasks { tasks: tasks.map(TaskView::new).collect() })
}
