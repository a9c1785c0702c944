//! mesos-framework
