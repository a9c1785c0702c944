//! The agent as a process: what arrives becomes an event, and every effect is carried out.
//!
//! ```text
//!   messages, links, timers, ─▶ Event ─▶ core ─▶ Effects ─▶ messages, links, timers,
//!   containers, checkpoints,                                containers, checkpoints,
//!   signals, the detector                                   the disk, the log
//! ```
//!
//! It decides nothing.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use libprocess::{Context, LinkMode, Pid, Process, Timer, Upid};
use mesos::internal::{AgentToExecutor, AgentToMaster, ExecutorToAgent, MasterToAgent};
use slave_core::checkpoint::RecoveredState;
use slave_core::containers::call::ContainerEffect;
use slave_core::effect::Level;
use slave_core::ids::{ExecutorPid, MasterPid, TimerId};
use slave_core::metrics::Counter;
use slave_core::{Agent, Effect, Effects, Event};

use crate::checkpoint::writer::Outcome;
use crate::checkpoint::{Writer, boot};
use crate::containerizer::{Containerizer, Report};
use crate::detector::Detector;
use crate::http::api::containers::ContainerCalls;
use crate::http::{self, files::FilesProcess, streams::Streams};
use crate::machine;
use crate::shared::Shared;

/// Makes the containerizer, once there is somebody for it to report to.
pub type MakeContainerizer = Box<dyn FnOnce(Report) -> io::Result<Box<dyn Containerizer>> + Send>;

/// What an agent is made from.
pub(crate) struct Parts {
    pub core: Agent,
    pub recovered: RecoveredState,
    pub boot_id: String,
    pub containerizer: MakeContainerizer,
    pub detector: Box<dyn Detector>,
    pub shared: Arc<Shared>,
    pub stream_limit_bytes: usize,
}

/// The process `slave(1)`.
pub struct AgentProcess {
    core: Agent,
    effects: Effects,
    /// What the first event is made from, and what takes part from then on.
    start: Option<(RecoveredState, MakeContainerizer)>,
    pub(crate) hands: Option<Hands>,
    boot_id: String,
    detector: Box<dyn Detector>,
    timers: HashMap<TimerId, Timer>,
    /// The calls of executors over HTTP, and their streams.
    pub(crate) streams: Streams,
    /// Which links lead to masters; the others lead to executors.
    masters: HashSet<Upid>,
    /// Calls about containers that wait for their answers.
    pub(crate) container_calls: ContainerCalls,
    /// The process that answers `/files`; it ends with this one.
    files: Option<Pid<FilesProcess>>,
    pub(crate) shared: Arc<Shared>,
}

/// What works beside the process, on threads of its own.
pub(crate) struct Hands {
    writer: Writer,
    pub(crate) containerizer: Box<dyn Containerizer>,
}

impl AgentProcess {
    pub(crate) fn new(parts: Parts) -> Self {
        Self {
            core: parts.core,
            effects: Effects::new(),
            start: Some((parts.recovered, parts.containerizer)),
            hands: None,
            boot_id: parts.boot_id,
            detector: parts.detector,
            timers: HashMap::new(),
            streams: Streams::new(parts.stream_limit_bytes),
            masters: HashSet::new(),
            container_calls: ContainerCalls::default(),
            files: None,
            shared: parts.shared,
        }
    }

    /// Takes one event to the core, and carries out what follows.
    pub(crate) fn step(&mut self, context: &mut Context<Self>, event: Event) {
        let now = mesos::time::Time::from_nanos(context.now().as_nanos());
        let mut effects = std::mem::take(&mut self.effects);
        self.core.step(now, event, &mut effects);
        for effect in effects.drain() {
            self.perform(context, effect);
        }
        self.effects = effects;
        self.shared.publish(self.core.snapshot());
    }

