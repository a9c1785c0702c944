//! From a group of tasks to running containers.

use mesos::container::{ContainerInfo, ContainerInfoType};
use mesos::executor_info::{CommandInfo, EnvironmentVariable};
use mesos::ids::ContainerId;
use mesos::task::{TaskGroupInfo, TaskInfo, TaskState};
use mesos::time::Time;
use mesos::v1::agent::LaunchContainer;
use mesos::volume::{SandboxPath, SandboxPathType, Volume, VolumeSource, VolumeSourceType};

use super::core::{Container, Core, Effect, Found, Group, Launched, Phase, RETRY, Slot, Timer};
use crate::check::TaskChecks;

impl Core {
    /// Takes a group in. There is a container for each of its tasks, or it fails as a whole.
    pub(super) fn launch(
        &mut self,
        now: Time,
        group: TaskGroupInfo,
        ids: Vec<String>,
        out: &mut Vec<Effect>,
    ) {
        if self.shutting_down || self.broken {
            // The agent knows what it means for tasks that their executor ends.
            out.push(Effect::Log("ignored a task group: the executor shuts down".to_owned()));
            return;
        }
        let number = self.next;
        self.next += 1;
        let known = group.tasks.iter().find(|task| self.find(&task.task_id).is_some());
        if let Some(task) = known {
            let id = &task.task_id;
            out.push(Effect::Log(format!("ignored a task group: task '{id}' is here already")));
            return;
        }
        let mut members = Vec::new();
        for (task, id) in group.tasks.into_iter().zip(ids) {
            let slot = Slot(self.next);
            self.next += 1;
            members.push(slot);
            self.containers.insert(slot, self.container(task, id, number));
        }
        let asks = |slot: &&Slot| self.containers[*slot].phase == Phase::Launching;
        let unanswered = members.iter().filter(asks).count();
        let group = Group { members: members.clone(), unanswered, ..Group::default() };
        self.groups.insert(number, group);
        for slot in &members {
            self.tell(*slot, self.status(*slot, TaskState::Starting), out);
            self.ask_launch(*slot, out);
        }
        if unanswered == 0 {
            self.begin(now, &members, out);
        }
    }

    fn container(&self, task: TaskInfo, id: String, group: u64) -> Container {
        let parent = Some(Box::new(self.surroundings.container.clone()));
        // What cannot be checked is not begun.
        let (phase, checks) = match TaskChecks::new(&task) {
            Ok(checks) => (Phase::Launching, checks),
            Err(error) => {
                let refused = Launched::Refused(error.to_string());
                (Phase::Settled(refused), TaskChecks::default())
            }
        };
        Container {
            id: ContainerId { value: id, parent },
            task,
            group,
            phase,
            checks,
            last: None,
            doom: None,
            timed_out: false,
            attempt: 0,
            lost: false,
            refusals: 0,
            asked: false,
        }
    }

    /// Asks for a container, if the agent is there and was not asked.
    pub(super) fn ask_launch(&mut self, slot: Slot, out: &mut Vec<Effect>) {
        let connected = self.connected;
        let Some(container) = self.containers.get_mut(&slot) else { return };
        if container.phase == Phase::Launching && connected && !container.asked {
            container.asked = true;
            if container.lost {
                out.push(Effect::Find(slot, container.id.clone()));
                return;
            }
            let call = launch_call(&container.task, &container.id, &self.surroundings.ip);
            out.push(Effect::Launch(slot, Box::new(call)));
        }
    }

    /// The agent has answered for one container.
    pub(super) fn launched(
        &mut self,
        now: Time,
        slot: Slot,
        launched: Launched,
        out: &mut Vec<Effect>,
    ) {
        match launched {
            Launched::Unavailable(why) => self.launch_later(slot, false, &why, out),
            Launched::Lost(why) => self.launch_later(slot, true, &why, out),
            Launched::Started | Launched::Refused(_) => self.settle(now, slot, launched, out),
        }
    }

    /// The agent has said what it knows of a container.
    pub(super) fn found(&mut self, now: Time, slot: Slot, found: Found, out: &mut Vec<Effect>) {
        match found {
            Found::There => self.settle(now, slot, Launched::Started, out),
            Found::Unavailable(why) => self.launch_later(slot, true, &why, out),
            Found::Missing => {
                let Some(container) = self.containers.get_mut(&slot) else { return };
                container.asked = false;
                container.lost = false;
                self.ask_launch(slot, out);
            }
        }
    }

