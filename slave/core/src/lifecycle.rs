//! The life of a container in the `mesos` containerizer (row CT-02): which step follows which.
//!
//! ```text
//!   launch ──▶ PREPARING ──▶ FETCHING ──▶ ISOLATING ──▶ RUNNING
//!                  │             │            │            │ its process exits,
//!                  │ fails, or   │            │            │ destroy, a limit
//!                  ▼ destroy     ▼            ▼            ▼
//!                  └─────────────┴────────────┴──────▶ DESTROYING ──▶ (told, forgotten)
//!                                                      kill, then clean up
//! ```
//!
//! Every step is an effect of the shell's that may take its time, and ends with an event: nothing
//! here waits. A container that is to be destroyed while a step is under way is destroyed once that
//! step has ended, since only then it is known what there is to take away; fetching alone is called
//! off. However a container ends, what was prepared for it is cleaned up before anybody is told.
//!
//! Who ends before whom among nested containers is not decided here, but in [`crate::containers`].

use std::collections::BTreeMap;

use mesos::ids::ContainerId;
use mesos::task::TaskState;

use crate::event::{ContainerTermination, LaunchedContainer};

/// Where a container is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Its sandbox is made, and isolators make ready for it.
    Preparing,
    /// What its command needs is fetched.
    Fetching,
    /// Its first process is born, and waits until isolators have got hold of it.
    Isolating,
    /// Its program runs.
    Running,
    /// Its processes are killed, and what was made for it is taken away.
    Destroying,
}

impl Stage {
    /// Its name in `/containerizer/debug` and in messages, as Mesos writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Preparing => "PREPARING",
            Self::Fetching => "FETCHING",
            Self::Isolating => "ISOLATING",
            Self::Running => "RUNNING",
            Self::Destroying => "DESTROYING",
        }
    }
}

/// What happens to a container.
#[derive(Debug, Clone, PartialEq)]
pub enum ContainerStep {
    /// It is wanted.
    Launch,
    /// The last agent left it running. That its process has ended since is a step of its own.
    Recovered,
    /// The outcome of [`Deed::Prepare`].
    Prepared(Result<(), String>),
    /// The outcome of [`Deed::Fetch`], be it called off.
    Fetched(Result<(), String>),
    /// The outcome of [`Deed::Start`]. After an error there is no process.
    Started(Result<LaunchedContainer, String>),
    /// It should change what it may use.
    Update,
    /// It should end.
    Destroy,
    /// An isolator saw it run into a limit, which is why it ends.
    Limited(Box<ContainerTermination>),
    /// Its leading process has ended, with this wait status where that is known.
    Exited(Option<i32>),
    /// The outcome of [`Deed::Kill`].
    Killed,
    /// The outcome of [`Deed::CleanUp`].
    CleanedUp,
}

/// What is to be done about a container.
#[derive(Debug, Clone, PartialEq)]
pub enum Deed {
    /// Make its sandbox, and let isolators prepare. Ends with [`ContainerStep::Prepared`].
    Prepare,
    /// Fetch what it needs. Ends with [`ContainerStep::Fetched`].
    Fetch,
    /// Stop fetching, which ends as ever.
    CallOff,
    /// Give birth to its first process, let isolators have it, and let it go. Ends with
    /// [`ContainerStep::Started`].
    Start,
    /// Let isolators put in force what it may use now.
    Update,
    /// Kill every process of it: once for a leading process that lives, and once when that has
    /// ended, for what it left behind. Ends with [`ContainerStep::Killed`].
    Kill,
    /// Take away what was made for it. Ends with [`ContainerStep::CleanedUp`].
    CleanUp,
    /// Tell the agent that it runs, or that it could not be made.
    TellLaunched(Result<LaunchedContainer, String>),
    /// Tell the agent that it is no more.
    TellTerminated(ContainerTermination),
}

/// All containers that are not over.
#[derive(Debug, Default)]
pub struct Lifecycle {
    containers: BTreeMap<ContainerId, Life>,
}

#[derive(Debug)]
struct Life {
    stage: Stage,
    /// Whether the agent was told that it runs.
    told: bool,
    /// Whether it is to end as soon as the step under way has ended.
    doomed: bool,
    /// Why it could not be made.
    failure: Option<String>,
    /// How it ends, as far as that is known.
    end: ContainerTermination,
    /// Whether its leading process has ended.
    exited: bool,
    /// How often it is being killed.
    kills: u32,
}

