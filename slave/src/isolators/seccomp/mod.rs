//! `linux/seccomp`: the system calls that a container may make, by a profile in Docker's format
//! (row IS-28).
//!
//! A task may name another profile of `--seccomp_config_dir`, or ask to be unconfined. Calls of
//! other architectures (32-bit programs) end the program, also where a profile lists them.
//!
//! Reading order: this, [`profile`] (the format), [`program`] (what the kernel runs).

pub mod profile;
pub mod program;

use std::path::{Component, Path, PathBuf};

use libprocess::subprocess::ChildHook;
use nix::libc;
use nix::unistd::geteuid;

use self::profile::Profile;
use self::program::Program;
use super::capabilities::{Capabilities, Set};
use super::nnp::no_new_privileges;
use super::places::refused;
use super::{Class, Container, Isolator, IsolatorError, Preparation};

/// The isolator.
#[derive(Debug)]
pub struct Seccomp {
    folder: PathBuf,
    default: Option<Profile>,
    /// What containers can do, where somebody sees to that: some rules hold for those only who can
    /// do something.
    capabilities: Option<Capabilities>,
}

impl Seccomp {
    /// With the profiles in this folder (`--seccomp_config_dir`), of which one holds for those who
    /// ask for none (`--seccomp_profile_name`).
    ///
    /// # Errors
    /// The profile cannot be used, or this is not root.
    pub fn new(
        folder: Option<&Path>,
        name: Option<&str>,
        capabilities: Option<Capabilities>,
    ) -> Result<Self, IsolatorError> {
        if !geteuid().is_root() {
            return refused("Linux Seccomp isolator requires root permissions");
        }
        let Some(folder) = folder else {
            return refused("Missing required `--seccomp_config_dir` flag");
        };
        let mut made = Self { folder: folder.to_owned(), default: None, capabilities };
        made.default = name.map(|name| made.load(name)).transpose()?;
        Ok(made)
    }

    fn load(&self, name: &str) -> Result<Profile, IsolatorError> {
        let below = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
        if name.is_empty() || !below {
            return refused(format!("Seccomp profile '{name}' is not in the folder of profiles"));
        }
        Profile::read(&self.folder.join(name))
            .map_err(|error| IsolatorError::Refused(error.to_string()))
    }

    /// The profile of a container; nothing if it is not confined.
    fn profile(&self, container: &Container) -> Result<Option<Profile>, IsolatorError> {
        let linux = container.info.as_ref().and_then(|info| info.linux_info.as_ref());
        let Some(asked) = linux.and_then(|linux| linux.seccomp.as_ref()) else {
            return Ok(self.default.clone());
        };
        match (asked.unconfined.unwrap_or(false), &asked.profile_name) {
            (true, Some(_)) => refused(
                "Invalid Seccomp configuration: 'profile_name' given even though 'unconfined' \
                 Seccomp setting is enabled",
            ),
            (true, None) => Ok(None),
            (false, Some(name)) => self.load(name).map(Some),
            (false, None) => refused("Missing Seccomp profile name"),
        }
    }
}

impl Isolator for Seccomp {
    fn name(&self) -> &'static str {
        "linux/seccomp"
    }

    fn holds(&self) -> bool {
        false
    }

    fn handles(&self, _: Class) -> bool {
        true
    }

    fn prepare(&mut self, container: &Container) -> Result<Preparation, IsolatorError> {
        let Some(profile) = self.profile(container)? else { return Ok(Preparation::default()) };
        let granted = match &self.capabilities {
            Some(capabilities) => capabilities.granted(container)?,
            None => None,
        };
        let bounding = granted.map_or_else(Set::own_bounding, |granted| granted.bounding);
        let program = Program::new(&profile, bounding)
            .map_err(|error| IsolatorError::Refused(error.to_string()))?;
        // SAFETY: the code makes system calls with memory that is there before, and nothing else.
        let hook = unsafe { ChildHook::custom("confine system calls", move || load(&program)) };
        Ok(Preparation { last_hooks: vec![hook], ..Preparation::default() })
    }
}

