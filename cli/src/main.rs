//! The `mesos` binary: every daemon and every command.
//!
//! It deliberately holds no logic of the cluster: it reads flags, starts what the other crates
//! offer, and talks to people. A command that cannot do its work says what failed, with which
//! value, why, and what to do next.
//!
//! The agent starts this binary once per command task, as `mesos executor`, and once per executor
//! of task groups, as `mesos-default-executor`. That is looked for before anything else is set up,
//! since executors must start in a few milliseconds. So is
//! `mesos container-init`, the first process of a nested or standalone container, and
//! `mesos fetcher`, which brings files into sandboxes.
//!
//! Reading order:
//!
//! - [`commands`]: the table of commands, and the names under which the binary acts as one of them
//! - [`error`], [`output`], [`signals`]: how commands fail, print, and are interrupted
//! - [`fetcher`]: whether this is the process that fetches
//! - [`daemon`]: `master` and `agent`; [`local`]: a whole cluster in one program
//! - [`task`]: one task from launch to end, behind [`run`] and [`execute`]
//! - [`status`] (on [`leader`]), [`help`], [`completion`]

mod commands;
mod completion;
mod daemon;
mod error;
mod execute;
mod fetcher;
mod help;
mod leader;
mod local;
mod output;
mod run;
mod signals;
mod status;
mod task;

use std::process::ExitCode;

/// The release of this product.
const VERSION: &str = env!("CARGO_PKG_VERSION");

fn main() -> ExitCode {
    if let Some(executor) = executor::program::Program::of_this_process() {
        return executor.main();
    }
    let mut arguments = std::env::args_os();
    let program = arguments.next().unwrap_or_default();
    if std::env::args_os().nth(1).is_some_and(|first| first == slave::config::INIT) {
        return slave::containerizer::init::main(std::env::args_os().skip(2));
    }
    if let Some(arguments) = fetcher::arguments(&program) {
        return slave::fetcher::program::main(arguments);
    }
    let arguments: Vec<String> =
        arguments.map(|argument| argument.to_string_lossy().into_owned()).collect();
    commands::dispatch(&program.to_string_lossy(), arguments)
}
