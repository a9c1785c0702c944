//! `linux/capabilities`: the parts of root's power that a container has (row IS-27).
//!
//! ```text
//!   as root:      keep capabilities over the change of user, drop all outside of the bounding set
//!   as the user:  effective, permitted and ambient become what was asked for, and inheritable
//!                 what the bounding set lets through
//! ```
//!
//! What the task does not ask for is what the operator says; what neither says stays as it is.

use std::collections::BTreeSet;
use std::fmt;
use std::io;

use libprocess::subprocess::ChildHook;
use mesos::container::{CapabilityInfo, LinuxCapability};
use nix::libc;
use nix::unistd::geteuid;

use super::places::refused;
use super::{Class, Container, Isolator, IsolatorError, Preparation};

/// Where Mesos's numbers of capabilities begin.
const FIRST: u32 = 1000;
/// The version of the kernel's structure that holds 64 capabilities.
const VERSION_3: u32 = 0x2008_0522;

/// A set of capabilities, a bit for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Set(u64);

impl Set {
    /// Those of a message.
    pub fn of(info: &CapabilityInfo) -> Self {
        let numbers = info.capabilities.iter().filter_map(|one| number(*one));
        Self(numbers.fold(0, |set, number| set | 1 << number))
    }

    /// Those that this process may give on.
    pub fn own_bounding() -> Self {
        Self((0..=last()).filter(|number| is_bounding(*number)).fold(0, |set, one| set | 1 << one))
    }

    /// Whether the other set has all of these.
    pub fn is_subset(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    /// Whether they have none in common.
    pub fn is_disjoint(self, other: Self) -> bool {
        self.0 & other.0 == 0
    }

    /// The set with a name such as `CAP_SYS_ADMIN` in addition; `None` for what is no name.
    pub fn with(self, name: &str) -> Option<Self> {
        let name = name.strip_prefix("CAP_")?;
        let capability = LinuxCapability::from_name(name)?;
        Some(Self(self.0 | 1 << number(capability)?))
    }

    fn contains(self, number: u32) -> bool {
        self.0 >> number & 1 == 1
    }
}

impl fmt::Display for Set {
    /// As Mesos shows them: `{ CHOWN, KILL }`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: BTreeSet<&str> = (0..64)
            .filter(|number| self.contains(*number))
            .filter_map(|one| {
                LinuxCapability::ALL.iter().find(|known| **known as u32 == FIRST + one)
            })
            .map(|capability| capability.as_str())
            .collect();
        if names.is_empty() {
            return f.write_str("{}");
        }
        write!(f, "{{ {} }}", names.into_iter().collect::<Vec<_>>().join(", "))
    }
}

/// The kernel's number.
fn number(capability: LinuxCapability) -> Option<u32> {
    (capability as u32).checked_sub(FIRST).filter(|number| *number < 64)
}

fn is_bounding(number: u32) -> bool {
    control(libc::PR_CAPBSET_READ, [number.into(), 0]) == 1
}

/// The last capability that the kernel knows.
fn last() -> u32 {
    let text = std::fs::read_to_string("/proc/sys/kernel/cap_last_cap").unwrap_or_default();
    text.trim().parse().unwrap_or(40)
}

/// What a container gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Granted {
    /// What it has; as its user has it, if nothing is said.
    pub effective: Option<Set>,
    /// What it can ever have.
    pub bounding: Set,
}

/// The isolator.
#[derive(Debug, Clone, Default)]
pub struct Capabilities {
    effective: Option<Set>,
    bounding: Option<Set>,
}

impl Capabilities {
    /// With what the operator says: `--effective_capabilities` and `--bounding_capabilities`.
    ///
    /// # Errors
    /// The one is more than the other, or this is not root.
    pub fn new(
        effective: Option<&CapabilityInfo>,
        bounding: Option<&CapabilityInfo>,
    ) -> Result<Self, IsolatorError> {
        if !geteuid().is_root() {
            return refused("Linux capabilities isolator requires root permissions");
        }
        let made = Self { effective: effective.map(Set::of), bounding: bounding.map(Set::of) };
        if let (Some(effective), Some(bounding)) = (made.effective, made.bounding)
            && !effective.is_subset(bounding)
        {
            return refused("Allowed capabilities are not a subset of the bounding capabilities");
        }
        Ok(made)
    }

