//! What the end of a task means for the exit code of the program that waited for it.

use mesos_framework::{TaskState, TaskStatus};

use crate::error::NOT_RUN;

/// What executors call the signals from 1 on, in the words of the C library.
const SIGNALS: [&str; 31] = [
    "Hangup",
    "Interrupt",
    "Quit",
    "Illegal instruction",
    "Trace/breakpoint trap",
    "Aborted",
    "Bus error",
    "Floating point exception",
    "Killed",
    "User defined signal 1",
    "Segmentation fault",
    "User defined signal 2",
    "Broken pipe",
    "Alarm clock",
    "Terminated",
    "Stack fault",
    "Child exited",
    "Continued",
    "Stopped (signal)",
    "Stopped",
    "Stopped (tty input)",
    "Stopped (tty output)",
    "Urgent I/O condition",
    "CPU time limit exceeded",
    "File size limit exceeded",
    "Virtual timer expired",
    "Profiling timer expired",
    "Window changed",
    "I/O possible",
    "Power failure",
    "Bad system call",
];

/// The exit code that a shell would give for the task's command: its own, or 128 and the number of
/// the signal that ended it. [`NOT_RUN`] when the cluster is to blame.
pub fn code(status: &TaskStatus) -> u8 {
    if status.state == TaskState::Finished {
        return 0;
    }
    let message = status.message.as_deref().unwrap_or_default();
    match from_message(message) {
        Some(code) => code,
        None if status.state == TaskState::Killed => 128 + 15,
        None => NOT_RUN,
    }
}

/// Reads `Command exited with status 3` and `Command terminated with signal Killed`.
fn from_message(message: &str) -> Option<u8> {
    let message = message.strip_prefix("Command ")?;
    if let Some(status) = message.strip_prefix("exited with status ") {
        return status.trim().parse().ok();
    }
    let signal = message.strip_prefix("terminated with signal ")?;
    let signal = signal.trim_end_matches(" (core dumped)").trim();
    let number = match SIGNALS.iter().position(|name| *name == signal) {
        Some(index) => index + 1,
        None => signal.rsplit(' ').next()?.parse().ok()?,
    };
    u8::try_from(128 + number).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code_of(state: TaskState, message: &str) -> u8 {
        code(&TaskStatus { state, message: Some(message.into()), ..TaskStatus::default() })
    }

    #[test]
    fn codes_are_those_of_a_shell() {
        assert_eq!(code_of(TaskState::Finished, "Command exited with status 0"), 0);
        assert_eq!(code_of(TaskState::Failed, "Command exited with status 7"), 7);
        assert_eq!(code_of(TaskState::Failed, "Command terminated with signal Killed"), 137);
        let dumped = "Command terminated with signal Segmentation fault (core dumped)";
        assert_eq!(code_of(TaskState::Failed, dumped), 139);
        assert_eq!(code_of(TaskState::Killed, "Command terminated with signal Terminated"), 143);
        assert_eq!(code_of(TaskState::Killed, ""), 143);
        let realtime = "Command terminated with signal Real-time signal 40";
        assert_eq!(code_of(TaskState::Failed, realtime), 168);
        assert_eq!(code_of(TaskState::Lost, "Agent removed"), NOT_RUN);
    }
}