    fn perform(&mut self, context: &mut Context<Self>, effect: Effect) {
        match effect {
            Effect::Send { to, message } => send_master(context, &to, message),
            Effect::SendExecutor { to, message } => send_executor(context, &to, message),
            Effect::Respond { request, response } => {
                self.streams.respond(context, request, response);
            }
            Effect::SendEvent { stream, event } => {
                if self.streams.send(stream, &event) {
                    self.shared.count(Counter::ExecutorStreamsCut, 1);
                }
            }
            Effect::CloseStream(stream) => self.streams.close(stream),
            Effect::LinkMaster(master) => self.link_master(context, &master),
            Effect::LinkExecutor(executor) => link_executor(context, &executor),
            Effect::DetectMaster => self.detect(context),
            Effect::Checkpoint { .. }
            | Effect::LaunchContainer(_)
            | Effect::RecoverContainers(_)
            | Effect::UpdateContainer { .. }
            | Effect::DestroyContainer(_)
            | Effect::Container(ContainerEffect::Launch(_) | ContainerEffect::Signal { .. }) => {
                // The hands are there before the first event is.
                if let Some(hands) = &self.hands {
                    hands.perform(effect);
                }
            }
            Effect::Container(ContainerEffect::Answer { request, answer }) => {
                self.answer_container_call(context, request, answer);
            }
            Effect::SetTimer { timer, after } => {
                let set = context.delay(after, move |process: &mut Self, context| {
                    process.timers.remove(&timer);
                    process.step(context, Event::TimerFired { timer });
                });
                self.timers.insert(timer, set);
            }
            Effect::CancelTimer(timer) => {
                if let Some(timer) = self.timers.remove(&timer) {
                    context.cancel(timer);
                }
            }
            Effect::MeasureDisk => self.measure_disk(context),
            Effect::RemovePath(path) => self.remove(context, path),
            Effect::Count { counter, by } => self.shared.count(counter, by),
            Effect::Log { level, text } => log(level, &text),
            Effect::Exit { error } => {
                self.shared.end(error);
                context.terminate();
            }
        }
    }

    /// Starts what works beside the process, and takes the first event.
    fn begin(&mut self, context: &mut Context<Self>) {
        let Some((recovered, make_containerizer)) = self.start.take() else { return };
        let hands = match Hands::start(context, &self.shared, make_containerizer) {
            Ok(hands) => self.hands.insert(hands),
            Err(error) => {
                self.shared.end(Some(format!("cannot start a thread: {error}")));
                return context.terminate();
            }
        };
        if recovered.agent.is_none() && recovered.containers.is_empty() {
            // Nobody is known of; whoever is there outlived an agent that was forgotten.
            hands.containerizer.recover(Vec::new());
        }
        self.step(context, Event::Recovered(recovered));
    }

    fn link_master(&mut self, context: &mut Context<Self>, master: &MasterPid) {
        let Some(upid) = parse(master.as_str()) else { return };
        context.link(&upid, LinkMode::Reconnect);
        self.masters.insert(upid);
    }

    fn detect(&mut self, context: &mut Context<Self>) {
        if let Err(error) = boot::remember(&self.shared.paths, &self.boot_id) {
            // The next agent takes this one's containers for dead, at worst, and kills them.
            tracing::error!("cannot write down that the machine is up: {error}");
        }
        let (node, pid) = (context.node().clone(), context.pid().clone());
        self.detector.start(Box::new(move |master| {
            node.dispatch(&pid, move |process: &mut Self, context| {
                process.step(context, Event::MasterDetected { master });
            });
        }));
    }

    fn measure_disk(&self, context: &mut Context<Self>) {
        let work_dir = self.shared.paths.work_dir().to_owned();
        context.block_then(
            move || machine::disk_usage(&work_dir),
            |process: &mut Self, context, usage| match usage {
                Ok(usage) => process.step(context, Event::DiskUsage(usage)),
                Err(error) => tracing::warn!("cannot tell how full the disk is: {error}"),
            },
        );
    }

    fn remove(&self, context: &mut Context<Self>, path: PathBuf) {
        let work_dir = self.shared.paths.work_dir().to_owned();
        context.block_then(
            move || {
                let result = remove_tree(&work_dir, &path);
                (path, result)
            },
            |process: &mut Self, context, (path, result)| {
                process.step(context, Event::PathRemoved { path, result });
            },
        );
    }

    fn from_master(&mut self, context: &mut Context<Self>, from: &Upid, message: MasterToAgent) {
        let from = MasterPid::new(from.to_string());
        self.step(context, Event::MasterMessage { from, message });
    }

    fn from_executor(
        &mut self,
        context: &mut Context<Self>,
        from: &Upid,
        message: ExecutorToAgent,
    ) {
        let from = ExecutorPid::new(from.to_string());
        self.step(context, Event::ExecutorMessage { from, message });
    }
}

