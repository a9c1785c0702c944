//! The executors as a program of their own, for tests: `mesos executor` and
//! `mesos default-executor` are the same.

use executor::program::Program;

fn main() -> std::process::ExitCode {
    Program::of_this_process().unwrap_or(Program::Command).main()
}
