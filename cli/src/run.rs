//! `mesos run`: a command on the cluster, as if it ran here.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use mesos_framework::mesos::resource::Resource;
use mesos_framework::mesos::resources::Resources;
use mesos_framework::{Capability, Framework, Task, TaskInfo, TaskState, TaskStatus};

use crate::commands::{self, Invoked};
use crate::error::{CliError, NOT_RUN};
use crate::task::follow::{Follow, FollowError};
use crate::task::{self, Happening, PATIENCE, TaskRun, exit};

/// How often the task's output is looked at: soon again while there is some.
const POLL_MIN: Duration = Duration::from_millis(50);
const POLL_MAX: Duration = Duration::from_millis(400);

/// After how long the user is told why nothing happens yet.
const EXPLAIN_AFTER: Duration = Duration::from_secs(3);

/// How much of a program's name goes into the name of its task.
const NAME_LENGTH: usize = 40;

/// What a shell gives for a program that wrote to a pipe that nobody reads.
const BROKEN_PIPE: u8 = 141;

libprocess::flags! {
    /// What `mesos run` understands.
    pub struct Flags {
        /// Where the masters are: `host:port`, or several joined by commas.
        master: String = "127.0.0.1:5050";
        /// A name for the task.
        name: Option<String>;
        /// Processors that the task needs.
        cpus: f64 = "1";
        /// Memory that the task needs, in megabytes.
        mem: f64 = "128";
        /// Disk that the task needs, in megabytes.
        disk: f64 = "0";
        /// GPUs that the task needs.
        gpus: f64 = "0";
        /// The role whose resources are used.
        role: Option<String>;
        /// The user under whose name the command runs. The user of this program by default.
        user: Option<String>;
        /// Variables for the command, as a JSON object: `{"NAME": "value"}`.
        env: Option<serde_json::Value>;
        /// Joins the arguments with blanks and runs the result with a shell.
        shell: bool = "false";
        /// Prints each change of the task's state.
        verbose: bool = "false";
    }
}

/// Runs the command.
pub fn main(invoked: Invoked) -> Result<ExitCode, CliError> {
    let Some(parsed) = commands::parse::<Flags>(&invoked)? else { return Ok(ExitCode::SUCCESS) };
    let (flags, command) = (parsed.flags, parsed.positional);
    if command.is_empty() {
        return Err(CliError::NoCommand);
    }
    let task = describe(&flags, &command)?;
    let mut framework = Framework::new(format!("mesos run {}", task.name))
        .master(flags.master.clone())
        .failover_timeout(Duration::from_secs(60))
        .give_up_after(PATIENCE)
        .capability(Capability::KillingState)
        .capability(Capability::ReservationRefinement);
    if let Some(role) = &flags.role {
        framework = framework.role(role);
    }
    if let Some(user) = &flags.user {
        framework = framework.user(user);
    }
    let resources = resources(&flags);
    let wanted = resources.to_string();
    let run = TaskRun::start(framework, task, resources)?;
    let watch = Watch { program: invoked.program, verbose: flags.verbose, wanted };
    watch.until_over(run).map(ExitCode::from)
}

fn describe(flags: &Flags, command: &[String]) -> Result<TaskInfo, CliError> {
    let name = match &flags.name {
        Some(name) => name.clone(),
        None => program_name(&command[0]),
    };
    let id = task::unique_id(&name.replace(['/', ' '], "_"));
    let mut task = match flags.shell {
        true => Task::shell(id, command.join(" ")),
        false => Task::command(id, command),
    };
    for (variable, value) in environment(flags.env.as_ref())? {
        task = task.env(variable, value);
    }
    Ok(task.name(name).info().clone())
}

/// What a command line runs, in letters that may stand in an id.
fn program_name(command: &str) -> String {
    let program = command.split_whitespace().next().unwrap_or_default();
    let name = program.rsplit('/').next().unwrap_or_default();
    let plain = |letter: char| if letter.is_ascii_alphanumeric() { letter } else { '-' };
    let name: String = name.chars().take(NAME_LENGTH).map(plain).collect();
    if name.trim_matches('-').is_empty() { "task".to_owned() } else { name }
}

/// The variables of `--env`.
pub fn environment(env: Option<&serde_json::Value>) -> Result<Vec<(String, String)>, CliError> {
    let Some(value) = env else { return Ok(Vec::new()) };
    let wrong = || CliError::Value {
        flag: "env",
        value: value.to_string(),
        reason: "expecting a JSON object of texts, as {\"NAME\": \"value\"}".to_owned(),
    };
    let variables = value.as_object().ok_or_else(wrong)?;
    variables
        .iter()
        .map(|(name, value)| Ok((name.clone(), value.as_str().ok_or_else(wrong)?.to_owned())))
        .collect()
}