impl Hands {
    fn start(
        context: &Context<AgentProcess>,
        shared: &Shared,
        make_containerizer: MakeContainerizer,
    ) -> io::Result<Self> {
        let (node, pid) = (context.node().clone(), context.pid().clone());
        let written = move |outcomes: Vec<Outcome>| {
            node.dispatch(&pid, move |process: &mut AgentProcess, context| {
                for (id, result) in outcomes {
                    process.step(context, Event::Checkpointed { id, result });
                }
            });
        };
        let (node, pid) = (context.node().clone(), context.pid().clone());
        let report: Report = Arc::new(move |event| {
            node.dispatch(&pid, move |process: &mut AgentProcess, context| {
                process.step(context, event);
            });
        });
        Ok(Self {
            writer: Writer::start(shared.paths.clone(), written)?,
            containerizer: make_containerizer(report)?,
        })
    }

    fn perform(&self, effect: Effect) {
        match effect {
            Effect::Checkpoint { id, what } => self.writer.write(id, what),
            Effect::LaunchContainer(spec) => self.containerizer.launch(*spec),
            Effect::RecoverContainers(containers) => self.containerizer.recover(containers),
            Effect::UpdateContainer { container, resources, limits } => {
                self.containerizer.update(container, resources, limits);
            }
            Effect::DestroyContainer(container) => self.containerizer.destroy(container),
            Effect::Container(ContainerEffect::Launch(spec)) => {
                self.containerizer.launch_contained(*spec);
            }
            Effect::Container(ContainerEffect::Signal { container, signal, request }) => {
                self.containerizer.signal(container, signal, request);
            }
            other => tracing::error!("there is no hand for {other:?}"),
        }
    }
}

impl Process for AgentProcess {
    fn initialize(&mut self, context: &mut Context<Self>) {
        for name in MasterToAgent::NAMES {
            context.install(name, Self::from_master);
        }
        for name in ExecutorToAgent::NAMES {
            context.install(name, Self::from_executor);
        }
        http::install(context, &self.shared);
        match context.node().spawn("files", FilesProcess::new(self.shared.clone())) {
            Ok(files) => self.files = Some(files),
            Err(error) => tracing::error!("sandboxes cannot be read over HTTP: {error}"),
        }
        self.begin(context);
    }

    fn exited(&mut self, context: &mut Context<Self>, peer: &Upid) {
        let event = if self.masters.remove(peer) {
            Event::MasterExited { master: MasterPid::new(peer.to_string()) }
        } else {
            Event::ExecutorExited { executor: ExecutorPid::new(peer.to_string()) }
        };
        self.step(context, event);
    }

    fn finalize(&mut self, context: &mut Context<Self>) {
        if let Some(files) = self.files.take() {
            context.node().terminate(&files, true);
        }
        self.shared.end(None);
    }
}

fn send_master(context: &Context<AgentProcess>, to: &MasterPid, message: AgentToMaster) {
    if let Some(to) = parse(to.as_str()) {
        context.send(&to, message.name(), message);
    }
}

fn send_executor(context: &Context<AgentProcess>, to: &ExecutorPid, message: AgentToExecutor) {
    if let Some(to) = parse(to.as_str()) {
        context.send(&to, message.name(), message);
    }
}

fn link_executor(context: &Context<AgentProcess>, executor: &ExecutorPid) {
    if let Some(executor) = parse(executor.as_str()) {
        context.link(&executor, LinkMode::Reuse);
    }
}

/// The name that stands for a peer. The core only knows what this process told it, or what a
/// checkpoint held.
fn parse(text: &str) -> Option<Upid> {
    let parsed = text.parse();
    if let Err(error) = &parsed {
        tracing::error!("'{text}' is not the name of a process: {error}");
    }
    parsed.ok()
}

fn log(level: Level, text: &str) {
    match level {
        Level::Info => tracing::info!("{text}"),
        Level::Warning => tracing::warn!("{text}"),
        Level::Error => tracing::error!("{text}"),
    }
}

/// Removes what is at `path`, which must be below `work_dir`; nothing there is fine.
fn remove_tree(work_dir: &Path, path: &Path) -> Result<(), String> {
    if path == work_dir || !path.starts_with(work_dir) {
        return Err(format!("'{}' is not below the work directory", path.display()));
    }
    let removed = match std::fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => std::fs::remove_dir_all(path),
        Ok(_) => std::fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(format!("cannot remove '{}': {error}", path.display()))
        }
        _ => Ok(()),
    }
}