    /// What a container gets; nothing if nobody says anything.
    ///
    /// # Errors
    /// It asks for more than it may have.
    pub fn granted(&self, container: &Container) -> Result<Option<Granted>, IsolatorError> {
        let linux = container.info.as_ref().and_then(|info| info.linux_info.as_ref());
        // The older name of the effective ones.
        let old = linux.and_then(|linux| linux.capability_info.as_ref());
        let new = linux.and_then(|linux| linux.effective_capabilities.as_ref());
        if old.is_some() && new.is_some() {
            return refused("Only one of 'capability_info' or 'effective_capabilities' is allowed");
        }
        let effective = new.or(old).map(Set::of).or(self.effective);
        let asked = linux.and_then(|linux| linux.bounding_capabilities.as_ref()).map(Set::of);
        if let (Some(asked), Some(allowed)) = (asked, self.bounding)
            && !asked.is_subset(allowed)
        {
            return refused(format!(
                "Bounding capabilities '{asked}', but only '{allowed}' are allowed"
            ));
        }
        let Some(bounding) = asked.or(self.bounding).or(effective) else { return Ok(None) };
        if let Some(effective) = effective.filter(|one| !one.is_subset(bounding)) {
            return refused(format!(
                "Requested capabilities '{effective}', but only '{bounding}' are allowed"
            ));
        }
        Ok(Some(Granted { effective, bounding }))
    }
}

impl Isolator for Capabilities {
    fn name(&self) -> &'static str {
        "linux/capabilities"
    }

    fn holds(&self) -> bool {
        false
    }

    fn handles(&self, _: Class) -> bool {
        true
    }

    fn prepare(&mut self, container: &Container) -> Result<Preparation, IsolatorError> {
        let Some(Granted { effective, bounding }) = self.granted(container)? else {
            return Ok(Preparation::default());
        };
        let (last, keep) = (last(), effective.is_some());
        // SAFETY: the code makes system calls with integers and structures on its stack, and
        // nothing else.
        let (first, then) = unsafe {
            (
                ChildHook::custom("drop capabilities", move || drop_others(bounding, last, keep)),
                ChildHook::custom("set capabilities", move || set(effective, bounding)),
            )
        };
        let (hooks, last_hooks) = (vec![first], vec![then]);
        Ok(Preparation { hooks, last_hooks, ..Preparation::default() })
    }
}