fn resources(flags: &Flags) -> Resources {
    [("cpus", flags.cpus), ("mem", flags.mem), ("disk", flags.disk), ("gpus", flags.gpus)]
        .into_iter()
        .filter(|(_, quantity)| *quantity > 0.0)
        .map(|(name, quantity)| Resource::of_scalar(name, quantity))
        .collect()
}

/// Shows a task to the user.
struct Watch {
    program: String,
    verbose: bool,
    wanted: String,
}

impl Watch {
    /// Waits for the end of the task; gives the exit code.
    fn until_over(&self, run: TaskRun) -> Result<u8, CliError> {
        let started = Instant::now();
        let mut launched = false;
        let mut follow: Option<Follow> = None;
        let mut poll = POLL_MIN;
        let mut best = None;
        loop {
            match run.next(poll) {
                None => {}
                Some(Happening::Subscribed(id)) => self.note(&format!("subscribed as {id}")),
                Some(Happening::TooSmall(offer)) => best = Some(offer),
                Some(Happening::Launched { hostname, .. }) => {
                    launched = true;
                    best = None;
                    self.note(&format!("launched on {hostname}"));
                }
                Some(Happening::Update(status)) => {
                    self.note(&describe_update(&status));
                    if follow.is_none() && status.state != TaskState::Staging {
                        follow = run.driver().sandbox(&status).ok().map(Follow::new);
                    }
                    if task::is_over(status.state) {
                        return self.end(run, &status, follow);
                    }
                }
                Some(Happening::Interrupted(1)) if launched => {
                    self.say("killing the task; interrupt again to leave at once");
                    run.kill();
                }
                Some(Happening::Interrupted(_)) => {
                    run.finish()?;
                    return Ok(128 + 2);
                }
                Some(Happening::Over) => return run.finish().map(|()| NOT_RUN).map_err(Into::into),
            }
            if !launched && started.elapsed() > EXPLAIN_AFTER {
                if let Some(offer) = best.take() {
                    self.say(&format!("waiting for {}; offered so far: {offer}", self.wanted));
                }
            }
            poll = match follow.as_mut().map(Follow::show_new) {
                Some(Ok(true)) => POLL_MIN,
                Some(Err(FollowError::Write(_))) => {
                    run.finish()?;
                    return Ok(BROKEN_PIPE);
                }
                // An agent that does not answer now may do so later; the end of the task tells.
                Some(Ok(false) | Err(FollowError::Sandbox(_))) => (poll * 2).min(POLL_MAX),
                None => POLL_MAX,
            };
        }
    }

    /// Shows the rest of the output, and says what went wrong if something did.
    fn end(
        &self,
        run: TaskRun,
        status: &TaskStatus,
        follow: Option<Follow>,
    ) -> Result<u8, CliError> {
        if let Some(Err(error)) = follow.map(|mut follow| follow.show_new()) {
            self.say(&format!("the rest of the output is lost: {error}"));
        }
        let code = exit::code(status);
        if code == NOT_RUN {
            self.say(&describe_update(status));
        }
        // The task is over whether or not the master takes note.
        if let Err(error) = run.finish() {
            self.note(&error.to_string());
        }
        Ok(code)
    }

    fn say(&self, text: &str) {
        eprintln!("{}: {text}", self.program);
    }

    fn note(&self, text: &str) {
        if self.verbose {
            self.say(text);
        }
    }
}

/// `TASK_LOST: why (REASON_X)`.
fn describe_update(status: &TaskStatus) -> String {
    let message = status.message.as_ref().map(|message| format!(": {message}"));
    let reason = status.reason.map(|reason| format!(" ({reason})"));
    format!("{}{}{}", status.state, message.unwrap_or_default(), reason.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_are_named_after_their_program() {
        assert_eq!(program_name("/usr/bin/env -i x"), "env");
        assert_eq!(program_name("my_tool.sh"), "my-tool-sh");
        assert_eq!(program_name("((1))"), "--1--");
        assert_eq!(program_name("::"), "task");
        assert_eq!(program_name(""), "task");
    }

    #[test]
    fn environments_are_objects_of_texts() {
        let env = |text: &str| environment(Some(&serde_json::from_str(text).unwrap()));
        assert_eq!(env(r#"{"A":"1"}"#).unwrap(), [("A".to_owned(), "1".to_owned())]);
        assert!(env(r#"{"A":1}"#).is_err());
        assert!(env("[]").unwrap_err().to_string().contains("--env=[]"));
    }
}
