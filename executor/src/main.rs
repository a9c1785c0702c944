//! The command executor as a program of its own, for tests: `mesos executor` is the same.

fn main() -> std::process::ExitCode {
    executor::command_executor_main()
}