/// `prctl(2)`, whose arguments are long.
fn control(what: libc::c_int, arguments: [libc::c_ulong; 2]) -> libc::c_int {
    let ([first, second], nothing): (_, libc::c_ulong) = (arguments, 0);
    // SAFETY: what it is called with here takes integers and touches no memory.
    unsafe { libc::prctl(what, first, second, nothing, nothing) }
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// As root: nothing outside of the bounding set can be had any more.
fn drop_others(bounding: Set, last: u32, keep: bool) -> io::Result<()> {
    for number in (0..=last).filter(|number| !bounding.contains(*number)) {
        check(control(libc::PR_CAPBSET_DROP, [number.into(), 0]))?;
    }
    if keep {
        check(control(libc::PR_SET_KEEPCAPS, [1, 0]))?;
    }
    Ok(())
}

/// The kernel's `struct __user_cap_header_struct`.
#[repr(C)]
struct Header {
    version: u32,
    pid: libc::c_int,
}

/// Half of the kernel's `struct __user_cap_data_struct[2]`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Data {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

/// As the user, right before the program.
fn set(effective: Option<Set>, bounding: Set) -> io::Result<()> {
    let mut header = Header { version: VERSION_3, pid: 0 };
    let mut data = [Data::default(); 2];
    // SAFETY: the pointers are to live structures in the kernel's layout.
    check(unsafe {
        libc::syscall(libc::SYS_capget, &raw mut header, data.as_mut_ptr()) as libc::c_int
    })?;
    let permitted = effective.map_or_else(
        || u64::from(data[0].permitted) | u64::from(data[1].permitted) << 32,
        |set| set.0,
    );
    // Capabilities of files give nothing that is not in here. Without the right to add to it, it is
    // what is there and stays within the bounds.
    let before = u64::from(data[0].inheritable) | u64::from(data[1].inheritable) << 32;
    let had = u64::from(data[0].permitted) | u64::from(data[1].permitted) << 32;
    let inheritable = bounding.0 & (before | had);
    for (index, half) in data.iter_mut().enumerate() {
        let part = |set: u64| (set >> (32 * index)) as u32;
        if let Some(effective) = effective {
            half.effective = part(effective.0);
            half.permitted = part(permitted);
        }
        half.inheritable = part(inheritable);
    }
    // SAFETY: the pointers are to live structures in the kernel's layout.
    check(unsafe {
        libc::syscall(libc::SYS_capset, &raw mut header, data.as_ptr()) as libc::c_int
    })?;
    let Some(effective) = effective else { return Ok(()) };
    let (clear, raise) = (libc::PR_CAP_AMBIENT_CLEAR_ALL, libc::PR_CAP_AMBIENT_RAISE);
    check(control(libc::PR_CAP_AMBIENT, [clear as libc::c_ulong, 0]))?;
    for number in (0..64).filter(|number| effective.contains(*number)) {
        check(control(libc::PR_CAP_AMBIENT, [raise as libc::c_ulong, number.into()]))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isolators::testing::{container, root, run};
    use mesos::container::{ContainerInfo, LinuxInfo};

    fn info(names: &[&str]) -> CapabilityInfo {
        serde_json::from_value(serde_json::json!({ "capabilities": names })).unwrap()
    }

    fn with(effective: Option<&[&str]>, bounding: Option<&[&str]>) -> Container {
        let linux = LinuxInfo {
            effective_capabilities: effective.map(info),
            bounding_capabilities: bounding.map(info),
            ..LinuxInfo::default()
        };
        let mut made = container("c", "cpus:1");
        let linux_info = Some(Box::new(linux));
        made.info = Some(Box::new(ContainerInfo { linux_info, ..ContainerInfo::default() }));
        made
    }

    fn isolator(effective: Option<&[&str]>, bounding: Option<&[&str]>) -> Capabilities {
        let set = |names: Option<&[&str]>| names.map(|names| Set::of(&info(names)));
        Capabilities { effective: set(effective), bounding: set(bounding) }
    }

    #[test]
    fn tasks_choose_within_what_the_operator_allows() {
        let granted = |operator: (Option<&[&str]>, Option<&[&str]>), task: Container| {
            isolator(operator.0, operator.1).granted(&task).map_err(|error| error.to_string())
        };
        let set = |names: &[&str]| Set::of(&info(names));
        let (none, kill, both) = (None, ["KILL"].as_slice(), ["CHOWN", "KILL"].as_slice());
        assert_eq!(granted((none, none), container("c", "cpus:1")), Ok(None));
        let only = Granted { effective: Some(set(kill)), bounding: set(kill) };
        assert_eq!(granted((none, none), with(Some(kill), none)), Ok(Some(only)));
        assert_eq!(granted((Some(kill), none), container("c", "cpus:1")), Ok(Some(only)));
        let wider = Granted { bounding: set(both), ..only };
        assert_eq!(granted((Some(kill), Some(both)), with(none, none)), Ok(Some(wider)));
        let bounded = Granted { effective: None, bounding: set(kill) };
        assert_eq!(granted((none, Some(both)), with(none, Some(kill))), Ok(Some(bounded)));
        let text = "Bounding capabilities '{ CHOWN, KILL }', but only '{ KILL }' are allowed";
        assert_eq!(granted((none, Some(kill)), with(none, Some(both))), Err(text.to_owned()));
        let text = "Requested capabilities '{ CHOWN, KILL }', but only '{ KILL }' are allowed";
        assert_eq!(granted((none, Some(kill)), with(Some(both), none)), Err(text.to_owned()));
        let mut twice = with(Some(kill), none);
        let linux = twice.info.as_mut().and_then(|info| info.linux_info.as_mut()).unwrap();
        linux.capability_info = Some(info(kill));
        let text = "Only one of 'capability_info' or 'effective_capabilities' is allowed";
        assert_eq!(granted((none, none), twice), Err(text.to_owned()));
    }

    #[test]
    fn names_are_read_and_shown() {
        let set = Set::default().with("CAP_SYS_ADMIN").unwrap().with("CAP_BPF").unwrap();
        assert_eq!(set.to_string(), "{ BPF, SYS_ADMIN }");
        assert_eq!(set, Set(1 << 21 | 1 << 39), "the kernel's numbers");
        assert_eq!(Set::default().with("SYS_ADMIN"), None);
        assert_eq!(Set::default().with("CAP_NONSENSE"), None);
        assert_eq!(Set::default().to_string(), "{}");
        let all = Set::own_bounding();
        assert!(Set::default().is_subset(all) && Set::default().is_disjoint(all));
    }

    /// What the kernel says of a program's sets, as bits.
    fn shown(text: &str, name: &str) -> Set {
        let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        Set(u64::from_str_radix(line.trim_start_matches(':').trim(), 16).unwrap())
    }

    const LOOK: &str = "grep ^Cap /proc/self/status";

    #[test]
    fn a_container_of_root_has_what_it_asked_for() {
        if !root("capabilities of root") {
            return;
        }
        let (kill, both) = (["KILL"].as_slice(), ["CHOWN", "KILL", "NET_RAW"].as_slice());
        let mut isolator = Capabilities::new(None, Some(&info(both))).unwrap();
        let (text, fine) = run(LOOK, isolator.prepare(&with(None, Some(kill))).unwrap());
        assert!(fine, "{text}");
        let expected = Set::of(&info(kill));
        for name in ["CapBnd", "CapEff", "CapPrm"] {
            assert_eq!(shown(&text, name), expected, "{name} in {text}");
        }
        let (text, _) = run(LOOK, isolator.prepare(&with(Some(kill), None)).unwrap());
        assert_eq!(shown(&text, "CapBnd"), Set::of(&info(both)));
        assert_eq!(shown(&text, "CapInh"), Set::of(&info(both)));
        assert_eq!(shown(&text, "CapAmb"), expected);
        let error = Capabilities::new(Some(&info(both)), Some(&info(kill))).unwrap_err();
        assert!(error.to_string().ends_with("not a subset of the bounding capabilities"));
    }

    #[test]
    fn a_container_of_somebody_else_has_it_too() {
        if !root("capabilities of other users") {
            return;
        }
        let mut isolator = Capabilities::new(None, None).unwrap();
        let one = with(Some(&["NET_BIND_SERVICE"]), None);
        let mut preparation = isolator.prepare(&one).unwrap();
        // SAFETY: it makes one system call, and nothing else.
        let become_nobody = unsafe {
            ChildHook::custom("become nobody", || {
                check(libc::syscall(libc::SYS_setuid, 65_534) as i32)
            })
        };
        preparation.hooks.push(become_nobody);
        let (text, fine) = run(&format!("id -u; {LOOK}"), preparation);
        assert!(fine && text.starts_with("65534\n"), "{text}");
        for name in ["CapBnd", "CapEff", "CapPrm", "CapInh", "CapAmb"] {
            let expected = Set::default().with("CAP_NET_BIND_SERVICE").unwrap();
            assert_eq!(shown(&text, name), expected, "{name} in {text}");
        }
    }
}