impl Life {
    fn new(stage: Stage) -> Self {
        Self {
            stage,
            told: false,
            doomed: false,
            failure: None,
            end: ContainerTermination::default(),
            exited: false,
            kills: 0,
        }
    }

    /// Has it killed.
    fn kill(&mut self, deeds: &mut Vec<Deed>) {
        self.stage = Stage::Destroying;
        self.kills += 1;
        deeds.push(Deed::Kill);
    }

    /// Has what was made for it taken away, since no process of it is left.
    fn clean_up(&mut self, deeds: &mut Vec<Deed>) {
        self.stage = Stage::Destroying;
        deeds.push(Deed::CleanUp);
    }
}

impl Lifecycle {
    /// Where a container is in its life, if it is not over.
    pub fn stage(&self, container: &ContainerId) -> Option<Stage> {
        Some(self.containers.get(container)?.stage)
    }

    /// All containers that are not over.
    pub fn stages(&self) -> impl Iterator<Item = (&ContainerId, Stage)> {
        self.containers.iter().map(|(id, life)| (id, life.stage))
    }

    /// Takes in what happened to a container, and says what is to be done about it, in order. What
    /// happens to a container that is over changes nothing: a process may exit, or a limit be
    /// reported, after the last word.
    pub fn step(&mut self, id: &ContainerId, step: ContainerStep) -> Vec<Deed> {
        let mut deeds = Vec::new();
        match step {
            ContainerStep::Launch => {
                // Ids are random: the same one again is the same order again.
                if !self.containers.contains_key(id) {
                    self.containers.insert(id.clone(), Life::new(Stage::Preparing));
                    deeds.push(Deed::Prepare);
                }
            }
            ContainerStep::Recovered => {
                let mut life = Life::new(Stage::Running);
                life.told = true;
                self.containers.insert(id.clone(), life);
            }
            step => {
                let Some(life) = self.containers.get_mut(id) else { return deeds };
                advance(life, step, &mut deeds);
            }
        }
        let over =
            |deed: &Deed| matches!(deed, Deed::TellTerminated(_) | Deed::TellLaunched(Err(_)));
        if deeds.iter().any(over) {
            self.containers.remove(id);
        }
        deeds
    }
}

fn advance(life: &mut Life, step: ContainerStep, deeds: &mut Vec<Deed>) {
    match (life.stage, step) {
        (Stage::Preparing, ContainerStep::Prepared(Ok(()))) if !life.doomed => {
            life.stage = Stage::Fetching;
            deeds.push(Deed::Fetch);
        }
        (Stage::Fetching, ContainerStep::Fetched(Ok(()))) if !life.doomed => {
            life.stage = Stage::Isolating;
            deeds.push(Deed::Start);
        }
        (Stage::Preparing, ContainerStep::Prepared(result))
        | (Stage::Fetching, ContainerStep::Fetched(result)) => {
            if let Err(error) = result {
                life.failure.get_or_insert(error);
            }
            life.clean_up(deeds);
        }
        (Stage::Isolating, ContainerStep::Started(result)) => started(life, result, deeds),
        (Stage::Running, ContainerStep::Update) => deeds.push(Deed::Update),
        (Stage::Running, ContainerStep::Destroy) => life.kill(deeds),
        (Stage::Running, ContainerStep::Limited(limit)) => {
            limited(life, *limit);
            life.kill(deeds);
        }
        (Stage::Running | Stage::Destroying, ContainerStep::Exited(status)) if !life.exited => {
            life.exited = true;
            life.end.status = status;
            life.kill(deeds);
        }
        (Stage::Destroying, ContainerStep::Killed) => {
            life.kills = life.kills.saturating_sub(1);
            if life.exited && life.kills == 0 {
                life.clean_up(deeds);
            }
        }
        (Stage::Destroying, ContainerStep::CleanedUp) => deeds.push(last_word(life)),
        (Stage::Preparing | Stage::Fetching | Stage::Isolating, ContainerStep::Destroy) => {
            doom(life, deeds);
        }
        (Stage::Isolating, ContainerStep::Limited(limit)) => {
            limited(life, *limit);
            doom(life, deeds);
        }
        // A step that is not under way has no outcome, and what ends needs nothing more.
        _ => {}
    }
}

