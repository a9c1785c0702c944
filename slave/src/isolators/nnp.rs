//! `linux/nnp`: no program that a container runs gets more rights than it has (row IS-29).

use std::io;

use libprocess::subprocess::ChildHook;
use nix::libc;

use super::{Class, Container, Isolator, IsolatorError, Preparation};

/// The isolator.
#[derive(Debug, Default)]
pub struct NoNewPrivileges;

impl Isolator for NoNewPrivileges {
    fn name(&self) -> &'static str {
        "linux/nnp"
    }

    fn holds(&self) -> bool {
        false
    }

    fn handles(&self, _: Class) -> bool {
        true
    }

    fn prepare(&mut self, _: &Container) -> Result<Preparation, IsolatorError> {
        // SAFETY: the code makes one system call, and nothing else.
        let hook = unsafe { ChildHook::custom("give up new privileges", no_new_privileges) };
        Ok(Preparation { last_hooks: vec![hook], ..Preparation::default() })
    }
}

/// A system call, fit for a child that has not become a program yet.
pub(super) fn no_new_privileges() -> io::Result<()> {
    let (yes, nothing): (libc::c_ulong, libc::c_ulong) = (1, 0);
    // SAFETY: it takes integers and touches no memory.
    match unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, yes, nothing, nothing, nothing) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isolators::testing::{container, run};

    #[test]
    fn new_privileges_are_given_up() {
        let preparation = NoNewPrivileges.prepare(&container("c", "cpus:1")).unwrap();
        let script = "grep NoNewPrivs /proc/self/status";
        assert_eq!(run(script, preparation).0, "NoNewPrivs:\t1\n");
        assert_eq!(run(script, Preparation::default()).0, "NoNewPrivs:\t0\n");
    }
}
