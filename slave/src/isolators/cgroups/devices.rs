//! `cgroups/devices`: which devices a container may use: those that any program needs, and what
//! `--allowed_devices` adds (row IS-06). Version 2 has no such controller, but programs for the
//! kernel, which are not there yet.

use std::fmt;
use std::fs;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};

use mesos::container::{DeviceAccess, DeviceWhitelist};
use nix::sys::stat::{major, minor};

use super::controller::Controller;
use super::node::Node;
use crate::isolators::{Container, IsolatorError};

/// What every container may use: the kernel's numbers are in its `devices.txt`.
const DEFAULTS: &[&str] = &[
    // New device files, which are of no use without a line for the device.
    "c *:* m",
    "b *:* m",
    // console, tty0, tty1, pts, ptmx
    "c 5:1 rwm",
    "c 4:0 rwm",
    "c 4:1 rwm",
    "c 136:* rwm",
    "c 5:2 rwm",
    // net/tun
    "c 10:200 rwm",
    // null, zero, full, tty, urandom, random
    "c 1:3 rwm",
    "c 1:5 rwm",
    "c 1:7 rwm",
    "c 5:0 rwm",
    "c 1:9 rwm",
    "c 1:8 rwm",
];

/// The controller `devices`.
#[derive(Debug)]
pub struct Devices {
    allowed: Vec<String>,
}

impl Devices {
    /// Reads what the operator allows beside the defaults.
    ///
    /// # Errors
    /// It names no device, or no access.
    pub fn new(whitelist: Option<&DeviceWhitelist>) -> Result<Self, IsolatorError> {
        let mut allowed: Vec<String> = DEFAULTS.iter().map(|&line| line.to_owned()).collect();
        for device in whitelist.into_iter().flat_map(|list| &list.allowed_devices) {
            allowed.push(entry(device)?.to_string());
        }
        Ok(Self { allowed })
    }
}

/// A line of the kernel's list.
#[derive(Debug, PartialEq)]
struct Entry {
    kind: char,
    major: u64,
    minor: u64,
    access: String,
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}:{} {}", self.kind, self.major, self.minor, self.access)
    }
}

fn entry(allowed: &DeviceAccess) -> Result<Entry, IsolatorError> {
    let refused = |text: String| Err(IsolatorError::Refused(text));
    let Some(path) = &allowed.device.path else {
        return refused("Whitelisted device has no device path provided".to_owned());
    };
    let modes =
        [(allowed.access.read, 'r'), (allowed.access.write, 'w'), (allowed.access.mknod, 'm')];
    let access: String =
        modes.iter().filter(|(given, _)| *given == Some(true)).map(|(_, mode)| *mode).collect();
    if access.is_empty() {
        let text = format!("Could not whitelist device '{path}' without any access privileges");
        return refused(text);
    }
    let found = match fs::metadata(path) {
        Ok(found) => found,
        Err(error) => return refused(format!("Failed to obtain device ID for '{path}': {error}")),
    };
    let kind = match found.file_type() {
        kind if kind.is_block_device() => 'b',
        kind if kind.is_char_device() => 'c',
        _ => return refused(format!("Failed to determine device type for '{path}'")),
    };
    Ok(Entry { kind, major: major(found.rdev()), minor: minor(found.rdev()), access })
}

impl Controller for Devices {
    fn name(&self) -> &'static str {
        "devices"
    }

    fn prepare(&mut self, _: &Container, node: &Node) -> Result<(), IsolatorError> {
        // A new cgroup allows what the one above it does, which can only be taken away as a whole.
        node.write("devices.deny", "a")?;
        self.allowed.iter().try_for_each(|line| node.write("devices.allow", line))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isolators::testing::{container, own_cgroup, v1};
    use libprocess::subprocess::{Command, Stdio};
    use mesos::container::{Device, DeviceAccessAccess};

    fn access(path: Option<&str>, read: bool) -> DeviceAccess {
        let device = Device { path: path.map(str::to_owned), number: None };
        let access = DeviceAccessAccess { read: Some(read), write: None, mknod: Some(read) };
        DeviceAccess { device, access }
    }

    #[test]
    fn devices_are_found_by_their_paths() {
        assert_eq!(entry(&access(Some("/dev/kmsg"), true)).unwrap().to_string(), "c 1:11 rm");
        let error = |one| entry(&one).unwrap_err().to_string();
        assert_eq!(error(access(None, true)), "Whitelisted device has no device path provided");
        assert_eq!(
            error(access(Some("/dev/null"), false)),
            "Could not whitelist device '/dev/null' without any access privileges"
        );
        assert_eq!(error(access(Some("/dev"), true)), "Failed to determine device type for '/dev'");
        let text = error(access(Some("/dev/nonexistent"), true));
        assert!(text.starts_with("Failed to obtain device ID for '/dev/nonexistent': "), "{text}");
    }

    #[test]
    fn other_devices_cannot_be_used() {
        let Some(mount) = v1("devices", "the control of devices") else { return };
        let root = own_cgroup(&mount);
        let run = |id: &str, list: Option<&DeviceWhitelist>| {
            let path = root.relative().join(id);
            let node = super::super::v1::create(&mount, &path).unwrap();
            Devices::new(list).unwrap().prepare(&container(id, "cpus:1"), &node).unwrap();
            let script = "read -r x; head -c 1 /dev/zero > /dev/null && echo fine; \
                          head -c 1 /dev/kmsg > /dev/null; echo $?";
            let command = Command::new("sh").args(["-c", script]);
            let mut child =
                command.stdin(Stdio::Pipe).stdout(Stdio::Pipe).stderr(Stdio::Null).spawn().unwrap();
            node.assign(child.pid().cast_unsigned()).unwrap();
            drop(child.take_stdin());
            let mut text = String::new();
            let mut output = std::fs::File::from(child.take_stdout().unwrap());
            std::io::Read::read_to_string(&mut output, &mut text).unwrap();
            child.wait_blocking().unwrap();
            text
        };
        assert_eq!(run("a", None), "fine\n1\n");
        let list = DeviceWhitelist { allowed_devices: vec![access(Some("/dev/kmsg"), true)] };
        let node = Node::new(mount.join(root.relative()).join("b"));
        run("b", Some(&list));
        let shown = node.read("devices.list").unwrap();
        assert!(shown.lines().any(|line| line == "c 1:11 rm"), "{shown}");
    }
}