fn started(life: &mut Life, result: Result<LaunchedContainer, String>, deeds: &mut Vec<Deed>) {
    match result {
        Ok(launched) => {
            life.told = true;
            life.stage = Stage::Running;
            deeds.push(Deed::TellLaunched(Ok(launched)));
            if life.doomed {
                life.kill(deeds);
            }
        }
        Err(error) => {
            life.failure.get_or_insert(error);
            life.clean_up(deeds);
        }
    }
}

fn limited(life: &mut Life, limit: ContainerTermination) {
    life.end = limit;
    life.end.state.get_or_insert(TaskState::Failed);
}

/// Has a container end once the step under way has ended.
fn doom(life: &mut Life, deeds: &mut Vec<Deed>) {
    if life.stage == Stage::Fetching && !life.doomed {
        deeds.push(Deed::CallOff);
    }
    life.doomed = true;
    // One that is being started is told to run first, since its process may do so for a moment.
    if life.stage != Stage::Isolating {
        let during = life.stage.name().to_ascii_lowercase();
        life.failure.get_or_insert(format!("Container destroyed during {during}"));
    }
}

fn last_word(life: &mut Life) -> Deed {
    match life.told {
        true => Deed::TellTerminated(std::mem::take(&mut life.end)),
        false => {
            let why = life.failure.take().unwrap_or_else(|| "Container destroyed".to_owned());
            Deed::TellLaunched(Err(why))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mesos::task::Reason;

    fn id() -> ContainerId {
        ContainerId::root("c")
    }

    fn running() -> Lifecycle {
        let mut lifecycle = Lifecycle::default();
        let mut step = |step| lifecycle.step(&id(), step);
        assert_eq!(step(ContainerStep::Launch), [Deed::Prepare]);
        assert_eq!(step(ContainerStep::Prepared(Ok(()))), [Deed::Fetch]);
        assert_eq!(step(ContainerStep::Fetched(Ok(()))), [Deed::Start]);
        let launched = LaunchedContainer { pid: Some(7), ..LaunchedContainer::default() };
        let told = step(ContainerStep::Started(Ok(launched.clone())));
        assert_eq!(told, [Deed::TellLaunched(Ok(launched))]);
        lifecycle
    }

    fn terminated(status: i32) -> Deed {
        Deed::TellTerminated(ContainerTermination { status: Some(status), ..Default::default() })
    }

    #[test]
    fn a_container_lives_and_ends() {
        let mut lifecycle = running();
        let mut step = |step| lifecycle.step(&id(), step);
        assert_eq!(step(ContainerStep::Update), [Deed::Update]);
        assert_eq!(step(ContainerStep::Exited(Some(256))), [Deed::Kill]);
        assert_eq!(step(ContainerStep::Update), []);
        assert_eq!(step(ContainerStep::Destroy), [], "it is ending already");
        assert_eq!(step(ContainerStep::Killed), [Deed::CleanUp]);
        assert_eq!(step(ContainerStep::CleanedUp), [terminated(256)]);
        assert_eq!(step(ContainerStep::Destroy), [], "nobody knows it any more");
        assert_eq!(lifecycle.stage(&id()), None);
    }

    #[test]
    fn what_a_killed_container_leaves_behind_is_killed_once_it_is_dead() {
        for exits_first in [false, true] {
            let mut lifecycle = running();
            let mut step = |step| lifecycle.step(&id(), step);
            assert_eq!(step(ContainerStep::Destroy), [Deed::Kill]);
            if exits_first {
                assert_eq!(step(ContainerStep::Exited(Some(9))), [Deed::Kill]);
                assert_eq!(step(ContainerStep::Killed), []);
            } else {
                assert_eq!(step(ContainerStep::Killed), []);
                assert_eq!(step(ContainerStep::Exited(Some(9))), [Deed::Kill]);
            }
            assert_eq!(step(ContainerStep::Killed), [Deed::CleanUp]);
            assert_eq!(step(ContainerStep::CleanedUp), [terminated(9)]);
        }
    }

    #[test]
    fn the_first_limit_says_why_a_container_ended() {
        let limit = |message: &str| {
            ContainerStep::Limited(Box::new(ContainerTermination {
                reason: Some(Reason::ContainerLimitationMemory),
                message: Some(message.to_owned()),
                ..ContainerTermination::default()
            }))
        };
        let mut lifecycle = running();
        let mut step = |step| lifecycle.step(&id(), step);
        assert_eq!(step(limit("first")), [Deed::Kill]);
        assert_eq!(step(limit("second")), []);
        assert_eq!(step(ContainerStep::Exited(Some(9))), [Deed::Kill]);
        assert_eq!(step(ContainerStep::Killed), []);
        assert_eq!(step(ContainerStep::Killed), [Deed::CleanUp]);
        let [Deed::TellTerminated(end)] = &step(ContainerStep::CleanedUp)[..] else {
            panic!("it ended");
        };
        assert_eq!((end.status, end.state), (Some(9), Some(TaskState::Failed)));
        assert_eq!(end.reason, Some(Reason::ContainerLimitationMemory));
        assert_eq!(end.message.as_deref(), Some("first"));
    }

    #[test]
    fn a_step_that_fails_ends_the_launch_once_all_is_taken_away() {
        let error = || "no room".to_owned();
        let paths: [&[ContainerStep]; 3] = [
            &[ContainerStep::Prepared(Err(error()))],
            &[ContainerStep::Prepared(Ok(())), ContainerStep::Fetched(Err(error()))],
            &[
                ContainerStep::Prepared(Ok(())),
                ContainerStep::Fetched(Ok(())),
                ContainerStep::Started(Err(error())),
            ],
        ];
        for path in paths {
            let mut lifecycle = Lifecycle::default();
            lifecycle.step(&id(), ContainerStep::Launch);
            let last = path.iter().map(|step| lifecycle.step(&id(), step.clone())).last();
            assert_eq!(last.unwrap(), [Deed::CleanUp], "{path:?}");
            let told = lifecycle.step(&id(), ContainerStep::CleanedUp);
            assert_eq!(told, [Deed::TellLaunched(Err(error()))]);
            assert_eq!(lifecycle.stages().count(), 0);
        }
    }

    #[test]
    fn a_container_that_is_not_wanted_any_more_ends_after_the_step_under_way() {
        let mut lifecycle = Lifecycle::default();
        let mut step = |step| lifecycle.step(&id(), step);
        step(ContainerStep::Launch);
        assert_eq!(step(ContainerStep::Destroy), []);
        assert_eq!(step(ContainerStep::Prepared(Ok(()))), [Deed::CleanUp]);
        let told = Deed::TellLaunched(Err("Container destroyed during preparing".to_owned()));
        assert_eq!(step(ContainerStep::CleanedUp), [told]);

        step(ContainerStep::Launch);
        step(ContainerStep::Prepared(Ok(())));
        assert_eq!(step(ContainerStep::Destroy), [Deed::CallOff]);
        assert_eq!(step(ContainerStep::Destroy), [], "once is enough");
        let called_off = ContainerStep::Fetched(Err("killed".to_owned()));
        assert_eq!(step(called_off), [Deed::CleanUp]);
        let told = Deed::TellLaunched(Err("Container destroyed during fetching".to_owned()));
        assert_eq!(step(ContainerStep::CleanedUp), [told]);

        step(ContainerStep::Launch);
        step(ContainerStep::Prepared(Ok(())));
        step(ContainerStep::Fetched(Ok(())));
        assert_eq!(step(ContainerStep::Destroy), []);
        let launched = LaunchedContainer::default();
        let told = step(ContainerStep::Started(Ok(launched.clone())));
        assert_eq!(told, [Deed::TellLaunched(Ok(launched)), Deed::Kill]);
    }

    #[test]
    fn containers_of_the_last_agent_end_like_others() {
        let mut lifecycle = Lifecycle::default();
        let mut step = |step| lifecycle.step(&id(), step);
        assert_eq!(step(ContainerStep::Recovered), []);
        assert_eq!(step(ContainerStep::Exited(None)), [Deed::Kill]);
        assert_eq!(step(ContainerStep::Exited(Some(9))), [], "it ends once");
        assert_eq!(step(ContainerStep::Killed), [Deed::CleanUp]);
        let told = Deed::TellTerminated(ContainerTermination::default());
        assert_eq!(step(ContainerStep::CleanedUp), [told]);
    }
}