    /// Asks again after a while, or when the next agent is there.
    fn launch_later(&mut self, slot: Slot, lost: bool, why: &str, out: &mut Vec<Effect>) {
        let connected = self.connected;
        let Some(container) = self.containers.get_mut(&slot) else { return };
        if container.phase != Phase::Launching {
            return;
        }
        container.lost |= lost;
        // What the last agent did not answer may come when the next one has been asked.
        if connected && container.asked {
            container.asked = false;
            out.push(Effect::SetTimer(Timer::Launch(slot), RETRY));
        }
        out.push(Effect::Log(format!("cannot launch {} yet: {why}", container.id)));
    }

    fn settle(&mut self, now: Time, slot: Slot, launched: Launched, out: &mut Vec<Effect>) {
        let Some(container) = self.containers.get_mut(&slot) else { return };
        if container.phase != Phase::Launching {
            return;
        }
        container.asked = false;
        container.phase = Phase::Settled(launched);
        let number = container.group;
        let Some(group) = self.groups.get_mut(&number) else { return };
        group.unanswered -= 1;
        if group.unanswered == 0 {
            let members = group.members.clone();
            self.begin(now, &members, out);
        }
    }

    /// Every container of a group was answered for.
    fn begin(&mut self, now: Time, members: &[Slot], out: &mut Vec<Effect>) {
        let mut failed = Vec::new();
        for slot in members {
            let Some(container) = self.containers.get_mut(slot) else { continue };
            match std::mem::replace(&mut container.phase, Phase::Running) {
                Phase::Settled(Launched::Refused(why)) => failed.push((*slot, why)),
                _ => self.run(now, *slot, out),
            }
        }
        for slot in members {
            if failed.iter().all(|(other, _)| other != slot) {
                self.ask_wait(*slot, out);
            }
        }
        for (slot, why) in failed {
            self.end(now, slot, TaskState::Failed, Some(why), out);
        }
        for slot in members {
            let doom = self.containers.get_mut(slot).and_then(|container| container.doom.take());
            if let Some(grace) = doom {
                self.kill(now, *slot, grace, out);
            }
        }
    }

    fn run(&mut self, now: Time, slot: Slot, out: &mut Vec<Effect>) {
        let Some(container) = self.containers.get_mut(&slot) else { return };
        let task = container.task.task_id.clone();
        let limit = container.task.max_completion_time.as_ref();
        if let Some(limit) = limit.and_then(|limit| limit.to_duration()).filter(|l| !l.is_zero()) {
            out.push(Effect::SetTimer(Timer::Completion(slot), limit));
        }
        out.push(Effect::LinkSandbox { task, container: container.id.clone() });
        let actions = container.checks.start(now);
        // Checks that begin while the agent is away wait for the next one.
        if !self.connected {
            container.checks.pause();
        }
        self.tell(slot, self.status(slot, TaskState::Running), out);
        self.act(slot, actions, out);
    }
}

/// How a task is asked for: what it says of itself, the variables that every task finds, and the
/// volumes that the agent has mounted in the sandbox of the executor.
fn launch_call(task: &TaskInfo, id: &ContainerId, ip: &str) -> LaunchContainer {
    let mut command: CommandInfo = task.command.as_deref().cloned().unwrap_or_default();
    let role = task.resources.first().and_then(|resource| resource.allocation_info.as_ref());
    let role = role.and_then(|info| info.role.clone()).unwrap_or_default();
    let environment = command.environment.get_or_insert_default();
    for (name, value) in [("MESOS_CONTAINER_IP", ip.to_owned()), ("MESOS_ALLOCATION_ROLE", role)] {
        environment.variables.push(EnvironmentVariable {
            name: name.to_owned(),
            value: Some(value),
            ..EnvironmentVariable::default()
        });
    }
    let mut container = task.container.clone();
    let disks = task.resources.iter().filter_map(|resource| resource.disk.as_ref());
    for volume in disks.filter_map(|disk| disk.volume.as_ref()) {
        let container = container.get_or_insert_with(|| {
            let r#type = ContainerInfoType::Mesos;
            Box::new(ContainerInfo { r#type, ..ContainerInfo::default() })
        });
        container.volumes.push(parents_volume(volume));
    }
    LaunchContainer {
        container_id: id.clone(),
        command: Some(Box::new(command)),
        resources: task.resources.clone(),
        container,
        limits: task.limits.clone(),
    }
}

/// A volume of the executor's sandbox, seen from a task below it.
fn parents_volume(volume: &Volume) -> Volume {
    let path = volume.container_path.clone();
    let sandbox_path = SandboxPath { r#type: Some(SandboxPathType::Parent), path: path.clone() };
    Volume {
        mode: volume.mode,
        container_path: path,
        source: Some(Box::new(VolumeSource {
            r#type: Some(VolumeSourceType::SandboxPath),
            sandbox_path: Some(sandbox_path),
            ..VolumeSource::default()
        })),
        ..Volume::default()
    }
}