/// Gives the program to the kernel, which wants no new privileges to be had by who is not root.
fn load(program: &Program) -> std::io::Result<()> {
    let filter = program.as_filter();
    let mode = libc::c_ulong::from(libc::SECCOMP_MODE_FILTER);
    let set = || {
        // SAFETY: the pointer is to a live structure, whose own pointer and length are those of a
        // live array.
        let result = unsafe { libc::prctl(libc::PR_SET_SECCOMP, mode, &raw const filter) };
        if result == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
    };
    match set() {
        Err(error) if error.raw_os_error() == Some(libc::EACCES) => {
            no_new_privileges()?;
            set()
        }
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isolators::testing::{container, root, run};
    use mesos::container::{ContainerInfo, LinuxInfo, SeccompInfo};

    fn with(unconfined: Option<bool>, name: Option<&str>) -> Container {
        let seccomp = SeccompInfo { profile_name: name.map(str::to_owned), unconfined };
        let linux = LinuxInfo { seccomp: Some(seccomp), ..LinuxInfo::default() };
        let mut made = container("c", "cpus:1");
        let linux_info = Some(Box::new(linux));
        made.info = Some(Box::new(ContainerInfo { linux_info, ..ContainerInfo::default() }));
        made
    }

    fn profiles() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let no_folders = r#"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
            {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO"}]}"#;
        let no_hostnames = r#"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
            {"names": ["uname"], "action": "SCMP_ACT_ERRNO"}]}"#;
        std::fs::write(folder.path().join("folders.json"), no_folders).unwrap();
        std::fs::write(folder.path().join("names.json"), no_hostnames).unwrap();
        folder
    }

    #[test]
    fn calls_are_refused_by_the_profile() {
        if !root("a profile of system calls") {
            return;
        }
        let (folder, work) = (profiles(), tempfile::tempdir().unwrap());
        let new = |name| Seccomp::new(Some(folder.path()), name, None);
        let mut isolator = new(Some("folders.json")).unwrap();
        let path = work.path().join("made");
        let script = format!("mkdir {}; uname > /dev/null && echo named", path.display());
        let (text, _) = run(&script, isolator.prepare(&container("c", "cpus:1")).unwrap());
        assert!(text.contains("Operation not permitted") && text.ends_with("named\n"), "{text}");
        assert!(!path.exists());
        // The task's choice.
        let (text, _) = run(&script, isolator.prepare(&with(None, Some("names.json"))).unwrap());
        assert!(path.exists() && !text.contains("named"), "{text}");
        let (text, _) = run("uname", isolator.prepare(&with(Some(true), None)).unwrap());
        assert_eq!(text, "Linux\n");
        // Somebody who is not root.
        let mut preparation = isolator.prepare(&with(None, Some("names.json"))).unwrap();
        // SAFETY: it makes one system call, and nothing else.
        let become_nobody = unsafe {
            ChildHook::custom("become nobody", || {
                libc::syscall(libc::SYS_setuid, 65_534);
                Ok(())
            })
        };
        preparation.hooks.push(become_nobody);
        let (text, _) = run("id -u; uname && echo named", preparation);
        assert!(text.starts_with("65534\n") && !text.contains("named"), "{text}");
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        if !root("profiles that are refused") {
            return;
        }
        let folder = profiles();
        let new = |folder, name| Seccomp::new(folder, name, None);
        let error = new(None, None).unwrap_err().to_string();
        assert_eq!(error, "Missing required `--seccomp_config_dir` flag");
        let error = new(Some(folder.path()), Some("nonexistent")).unwrap_err().to_string();
        assert!(error.starts_with("Failed to read Seccomp profile file '"), "{error}");
        let mut isolator = new(Some(folder.path()), None).unwrap();
        assert!(isolator.prepare(&container("c", "cpus:1")).unwrap().last_hooks.is_empty());
        let mut error = |one| isolator.prepare(&one).unwrap_err().to_string();
        assert_eq!(error(with(None, None)), "Missing Seccomp profile name");
        let text = error(with(Some(true), Some("names.json")));
        assert!(text.starts_with("Invalid Seccomp configuration: 'profile_name' given"), "{text}");
        for name in ["../names.json", "/etc/passwd", ""] {
            let text = error(with(None, Some(name)));
            assert!(text.ends_with("is not in the folder of profiles"), "{text}");
        }
    }
}
