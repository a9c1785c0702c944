//! mesos-cli
fn main() {}
